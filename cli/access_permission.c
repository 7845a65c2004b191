// SPDX-License-Identifier: Apache-2.0
// Changes of roles and of the list of permissions.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "cli/access_edit.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/store_keys.h"

// ---- Roles.

static int role_find(const struct access_edit *edit, const char *roleid, const char *verb,
                     const struct access_role **ret, struct error *err)
{
    const struct access_role *role = map_find(&edit->rights->roles, roleid);
    if (roles_find_builtin(roleid) != NULL) {
        return error_set(err, -EINVAL, "auto-generated role '%s' cannot be %s", roleid, verb);
    }
    if (role == NULL) {
        return error_set(err, -ENOENT, "role '%s' does not exist", roleid);
    }
    *ret = role;
    return 0;
}

int access_role_put(struct access_edit *edit, const char *roleid, const struct json *privileges,
                    bool append, bool exists, struct error *err)
{
    struct access_role role = {.roleid = roleid};
    const struct access_role *known = NULL;
    int r = access_roleid_check(roleid, err);
    if (r == 0 && !exists &&
        (roles_find_builtin(roleid) != NULL || map_has(&edit->rights->roles, roleid))) {
        return error_set(err, -EEXIST, "create role failed: role '%s' already exists", roleid);
    }
    r = r == 0 && exists ? role_find(edit, roleid, "modified", &known, err) : r;
    if (r < 0) {
        return r;
    }
    role.privileges = append && known != NULL ? known->privileges : 0;
    for (size_t i = 0; privileges != NULL && i < privileges->count; i++) {
        enum privilege privilege = PRIVILEGE_MAX;
        const char *name = privileges->items[i]->string;
        if (privilege_from_string(name, &privilege) < 0) {
            return error_set(err, -EINVAL, "invalid privilege '%.80s'", name);
        }
        role.privileges |= PRIVILEGE_BIT(privilege);
    }
    access_edit_put(edit, arena_printf(edit->arena, STORE_PREFIX_ROLE "%s", roleid),
                    access_role_format(edit->arena, &role));
    return access_edit_commit(edit, arena_printf(edit->arena, "role '%s'", roleid), err);
}

int access_role_remove(struct access_edit *edit, const char *roleid, struct error *err)
{
    const struct access_role *known = NULL;
    const struct access_acl *all = NULL;
    int r = role_find(edit, roleid, "deleted", &known, err);
    if (r < 0) {
        return r;
    }
    size_t count = access_acl_all(edit->arena, edit->rights, &all);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].roleid, roleid) == 0) {
            return error_set(err, -EBUSY, "role '%s' is in use by the permissions of '%s'", roleid,
                             all[i].path);
        }
    }
    access_edit_put(edit, arena_printf(edit->arena, STORE_PREFIX_ROLE "%s", roleid), NULL);
    return access_edit_commit(edit, arena_printf(edit->arena, "role '%s'", roleid), err);
}

// ---- The list of permissions.

struct acl_list {
    struct access_acl *entries;
    size_t count;
};

static int compare_entries(const void *a, const void *b)
{
    const struct access_acl *one = a;
    const struct access_acl *other = b;
    int order = strcmp(one->path, other->path);
    order = order != 0 ? order : (int)one->type - (int)other->type;
    order = order != 0 ? order : strcmp(one->ugid, other->ugid);
    return order != 0 ? order : strcmp(one->roleid, other->roleid);
}

static void entry_change(struct acl_list *list, const struct access_acl *entry, bool removed)
{
    for (size_t i = 0; i < list->count; i++) {
        if (compare_entries(&list->entries[i], entry) == 0) {
            list->entries[i] = removed ? list->entries[list->count - 1] : *entry;
            list->count -= removed ? 1 : 0;
            return;
        }
    }
    if (!removed) {
        list->entries[list->count++] = *entry; // there is room, see access_acl_change()
    }
}

