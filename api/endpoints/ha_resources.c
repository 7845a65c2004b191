// SPDX-License-Identifier: Apache-2.0
// /cluster/ha/resources: what operators want to be kept running. The words of refusals are those
// that clients know; whatever else is wrong is said as the tools say it.
#include <errno.h>
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/cluster_command.h"
#include "cli/cluster_view.h"
#include "cli/group_view.h"
#include "cli/move_effects.h"
#include "cli/resource_edit.h"
#include "cli/resource_json.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/command.h"
#include "common/model/event.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"

static const char *const resource_types[] = {"ct", "vm", NULL};
static const char *const resource_states[] = {"started",  "stopped", "enabled",
                                              "disabled", "ignored", NULL};
static const char *const resource_keys[] = {"state",
                                            "failback",
                                            "max_restart",
                                            "max_relocate",
                                            "comment",
                                            "probe",
                                            "probe_interval",
                                            "probe_timeout",
                                            "probe_failures",
                                            "restart_limit",
                                            "restart_window",
                                            "retry_interval",
                                            NULL};

// The service that the path or a parameter names.
static bool resource_name(struct call *call, const char **ret_sid)
{
    struct error err = {0};
    const char *typed = call_string(call, "sid", "");
    if (cluster_view_resolve(call->arena, call->host->view, typed, ret_sid, &err) < 0) {
        call_refuse(call, CALL_STATUS_FAILED, "no such resource '%s'", typed);
        return false;
    }
    return true;
}

// ---- Showing.

static struct json *resource_row(const struct call *call, const char *sid)
{
    const struct cluster_view *view = call->host->view;
    const struct resource *resource = map_find(&view->resources, sid);
    struct json *row = resource_to_json(call->arena, sid, map_find(&view->texts, sid), resource);
    if (resource->group == NULL) {
        json_put_string(row, "group", map_find(&view->groups, sid));
    }
    return row;
}

static void resources_list(struct call *call)
{
    const char *type = call_string(call, "type", NULL);
    struct json *list = json_new_array(call->arena);
    map_each (e, &call->host->view->resources) {
        if (type == NULL || strcmp(type, sid_type(call->arena, e->key)) == 0) {
            json_append(list, resource_row(call, e->key));
        }
    }
    call_return(call, list);
}

static void resource_get(struct call *call)
{
    const char *sid = NULL;
    if (!resource_name(call, &sid)) {
        return;
    }
    if (!map_has(&call->host->view->resources, sid)) {
        call_refuse(call, CALL_STATUS_FAILED, "no such resource '%s'", sid);
        return;
    }
    call_return(call, resource_row(call, sid));
}

// ---- Changing.

static void resource_tell(const struct call *call, const char *sid, const char *what,
                          const char *settings)
{
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "resource-changed");
    event_text(call->arena, event, "sid", sid);
    endpoint_tell(call, event, what, settings);
}

// All that was given, for the event.
static const char *resource_settings(const struct call *call,
                                     const struct resource_request *request, const char *unset)
{
    struct map set;
    map_init_arena(&set, call->arena);
    map_each (e, &request->set) {
        map_put(&set, e->key, e->value);
    }
    if (call_has(call, "group")) {
        map_put(&set, "group", arena_strdup(call->arena, call_string(call, "group", "")));
    }
    return endpoint_summary(call, &set, unset);
}

static void resource_fill(struct call *call, struct resource_request *request)
{
    resource_request_init(call->arena, request);
    endpoint_texts(call, resource_keys, &request->set);
}

