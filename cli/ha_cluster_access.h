// SPDX-License-Identifier: Apache-2.0
// The commands "ha-cluster user|group|token|role|acl …": who may use the API, and for what. Each is
// a cli_command's run(), with its parameters.
#pragma once

#include "cli/access_edit.h"
#include "cli/command_line.h"
#include "cli/session.h"
#include "common/base/macros.h"

struct error;
struct json;

extern const struct cli_param ha_cluster_user_add_params[];
extern const struct cli_param ha_cluster_user_set_params[];
extern const struct cli_param ha_cluster_user_params[];
extern const struct cli_param ha_cluster_user_password_params[];
extern const struct cli_param ha_cluster_group_add_params[];
extern const struct cli_param ha_cluster_group_params[];
extern const struct cli_param ha_cluster_token_add_params[];
extern const struct cli_param ha_cluster_token_params[];
extern const struct cli_param ha_cluster_token_list_params[];
extern const struct cli_param ha_cluster_role_add_params[];
extern const struct cli_param ha_cluster_role_set_params[];
extern const struct cli_param ha_cluster_role_params[];
extern const struct cli_param ha_cluster_acl_params[];
extern const struct cli_param ha_cluster_acl_remove_params[];

int ha_cluster_user_list(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_user_add(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_user_set(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_user_remove(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_user_password(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_group_list(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_group_add(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_group_remove(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_token_list(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_token_add(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_token_remove(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_role_list(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_role_add(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_role_set(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_role_remove(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_acl_list(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_acl_set(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_acl_remove(struct cli *cli, struct error *err) WARN_UNUSED;

// The connection and what there is, for reading, or for a change by the operator.
struct access_context {
    struct session session;
    struct access_edit edit;
};
int access_context_open(struct cli *cli, bool changes, struct access_context *ret,
                        struct error *err) WARN_UNUSED;
void access_context_close(struct access_context *context); // for CLEANUP()
// What the change that follows is told as: events of docs/events.md. `settings`: as it is asked
// for, or NULL.
void access_tell_user(struct cli *cli, struct access_context *context, const char *what,
                      const char *settings);
void access_tell_permission(struct cli *cli, struct access_context *context, const char *kind,
                            const char *name, const char *what, const char *settings);
// "privs=Sys.Audit append=1": those of the options that were given.
const char *access_settings(struct cli *cli, const char *const *names) WARN_UNUSED;
// The words of an option, as an array of texts; NULL when it was not given.
struct json *access_words(struct cli *cli, const char *name) WARN_UNUSED;

// For completion: names of users, groups, tokens and roles, by the parameter's name.
struct arena;
struct strbuf;
void ha_cluster_access_complete(struct arena *arena, const struct cli_param *param,
                                struct strbuf *out);

// The lines of the table of commands.
#define HA_CLUSTER_ACCESS_COMMANDS                                                                 \
    {.name = "user list",                                                                          \
     .about = "who may log in at the API and the dashboard",                                       \
     .output = true,                                                                               \
     .run = ha_cluster_user_list},                                                                 \
        {.name = "user add",                                                                       \
         .about = "let a user log in: of the machines (name@pam) or of the cluster (name@pve)",    \
         .more = "A new user may nothing; give it a role with 'ha-cluster acl set'. root@pam is\n" \
                 "always there and may all.",                                                      \
         .params = ha_cluster_user_add_params,                                                     \
         .run = ha_cluster_user_add},                                                              \
        {.name = "user set",                                                                       \
         .about = "change a user",                                                                 \
         .params = ha_cluster_user_set_params,                                                     \
         .run = ha_cluster_user_set},                                                              \
        {.name = "user remove",                                                                    \
         .about = "remove a user with its tokens and permissions",                                 \
         .params = ha_cluster_user_params,                                                         \
         .run = ha_cluster_user_remove},                                                           \
        {.name = "user password",                                                                  \
         .about = "set the password of a user of the realm pve",                                   \
         .params = ha_cluster_user_password_params,                                                \
         .run = ha_cluster_user_password},                                                         \
        {.name = "group list",                                                                     \
         .about = "groups of users",                                                               \
         .output = true,                                                                           \
         .run = ha_cluster_group_list},                                                            \
        {.name = "group add",                                                                      \
         .about = "make a group, to give roles to; its users are named by 'user set --groups'",    \
         .params = ha_cluster_group_add_params,                                                    \
         .run = ha_cluster_group_add},                                                             \
        {.name = "group remove",                                                                   \
         .about = "remove a group and its permissions, not its users",                             \
         .params = ha_cluster_group_params,                                                        \
         .run = ha_cluster_group_remove},                                                          \
        {.name = "token list",                                                                     \
         .about = "API tokens, of all users or of one",                                            \
         .params = ha_cluster_token_list_params,                                                   \
         .output = true,                                                                           \
         .run = ha_cluster_token_list},                                                            \
        {.name = "token add",                                                                      \
         .about = "make an API token for programs; its secret is shown this once",                 \
         .more = "Without --privsep 0 a token has only what 'ha-cluster acl set --token' gives\n"  \
                 "it, and never more than its user.",                                              \
         .params = ha_cluster_token_add_params,                                                    \
         .output = true,                                                                           \
         .run = ha_cluster_token_add},                                                             \
        {.name = "token remove",                                                                   \
         .about = "remove an API token",                                                           \
         .params = ha_cluster_token_params,                                                        \
         .run = ha_cluster_token_remove},                                                          \
        {.name = "role list",                                                                      \
         .about = "roles and their privileges",                                                    \
         .output = true,                                                                           \
         .run = ha_cluster_role_list},                                                             \
        {.name = "role add",                                                                       \
         .about = "make a role of privileges",                                                     \
         .params = ha_cluster_role_add_params,                                                     \
         .run = ha_cluster_role_add},                                                              \
        {.name = "role set",                                                                       \
         .about = "change the privileges of a role that is not built in",                          \
         .params = ha_cluster_role_set_params,                                                     \
         .run = ha_cluster_role_set},                                                              \
        {.name = "role remove",                                                                    \
         .about = "remove a role that nobody has",                                                 \
         .params = ha_cluster_role_params,                                                         \
         .run = ha_cluster_role_remove},                                                           \
        {.name = "acl list",                                                                       \
         .about = "who has which role on which path",                                              \
         .output = true,                                                                           \
         .run = ha_cluster_acl_list},                                                              \
        {.name = "acl set",                                                                        \
         .about = "give a role on a path and what is below it",                                    \
         .more = "Paths: / (all), /vms/<id>, /nodes/<node>, /storage/<id>, /access. The nearest\n" \
                 "path of which something is said counts alone; the role NoAccess takes all.",     \
         .params = ha_cluster_acl_params,                                                          \
         .run = ha_cluster_acl_set},                                                               \
    {                                                                                              \
        .name = "acl remove", .about = "take a role on a path away",                               \
        .params = ha_cluster_acl_remove_params, .run = ha_cluster_acl_remove                       \
    }