static int subject_check(const struct access_edit *edit, enum acl_type type, const char *ugid,
                         struct error *err)
{
    const struct rights *rights = edit->rights;
    switch (type) {
    case ACL_TYPE_USER:
        return access_user_find(edit->arena, rights, ugid) != NULL
                   ? 0
                   : error_set(err, -ENOENT, "user '%s' does not exist", ugid);
    case ACL_TYPE_GROUP:
        return map_has(&rights->groups, ugid)
                   ? 0
                   : error_set(err, -ENOENT, "group '%s' does not exist", ugid);
    case ACL_TYPE_TOKEN:
        return map_has(&rights->tokens, ugid)
                   ? 0
                   : error_set(err, -ENOENT, "token '%s' does not exist", ugid);
    case ACL_TYPE_MAX:
        break;
    }
    return -EINVAL; // no such type
}

static int roles_check(const struct access_edit *edit, const struct json *roles, struct error *err)
{
    for (size_t i = 0; i < roles->count; i++) {
        const char *roleid = roles->items[i]->string;
        if (roles_find_builtin(roleid) == NULL && !map_has(&edit->rights->roles, roleid)) {
            return error_set(err, -ENOENT, "role '%s' does not exist", roleid);
        }
    }
    return 0;
}

static int subjects_change(const struct access_edit *edit, const struct access_acl_change *change,
                           enum acl_type type, const struct json *names, struct acl_list *list,
                           struct error *err)
{
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        const char *ugid = names->items[i]->string;
        int r = change->remove ? 0 : subject_check(edit, type, ugid, err);
        if (r < 0) {
            return r;
        }
        for (size_t k = 0; k < change->roles->count; k++) {
            struct access_acl entry = {.path = change->path,
                                       .type = type,
                                       .ugid = ugid,
                                       .roleid = change->roles->items[k]->string,
                                       .propagate = change->propagate};
            entry_change(list, &entry, change->remove);
        }
    }
    return 0;
}

int access_acl_change(struct access_edit *edit, const struct access_acl_change *change,
                      struct error *err)
{
    const struct json *const names[ACL_TYPE_MAX] = {[ACL_TYPE_USER] = change->users,
                                                    [ACL_TYPE_GROUP] = change->groups,
                                                    [ACL_TYPE_TOKEN] = change->tokens};
    const struct access_acl *all = NULL;
    size_t more = 0;
    for (int i = 0; i < ACL_TYPE_MAX; i++) {
        more += names[i] != NULL ? names[i]->count * change->roles->count : 0;
    }
    int r = access_path_check(change->path, err);
    r = r == 0 && !change->remove ? roles_check(edit, change->roles, err) : r;
    if (r == 0 && more == 0) {
        return error_set(err, -EINVAL, "no user, group or token, or no role, was given");
    }
    if (r == 0 && more > ACCESS_ACL_MAX) {
        return error_set(err, -E2BIG, "too many permissions at once");
    }
    if (r < 0) {
        return r;
    }
    struct acl_list list = {.count = access_acl_all(edit->arena, edit->rights, &all)};
    list.entries = arena_array_of(edit->arena, struct access_acl, list.count + more);
    for (size_t i = 0; i < list.count; i++) {
        list.entries[i] = all[i];
    }
    for (int i = 0; r == 0 && i < ACL_TYPE_MAX; i++) {
        r = subjects_change(edit, change, (enum acl_type)i, names[i], &list, err);
    }
    if (r == 0 && list.count > ACCESS_ACL_MAX) {
        return error_set(err, -E2BIG, "there are more than %d permissions", ACCESS_ACL_MAX);
    }
    if (r < 0) {
        return r;
    }
    qsort(list.entries, list.count, sizeof(*list.entries), compare_entries);
    access_edit_put(edit, STORE_KEY_ACL, access_acl_format(edit->arena, list.entries, list.count));
    return access_edit_commit(edit, arena_printf(edit->arena, "permissions of '%s'", change->path),
                              err);
}
