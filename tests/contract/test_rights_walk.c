// SPDX-License-Identifier: Apache-2.0
// Every call of the API, with every role and with none: without the right for it a call is refused,
// and nothing in the store has changed. What is new in the tables is walked, too.
#include <inttypes.h>
#include <string.h>

#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "api/call/call.h"
#include "api/call/method.h"
#include "api/endpoints/endpoints.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/port/store.h"
#include "tests/lib/execd_fixture.h"
#include "tests/lib/fixture.h"

#define WALKER "walker@pve"

// What the calls are given, by name; all else is made from the row.
static const char *const samples[][2] = {
    {"node", "n1"},
    {"target", "n1"},
    {"vmid", "100"},
    {"sid", "ct:100"},
    {"userid", "other@pve"},
    {"tokenid", "tok"},
    {"groupid", "folk"},
    {"roleid", "Mine"},
    {"roles", "Administrator"},
    {"users", WALKER},
    {"privs", "Sys.Modify"},
    {"path", "/vms/100"},
    {"password", "long enough"},
    {"storage", "shared"},
    {"rule", "keep"},
    {"resources", "ct:100"},
    {"nodes", "n1"},
    {"upid", "UPID:n1:00000001:00000001:60000000:vzstart:100:other@pve:"},
    {"hostname", "192.0.2.1"},
    {"link0", "192.0.2.1"},
    {"comment", "changed by the walk"},
    {"fingerprint", "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
                    "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00"},
};

static const char *const documents[][2] = {
    {"access/user/other@pve", "{\"groups\":[\"folk\"]}"},
    {"access/user/" WALKER, "{}"},
    {"access/token/other@pve!tok", "{}"},
    {"access/group/folk", "{}"},
    {"access/role/Mine", "{\"privs\":[\"Sys.Audit\"]}"},
    {"guest/ct:100", "{\"config\":{\"hostname\":\"web\"},\"node\":\"n1\",\"sid\":\"ct:100\"}"},
    {"resource/ct:100", "ct: 100\n\tstate stopped\n"},
    {"storage/shared", "dir: shared\n\tpath /nowhere\n\tshared 1\n"},
};

// Rows that anybody who is logged in may call, and that decide themselves: any of these privileges
// on what the samples name is enough to change something.
static const struct {
    const char *path;
    uint64_t enough;
} decides[] = {
    {"/access/acl", PRIVILEGE_BIT(PRIVILEGE_PERMISSIONS_MODIFY)},
    {"/access/password", PRIVILEGE_BIT(PRIVILEGE_USER_MODIFY)},
    {"/access/users/{userid}/token/{tokenid}", PRIVILEGE_BIT(PRIVILEGE_USER_MODIFY)},
};

static uint64_t enough_for(const struct method *method)
{
    // Those not in the list: whatever does more than look.
    uint64_t looks = PRIVILEGE_BIT(PRIVILEGE_SYS_SYSLOG);
    for (int i = 0; i < PRIVILEGE_MAX; i++) {
        const char *name = privilege_to_string((enum privilege)i);
        looks |= strstr(name, "Audit") != NULL ? PRIVILEGE_BIT(i) : 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(decides); i++) {
        if (strcmp(decides[i].path, method->path) == 0) {
            return decides[i].enough;
        }
    }
    return PRIVILEGE_ALL & ~looks;
}

static const char *sample_of(struct arena *arena, const struct parameter *row)
{
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        if (strcmp(samples[i][0], row->name) == 0) {
            return samples[i][1];
        }
    }
    if (row->values != NULL) {
        return row->values[0];
    }
    switch (row->type) {
    case PARAMETER_TYPE_INTEGER:
    case PARAMETER_TYPE_NUMBER:
        return arena_printf(arena, "%" PRId64, row->has_minimum ? row->minimum : 1);
    case PARAMETER_TYPE_BOOLEAN:
        return "1";
    case PARAMETER_TYPE_STRING:
    case PARAMETER_TYPE_LIST:
    case PARAMETER_TYPE_MAX:
        break;
    }
    return "sample";
}

