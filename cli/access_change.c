// SPDX-License-Identifier: Apache-2.0
// Changes of users, groups and tokens.
#include <errno.h>
#include <string.h>

#include "api/auth/password.h"
#include "api/auth/password_hash.h"
#include "api/auth/rights.h"
#include "cli/access_edit.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_ids.h"
#include "common/host/random.h"
#include "common/model/store_keys.h"
#include "common/port/ids.h"

static const char *key_of(const struct access_edit *edit, const char *prefix, const char *name)
{
    return arena_printf(edit->arena, "%s%s", prefix, name);
}

// What a change says of a text: NULL keeps it, "" takes it away.
static void text_set(const char **text, const char *change)
{
    if (change != NULL) {
        *text = change[0] != '\0' ? change : NULL;
    }
}

static bool is_root(const char *userid)
{
    return strcmp(userid, RIGHTS_ROOT) == 0;
}

// Who can act as another must have all that the other has.
static int cover_check(const struct access_edit *edit, const char *userid, struct error *err)
{
    bool own = edit->user != NULL && edit->token == NULL && strcmp(edit->user, userid) == 0;
    if (edit->user == NULL || own ||
        rights_covers(edit->rights, edit->user, edit->token, userid, edit->now_s)) {
        return 0;
    }
    return error_set(err, -EPERM, "Permission check failed (user '%s' may do more than you)",
                     userid);
}

const struct access_user *access_user_find(struct arena *arena, const struct rights *rights,
                                           const char *userid)
{
    const struct access_user *known = map_find(&rights->users, userid);
    if (!is_root(userid)) {
        return known;
    }
    struct access_user *root = arena_new_of(arena, struct access_user);
    *root = known != NULL ? *known : (struct access_user){0};
    root->userid = RIGHTS_ROOT;
    root->enable = true;
    root->expire_s = 0;
    return root;
}

static int user_need(const struct access_edit *edit, const char *userid,
                     const struct access_user **ret, struct error *err)
{
    const struct access_user *user = access_user_find(edit->arena, edit->rights, userid);
    if (user == NULL) {
        return error_set(err, -ENOENT, "no such user ('%s')", userid);
    }
    *ret = user;
    return 0;
}

// ---- Users.

static int groups_set(const struct access_edit *edit, struct access_user *user,
                      const struct json *names, bool append, struct error *err)
{
    struct map groups;
    map_init_arena(&groups, edit->arena);
    for (size_t i = 0; append && i < user->groups_count; i++) {
        map_put(&groups, user->groups[i], NULL);
    }
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i]->string;
        if (!map_has(&edit->rights->groups, name)) {
            return error_set(err, -ENOENT, "no such group '%s'", name);
        }
        map_put(&groups, name, NULL);
    }
    const char **list = arena_array_of(edit->arena, const char *, groups.count);
    for (size_t i = 0; i < groups.count; i++) {
        list[i] = groups.entries[i].key;
    }
    user->groups = list;
    user->groups_count = groups.count;
    return 0;
}

static int password_put(struct access_edit *edit, const char *userid, const char *password,
                        struct error *err)
{
    unsigned char salt[PASSWORD_SALT_BYTES];
    char *hash = NULL;
    if (strcmp(access_realm(userid), ACCESS_REALM_PVE) != 0) {
        return error_set(err, -EOPNOTSUPP,
                         "passwords of the realm 'pam' are the machines' own: change it there");
    }
    int r = password_hash_allow(password, err);
    r = r == 0 ? random_bytes(salt, sizeof(salt), err) : r;
    r = r == 0 ? password_hash_make(edit->arena, password, salt, &hash, err) : r;
    if (r == 0) {
        access_edit_put(edit, key_of(edit, STORE_PREFIX_USER_SECRET, userid),
                        password_secret_format(edit->arena, hash, edit->now_s));
    }
    return r;
}

static int user_change(const struct access_edit *edit, const struct access_user_change *change,
                       struct access_user *user, struct error *err)
{
    text_set(&user->comment, change->comment);
    text_set(&user->email, change->email);
    text_set(&user->firstname, change->firstname);
    text_set(&user->lastname, change->lastname);
    text_set(&user->keys, change->keys);
    user->enable = change->has_enable ? change->enable : user->enable;
    user->expire_s = change->has_expire ? change->expire_s : user->expire_s;
    if (is_root(user->userid) && (!user->enable || user->expire_s > 0)) {
        return error_set(err, -EINVAL, RIGHTS_ROOT " cannot be disabled and does not expire");
    }
    return change->groups != NULL ? groups_set(edit, user, change->groups, change->append, err) : 0;
}

