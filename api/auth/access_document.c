// SPDX-License-Identifier: Apache-2.0
// Documents of users, groups, tokens, roles and permissions: strict reading, one form of writing.
#include "api/auth/access_document.h"

#include <errno.h>
#include <string.h>

#include "api/auth/roles.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"

ENUM_TABLE(
    acl_type,
    ACL_TYPE_MAX, [ACL_TYPE_USER] = "user", [ACL_TYPE_GROUP] = "group", [ACL_TYPE_TOKEN] = "token");

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

// ---- Names.

static bool name_is(const char *text, size_t length, const char *first, const char *rest)
{
    return length > 0 && strchr(first, text[0]) != NULL && strspn(text, rest) >= length;
}

// What a user's name may be. It goes to PAM: no sign that means anything to a shell, a file name or
// a format, and no '-' in front.
static bool username_is_good(const char *text, size_t length)
{
    return name_is(text, length, LETTERS DIGITS "_", LETTERS DIGITS "_.+-");
}

int access_userid_check(const char *text, struct error *err)
{
    const char *at = strrchr(text, '@');
    if (strlen(text) > ACCESS_USERID_MAX || at == NULL ||
        !username_is_good(text, (size_t)(at - text))) {
        return error_set(err, -EINVAL, "value '%.80s' does not look like a valid user name", text);
    }
    if (strcmp(at + 1, ACCESS_REALM_PAM) != 0 && strcmp(at + 1, ACCESS_REALM_PVE) != 0) {
        return error_set(err, -EINVAL, "no such realm '%.80s': there are pam and pve", at + 1);
    }
    return 0;
}

static int name_check(const char *text, const char *first, const char *rest, const char *what,
                      struct error *err)
{
    size_t length = strlen(text);
    if (length > ACCESS_NAME_MAX || !name_is(text, length, first, rest)) {
        return error_set(err, -EINVAL, "value '%.80s' does not look like a valid %s", text, what);
    }
    return 0;
}

int access_tokenid_check(const char *text, struct error *err)
{
    return name_check(text, LETTERS, LETTERS DIGITS "._-", "token ID", err);
}

int access_groupid_check(const char *text, struct error *err)
{
    return name_check(text, LETTERS DIGITS "_", LETTERS DIGITS "._-", "group name", err);
}

int access_roleid_check(const char *text, struct error *err)
{
    return name_check(text, LETTERS DIGITS "_", LETTERS DIGITS "._-", "role ID", err);
}

int access_path_check(const char *text, struct error *err)
{
    static const char *const roots[] = {"access", "cluster", "ha",      "mapping", "nodes",
                                        "pool",   "sdn",     "storage", "vms"};
    size_t length = strlen(text);
    if (strcmp(text, "/") == 0) {
        return 0;
    }
    bool good = text[0] == '/' && length <= ACCESS_PATH_MAX && text[length - 1] != '/' &&
                strspn(text, LETTERS DIGITS "._-@!/") == length && strstr(text, "//") == NULL;
    size_t root = good ? strcspn(text + 1, "/") : 0;
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        known = known || (strlen(roots[i]) == root && strncmp(roots[i], text + 1, root) == 0);
    }
    if (!good || !known) {
        return error_set(err, -EINVAL, "invalid ACL path '%.80s'", text);
    }
    return 0;
}

const char *access_realm(const char *userid)
{
    const char *at = strrchr(userid, '@');
    return at != NULL ? at + 1 : "";
}

const char *access_token_user(struct arena *arena, const char *id)
{
    return arena_memdup(arena, id, strcspn(id, "!"));
}

bool access_user_is_in(const struct access_user *user, const char *groupid)
{
    for (size_t i = 0; i < user->groups_count; i++) {
        if (strcmp(user->groups[i], groupid) == 0) {
            return true;
        }
    }
    return false;
}

// ---- Reading.

static int object_parse(struct arena *arena, const char *text, size_t size_bytes, struct json **ret,
                        struct error *err)
{
    int r = json_parse(arena, text, size_bytes, ret, err);
    if (r == 0 && (*ret)->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "not an object");
    }
    return r;
}

