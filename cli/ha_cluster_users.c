// SPDX-License-Identifier: Apache-2.0
// ha-cluster user, group and token. The changes themselves are in access_change.c. Passwords come
// from the terminal or a file, never from the command line, which others can read.
#include <errno.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "cli/ha_cluster_access.h"
#include "cli/terminal.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/model/event.h"
#include "common/port/clock.h"

enum { PASSWORD_FILE_MAX = 4096 };

#define USER(needed, words)                                                                        \
    {                                                                                              \
        .name = "user", .type = CLI_TYPE_TEXT, .positional = true, .required = (needed),           \
        .check = access_userid_check, .about = words                                               \
    }
#define TOKEN                                                                                      \
    {                                                                                              \
        .name = "token", .type = CLI_TYPE_TEXT, .positional = true, .required = true,              \
        .check = access_tokenid_check, .about = "name of the token"                                \
    }
#define GROUP                                                                                      \
    {                                                                                              \
        .name = "group", .type = CLI_TYPE_TEXT, .positional = true, .required = true,              \
        .check = access_groupid_check, .about = "name of the group"                                \
    }
#define COMMENT                                                                                    \
    {                                                                                              \
        .name = "comment", .type = CLI_TYPE_TEXT, .about = "free text"                             \
    }
#define EXPIRE                                                                                     \
    {                                                                                              \
        .name = "expire", .type = CLI_TYPE_INT, .min = 0, .max = INT64_MAX, .value = "seconds",    \
        .about = "when it ends, in seconds since 1970; 0: never"                                   \
    }
#define SETTINGS                                                                                   \
    COMMENT, {.name = "email", .type = CLI_TYPE_TEXT, .about = "mail address"},                    \
        {.name = "firstname", .type = CLI_TYPE_TEXT, .about = "first name"},                       \
        {.name = "lastname", .type = CLI_TYPE_TEXT, .about = "last name"},                         \
        {.name = "enable", .type = CLI_TYPE_BOOL, .about = "may log in; --enable 0: may not"},     \
        EXPIRE,                                                                                    \
    {                                                                                              \
        .name = "groups", .type = CLI_TYPE_TEXT, .value = "group,...",                             \
        .about = "the groups it is in, all of them"                                                \
    }
#define PASSWORD_FILE                                                                              \
    {                                                                                              \
        .name = "password-file", .type = CLI_TYPE_TEXT, .value = "file",                           \
        .about = "read the password from this file, or with '-' from standard input"               \
    }

const struct cli_param ha_cluster_user_add_params[] = {
    USER(true, "name@pam or name@pve"), SETTINGS, PASSWORD_FILE, {.name = NULL}};
const struct cli_param ha_cluster_user_set_params[] = {
    USER(true, "name@realm"), SETTINGS, {.name = NULL}};
const struct cli_param ha_cluster_user_params[] = {USER(true, "name@realm"), {.name = NULL}};
const struct cli_param ha_cluster_user_password_params[] = {
    USER(true, "name@pve"), PASSWORD_FILE, {.name = NULL}};
const struct cli_param ha_cluster_group_add_params[] = {GROUP, COMMENT, {.name = NULL}};
const struct cli_param ha_cluster_group_params[] = {GROUP, {.name = NULL}};
const struct cli_param ha_cluster_token_list_params[] = {USER(false, "only this one's"),
                                                         {.name = NULL}};
const struct cli_param ha_cluster_token_params[] = {
    USER(true, "name@realm"), TOKEN, {.name = NULL}};
const struct cli_param ha_cluster_token_add_params[] = {
    USER(true, "name@realm"),
    TOKEN,
    COMMENT,
    EXPIRE,
    {.name = "privsep",
     .type = CLI_TYPE_BOOL,
     .fallback = "1",
     .about = "it has only what it is given itself; --privsep 0: what its user has"},
    {.name = NULL}};

int access_context_open(struct cli *cli, bool changes, struct access_context *ret,
                        struct error *err)
{
    struct access_context context CLEANUP(access_context_close) = {0};
    struct clock clock;
    const char *const *problems = NULL;
    host_clock_init(&clock);
    int r = session_open(cli->arena, &context.session, err);
    r = r == 0 && changes ? session_need_quorum(&context.session, err) : r;
    if (r < 0) {
        return r;
    }
    *ret = context;
    context.session.client = NULL; // it is the caller's now
    r = access_edit_open(cli->arena, &ret->session, clock_wall_s(&clock), NULL, NULL, &ret->edit,
                         err);
    size_t count = r == 0 ? rights_problems(ret->edit.rights, &problems) : 0;
    for (size_t i = 0; i < count; i++) {
        cli_warn(cli, "%s", problems[i]);
    }
    return r;
}

