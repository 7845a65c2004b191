// SPDX-License-Identifier: Apache-2.0
// /access/users with their tokens, and /access/groups. Changes are in cli/access_change.c.
#include <errno.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/rights.h"
#include "api/call/call.h"
#include "api/endpoints/access_support.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/access_edit.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"

// ---- Showing.

static struct json *token_row(struct arena *arena, const struct access_token *token)
{
    struct json *row = json_new_object(arena);
    json_put_int(row, "expire", token->expire_s);
    json_put_int(row, "privsep", token->privsep ? 1 : 0);
    json_put_string(row, "comment", token->comment);
    return row;
}

static const char *token_name(const struct access_token *token)
{
    return strchr(token->id, '!') + 1;
}

static struct json *user_row(struct arena *arena, const struct access_user *user)
{
    struct json *row = json_new_object(arena);
    json_put_int(row, "enable", user->enable ? 1 : 0);
    json_put_int(row, "expire", user->expire_s);
    json_put_string(row, "firstname", user->firstname);
    json_put_string(row, "lastname", user->lastname);
    json_put_string(row, "email", user->email);
    json_put_string(row, "comment", user->comment);
    json_put_string(row, "keys", user->keys);
    return row;
}

static const char *groups_text(struct arena *arena, const struct access_user *user)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < user->groups_count; i++) {
        strbuf_appendf(&text, "%s%s", i > 0 ? "," : "", user->groups[i]);
    }
    return arena_strdup(arena, strbuf_text(&text));
}

static struct json *tokens_list(const struct call *call, const char *userid)
{
    const struct access_token *tokens = NULL;
    struct json *list = json_new_array(call->arena);
    size_t count = access_tokens_of(call->arena, call->host->rights, userid, &tokens);
    for (size_t i = 0; i < count; i++) {
        struct json *row = token_row(call->arena, &tokens[i]);
        json_put_string(row, "tokenid", token_name(&tokens[i]));
        json_append(list, row);
    }
    return list;
}

static void users_append(const struct call *call, struct json *list, const struct access_user *user)
{
    bool enabled = rights_is_active(call->host->rights, user->userid, NULL, endpoint_now_s(call));
    if (call_has(call, "enabled") && call_bool(call, "enabled", false) != enabled) {
        return;
    }
    if (strcmp(user->userid, call->caller.user) != 0 && !access_may_look(call)) {
        return;
    }
    struct json *row = user_row(call->arena, user);
    json_put_string(row, "userid", user->userid);
    json_put_string(row, "realm-type", access_realm(user->userid));
    if (call_bool(call, "full", false)) {
        json_put_string(row, "groups", groups_text(call->arena, user));
        json_put(row, "tokens", tokens_list(call, user->userid));
    }
    json_append(list, row);
}

static void users_get(struct call *call)
{
    const struct rights *rights = call->host->rights;
    struct json *list = json_new_array(call->arena);
    map_each (e, &rights->users) {
        if (strcmp(e->key, RIGHTS_ROOT) != 0) {
            users_append(call, list, e->value);
        }
    }
    users_append(call, list, access_user_find(call->arena, rights, RIGHTS_ROOT));
    call_return(call, list);
}

// The user that the path names, for who may see it; else the call is refused.
static const struct access_user *user_shown(struct call *call)
{
    const char *userid = call_string(call, "userid", "");
    bool own = strcmp(userid, call->caller.user) == 0;
    if (!own && !access_may_look(call)) {
        call_refuse(call, CALL_STATUS_FORBIDDEN,
                    "Permission check failed (/access/groups, Sys.Audit)");
        return NULL;
    }
    const struct access_user *user = access_user_find(call->arena, call->host->rights, userid);
    if (user == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "no such user ('%s')", userid);
    }
    return user;
}

