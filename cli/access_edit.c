// SPDX-License-Identifier: Apache-2.0
// Reading what there is, and writing a change: with the check that nobody gives what they do not
// have. What the changes are is in access_change.c and access_permission.c.
#include "cli/access_edit.h"

#include <errno.h>
#include <string.h>

#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "cli/history_edit.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/model/store_keys.h"

enum { OPS_CAPACITY_MIN = 16 };

int access_edit_open(struct arena *arena, const struct session *session, int64_t now_s,
                     const char *user, const char *token, struct access_edit *ret,
                     struct error *err)
{
    struct access_edit edit = {
        .arena = arena, .session = session, .now_s = now_s, .user = user, .token = token};
    int r = store_read(session->store, STORE_PREFIX_ACCESS, 0, arena, &edit.entries, err);
    if (r < 0) {
        return r;
    }
    edit.rights = rights_read(arena, &edit.entries);
    *ret = edit;
    return 0;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static uint64_t version_of(const struct access_edit *edit, const char *key)
{
    const struct store_entry *entry = store_entries_find(&edit->entries, key);
    return entry != NULL ? entry->version : STORE_ABSENT;
}

static void op_add(struct access_edit *edit, const struct store_op *op)
{
    if (edit->ops_count == edit->ops_capacity) {
        size_t capacity = edit->ops_capacity == 0 ? OPS_CAPACITY_MIN : 2 * edit->ops_capacity;
        struct store_op *ops = arena_array_of(edit->arena, struct store_op, capacity);
        for (size_t i = 0; i < edit->ops_count; i++) {
            ops[i] = edit->ops[i];
        }
        edit->ops = ops;
        edit->ops_capacity = capacity;
    }
    edit->ops[edit->ops_count++] = *op;
}

void access_edit_put(struct access_edit *edit, const char *key, const char *value)
{
    struct store_op op = {
        .key = key,
        .value = value,
        .size_bytes = value != NULL ? strlen(value) : 0,
        .expect = starts_with(key, STORE_PREFIX_ACCESS) ? version_of(edit, key) : STORE_ANY,
    };
    op_add(edit, &op);
}

// What all would be allowed after the change.
static const struct rights *rights_after(const struct access_edit *edit)
{
    struct map view;
    map_init_arena(&view, edit->arena);
    for (size_t i = 0; i < edit->entries.count; i++) {
        struct store_entry *entry = arena_new_of(edit->arena, struct store_entry);
        *entry = edit->entries.entries[i];
        map_put(&view, entry->key, entry);
    }
    for (size_t i = 0; i < edit->ops_count; i++) {
        const struct store_op *op = &edit->ops[i];
        struct store_entry *entry = arena_new_of(edit->arena, struct store_entry);
        *entry = (struct store_entry){op->key, op->value, op->size_bytes, 0};
        if (starts_with(op->key, STORE_PREFIX_ACCESS)) {
            map_put(&view, op->key, entry);
        }
    }
    struct store_entry *entries = arena_array_of(edit->arena, struct store_entry, view.count);
    for (size_t i = 0; i < view.count; i++) {
        entries[i] = *(const struct store_entry *)view.entries[i].value;
    }
    struct store_entries all = {.entries = entries, .count = view.count};
    return rights_read(edit->arena, &all);
}

struct gain {
    const struct access_edit *edit;
    const struct rights *after;
    struct map paths; // of which something is said, before or after
};

// What `user` (or its token) wins on the path must be the maker's before: at once, or when it is
// enabled, which is a change that is checked, too, but by somebody who may not expect it.
static int gain_check_path(const struct gain *gain, const char *user, const char *token,
                           const char *path, bool below, struct error *err)
{
    const struct access_edit *edit = gain->edit;
    uint64_t may = rights_potential(gain->after, user, token, path, below);
    if (may == 0) {
        return 0;
    }
    uint64_t might = rights_potential(edit->rights, user, token, path, below);
    uint64_t now = rights_get(gain->after, user, token, path, below, edit->now_s);
    uint64_t before = rights_get(edit->rights, user, token, path, below, edit->now_s);
    uint64_t own = rights_get(edit->rights, edit->user, edit->token, path, below, edit->now_s);
    uint64_t missing = ((may & ~might) | (now & ~before)) & ~own;
    for (int i = 0; i < PRIVILEGE_MAX; i++) {
        if ((missing & PRIVILEGE_BIT(i)) != 0) {
            return error_set(err, -EPERM, "Permission check failed (%s, %s)", path,
                             privilege_to_string((enum privilege)i));
        }
    }
    return 0;
}

static int gain_check(const struct gain *gain, const char *user, const char *token,
                      struct error *err)
{
    int r = 0;
    // What is said nowhere is as what is below the nearest path of which something is said.
    map_each (e, &gain->paths) {
        r = r == 0 ? gain_check_path(gain, user, token, e->key, false, err) : r;
        r = r == 0 ? gain_check_path(gain, user, token, e->key, true, err) : r;
    }
    return r;
}

static int gains_check(const struct access_edit *edit, struct error *err)
{
    struct gain gain = {.edit = edit};
    if (edit->user == NULL || (strcmp(edit->user, RIGHTS_ROOT) == 0 && edit->token == NULL)) {
        return 0;
    }
    gain.after = rights_after(edit);
    map_init_arena(&gain.paths, edit->arena);
    map_put(&gain.paths, "/", NULL);
    map_each (e, &edit->rights->acl) {
        map_put(&gain.paths, e->key, NULL);
    }
    map_each (e, &gain.after->acl) {
        map_put(&gain.paths, e->key, NULL);
    }
    int r = 0;
    map_each (e, &gain.after->users) {
        r = r == 0 ? gain_check(&gain, e->key, NULL, err) : r;
    }
    map_each (e, &gain.after->tokens) {
        const char *user = access_token_user(edit->arena, e->key);
        r = r == 0 ? gain_check(&gain, user, e->key + strlen(user) + 1, err) : r;
    }
    return r;
}

// The event becomes an entry of the history, written with the change or not at all.
static int history_add(struct access_edit *edit, struct error *err)
{
    const struct store_op *ops = NULL;
    size_t count = 0;
    if (edit->event == NULL) {
        return 0;
    }
    int r =
        history_edit_ops(edit->arena, edit->session, edit->event, edit->now_s, &ops, &count, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        op_add(edit, &ops[i]);
    }
    return r;
}

int access_edit_commit(struct access_edit *edit, const char *what, struct error *err)
{
    int r = gains_check(edit, err);
    r = r == 0 ? history_add(edit, err) : r;
    return r < 0 ? r : session_write(edit->session, what, edit->ops, edit->ops_count, err);
}
