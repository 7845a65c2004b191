// SPDX-License-Identifier: Apache-2.0
// ha-cluster role and acl. The changes themselves are in access_permission.c.
#include <errno.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "cli/ha_cluster_access.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"

#define ROLE                                                                                       \
    {                                                                                              \
        .name = "role", .type = CLI_TYPE_TEXT, .positional = true, .required = true,               \
        .check = access_roleid_check, .about = "name of the role"                                  \
    }
#define PRIVS                                                                                      \
    {                                                                                              \
        .name = "privs", .type = CLI_TYPE_TEXT, .required = true, .value = "privilege,...",        \
        .about = "such as Sys.Audit,VM.PowerMgmt; 'role list' shows them all"                      \
    }
#define SUBJECTS                                                                                   \
    {.name = "path",                                                                               \
     .type = CLI_TYPE_TEXT,                                                                        \
     .positional = true,                                                                           \
     .required = true,                                                                             \
     .check = access_path_check,                                                                   \
     .about = "where, such as / or /vms/100"},                                                     \
        {.name = "role",                                                                           \
         .type = CLI_TYPE_TEXT,                                                                    \
         .required = true,                                                                         \
         .value = "role,...",                                                                      \
         .about = "the role"},                                                                     \
        {.name = "user", .type = CLI_TYPE_TEXT, .value = "user,...", .about = "for these"},        \
        {.name = "group", .type = CLI_TYPE_TEXT, .value = "group,...", .about = "for these"},      \
    {                                                                                              \
        .name = "token", .type = CLI_TYPE_TEXT, .value = "user!token,...", .about = "for these"    \
    }

const struct cli_param ha_cluster_role_add_params[] = {ROLE, PRIVS, {.name = NULL}};
const struct cli_param ha_cluster_role_set_params[] = {
    ROLE,
    PRIVS,
    {.name = "append", .type = CLI_TYPE_BOOL, .about = "keep those it has"},
    {.name = NULL}};
const struct cli_param ha_cluster_role_params[] = {ROLE, {.name = NULL}};
const struct cli_param ha_cluster_acl_remove_params[] = {SUBJECTS, {.name = NULL}};
const struct cli_param ha_cluster_acl_params[] = {SUBJECTS,
                                                  {.name = "propagate",
                                                   .type = CLI_TYPE_BOOL,
                                                   .fallback = "1",
                                                   .about = "also for what is below the path"},
                                                  {.name = NULL}};

// ---- Roles.

static int role_put(struct cli *cli, bool exists, struct error *err)
{
    static const char *const settings_add[] = {"privs", NULL};
    static const char *const settings_set[] = {"append", "privs", NULL};
    struct access_context context CLEANUP(access_context_close) = {0};
    int r = access_context_open(cli, true, &context, err);
    bool append = exists && cli_bool(cli, "append");
    access_tell_permission(cli, &context, "role", cli_text(cli, "role"),
                           exists ? "changed" : "added",
                           access_settings(cli, exists ? settings_set : settings_add));
    return r == 0 ? access_role_put(&context.edit, cli_text(cli, "role"),
                                    access_words(cli, "privs"), append, exists, err)
                  : r;
}

int ha_cluster_role_add(struct cli *cli, struct error *err)
{
    return role_put(cli, false, err);
}

int ha_cluster_role_set(struct cli *cli, struct error *err)
{
    return role_put(cli, true, err);
}

int ha_cluster_role_remove(struct cli *cli, struct error *err)
{
    struct access_context context CLEANUP(access_context_close) = {0};
    int r = access_context_open(cli, true, &context, err);
    access_tell_permission(cli, &context, "role", cli_text(cli, "role"), "removed", NULL);
    return r == 0 ? access_role_remove(&context.edit, cli_text(cli, "role"), err) : r;
}

static void role_row(struct cli *cli, const char *roleid, uint64_t privileges, bool builtin,
                     struct json *rows)
{
    struct json *row = json_new_object(cli->arena);
    json_put_string(row, "role", roleid);
    json_put_bool(row, "builtin", builtin);
    json_put_string(row, "privileges", privileges_to_text(cli->arena, privileges));
    json_append(rows, row);
}

int ha_cluster_role_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "role"},
        {.key = "builtin", .title = "built in", .kind = OUTPUT_COLUMN_BOOL},
        {.key = "privileges"},
    };
    struct access_context context CLEANUP(access_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    const struct role_builtin *builtin = NULL;
    int r = access_context_open(cli, false, &context, err);
    if (r < 0) {
        return r;
    }
    size_t count = roles_builtin(&builtin);
    for (size_t i = 0; i < count; i++) {
        role_row(cli, builtin[i].name, builtin[i].privileges, true, rows);
    }
    map_each (e, &context.edit.rights->roles) {
        const struct access_role *role = e->value;
        role_row(cli, role->roleid, role->privileges, false, rows);
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

// ---- Permissions.

static int acl_change(struct cli *cli, bool removed, struct error *err)
{
    static const char *const settings[] = {"role", "user", "group", "token", NULL};
    static const char *const settings_set[] = {"role", "user", "group", "token", "propagate", NULL};
    struct access_context context CLEANUP(access_context_close) = {0};
    struct access_acl_change change = {
        .path = cli_text(cli, "path"),
        .roles = access_words(cli, "role"),
        .users = access_words(cli, "user"),
        .groups = access_words(cli, "group"),
        .tokens = access_words(cli, "token"),
        .propagate = removed || cli_bool(cli, "propagate"),
        .remove = removed,
    };
    if (change.users == NULL && change.groups == NULL && change.tokens == NULL) {
        return cli_reject(cli, "user", "give --user, --group or --token");
    }
    int r = access_context_open(cli, true, &context, err);
    access_tell_permission(cli, &context, "acl", change.path, removed ? "removed" : "changed",
                           access_settings(cli, removed ? settings : settings_set));
    return r == 0 ? access_acl_change(&context.edit, &change, err) : r;
}

int ha_cluster_acl_set(struct cli *cli, struct error *err)
{
    return acl_change(cli, false, err);
}

int ha_cluster_acl_remove(struct cli *cli, struct error *err)
{
    return acl_change(cli, true, err);
}

int ha_cluster_acl_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "path"},
        {.key = "type"},
        {.key = "who"},
        {.key = "role"},
        {.key = "propagate", .kind = OUTPUT_COLUMN_BOOL},
    };
    struct access_context context CLEANUP(access_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    const struct access_acl *all = NULL;
    int r = access_context_open(cli, false, &context, err);
    if (r < 0) {
        return r;
    }
    size_t count = access_acl_all(cli->arena, context.edit.rights, &all);
    for (size_t i = 0; i < count; i++) {
        struct json *row = json_new_object(cli->arena);
        json_put_string(row, "path", all[i].path);
        json_put_string(row, "type", acl_type_to_string(all[i].type));
        json_put_string(row, "who", all[i].ugid);
        json_put_string(row, "role", all[i].roleid);
        json_put_bool(row, "propagate", all[i].propagate);
        json_append(rows, row);
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}