static const char *path_of(struct arena *arena, const struct method *method, struct json *given)
{
    const char *at = method->path;
    char *path = arena_strdup(arena, "");
    while (*at != '\0') {
        size_t plain = strcspn(at, "{");
        path = arena_printf(arena, "%s%.*s", path, (int)plain, at);
        at += plain;
        if (*at == '{') {
            size_t length = strcspn(at, "}");
            const char *name = arena_memdup(arena, at + 1, length - 1);
            const char *value = json_find_string(given, name);
            path = arena_printf(arena, "%s%s", path, value != NULL ? value : "sample");
            at += length + 1;
        }
    }
    return path;
}

static bool is_in_path(const struct method *method, const char *name)
{
    const char *found = strstr(method->path, name);
    size_t length = strlen(name);
    while (found != NULL && !(found[-1] == '{' && found[length] == '}')) {
        found = strstr(found + 1, name);
    }
    return found != NULL;
}

static const struct json *call(struct execd_fixture *fixture, const char *token,
                               const struct method *method)
{
    struct arena *arena = fixture->arena;
    struct json *all = json_new_object(arena);
    struct json *given = json_new_object(arena);
    for (size_t i = 0; i < method->parameters_count; i++) {
        const struct parameter *row = &method->parameters[i];
        const char *value = sample_of(arena, row);
        bool known = false;
        for (size_t k = 0; k < ARRAY_SIZE(samples); k++) {
            known = known || strcmp(samples[k][0], row->name) == 0;
        }
        json_put_string(all, row->name, value);
        if (!is_in_path(method, row->name) && (row->required || known)) {
            json_put_string(given, row->name, value);
        }
    }
    return execd_fixture_call(fixture, token, method_verb_to_string(method->verb),
                              path_of(arena, method, all), json_to_text(arena, given));
}

// All that is kept, without signs of life and without the history.
static const char *store_text(struct execd_fixture *fixture, const struct session *session)
{
    struct json *all = json_new_object(fixture->arena);
    struct store_entries entries;
    assert_int_equal(store_refresh(session->store, NULL), 0);
    assert_int_equal(store_read(session->store, "", 0, fixture->arena, &entries, NULL), 0);
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        bool lives =
            strncmp(entry->key, "live/", 5) == 0 && strncmp(entry->key, "live/task/", 10) != 0;
        if (!lives && strncmp(entry->key, "history/", 8) != 0 && entry->value != NULL) {
            json_put_string(all, entry->key, entry->value);
        }
    }
    return json_to_text(fixture->arena, all);
}

enum verdict { VERDICT_REFUSED, VERDICT_LOOKS, VERDICT_NOTHING, VERDICT_MAY };

// What must become of a call by who has these privileges on "/".
static enum verdict verdict_of(const struct method *method, uint64_t privileges)
{
    bool reads = method->verb == METHOD_VERB_GET;
    switch (method->access) {
    case METHOD_ACCESS_WORLD:
        return reads ? VERDICT_LOOKS : VERDICT_MAY; // logging in
    case METHOD_ACCESS_USER:
        return reads                                    ? VERDICT_LOOKS
               : (privileges & enough_for(method)) != 0 ? VERDICT_MAY
                                                        : VERDICT_NOTHING;
    case METHOD_ACCESS_PRIVILEGE:
        if ((privileges & PRIVILEGE_BIT(method->privilege)) == 0) {
            return VERDICT_REFUSED;
        }
        return reads ? VERDICT_LOOKS : VERDICT_MAY;
    case METHOD_ACCESS_ROOT:
        break;
    }
    return VERDICT_REFUSED;
}

struct walk {
    struct execd_fixture *fixture;
    struct session session;
    const char *token, *role;
    uint64_t privileges;
    const char *before;
    int refused, looked;
};