int access_user_put(struct access_edit *edit, const struct access_user_change *change, bool exists,
                    struct error *err)
{
    struct access_user user = {.userid = change->userid, .enable = true};
    const struct access_user *known = NULL;
    int r = access_userid_check(change->userid, err);
    if (r < 0) {
        return r;
    }
    if (!exists && access_user_find(edit->arena, edit->rights, change->userid) != NULL) {
        return error_set(err, -EEXIST, "create user failed: user '%s' already exists",
                         change->userid);
    }
    r = exists ? user_need(edit, change->userid, &known, err) : 0;
    if (r == 0 && known != NULL) {
        user = *known;
    }
    r = r == 0 ? user_change(edit, change, &user, err) : r;
    if (r == 0 && change->password != NULL) {
        r = cover_check(edit, user.userid, err);
        r = r == 0 ? password_put(edit, user.userid, change->password, err) : r;
    }
    if (r < 0) {
        return r;
    }
    access_edit_put(edit, key_of(edit, STORE_PREFIX_USER, user.userid),
                    access_user_format(edit->arena, &user));
    return access_edit_commit(edit, arena_printf(edit->arena, "user '%s'", user.userid), err);
}

int access_user_password(struct access_edit *edit, const char *userid, const char *password,
                         struct error *err)
{
    const struct access_user *known = NULL;
    int r = access_userid_check(userid, err);
    r = r == 0 ? user_need(edit, userid, &known, err) : r;
    r = r == 0 ? cover_check(edit, userid, err) : r;
    r = r == 0 ? password_put(edit, userid, password, err) : r;
    return r < 0 ? r
                 : access_edit_commit(edit, arena_printf(edit->arena, "password of '%s'", userid),
                                      err);
}

size_t access_tokens_of(struct arena *arena, const struct rights *rights, const char *userid,
                        const struct access_token **ret)
{
    struct access_token *tokens = arena_array_of(arena, struct access_token, rights->tokens.count);
    const char *prefix = arena_printf(arena, "%s!", userid);
    size_t count = 0;
    map_each (e, &rights->tokens) {
        if (strncmp(e->key, prefix, strlen(prefix)) == 0) {
            tokens[count++] = *(const struct access_token *)e->value;
        }
    }
    *ret = tokens;
    return count;
}

size_t access_acl_all(struct arena *arena, const struct rights *rights,
                      const struct access_acl **ret)
{
    size_t count = 0;
    map_each (e, &rights->acl) {
        count += ((const struct access_acl_list *)e->value)->count;
    }
    struct access_acl *all = arena_array_of(arena, struct access_acl, count);
    count = 0;
    map_each (e, &rights->acl) {
        const struct access_acl_list *list = e->value;
        for (size_t i = 0; i < list->count; i++) {
            all[count++] = list->entries[i];
        }
    }
    *ret = all;
    return count;
}

// Takes away what the list says of a user and its tokens, of a token, or of a group.
static void acl_forget(struct access_edit *edit, enum acl_type type, const char *ugid)
{
    const struct access_acl *all = NULL;
    size_t count = access_acl_all(edit->arena, edit->rights, &all);
    struct access_acl *kept = arena_array_of(edit->arena, struct access_acl, count);
    const char *tokens = arena_printf(edit->arena, "%s!", ugid);
    size_t kept_count = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_own = all[i].type == type && strcmp(all[i].ugid, ugid) == 0;
        bool is_token = type == ACL_TYPE_USER && all[i].type == ACL_TYPE_TOKEN &&
                        strncmp(all[i].ugid, tokens, strlen(tokens)) == 0;
        if (!is_own && !is_token) {
            kept[kept_count++] = all[i];
        }
    }
    if (kept_count < count) {
        access_edit_put(edit, STORE_KEY_ACL, access_acl_format(edit->arena, kept, kept_count));
    }
}

static void token_forget(struct access_edit *edit, const char *id)
{
    access_edit_put(edit, key_of(edit, STORE_PREFIX_TOKEN, id), NULL);
    access_edit_put(edit, key_of(edit, STORE_PREFIX_TOKEN_SECRET, id), NULL);
}

int access_user_remove(struct access_edit *edit, const char *userid, struct error *err)
{
    const struct access_user *known = NULL;
    const struct access_token *tokens = NULL;
    int r = user_need(edit, userid, &known, err);
    if (r < 0) {
        return r;
    }
    if (is_root(userid)) {
        return error_set(err, -EINVAL, RIGHTS_ROOT " cannot be removed");
    }
    size_t count = access_tokens_of(edit->arena, edit->rights, userid, &tokens);
    for (size_t i = 0; i < count; i++) {
        token_forget(edit, tokens[i].id);
    }
    access_edit_put(edit, key_of(edit, STORE_PREFIX_USER, userid), NULL);
    access_edit_put(edit, key_of(edit, STORE_PREFIX_USER_SECRET, userid), NULL);
    acl_forget(edit, ACL_TYPE_USER, userid);
    return access_edit_commit(edit, arena_printf(edit->arena, "user '%s'", userid), err);
}

