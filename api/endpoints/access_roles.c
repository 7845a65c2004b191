// SPDX-License-Identifier: Apache-2.0
// /access/roles and /access/acl: what roles may, and who has which where. Changes are in
// cli/access_permission.c.
#include <errno.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "api/call/call.h"
#include "api/endpoints/access_support.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/access_edit.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"

// ---- Roles.

static void role_append(struct arena *arena, struct json *list, const char *roleid,
                        uint64_t privileges, bool builtin)
{
    struct json *row = json_new_object(arena);
    json_put_string(row, "roleid", roleid);
    json_put_string(row, "privs", privileges_to_text(arena, privileges));
    json_put_int(row, "special", builtin ? 1 : 0);
    json_append(list, row);
}

static void roles_get(struct call *call)
{
    const struct role_builtin *builtin = NULL;
    struct json *list = json_new_array(call->arena);
    size_t count = roles_builtin(&builtin);
    for (size_t i = 0; i < count; i++) {
        role_append(call->arena, list, builtin[i].name, builtin[i].privileges, true);
    }
    map_each (e, &call->host->rights->roles) {
        const struct access_role *role = e->value;
        role_append(call->arena, list, role->roleid, role->privileges, false);
    }
    call_return(call, list);
}

static void role_get(struct call *call)
{
    const char *roleid = call_string(call, "roleid", "");
    const struct role_builtin *builtin = roles_find_builtin(roleid);
    const struct access_role *role = map_find(&call->host->rights->roles, roleid);
    if (builtin == NULL && role == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "role '%s' does not exist", roleid);
        return;
    }
    call_return(call, privileges_to_object(call->arena, builtin != NULL ? builtin->privileges
                                                                        : role->privileges));
}

static void role_put(struct call *call, bool exists)
{
    struct access_edit edit;
    struct error err = {0};
    const char *roleid = call_string(call, "roleid", "");
    bool append = exists && call_bool(call, "append", false);
    if (!access_edit_begin(call, &edit)) {
        return;
    }
    int r = access_role_put(&edit, roleid, call_list(call, "privs"), append, exists, &err);
    if (access_edit_done(call, r, &err)) {
        const char *privs = endpoint_text(call, "privs");
        access_tell_permission(call, "role", roleid, exists ? "changed" : "added",
                               privs != NULL ? arena_printf(call->arena, "%sprivs=%s",
                                                            append ? "append=1 " : "", privs)
                                             : NULL);
    }
}

static void role_add(struct call *call)
{
    role_put(call, false);
}

static void role_change(struct call *call)
{
    role_put(call, true);
}

static void role_delete(struct call *call)
{
    struct access_edit edit;
    struct error err = {0};
    const char *roleid = call_string(call, "roleid", "");
    if (access_edit_begin(call, &edit) &&
        access_edit_done(call, access_role_remove(&edit, roleid, &err), &err)) {
        access_tell_permission(call, "role", roleid, "removed", NULL);
    }
}

// ---- The list of permissions.

static void acl_get(struct call *call)
{
    const struct access_acl *all = NULL;
    struct json *list = json_new_array(call->arena);
    size_t count = access_acl_all(call->arena, call->host->rights, &all);
    bool sees_all = call_may(call, PRIVILEGE_SYS_AUDIT, "/access");
    for (size_t i = 0; i < count; i++) {
        struct json *row = json_new_object(call->arena);
        if (!sees_all && !call_may(call, PRIVILEGE_PERMISSIONS_MODIFY, all[i].path)) {
            continue;
        }
        json_put_string(row, "path", all[i].path);
        json_put_string(row, "type", acl_type_to_string(all[i].type));
        json_put_string(row, "ugid", all[i].ugid);
        json_put_string(row, "roleid", all[i].roleid);
        json_put_int(row, "propagate", all[i].propagate ? 1 : 0);
        json_append(list, row);
    }
    call_return(call, list);
}