// An array of texts; absent: none.
static int texts_parse(struct arena *arena, const struct json *object, const char *key,
                       const char *const **ret, size_t *ret_count, struct error *err)
{
    const struct json *list = json_find(object, key);
    size_t count = list != NULL && list->type == JSON_TYPE_ARRAY ? list->count : 0;
    const char **texts = arena_array_of(arena, const char *, count);
    if (list != NULL && list->type != JSON_TYPE_ARRAY) {
        return error_set(err, -EINVAL, "'%s' is not a list", key);
    }
    for (size_t i = 0; i < count; i++) {
        if (list->items[i]->type != JSON_TYPE_STRING) {
            return error_set(err, -EINVAL, "'%s' is not a list of words", key);
        }
        texts[i] = list->items[i]->string;
    }
    *ret = texts;
    *ret_count = count;
    return 0;
}

int access_user_parse(struct arena *arena, const char *userid, const char *text, size_t size_bytes,
                      struct access_user *ret, struct error *err)
{
    struct json *object = NULL;
    struct access_user user = {.userid = userid, .enable = true};
    int r = access_userid_check(userid, err);
    r = r == 0 ? object_parse(arena, text, size_bytes, &object, err) : r;
    r = r == 0 ? json_get_bool_if(object, "enable", &user.enable, err) : r;
    r = r == 0 ? json_get_int_if(object, "expire", 0, INT64_MAX, &user.expire_s, err) : r;
    r = r == 0 ? json_get_string_if(object, "comment", &user.comment, err) : r;
    r = r == 0 ? json_get_string_if(object, "email", &user.email, err) : r;
    r = r == 0 ? json_get_string_if(object, "firstname", &user.firstname, err) : r;
    r = r == 0 ? json_get_string_if(object, "lastname", &user.lastname, err) : r;
    r = r == 0 ? json_get_string_if(object, "keys", &user.keys, err) : r;
    r = r == 0 ? texts_parse(arena, object, "groups", &user.groups, &user.groups_count, err) : r;
    if (r == 0) {
        *ret = user;
    }
    return r;
}

int access_group_parse(struct arena *arena, const char *groupid, const char *text,
                       size_t size_bytes, struct access_group *ret, struct error *err)
{
    struct json *object = NULL;
    struct access_group group = {.groupid = groupid};
    int r = access_groupid_check(groupid, err);
    r = r == 0 ? object_parse(arena, text, size_bytes, &object, err) : r;
    r = r == 0 ? json_get_string_if(object, "comment", &group.comment, err) : r;
    if (r == 0) {
        *ret = group;
    }
    return r;
}

int access_token_parse(struct arena *arena, const char *id, const char *text, size_t size_bytes,
                       struct access_token *ret, struct error *err)
{
    struct json *object = NULL;
    struct access_token token = {.id = id, .enable = true, .privsep = true};
    const char *mark = strchr(id, '!');
    int r = mark == NULL ? error_set(err, -EINVAL, "'%.80s' is no token", id)
                         : access_userid_check(access_token_user(arena, id), err);
    r = r == 0 ? access_tokenid_check(mark + 1, err) : r;
    r = r == 0 ? object_parse(arena, text, size_bytes, &object, err) : r;
    r = r == 0 ? json_get_bool_if(object, "enable", &token.enable, err) : r;
    r = r == 0 ? json_get_int_if(object, "expire", 0, INT64_MAX, &token.expire_s, err) : r;
    r = r == 0 ? json_get_bool_if(object, "privsep", &token.privsep, err) : r;
    r = r == 0 ? json_get_string_if(object, "comment", &token.comment, err) : r;
    if (r == 0) {
        *ret = token;
    }
    return r;
}

int access_role_parse(struct arena *arena, const char *roleid, const char *text, size_t size_bytes,
                      struct access_role *ret, struct error *err)
{
    struct json *object = NULL;
    const char *const *names = NULL;
    size_t count = 0;
    struct access_role role = {.roleid = roleid};
    int r = access_roleid_check(roleid, err);
    r = r == 0 ? object_parse(arena, text, size_bytes, &object, err) : r;
    r = r == 0 ? texts_parse(arena, object, "privs", &names, &count, err) : r;
    for (size_t i = 0; r == 0 && i < count; i++) {
        enum privilege privilege = PRIVILEGE_MAX;
        // One that only a newer version knows guards nothing here.
        if (privilege_from_string(names[i], &privilege) == 0) {
            role.privileges |= PRIVILEGE_BIT(privilege);
        }
    }
    if (r == 0) {
        *ret = role;
    }
    return r;
}