// The group that was asked for becomes writes of the same transaction: its rule, with the service
// in it.
static int resource_fill_group(struct call *call, const char *sid, bool leave,
                               struct resource_request *request, struct group_view_ops *ops,
                               struct error *err)
{
    const char *group = endpoint_text(call, "group");
    struct session_value stored;
    if (group == NULL && !leave) {
        return 0;
    }
    int r = session_read(call->arena, call->host->session, STORE_KEY_GROUPS, &stored, err);
    if (r < 0) {
        return r;
    }
    if (stored.text != NULL && stored.size_bytes > 0) { // not migrated yet: it is an option
        if (group != NULL) {
            map_put(&request->set, "group", arena_strdup(call->arena, group));
        }
        return 0;
    }
    r = group_view_assign(call->arena, call->host->session, call->host->view, sid, group, ops, err);
    if (r < 0) {
        return r;
    }
    request->extra = ops->ops;
    request->extra_count = ops->count;
    if (ops->nofailback && !map_has(&request->set, "failback")) {
        map_put(&request->set, "failback", arena_strdup(call->arena, "0"));
    }
    return 0;
}

// A guest of the other type with this number, or NULL.
static const char *resource_other_type(const struct call *call, const char *sid)
{
    const char *other = strcmp(sid_type(call->arena, sid), "ct") == 0 ? "vm" : "ct";
    const char *other_sid = arena_printf(call->arena, "%s:%s", other, sid_name(sid));
    return map_has(&call->host->view->guests, other_sid) ? other : NULL;
}

static bool resource_check_new(struct call *call, const char *sid)
{
    const struct cluster_view *view = call->host->view;
    const char *type = sid_type(call->arena, sid);
    const char *wanted = call_string(call, "type", type);
    if (strcmp(wanted, type) != 0) {
        call_refuse(call, CALL_STATUS_FAILED, "types does not match");
        return false;
    }
    if (map_has(&view->resources, sid)) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "create resource failed: resource ID '%s' already defined", sid);
        return false;
    }
    if (map_has(&view->guests, sid) || (strcmp(type, "ct") != 0 && strcmp(type, "vm") != 0)) {
        return true;
    }
    if (resource_other_type(call, sid) != NULL) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "unable to add resource '%s' - guest with ID %s is not a %s", sid,
                    sid_name(sid), strcmp(type, "ct") == 0 ? "container" : "VM");
        return false;
    }
    call_refuse(call, CALL_STATUS_FAILED, "resource '%s' does not exist in cluster", sid);
    return false;
}

// "100" is what guest 100 is, or what `type` says.
static const char *resource_new_name(const struct call *call)
{
    const char *typed = call_string(call, "sid", "");
    const char *sid = NULL;
    if (cluster_view_resolve(call->arena, call->host->view, typed, &sid, NULL) == 0) {
        return sid;
    }
    if (strchr(typed, ':') != NULL) {
        return typed;
    }
    return arena_printf(call->arena, "%s:%s", call_string(call, "type", "vm"), typed);
}

static void resource_post(struct call *call)
{
    struct resource_request request;
    struct group_view_ops ops = {0};
    struct error err = {0};
    const char *sid = resource_new_name(call);
    if (!resource_check_new(call, sid)) {
        return;
    }
    resource_fill(call, &request);
    const char *settings = resource_settings(call, &request, NULL);
    int r = resource_fill_group(call, sid, false, &request, &ops, &err);
    if (r == 0) {
        r = resource_add(call->arena, call->host->session, call->host->view, sid, &request, &err);
    }
    if (r < 0) {
        if (r != -EHOSTDOWN) {
            error_prefix(&err, "create resource failed");
        }
        call_fail(call, &err);
        return;
    }
    resource_tell(call, sid, "added", settings);
}

static bool resource_check_error(struct call *call, const char *sid)
{
    const struct service *service = map_find(&call->host->view->services, sid);
    if (service != NULL && service->state == SVC_STATE_ERROR &&
        strcmp(call_string(call, "state", ""), "disabled") != 0) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "service '%s' in error state, must be disabled and fixed first", sid);
        return false;
    }
    return true;
}