static void acl_put(struct call *call)
{
    static const char *const settings[] = {"delete", "groups", "propagate", "roles",
                                           "tokens", "users",  NULL};
    struct access_edit edit;
    struct error err = {0};
    struct map set;
    struct access_acl_change change = {
        .path = call_string(call, "path", ""),
        .roles = call_list(call, "roles"),
        .users = call_list(call, "users"),
        .groups = call_list(call, "groups"),
        .tokens = call_list(call, "tokens"),
        .propagate = call_bool(call, "propagate", true),
        .remove = call_bool(call, "delete", false),
    };
    if (access_path_check(change.path, &err) < 0) {
        call_fault(call, "path", "invalid format - %s", err.text);
        return;
    }
    if (change.users == NULL && change.groups == NULL && change.tokens == NULL) {
        call_fault(call, "users", "either 'users', 'groups' or 'tokens' is required");
        return;
    }
    if (!call_need(call, PRIVILEGE_PERMISSIONS_MODIFY, change.path) ||
        !access_edit_begin(call, &edit)) {
        return;
    }
    if (access_edit_done(call, access_acl_change(&edit, &change, &err), &err)) {
        map_init_arena(&set, call->arena);
        endpoint_texts(call, settings, &set);
        access_tell_permission(call, "acl", change.path, change.remove ? "removed" : "changed",
                               endpoint_summary(call, &set, NULL));
    }
}

// ---- Rows.

#define PARAMETER_ROLEID                                                                           \
    {                                                                                              \
        .name = "roleid", .format = PARAMETER_FORMAT_ROLE, .required = true, .length_max = 64,     \
        .description = "name of the role"                                                          \
    }
#define PARAMETER_PRIVS                                                                            \
    {                                                                                              \
        .name = "privs", .type = PARAMETER_TYPE_LIST, .format = PARAMETER_FORMAT_PRIVILEGE,        \
        .description = "privileges"                                                                \
    }

static const struct parameter parameters_role[] = {PARAMETER_ROLEID};
static const struct parameter parameters_role_add[] = {PARAMETER_ROLEID, PARAMETER_PRIVS};
static const struct parameter parameters_role_change[] = {
    PARAMETER_ROLEID,
    PARAMETER_PRIVS,
    {.name = "append",
     .type = PARAMETER_TYPE_BOOLEAN,
     .default_text = "0",
     .description = "the privileges are added to those it has"},
};
static const struct parameter parameters_acl[] = {
    {.name = "path",
     .format = PARAMETER_FORMAT_ACL_PATH,
     .required = true,
     .length_max = 256,
     .description = "where: /, /vms/100, /nodes/n1, /storage/s, /access, …"},
    {.name = "roles",
     .type = PARAMETER_TYPE_LIST,
     .format = PARAMETER_FORMAT_ROLE,
     .required = true,
     .description = "roles"},
    {.name = "users",
     .type = PARAMETER_TYPE_LIST,
     .format = PARAMETER_FORMAT_USERID,
     .description = "who gets them"},
    {.name = "groups",
     .type = PARAMETER_TYPE_LIST,
     .format = PARAMETER_FORMAT_ROLE,
     .description = "groups who get them"},
    {.name = "tokens", .type = PARAMETER_TYPE_LIST, .description = "API tokens who get them"},
    {.name = "propagate",
     .type = PARAMETER_TYPE_BOOLEAN,
     .default_text = "1",
     .description = "it holds for what is below the path, too"},
    {.name = "delete",
     .type = PARAMETER_TYPE_BOOLEAN,
     .default_text = "0",
     .description = "take these permissions away"},
};

#define MAY_CHANGE_ROLES                                                                           \
    .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_SYS_MODIFY,                          \
    .access_path = "/access", .kind = METHOD_KIND_WORK, .returns = "null"

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/access/roles",
     .description = "roles and their privileges",
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = roles_get},
    {.verb = METHOD_VERB_POST,
     .path = "/access/roles",
     .description = "add a role",
     PARAMETERS(parameters_role_add),
     MAY_CHANGE_ROLES,
     .run = role_add},
    {.verb = METHOD_VERB_GET,
     .path = "/access/roles/{roleid}",
     .description = "a role's privileges",
     PARAMETERS(parameters_role),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = role_get},
    {.verb = METHOD_VERB_PUT,
     .path = "/access/roles/{roleid}",
     .description = "change a role's privileges",
     PARAMETERS(parameters_role_change),
     MAY_CHANGE_ROLES,
     .run = role_change},
    {.verb = METHOD_VERB_DELETE,
     .path = "/access/roles/{roleid}",
     .description = "remove a role that nobody has",
     PARAMETERS(parameters_role),
     MAY_CHANGE_ROLES,
     .run = role_delete},
    {.verb = METHOD_VERB_GET,
     .path = "/access/acl",
     .description = "the list of permissions, as far as the caller may see it",
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = acl_get},
    {.verb = METHOD_VERB_PUT,
     .path = "/access/acl",
     .description = "give roles on a path, or take them away; needs Permissions.Modify there",
     PARAMETERS(parameters_acl),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = acl_put},
};

const struct method_table endpoints_access_roles = {methods, ARRAY_SIZE(methods)};