static void user_get(struct call *call)
{
    const struct access_user *user = user_shown(call);
    const struct access_token *tokens = NULL;
    if (user == NULL) {
        return;
    }
    struct json *row = user_row(call->arena, user);
    struct json *groups = json_new_array(call->arena);
    struct json *shown = json_new_object(call->arena);
    for (size_t i = 0; i < user->groups_count; i++) {
        json_append(groups, json_new_string(call->arena, user->groups[i]));
    }
    size_t count = access_tokens_of(call->arena, call->host->rights, user->userid, &tokens);
    for (size_t i = 0; i < count; i++) {
        json_put(shown, token_name(&tokens[i]), token_row(call->arena, &tokens[i]));
    }
    json_put(row, "groups", groups);
    json_put(row, "tokens", shown);
    call_return(call, row);
}

// ---- Changing users.

static const char *const user_settings[] = {"comment",   "email",  "enable",   "expire",
                                            "firstname", "groups", "lastname", NULL};

static const char *settings_of(const struct call *call, const char *const *names)
{
    struct map set;
    map_init_arena(&set, call->arena);
    endpoint_texts(call, names, &set);
    return endpoint_summary(call, &set, NULL);
}

static void user_change_fill(const struct call *call, struct access_user_change *change)
{
    *change = (struct access_user_change){
        .userid = call_string(call, "userid", ""),
        .comment = call_string(call, "comment", NULL),
        .email = call_string(call, "email", NULL),
        .firstname = call_string(call, "firstname", NULL),
        .lastname = call_string(call, "lastname", NULL),
        .keys = call_string(call, "keys", NULL),
        .has_enable = call_has(call, "enable"),
        .enable = call_bool(call, "enable", true),
        .has_expire = call_has(call, "expire"),
        .expire_s = call_int(call, "expire", 0),
        .groups = call_list(call, "groups"),
    };
}

static void users_post(struct call *call)
{
    struct access_edit edit;
    struct access_user_change change;
    struct error err = {0};
    if (!access_need_userid(call, "userid") || !access_edit_begin(call, &edit)) {
        return;
    }
    user_change_fill(call, &change);
    change.password = call_string(call, "password", NULL);
    int r = access_user_put(&edit, &change, false, &err);
    if (r == -EINVAL && change.password != NULL) {
        call_fault(call, "password", "%s", err.text);
    } else if (access_edit_done(call, r, &err)) {
        access_tell_user(call, change.userid, "added", settings_of(call, user_settings));
    }
}

static void user_put(struct call *call)
{
    struct access_edit edit;
    struct access_user_change change;
    struct error err = {0};
    if (!access_need_userid(call, "userid") || !access_edit_begin(call, &edit)) {
        return;
    }
    user_change_fill(call, &change);
    change.append = call_bool(call, "append", false);
    if (access_edit_done(call, access_user_put(&edit, &change, true, &err), &err)) {
        access_tell_user(call, change.userid, "changed", settings_of(call, user_settings));
    }
}

static void user_delete(struct call *call)
{
    struct access_edit edit;
    struct error err = {0};
    const char *userid = call_string(call, "userid", "");
    if (access_need_userid(call, "userid") && access_edit_begin(call, &edit) &&
        access_edit_done(call, access_user_remove(&edit, userid, &err), &err)) {
        access_tell_user(call, userid, "removed", NULL);
    }
}

// ---- Tokens.

static const char *const token_settings[] = {"comment", "expire", "privsep", NULL};

static void tokens_get(struct call *call)
{
    const struct access_user *user = user_shown(call);
    if (user != NULL) {
        call_return(call, tokens_list(call, user->userid));
    }
}

static void token_get(struct call *call)
{
    const struct access_user *user = user_shown(call);
    const char *name = call_string(call, "tokenid", "");
    if (user == NULL) {
        return;
    }
    const struct access_token *token = map_find(
        &call->host->rights->tokens, arena_printf(call->arena, "%s!%s", user->userid, name));
    if (token == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "no such token '%s' for user '%s'", name,
                    user->userid);
        return;
    }
    call_return(call, token_row(call->arena, token));
}