void access_context_close(struct access_context *context)
{
    session_close(&context->session);
}

static void tell(struct cli *cli, struct access_context *context, struct event *event,
                 const char *what, const char *settings)
{
    event_text(cli->arena, event, "what", what);
    event_text(cli->arena, event, "settings", settings);
    event_text(cli->arena, event, "user", RIGHTS_ROOT);
    context->edit.event = event;
}

void access_tell_user(struct cli *cli, struct access_context *context, const char *what,
                      const char *settings)
{
    struct event *event = event_new(cli->arena, EVENT_LEVEL_NOTICE, "user-changed");
    event_text(cli->arena, event, "userid", cli_text(cli, "user"));
    tell(cli, context, event, what, settings);
}

void access_tell_permission(struct cli *cli, struct access_context *context, const char *kind,
                            const char *name, const char *what, const char *settings)
{
    struct event *event = event_new(cli->arena, EVENT_LEVEL_NOTICE, "permission-changed");
    event_text(cli->arena, event, "kind", kind);
    event_text(cli->arena, event, "name", name);
    tell(cli, context, event, what, settings);
}

const char *access_settings(struct cli *cli, const char *const *names)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; names[i] != NULL; i++) {
        if (cli_has(cli, names[i])) {
            strbuf_appendf(&text, "%s%s=%s", text.size_bytes > 0 ? " " : "", names[i],
                           cli_text(cli, names[i]));
        }
    }
    return text.size_bytes > 0 ? arena_strdup(cli->arena, strbuf_text(&text)) : NULL;
}

struct json *access_words(struct cli *cli, const char *name)
{
    if (!cli_has(cli, name)) {
        return NULL;
    }
    struct json *list = json_new_array(cli->arena);
    struct parse_words words = parse_list(cli->arena, cli_text(cli, name));
    for (size_t i = 0; i < words.count; i++) {
        json_append(list, json_new_string(cli->arena, words.words[i]));
    }
    return list;
}

static void complete_keys(const struct map *map, struct strbuf *out)
{
    map_each (e, map) {
        strbuf_appendf(out, "%s\n", e->key);
    }
}

void ha_cluster_access_complete(struct arena *arena, const struct cli_param *param,
                                struct strbuf *out)
{
    static const char *const names[] = {"user", "group", "token", "role"};
    struct session session CLEANUP(session_close) = {0};
    struct access_edit edit;
    const struct role_builtin *builtin = NULL;
    size_t which = 0;
    while (which < ARRAY_SIZE(names) && strcmp(names[which], param->name) != 0) {
        which++;
    }
    // Without a cluster there is nothing to offer.
    if (which == ARRAY_SIZE(names) || session_open(arena, &session, NULL) < 0 ||
        access_edit_open(arena, &session, 0, NULL, NULL, &edit, NULL) < 0) {
        return;
    }
    const struct map *maps[] = {&edit.rights->users, &edit.rights->groups, &edit.rights->tokens,
                                &edit.rights->roles};
    if (which == 2 && param->positional) {
        map_each (e, &edit.rights->tokens) {
            strbuf_appendf(out, "%s\n", strchr(e->key, '!') + 1);
        }
        return;
    }
    complete_keys(maps[which], out);
    size_t count = which == 3 && !param->positional ? roles_builtin(&builtin) : 0;
    for (size_t i = 0; i < count; i++) {
        strbuf_appendf(out, "%s\n", builtin[i].name);
    }
}

// ---- Passwords.

static int password_from_file(struct cli *cli, const char *path, char **ret, struct error *err)
{
    char *text = NULL;
    size_t size_bytes = 0;
    int r = file_read(cli->arena, strcmp(path, "-") == 0 ? "/dev/stdin" : path, PASSWORD_FILE_MAX,
                      &text, &size_bytes, err);
    if (r < 0) {
        return r;
    }
    // Its first line; what follows is no part of it.
    text[strcspn(text, "\r\n")] = '\0';
    *ret = text;
    return 0;
}

static int password_ask(struct cli *cli, char **ret, struct error *err)
{
    char *first = NULL;
    char *again = NULL;
    int r = terminal_ask(cli->arena, "new password: ", true, &first, err);
    r = r == 0 ? terminal_ask(cli->arena, "once more: ", true, &again, err) : r;
    if (r == -ENOTTY) {
        return error_set(err, r, "there is no terminal to ask on: give --password-file");
    }
    if (r == 0 && strcmp(first, again) != 0) {
        return error_set(err, -EINVAL, "the two are not the same");
    }
    if (r == 0) {
        *ret = first;
    }
    return r;
}

static int password_get(struct cli *cli, char **ret, struct error *err)
{
    const char *path = cli_text(cli, "password-file");
    return path != NULL ? password_from_file(cli, path, ret, err) : password_ask(cli, ret, err);
}