static void walk_step(struct walk *walk, const struct method *method)
{
    enum verdict verdict = verdict_of(method, walk->privileges);
    if (verdict == VERDICT_MAY) {
        return;
    }
    const struct json *answer = call(walk->fixture, walk->token, method);
    int64_t status = execd_fixture_status(answer);
    const char *name = arena_printf(walk->fixture->arena, "%s: %s %s", walk->role,
                                    method_verb_to_string(method->verb), method->path);
    if (verdict == VERDICT_REFUSED && status != CALL_STATUS_FORBIDDEN) {
        fail_msg("%s: %s", name, json_to_text(walk->fixture->arena, answer));
    }
    if (verdict == VERDICT_NOTHING && status == CALL_STATUS_OK) {
        fail_msg("%s: %s", name, json_to_text(walk->fixture->arena, answer));
    }
    walk->refused += verdict != VERDICT_LOOKS ? 1 : 0;
    walk->looked += verdict == VERDICT_LOOKS ? 1 : 0;
    if (verdict == VERDICT_NOTHING) {
        assert_string_equal(store_text(walk->fixture, &walk->session), walk->before);
    }
}

static void walk_role(struct walk *walk)
{
    struct execd_fixture *fixture = walk->fixture;
    const char *list = "[]";
    if (walk->role != NULL) {
        list = arena_printf(fixture->arena,
                            "[{\"path\":\"/\",\"type\":\"user\",\"ugid\":\"" WALKER
                            "\",\"roleid\":\"%s\"}]",
                            walk->role);
    }
    execd_fixture_put(fixture, "access/acl", list);
    walk->before = store_text(fixture, &walk->session);
    for (size_t t = 0; endpoints_all[t] != NULL; t++) {
        for (size_t i = 0; i < endpoints_all[t]->count; i++) {
            walk_step(walk, &endpoints_all[t]->methods[i]);
        }
    }
    const char *after = store_text(fixture, &walk->session);
    if (strcmp(after, walk->before) != 0) {
        fail_msg("%s changed something:\n%s\n%s", walk->role, walk->before, after);
    }
}

static void no_call_without_its_right_changes_anything(void **state)
{
    struct execd_fixture *fixture = *state;
    const struct role_builtin *roles = NULL;
    struct walk walk = {.fixture = fixture};
    if (fixture->skipped) {
        skip();
    }
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        execd_fixture_put(fixture, documents[i][0], documents[i][1]);
    }
    walk.token = execd_fixture_token(fixture, WALKER);
    assert_int_equal(session_open(fixture->arena, &walk.session, NULL), 0);
    walk_role(&walk);
    assert_true(walk.refused > 30);
    size_t count = roles_builtin(&roles);
    for (size_t i = 0; i < count; i++) {
        walk.role = roles[i].name;
        walk.privileges = roles[i].privileges;
        walk_role(&walk);
    }
    session_close(&walk.session);
    print_message("# %d calls refused, %d that look\n", walk.refused, walk.looked);
}

// A new row that the world may call, or that decides itself, is one to think about.
static void rows_that_need_no_privilege_are_known(void **state)
{
    static const char *const known[] = {
        "/access/acl",
        "/access/password",
        "/access/ticket",
        "/access/users/{userid}/token/{tokenid}",
        "/nodes/{node}/lxc/{vmid}/config",
        "/nodes/{node}/qemu/{vmid}/config",
        "/nodes/{node}/tasks/{upid}",
    };
    (void)state;
    for (size_t t = 0; endpoints_all[t] != NULL; t++) {
        for (size_t i = 0; i < endpoints_all[t]->count; i++) {
            const struct method *method = &endpoints_all[t]->methods[i];
            bool open =
                method->access == METHOD_ACCESS_WORLD || method->access == METHOD_ACCESS_USER;
            bool is = !open || method->verb == METHOD_VERB_GET;
            for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
                is = is || strcmp(known[k], method->path) == 0;
            }
            fixture_row(method->path, is);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_need_no_privilege_are_known),
        execd_fixture_test(no_call_without_its_right_changes_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