// "delete" without the keys that are no option of the resource.
static const char *resource_unset_list(const struct call *call, bool *ret_group)
{
    const struct json *list = call_list(call, "delete");
    struct json *rest = json_new_array(call->arena);
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        if (strcmp(list->items[i]->string, "group") == 0) {
            *ret_group = true;
        } else {
            json_append(rest, list->items[i]);
        }
    }
    const char *text = "";
    for (size_t i = 0; i < rest->count; i++) {
        text = arena_printf(call->arena, "%s%s%s", text, i > 0 ? "," : "", rest->items[i]->string);
    }
    return rest->count > 0 ? text : NULL;
}

static void resource_put(struct call *call)
{
    struct resource_request request;
    struct group_view_ops ops = {0};
    struct error err = {0};
    const char *sid = NULL;
    bool leave = false;
    if (!resource_name(call, &sid)) {
        return;
    }
    if (!map_has(&call->host->view->resources, sid)) {
        call_refuse(call, CALL_STATUS_FAILED, "no such resource '%s'", sid);
        return;
    }
    if (!resource_check_error(call, sid)) {
        return;
    }
    resource_fill(call, &request);
    request.unset = resource_unset_list(call, &leave);
    request.digest = call_string(call, "digest", NULL);
    const char *settings = resource_settings(call, &request, endpoint_text(call, "delete"));
    int r = resource_fill_group(call, sid, leave, &request, &ops, &err);
    if (r == 0) {
        r = resource_change(call->arena, call->host->session, call->host->view, sid, &request,
                            &err);
    }
    if (r == -ESTALE) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "update resources config failed: detected modified configuration - file "
                    "changed by other user? Try again.");
        return;
    }
    if (r < 0) {
        if (r != -EHOSTDOWN) {
            error_prefix(&err, "update resources config failed");
        }
        call_fail(call, &err);
        return;
    }
    resource_tell(call, sid, "changed", settings);
}

static void resource_delete(struct call *call)
{
    struct error err = {0};
    const char *sid = NULL;
    const char *typed = call_string(call, "sid", "");
    if (cluster_view_resolve(call->arena, call->host->view, typed, &sid, NULL) < 0) {
        sid = typed;
    }
    // A resource that cannot be read can still be removed: the store knows whether it is there.
    enum resource_purge purge =
        call_bool(call, "purge", true) ? RESOURCE_PURGE_FORCE : RESOURCE_PURGE_NO;
    int r = 0;
    if (purge == RESOURCE_PURGE_FORCE && map_has(&call->host->view->resources, sid)) {
        r = group_view_keep(call->arena, call->host->session, call->host->view, sid, &err);
    }
    if (r == 0) {
        r = resource_remove(call->arena, call->host->session, call->host->view, sid, purge, &err);
    }
    if (r == -ENOENT) {
        call_refuse(call, CALL_STATUS_FAILED, "cannot delete service '%s', not HA managed!", sid);
        return;
    }
    if (r < 0) {
        call_fail(call, &err);
        return;
    }
    resource_tell(call, sid, "removed", NULL);
}

// ---- Moving.

static bool resource_check_move(struct call *call, const char *sid)
{
    const struct cluster_view *view = call->host->view;
    const struct service *service = map_find(&view->services, sid);
    if (!cluster_view_manages(view, sid)) {
        call_refuse(call, CALL_STATUS_FAILED, "resource '%s' is not HA managed", sid);
        return false;
    }
    if (service != NULL && service->state == SVC_STATE_ERROR) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "service '%s' in error state, must be disabled and fixed first", sid);
        return false;
    }
    return true;
}

static struct json *resource_move_answer(const struct call *call, const struct command *command,
                                         const struct move_effects *effects)
{
    struct json *answer = json_new_object(call->arena);
    struct json *along = json_new_array(call->arena);
    struct json *blocking = json_new_array(call->arena);
    json_put_string(answer, "sid", command->sid);
    json_put_string(answer, "requested-node", command->node);
    for (size_t i = 0; i < effects->along_count; i++) {
        json_append(along, json_new_string(call->arena, effects->along[i]));
    }
    for (size_t i = 0; i < effects->blocking_count; i++) {
        struct json *one = json_new_object(call->arena);
        json_put_string(one, "sid", effects->blocking[i]);
        json_put_string(one, "cause", "resource-affinity");
        json_append(blocking, one);
    }
    if (along->count > 0) {
        json_put(answer, "comigrated-resources", along);
    }
    if (blocking->count > 0) {
        json_put(answer, "blocking-resources", blocking);
    }
    return answer;
}