static void token_put(struct call *call, bool exists)
{
    struct access_edit edit;
    struct error err = {0};
    const char *secret = NULL;
    struct access_token_change change = {
        .userid = call_string(call, "userid", ""),
        .tokenid = call_string(call, "tokenid", ""),
        .comment = call_string(call, "comment", NULL),
        .has_expire = call_has(call, "expire"),
        .expire_s = call_int(call, "expire", 0),
        .has_privsep = call_has(call, "privsep"),
        .privsep = call_bool(call, "privsep", true),
        .regenerate = exists && call_bool(call, "regenerate", false),
    };
    if (!access_need_userid(call, "userid") || !access_need_user(call, change.userid) ||
        !access_edit_begin(call, &edit)) {
        return;
    }
    int r = access_token_put(&edit, &change, exists, &secret, &err);
    if (r == -EEXIST) {
        call_fault(call, "tokenid", "%s", err.text);
        return;
    }
    // As it is now: the change, and what it did not name.
    if (!access_edit_done(call, r, &err) || !access_edit_begin(call, &edit)) {
        return;
    }
    const char *id = arena_printf(call->arena, "%s!%s", change.userid, change.tokenid);
    const struct access_token *token = map_find(&edit.rights->tokens, id);
    struct json *info = token != NULL ? token_row(call->arena, token) : NULL;
    struct json *data = info;
    if (secret != NULL) {
        data = json_new_object(call->arena);
        json_put_string(data, "full-tokenid", id);
        json_put_string(data, "value", secret);
        json_put(data, "info", info != NULL ? info : json_new_object(call->arena));
    }
    call_return(call, data);
    access_tell_permission(call, "token", id, exists ? "changed" : "added",
                           settings_of(call, token_settings));
}

static void token_add(struct call *call)
{
    token_put(call, false);
}

static void token_change(struct call *call)
{
    token_put(call, true);
}

static void token_delete(struct call *call)
{
    struct access_edit edit;
    struct error err = {0};
    const char *userid = call_string(call, "userid", "");
    const char *name = call_string(call, "tokenid", "");
    if (access_need_userid(call, "userid") && access_need_user(call, userid) &&
        access_edit_begin(call, &edit) &&
        access_edit_done(call, access_token_remove(&edit, userid, name, &err), &err)) {
        access_tell_permission(call, "token", arena_printf(call->arena, "%s!%s", userid, name),
                               "removed", NULL);
    }
}

// ---- Groups.

static struct json *members_list(const struct call *call, const char *groupid)
{
    struct json *list = json_new_array(call->arena);
    map_each (e, &call->host->rights->users) {
        if (access_user_is_in(e->value, groupid)) {
            json_append(list, json_new_string(call->arena, e->key));
        }
    }
    return list;
}

static const char *members_text(struct arena *arena, const struct json *members)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < members->count; i++) {
        strbuf_appendf(&text, "%s%s", i > 0 ? "," : "", members->items[i]->string);
    }
    return arena_strdup(arena, strbuf_text(&text));
}

static void groups_get(struct call *call)
{
    struct json *list = json_new_array(call->arena);
    map_each (e, &call->host->rights->groups) {
        const struct access_group *group = e->value;
        struct json *row = json_new_object(call->arena);
        if (!access_may_look(call)) {
            continue;
        }
        json_put_string(row, "groupid", group->groupid);
        json_put_string(row, "comment", group->comment);
        json_put_string(row, "users",
                        members_text(call->arena, members_list(call, group->groupid)));
        json_append(list, row);
    }
    call_return(call, list);
}

static void group_get(struct call *call)
{
    const char *groupid = call_string(call, "groupid", "");
    const struct access_group *group = map_find(&call->host->rights->groups, groupid);
    if (group == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "group '%s' does not exist", groupid);
        return;
    }
    struct json *row = json_new_object(call->arena);
    json_put_string(row, "comment", group->comment);
    json_put(row, "members", members_list(call, groupid));
    call_return(call, row);
}

static void group_put(struct call *call, bool exists)
{
    struct access_edit edit;
    struct error err = {0};
    struct access_group group = {call_string(call, "groupid", ""),
                                 call_string(call, "comment", NULL)};
    if (access_edit_begin(call, &edit) &&
        access_edit_done(call, access_group_put(&edit, &group, exists, &err), &err)) {
        access_tell_permission(call, "group", group.groupid, exists ? "changed" : "added", NULL);
    }
}