static int acl_type_parse(const struct json *object, enum acl_type *ret, struct error *err)
{
    const char *text = NULL;
    int r = json_get_string(object, "type", &text, err);
    if (r == 0 && acl_type_from_string(text, ret) < 0) {
        return error_set(err, -EINVAL, "unknown type '%.80s'", text);
    }
    return r;
}

static int acl_entry_parse(const struct json *object, struct access_acl *ret, struct error *err)
{
    struct access_acl entry = {.propagate = true};
    int r = json_get_string(object, "path", &entry.path, err);
    r = r == 0 ? access_path_check(entry.path, err) : r;
    r = r == 0 ? json_get_string(object, "ugid", &entry.ugid, err) : r;
    r = r == 0 ? json_get_string(object, "roleid", &entry.roleid, err) : r;
    r = r == 0 ? acl_type_parse(object, &entry.type, err) : r;
    r = r == 0 ? json_get_bool_if(object, "propagate", &entry.propagate, err) : r;
    if (r == 0) {
        *ret = entry;
    }
    return r;
}

int access_acl_parse(struct arena *arena, const char *text, size_t size_bytes,
                     struct access_acl **ret, size_t *ret_count, struct error *err)
{
    struct json *list = NULL;
    int r = json_parse(arena, text, size_bytes, &list, err);
    if (r == 0 && list->type != JSON_TYPE_ARRAY) {
        return error_set(err, -EINVAL, "not a list");
    }
    size_t count = r == 0 ? list->count : 0;
    struct access_acl *entries = arena_array_of(arena, struct access_acl, count);
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = acl_entry_parse(list->items[i], &entries[i], err);
        if (r < 0) {
            return error_prefix(err, "entry %zu", i + 1);
        }
    }
    if (r == 0) {
        *ret = entries;
        *ret_count = count;
    }
    return r;
}

// ---- Writing.

static void put_expire(struct json *object, int64_t expire_s)
{
    if (expire_s > 0) {
        json_put_int(object, "expire", expire_s);
    }
}

char *access_user_format(struct arena *arena, const struct access_user *user)
{
    struct json *object = json_new_object(arena);
    struct json *groups = json_new_array(arena);
    json_put_bool(object, "enable", user->enable);
    put_expire(object, user->expire_s);
    json_put_string(object, "comment", user->comment);
    json_put_string(object, "email", user->email);
    json_put_string(object, "firstname", user->firstname);
    json_put_string(object, "lastname", user->lastname);
    json_put_string(object, "keys", user->keys);
    for (size_t i = 0; i < user->groups_count; i++) {
        json_append(groups, json_new_string(arena, user->groups[i]));
    }
    json_put(object, "groups", groups);
    return json_to_text(arena, object);
}

char *access_group_format(struct arena *arena, const struct access_group *group)
{
    struct json *object = json_new_object(arena);
    json_put_string(object, "comment", group->comment);
    return json_to_text(arena, object);
}

char *access_token_format(struct arena *arena, const struct access_token *token)
{
    struct json *object = json_new_object(arena);
    json_put_bool(object, "enable", token->enable);
    put_expire(object, token->expire_s);
    json_put_bool(object, "privsep", token->privsep);
    json_put_string(object, "comment", token->comment);
    return json_to_text(arena, object);
}

char *access_role_format(struct arena *arena, const struct access_role *role)
{
    struct json *object = json_new_object(arena);
    struct json *privs = json_new_array(arena);
    const struct json *names = privileges_to_object(arena, role->privileges);
    json_each (e, names) {
        json_append(privs, json_new_string(arena, e->key));
    }
    json_put(object, "privs", privs);
    return json_to_text(arena, object);
}

char *access_acl_format(struct arena *arena, const struct access_acl *entries, size_t count)
{
    struct json *list = json_new_array(arena);
    for (size_t i = 0; i < count; i++) {
        struct json *object = json_new_object(arena);
        json_put_string(object, "path", entries[i].path);
        json_put_string(object, "type", acl_type_to_string(entries[i].type));
        json_put_string(object, "ugid", entries[i].ugid);
        json_put_string(object, "roleid", entries[i].roleid);
        json_put_bool(object, "propagate", entries[i].propagate);
        json_append(list, object);
    }
    return json_to_text(arena, list);
}