// Queued first: what the rules make of it is the master's to decide, and only told here.
static void resource_move(struct call *call, enum command_kind kind)
{
    struct error err = {0};
    struct move_effects effects = {0};
    struct command command = {.kind = kind, .node = call_string(call, "node", "")};
    if (cluster_view_resolve(call->arena, call->host->view, call_string(call, "sid", ""),
                             &command.sid, NULL) < 0) {
        command.sid = call_string(call, "sid", "");
    }
    if (!resource_check_move(call, command.sid)) {
        return;
    }
    int r = session_need_quorum(call->host->session, &err);
    if (r == 0) {
        r = cluster_command_send(call->arena, call->host->session, &command, &err);
    }
    if (r < 0) {
        call_fail(call, &err);
        return;
    }
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "command-given");
    event_text(call->arena, event, "sid", command.sid);
    event_text(call->arena, event, "command", command_format_text(call->arena, &command));
    call_tell(call, event);
    if (endpoint_is_online(call, command.node) &&
        move_effects_find(call->arena, call->host->session, call->host->view, command.sid,
                          command.node, &effects, &err) < 0) {
        effects = (struct move_effects){0}; // the command is queued all the same
    }
    call_return(call, resource_move_answer(call, &command, &effects));
}

static void resource_migrate(struct call *call)
{
    resource_move(call, COMMAND_KIND_MIGRATE);
}

static void resource_relocate(struct call *call)
{
    resource_move(call, COMMAND_KIND_RELOCATE);
}

// ---- The rows.

#define PARAMETERS_RESOURCE                                                                        \
    {.name = "state",                                                                              \
     .values = resource_states,                                                                    \
     .default_text = "started",                                                                    \
     .description = "what is to become of the service"},                                           \
        {.name = "group",                                                                          \
         .format = PARAMETER_FORMAT_ID,                                                            \
         .description = "group of nodes: the rule of that name has the service"},                  \
        {.name = "failback",                                                                       \
         .type = PARAMETER_TYPE_BOOLEAN,                                                           \
         .default_text = "1",                                                                      \
         .description = "return to a preferred node when it is back"},                             \
        {.name = "max_restart",                                                                    \
         .type = PARAMETER_TYPE_INTEGER,                                                           \
         .has_minimum = true,                                                                      \
         .has_maximum = true,                                                                      \
         .maximum = RESOURCE_TRIES_MAX,                                                            \
         .default_text = "1",                                                                      \
         .description = "starts on its node after a failed one"},                                  \
        {.name = "max_relocate",                                                                   \
         .type = PARAMETER_TYPE_INTEGER,                                                           \
         .has_minimum = true,                                                                      \
         .has_maximum = true,                                                                      \
         .maximum = RESOURCE_TRIES_MAX,                                                            \
         .default_text = "1",                                                                      \
         .description = "other nodes that are tried after that"},                                  \
        {.name = "probe", .description = "how its health is asked: see ha-manager(1)"},            \
        {.name = "probe_interval",                                                                 \
         .type = PARAMETER_TYPE_INTEGER,                                                           \
         .has_minimum = true,                                                                      \
         .minimum = 1,                                                                             \
         .has_maximum = true,                                                                      \
         .maximum = RESOURCE_PROBE_INTERVAL_MAX_S,                                                 \
         .default_text = "10",                                                                     \
         .description = "seconds between two probes"},                                             \
        {.name = "probe_timeout",                                                                  \
         .type = PARAMETER_TYPE_INTEGER,                                                           \
         .has_minimum = true,                                                                      \
         .minimum = 1,                                                                             \
         .has_maximum = true,                                                                      \
         .maximum = RESOURCE_PROBE_TIMEOUT_MAX_S,                                                  \
         .default_text = "5",                                                                      \
         .description = "seconds that a probe may take"},                                          \
        {.name = "probe_failures",                                                                 \
         .type = PARAMETER_TYPE_INTEGER,                                                           \
         .has_minimum = true,                                                                      \
         .minimum = 1,                                                                             \
         .has_maximum = true,                                                                      \
         .maximum = RESOURCE_PROBE_FAILURES_MAX,                                                   \
         .default_text = "3",                                                                      \
         .description = "failed probes in a row before it is restarted"},                          \
        {.name = "restart_limit",                                                                  \
         .type = PARAMETER_TYPE_INTEGER,                                                           \
         .has_minimum = true,                                                                      \
         .has_maximum = true,                                                                      \
         .maximum = RESOURCE_RESTART_LIMIT_MAX,                                                    \
         .default_text = "0",                                                                      \
         .description = "restarts within the window before it counts as failed; 0: any"},          \
        {.name = "restart_window",                                                                 \
         .type = PARAMETER_TYPE_INTEGER,                                                           \
         .has_minimum = true,                                                                      \
         .minimum = 1,                                                                             \
         .has_maximum = true,                                                                      \
         .maximum = RESOURCE_RESTART_WINDOW_MAX_S,                                                 \
         .default_text = "600",                                                                    \
         .description = "the window, in seconds"},                                                 \
        {.name = "retry_interval",                                                                 \
         .type = PARAMETER_TYPE_INTEGER,                                                           \
         .has_minimum = true,                                                                      \
         .has_maximum = true,                                                                      \
         .maximum = RESOURCE_RETRY_INTERVAL_MAX_S,                                                 \
         .default_text = "0",                                                                      \
         .description = "seconds after which it is tried again out of error; 0: never"},           \
        PARAMETER_COMMENT