static void group_add(struct call *call)
{
    group_put(call, false);
}

static void group_change(struct call *call)
{
    group_put(call, true);
}

static void group_delete(struct call *call)
{
    struct access_edit edit;
    struct error err = {0};
    const char *groupid = call_string(call, "groupid", "");
    if (access_edit_begin(call, &edit) &&
        access_edit_done(call, access_group_remove(&edit, groupid, &err), &err)) {
        access_tell_permission(call, "group", groupid, "removed", NULL);
    }
}

// ---- Rows.

#define PARAMETER_USERID                                                                           \
    {                                                                                              \
        .name = "userid", .format = PARAMETER_FORMAT_USERID, .required = true, .length_max = 64,   \
        .description = "user@pam or user@pve"                                                      \
    }
#define PARAMETER_TOKENID                                                                          \
    {                                                                                              \
        .name = "tokenid", .format = PARAMETER_FORMAT_TOKENID, .required = true, .length_max = 64, \
        .description = "name of the token"                                                         \
    }
#define PARAMETER_EXPIRE                                                                           \
    {                                                                                              \
        .name = "expire", .type = PARAMETER_TYPE_INTEGER, .has_minimum = true, .minimum = 0,       \
        .default_text = "0", .description = "seconds since 1970; 0: never"                         \
    }
#define PARAMETER_YES_NO(name_, default_, description_)                                            \
    {                                                                                              \
        .name = (name_), .type = PARAMETER_TYPE_BOOLEAN, .default_text = (default_),               \
        .description = (description_)                                                              \
    }
#define PARAMETER_PRIVSEP                                                                          \
    PARAMETER_YES_NO("privsep", "1",                                                               \
                     "the token has only what it is given itself, and its user has too")
#define PARAMETER_LINE(name_, length_, description_)                                               \
    {                                                                                              \
        .name = (name_), .length_max = (length_), .description = (description_)                    \
    }
#define PARAMETER_REMARK                                                                           \
    {                                                                                              \
        .name = "comment", .format = PARAMETER_FORMAT_TEXT, .length_max = 2048,                    \
        .description = "free text"                                                                 \
    }
#define PARAMETERS_OF_USER                                                                         \
    PARAMETER_USERID, PARAMETER_REMARK, PARAMETER_LINE("email", 254, "mail address"),              \
        PARAMETER_YES_NO("enable", "1", "may log in and use tokens"), PARAMETER_EXPIRE,            \
        PARAMETER_LINE("firstname", 1024, "first name"),                                           \
        {.name = "groups",                                                                         \
         .type = PARAMETER_TYPE_LIST,                                                              \
         .format = PARAMETER_FORMAT_ROLE,                                                          \
         .description = "groups that the user is in"},                                             \
        PARAMETER_LINE("keys", 1024, "kept, not used"),                                            \
        PARAMETER_LINE("lastname", 1024, "last name")
#define PARAMETERS_OF_TOKEN                                                                        \
    PARAMETER_USERID, PARAMETER_TOKENID, PARAMETER_EXPIRE, PARAMETER_PRIVSEP, PARAMETER_REMARK
#define PARAMETER_GROUPID                                                                          \
    {                                                                                              \
        .name = "groupid", .format = PARAMETER_FORMAT_ROLE, .required = true, .length_max = 64,    \
        .description = "name of the group"                                                         \
    }