// ---- Groups.

int access_group_put(struct access_edit *edit, const struct access_group *group, bool exists,
                     struct error *err)
{
    int r = access_groupid_check(group->groupid, err);
    if (r < 0) {
        return r;
    }
    const struct access_group *known = map_find(&edit->rights->groups, group->groupid);
    if (!exists && known != NULL) {
        return error_set(err, -EEXIST, "create group failed: group '%s' already exists",
                         group->groupid);
    }
    if (exists && known == NULL) {
        return error_set(err, -ENOENT, "group '%s' does not exist", group->groupid);
    }
    struct access_group changed = {group->groupid, known != NULL ? known->comment : NULL};
    text_set(&changed.comment, group->comment);
    access_edit_put(edit, key_of(edit, STORE_PREFIX_USER_GROUP, changed.groupid),
                    access_group_format(edit->arena, &changed));
    return access_edit_commit(edit, arena_printf(edit->arena, "group '%s'", changed.groupid), err);
}

int access_group_remove(struct access_edit *edit, const char *groupid, struct error *err)
{
    if (!map_has(&edit->rights->groups, groupid)) {
        return error_set(err, -ENOENT, "group '%s' does not exist", groupid);
    }
    map_each (e, &edit->rights->users) {
        struct access_user user = *(const struct access_user *)e->value;
        const char **kept = arena_array_of(edit->arena, const char *, user.groups_count);
        size_t count = 0;
        for (size_t i = 0; i < user.groups_count; i++) {
            if (strcmp(user.groups[i], groupid) != 0) {
                kept[count++] = user.groups[i];
            }
        }
        if (count < user.groups_count) {
            user.groups = kept;
            user.groups_count = count;
            access_edit_put(edit, key_of(edit, STORE_PREFIX_USER, e->key),
                            access_user_format(edit->arena, &user));
        }
    }
    access_edit_put(edit, key_of(edit, STORE_PREFIX_USER_GROUP, groupid), NULL);
    acl_forget(edit, ACL_TYPE_GROUP, groupid);
    return access_edit_commit(edit, arena_printf(edit->arena, "group '%s'", groupid), err);
}

// ---- Tokens.

static int token_read(const struct access_edit *edit, const struct access_token_change *change,
                      bool exists, struct access_token *ret, struct error *err)
{
    const char *id = arena_printf(edit->arena, "%s!%s", change->userid, change->tokenid);
    const struct access_user *user = NULL;
    int r = access_tokenid_check(change->tokenid, err);
    r = r == 0 ? user_need(edit, change->userid, &user, err) : r;
    if (r < 0) {
        return r;
    }
    const struct access_token *known = map_find(&edit->rights->tokens, id);
    if (!exists && known != NULL) {
        return error_set(err, -EEXIST, "Token already exists.");
    }
    if (exists && known == NULL) {
        return error_set(err, -ENOENT, "no such token '%s' for user '%s'", change->tokenid,
                         change->userid);
    }
    *ret = known != NULL ? *known : (struct access_token){.enable = true, .privsep = true};
    ret->id = id;
    return 0;
}

int access_token_put(struct access_edit *edit, const struct access_token_change *change,
                     bool exists, const char **ret_secret, struct error *err)
{
    struct access_token token = {0};
    struct ids ids;
    const char *secret = NULL;
    int r = token_read(edit, change, exists, &token, err);
    r = r == 0 ? cover_check(edit, change->userid, err) : r;
    if (r < 0) {
        return r;
    }
    text_set(&token.comment, change->comment);
    token.expire_s = change->has_expire ? change->expire_s : token.expire_s;
    token.privsep = change->has_privsep ? change->privsep : token.privsep;
    if (!exists || change->regenerate) {
        host_ids_init(&ids);
        secret = ids_next(&ids, edit->arena);
        access_edit_put(edit, key_of(edit, STORE_PREFIX_TOKEN_SECRET, token.id),
                        digest_sha256_hex(edit->arena, secret, strlen(secret)));
    }
    access_edit_put(edit, key_of(edit, STORE_PREFIX_TOKEN, token.id),
                    access_token_format(edit->arena, &token));
    r = access_edit_commit(edit, arena_printf(edit->arena, "token '%s'", token.id), err);
    if (r == 0) {
        *ret_secret = secret;
    }
    return r;
}

int access_token_remove(struct access_edit *edit, const char *userid, const char *tokenid,
                        struct error *err)
{
    struct access_token_change change = {.userid = userid, .tokenid = tokenid};
    struct access_token token = {0};
    int r = token_read(edit, &change, true, &token, err);
    if (r < 0) {
        return r;
    }
    token_forget(edit, token.id);
    acl_forget(edit, ACL_TYPE_TOKEN, token.id);
    return access_edit_commit(edit, arena_printf(edit->arena, "token '%s'", token.id), err);
}