static const struct parameter parameters_list[] = {
    {.name = "type", .values = resource_types, .description = "only services of this type"}};
static const struct parameter parameters_sid[] = {PARAMETER_SID};
static const struct parameter parameters_post[] = {
    PARAMETER_SID,
    {.name = "type", .values = resource_types, .description = "what the guest must be"},
    PARAMETERS_RESOURCE};
static const struct parameter parameters_put[] = {PARAMETER_SID, PARAMETERS_RESOURCE,
                                                  PARAMETER_DELETE, PARAMETER_DIGEST};
static const struct parameter parameters_delete[] = {
    PARAMETER_SID,
    {.name = "purge",
     .type = PARAMETER_TYPE_BOOLEAN,
     .default_text = "1",
     .description = "take it out of all rules, too"}};
static const struct parameter parameters_move[] = {PARAMETER_SID, PARAMETER_NODE};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/resources",
     .description = "services under HA, with what is set",
     PARAMETERS(parameters_list),
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = resources_list},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/ha/resources",
     .description = "put a guest under HA",
     PARAMETERS(parameters_post),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = resource_post},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/resources/{sid}",
     .description = "one service, with what is set",
     PARAMETERS(parameters_sid),
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = resource_get},
    {.verb = METHOD_VERB_PUT,
     .path = "/cluster/ha/resources/{sid}",
     .description = "change settings of a service",
     PARAMETERS(parameters_put),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = resource_put},
    {.verb = METHOD_VERB_DELETE,
     .path = "/cluster/ha/resources/{sid}",
     .description = "take a service out of HA; it goes on as it is",
     PARAMETERS(parameters_delete),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = resource_delete},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/ha/resources/{sid}/migrate",
     .description = "move a service, while it runs where that is possible",
     PARAMETERS(parameters_move),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "object",
     .run = resource_migrate},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/ha/resources/{sid}/relocate",
     .description = "move a service: it is stopped, moved and started",
     PARAMETERS(parameters_move),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "object",
     .run = resource_relocate},
};

const struct method_table endpoints_resources = {methods, ARRAY_SIZE(methods)};