static const struct parameter parameters_list[] = {
    {.name = "enabled",
     .type = PARAMETER_TYPE_BOOLEAN,
     .description = "only those that are enabled, or only the others"},
    PARAMETER_YES_NO("full", "0", "with groups and tokens"),
};
static const struct parameter parameters_user[] = {PARAMETER_USERID};
static const struct parameter parameters_add[] = {
    PARAMETERS_OF_USER,
    PARAMETER_LINE("password", 512, "for the realm pve"),
};
static const struct parameter parameters_change[] = {
    PARAMETERS_OF_USER,
    PARAMETER_YES_NO("append", "0", "the groups are added to those there are"),
};
static const struct parameter parameters_token[] = {PARAMETER_USERID, PARAMETER_TOKENID};
static const struct parameter parameters_token_add[] = {PARAMETERS_OF_TOKEN};
static const struct parameter parameters_token_change[] = {
    PARAMETERS_OF_TOKEN,
    PARAMETER_YES_NO("regenerate", "0", "give it another secret"),
};
static const struct parameter parameters_group[] = {PARAMETER_GROUPID};
static const struct parameter parameters_group_put[] = {PARAMETER_GROUPID, PARAMETER_REMARK};

#define MAY_CHANGE_USERS                                                                           \
    .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_USER_MODIFY,                         \
    .access_path = "/access/groups", .kind = METHOD_KIND_WORK
#define MAY_CHANGE_GROUPS                                                                          \
    .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_GROUP_ALLOCATE,                      \
    .access_path = "/access/groups", .kind = METHOD_KIND_WORK
#define SHOWS_ITS_OWN   .access = METHOD_ACCESS_USER, .kind = METHOD_KIND_READ
#define CHANGES_ITS_OWN .access = METHOD_ACCESS_USER, .kind = METHOD_KIND_WORK
#define USERS           "/access/users"
#define USER            USERS "/{userid}"
#define TOKEN           USER "/token/{tokenid}"
#define GROUPS          "/access/groups"
#define GROUP           GROUPS "/{groupid}"

static const struct method methods[] = {
    {METHOD(GET, USERS, parameters_list, "array", users_get), SHOWS_ITS_OWN,
     .description = "the users that the caller may see"},
    {METHOD(POST, USERS, parameters_add, "null", users_post), MAY_CHANGE_USERS,
     .description = "add a user"},
    {METHOD(GET, USER, parameters_user, "object", user_get), SHOWS_ITS_OWN,
     .description = "a user"},
    {METHOD(PUT, USER, parameters_change, "null", user_put), MAY_CHANGE_USERS,
     .description = "change a user"},
    {METHOD(DELETE, USER, parameters_user, "null", user_delete), MAY_CHANGE_USERS,
     .description = "remove a user with its tokens and permissions"},
    {METHOD(GET, USER "/token", parameters_user, "array", tokens_get), SHOWS_ITS_OWN,
     .description = "the user's API tokens"},
    {METHOD(GET, TOKEN, parameters_token, "object", token_get), SHOWS_ITS_OWN,
     .description = "an API token"},
    {METHOD(POST, TOKEN, parameters_token_add, "object", token_add), CHANGES_ITS_OWN,
     .description = "make an API token; its secret is told this once"},
    {METHOD(PUT, TOKEN, parameters_token_change, "object", token_change), CHANGES_ITS_OWN,
     .description = "change an API token"},
    {METHOD(DELETE, TOKEN, parameters_token, "null", token_delete), CHANGES_ITS_OWN,
     .description = "remove an API token"},
    {.verb = METHOD_VERB_GET,
     .path = GROUPS,
     .description = "groups of users",
     SHOWS_ITS_OWN,
     .returns = "array",
     .run = groups_get},
    {METHOD(POST, GROUPS, parameters_group_put, "null", group_add), MAY_CHANGE_GROUPS,
     .description = "add a group"},
    {METHOD(GET, GROUP, parameters_group, "object", group_get), .access = METHOD_ACCESS_PRIVILEGE,
     .privilege = PRIVILEGE_SYS_AUDIT, .access_path = GROUPS, .kind = METHOD_KIND_READ,
     .description = "a group"},
    {METHOD(PUT, GROUP, parameters_group_put, "null", group_change), MAY_CHANGE_GROUPS,
     .description = "change a group's comment"},
    {METHOD(DELETE, GROUP, parameters_group, "null", group_delete), MAY_CHANGE_GROUPS,
     .description = "remove a group, not its users"},
};

const struct method_table endpoints_access_users = {methods, ARRAY_SIZE(methods)};
