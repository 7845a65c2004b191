// SPDX-License-Identifier: Apache-2.0
// Any lines "KEY VALUE" as the documents of users, groups, tokens, roles and permissions, all of
// them together: nobody but root@pam has anything that he is not given, and all ways to ask agree.
#include <assert.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/rights.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/port/store.h"
#include "tests/fuzz/fuzz.h"

// One privilege in so many is asked for alone: all would take long.
enum { LINES_MAX = 64, NOW_S = 1700000000, SOME_PRIVILEGES = 11 };

static const char *const users[] = {"a@pve", "b@pam", "nobody@pve"};
static const char *const tokens[] = {NULL, "t", "open", "none"};
static const char *const paths[] = {"/", "/vms", "/vms/100", "/vms/101", "/nodes/n1", "/access"};

// Bits of the privileges that there are.
static uint64_t all_privileges(void)
{
    return PRIVILEGE_MAX == 64 ? UINT64_MAX : (UINT64_C(1) << PRIVILEGE_MAX) - 1;
}

static struct store_entries lines_read(struct arena *arena, char *text)
{
    struct store_entry *list = arena_array_of(arena, struct store_entry, LINES_MAX);
    struct store_entries entries = {.entries = list};
    while (text != NULL && *text != '\0' && entries.count < LINES_MAX) {
        char *end = strchr(text, '\n');
        if (end != NULL) {
            *end++ = '\0';
        }
        char *value = strchr(text, ' ');
        if (value != NULL && strncmp(text, "access/", strlen("access/")) == 0) {
            *value++ = '\0';
            list[entries.count++] = (struct store_entry){text, value, strlen(value), 1};
        }
        text = end;
    }
    return entries;
}

static void asked_try(const struct rights *rights, const char *user, const char *token,
                      const char *path)
{
    for (int below = 0; below <= 1; below++) {
        uint64_t has = rights_get(rights, user, token, path, below != 0, NOW_S);
        uint64_t may_get = rights_potential(rights, user, token, path, below != 0);
        assert((has & ~all_privileges()) == 0);
        assert((has & ~may_get) == 0);
        assert(rights_is_active(rights, user, token, NOW_S) || has == 0);
        // A token never has more than its user.
        assert((has & ~rights_get(rights, user, NULL, path, below != 0, NOW_S)) == 0);
    }
    uint64_t has = rights_get(rights, user, token, path, false, NOW_S);
    for (int i = 0; i < PRIVILEGE_MAX; i += SOME_PRIVILEGES) {
        bool allowed = rights_allow(rights, user, token, (enum privilege)i, path, NOW_S);
        assert(allowed == ((has >> i & 1) != 0));
    }
}

static void rights_try(struct arena *arena, const struct rights *rights)
{
    for (size_t u = 0; u < ARRAY_SIZE(users); u++) {
        for (size_t t = 0; t < ARRAY_SIZE(tokens); t++) {
            for (size_t p = 0; p < ARRAY_SIZE(paths); p++) {
                asked_try(rights, users[u], tokens[t], paths[p]);
            }
            const struct json *shown = rights_show(arena, rights, users[u], tokens[t], NULL, NOW_S);
            assert(shown->type == JSON_TYPE_OBJECT);
            // Who cannot do anything about root is safe, whatever is written.
            assert(!rights_covers(rights, users[u], tokens[t], RIGHTS_ROOT, NOW_S));
        }
        const struct json *cap = rights_cap(arena, rights, users[u], NOW_S);
        assert(cap->type == JSON_TYPE_OBJECT);
        assert(rights_covers(rights, RIGHTS_ROOT, NULL, users[u], NOW_S));
    }
    assert(rights_get(rights, RIGHTS_ROOT, NULL, "/vms/100", false, NOW_S) == all_privileges());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct store_entries entries = lines_read(arena, arena_memdup(arena, data, size_bytes));
    const struct rights *rights = rights_read(arena, &entries);
    const char *const *problems;
    size_t count = rights_problems(rights, &problems);
    for (size_t i = 0; i < count; i++) {
        assert(problems[i][0] != '\0');
    }
    rights_try(arena, rights);
    return 0;
}