// ---- Users.

static const char *const user_settings[] = {"comment",   "email",    "enable", "expire",
                                            "firstname", "lastname", "groups", NULL};

static void user_change_fill(struct cli *cli, struct access_user_change *change)
{
    *change = (struct access_user_change){
        .userid = cli_text(cli, "user"),
        .comment = cli_text(cli, "comment"),
        .email = cli_text(cli, "email"),
        .firstname = cli_text(cli, "firstname"),
        .lastname = cli_text(cli, "lastname"),
        .has_enable = cli_has(cli, "enable"),
        .enable = cli_bool(cli, "enable"),
        .has_expire = cli_has(cli, "expire"),
        .expire_s = cli_int(cli, "expire"),
        .groups = access_words(cli, "groups"),
    };
}

int ha_cluster_user_add(struct cli *cli, struct error *err)
{
    struct access_context context CLEANUP(access_context_close) = {0};
    struct access_user_change change;
    char *password = NULL;
    int r = 0;
    user_change_fill(cli, &change);
    bool is_pve = strcmp(access_realm(change.userid), ACCESS_REALM_PVE) == 0;
    if (cli_has(cli, "password-file") || (is_pve && terminal_is_there())) {
        r = password_get(cli, &password, err);
    }
    change.password = password;
    r = r == 0 ? access_context_open(cli, true, &context, err) : r;
    access_tell_user(cli, &context, "added", access_settings(cli, user_settings));
    r = r == 0 ? access_user_put(&context.edit, &change, false, err) : r;
    if (r == 0 && is_pve && password == NULL) {
        cli_warn(cli, "'%s' has no password yet: ha-cluster user password %s", change.userid,
                 change.userid);
    }
    return r;
}

int ha_cluster_user_set(struct cli *cli, struct error *err)
{
    struct access_context context CLEANUP(access_context_close) = {0};
    struct access_user_change change;
    user_change_fill(cli, &change);
    int r = access_context_open(cli, true, &context, err);
    access_tell_user(cli, &context, "changed", access_settings(cli, user_settings));
    return r == 0 ? access_user_put(&context.edit, &change, true, err) : r;
}

int ha_cluster_user_remove(struct cli *cli, struct error *err)
{
    struct access_context context CLEANUP(access_context_close) = {0};
    int r = access_context_open(cli, true, &context, err);
    access_tell_user(cli, &context, "removed", NULL);
    return r == 0 ? access_user_remove(&context.edit, cli_text(cli, "user"), err) : r;
}

int ha_cluster_user_password(struct cli *cli, struct error *err)
{
    struct access_context context CLEANUP(access_context_close) = {0};
    char *password = NULL;
    // Whether there is such a user at all, before anybody types.
    int r = access_context_open(cli, true, &context, err);
    if (r == 0 &&
        access_user_find(cli->arena, context.edit.rights, cli_text(cli, "user")) == NULL) {
        return error_set(err, -ENOENT, "no such user ('%s')", cli_text(cli, "user"));
    }
    r = r == 0 ? password_get(cli, &password, err) : r;
    access_tell_user(cli, &context, "changed", "password");
    return r == 0 ? access_user_password(&context.edit, cli_text(cli, "user"), password, err) : r;
}

static void user_list_row(struct cli *cli, const struct access_context *context,
                          const struct access_user *user, struct json *rows)
{
    struct json *row = json_new_object(cli->arena);
    struct json *groups = json_new_array(cli->arena);
    const struct access_token *tokens = NULL;
    for (size_t i = 0; i < user->groups_count; i++) {
        json_append(groups, json_new_string(cli->arena, user->groups[i]));
    }
    json_put_string(row, "user", user->userid);
    json_put_bool(row, "enable", user->enable);
    if (user->expire_s > 0) {
        json_put_int(row, "expire", user->expire_s);
    }
    json_put(row, "groups", groups);
    json_put_int(
        row, "tokens",
        (int64_t)access_tokens_of(cli->arena, context->edit.rights, user->userid, &tokens));
    json_put_string(row, "firstname", user->firstname);
    json_put_string(row, "lastname", user->lastname);
    json_put_string(row, "email", user->email);
    json_put_string(row, "comment", user->comment);
    json_append(rows, row);
}

int ha_cluster_user_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "user"},
        {.key = "enable", .kind = OUTPUT_COLUMN_BOOL},
        {.key = "expire", .kind = OUTPUT_COLUMN_TIME},
        {.key = "groups"},
        {.key = "tokens", .right = true},
        {.key = "comment"},
    };
    struct access_context context CLEANUP(access_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    int r = access_context_open(cli, false, &context, err);
    if (r < 0) {
        return r;
    }
    user_list_row(cli, &context, access_user_find(cli->arena, context.edit.rights, RIGHTS_ROOT),
                  rows);
    map_each (e, &context.edit.rights->users) {
        if (strcmp(e->key, RIGHTS_ROOT) != 0) {
            user_list_row(cli, &context, e->value, rows);
        }
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

// ---- Groups.

int ha_cluster_group_add(struct cli *cli, struct error *err)
{
    struct access_context context CLEANUP(access_context_close) = {0};
    struct access_group group = {cli_text(cli, "group"), cli_text(cli, "comment")};
    int r = access_context_open(cli, true, &context, err);
    access_tell_permission(cli, &context, "group", group.groupid, "added", NULL);
    return r == 0 ? access_group_put(&context.edit, &group, false, err) : r;
}

int ha_cluster_group_remove(struct cli *cli, struct error *err)
{
    struct access_context context CLEANUP(access_context_close) = {0};
    int r = access_context_open(cli, true, &context, err);
    access_tell_permission(cli, &context, "group", cli_text(cli, "group"), "removed", NULL);
    return r == 0 ? access_group_remove(&context.edit, cli_text(cli, "group"), err) : r;
}

int ha_cluster_group_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "group"}, {.key = "users"}, {.key = "comment"}};
    struct access_context context CLEANUP(access_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    int r = access_context_open(cli, false, &context, err);
    if (r < 0) {
        return r;
    }
    map_each (e, &context.edit.rights->groups) {
        const struct access_group *group = e->value;
        struct json *row = json_new_object(cli->arena);
        struct json *users = json_new_array(cli->arena);
        map_each (user, &context.edit.rights->users) {
            if (access_user_is_in(user->value, group->groupid)) {
                json_append(users, json_new_string(cli->arena, user->key));
            }
        }
        json_put_string(row, "group", group->groupid);
        json_put(row, "users", users);
        json_put_string(row, "comment", group->comment);
        json_append(rows, row);
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

// ---- Tokens.

static const char *const token_settings[] = {"comment", "expire", "privsep", NULL};

static const char *token_id(struct cli *cli)
{
    return arena_printf(cli->arena, "%s!%s", cli_text(cli, "user"), cli_text(cli, "token"));
}

int ha_cluster_token_add(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "token"}, {.key = "secret"}};
    struct access_context context CLEANUP(access_context_close) = {0};
    const char *secret = NULL;
    struct access_token_change change = {
        .userid = cli_text(cli, "user"),
        .tokenid = cli_text(cli, "token"),
        .comment = cli_text(cli, "comment"),
        .has_expire = cli_has(cli, "expire"),
        .expire_s = cli_int(cli, "expire"),
        .has_privsep = true,
        .privsep = cli_bool(cli, "privsep"),
    };
    int r = access_context_open(cli, true, &context, err);
    access_tell_permission(cli, &context, "token", token_id(cli), "added",
                           access_settings(cli, token_settings));
    r = r == 0 ? access_token_put(&context.edit, &change, false, &secret, err) : r;
    if (r == 0) {
        struct json *row = json_new_object(cli->arena);
        json_put_string(row, "token", token_id(cli));
        json_put_string(row, "secret", secret);
        output_object(&cli->output, row, columns, ARRAY_SIZE(columns), &cli->out);
    }
    return r;
}

int ha_cluster_token_remove(struct cli *cli, struct error *err)
{
    struct access_context context CLEANUP(access_context_close) = {0};
    int r = access_context_open(cli, true, &context, err);
    access_tell_permission(cli, &context, "token", token_id(cli), "removed", NULL);
    return r == 0 ? access_token_remove(&context.edit, cli_text(cli, "user"),
                                        cli_text(cli, "token"), err)
                  : r;
}

int ha_cluster_token_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "token"},
        {.key = "privsep", .kind = OUTPUT_COLUMN_BOOL},
        {.key = "expire", .kind = OUTPUT_COLUMN_TIME},
        {.key = "comment"},
    };
    struct access_context context CLEANUP(access_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    const char *user = cli_text(cli, "user");
    int r = access_context_open(cli, false, &context, err);
    if (r < 0) {
        return r;
    }
    map_each (e, &context.edit.rights->tokens) {
        const struct access_token *token = e->value;
        struct json *row = json_new_object(cli->arena);
        if (user != NULL && strcmp(access_token_user(cli->arena, token->id), user) != 0) {
            continue;
        }
        json_put_string(row, "token", token->id);
        json_put_bool(row, "privsep", token->privsep);
        if (token->expire_s > 0) {
            json_put_int(row, "expire", token->expire_s);
        }
        json_put_string(row, "comment", token->comment);
        json_append(rows, row);
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}
