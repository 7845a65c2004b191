// SPDX-License-Identifier: Apache-2.0
// /cluster/ha/groups: what clients of the older kind know, as a view of the rules
// (cli/group_view.h). Groups that the master has not made rules of yet are served as they are.
#include <errno.h>
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/group_edit.h"
#include "cli/group_view.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/event.h"
#include "common/model/groups.h"
#include "common/model/rules.h"

static const char *const group_keys[] = {"nodes", "restricted", "nofailback", "comment", NULL};
static const char *const group_types[] = {"group", NULL};

// All groups. *ret_stored: they are groups in the store still.
static int groups_read(const struct call *call, struct group_set *ret, bool *ret_stored,
                       struct error *err)
{
    struct group_view groups;
    *ret_stored = true;
    int r = group_read(call->arena, call->host->session, ret, err);
    if (r != -EOPNOTSUPP) {
        return r;
    }
    *ret_stored = false;
    r = group_view_read(call->arena, call->host->session, call->host->view, &groups, err);
    if (r == 0) {
        *ret = groups.groups;
    }
    return r;
}

static struct json *group_row(const struct call *call, const struct group_set *set,
                              const struct group *group)
{
    struct json *row = json_new_object(call->arena);
    json_put_string(row, "group", group->id);
    json_put_string(row, "type", "group");
    json_put_string(row, "digest", set->digest);
    json_put_string(row, "nodes", rule_nodes_to_text(call->arena, &group->nodes));
    json_put_string(row, "comment", group->comment);
    json_put_int(row, "restricted", group->restricted ? 1 : 0);
    json_put_int(row, "nofailback", group->nofailback ? 1 : 0);
    return row;
}

static void groups_list(struct call *call)
{
    struct json *list = json_new_array(call->arena);
    struct group_set set;
    struct error err = {0};
    bool stored;
    if (groups_read(call, &set, &stored, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    map_each (e, &set.groups) {
        json_append(list, group_row(call, &set, e->value));
    }
    call_return(call, list);
}

static void group_get(struct call *call)
{
    struct group_set set;
    struct error err = {0};
    bool stored;
    const char *id = call_string(call, "group", "");
    if (groups_read(call, &set, &stored, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    const struct group *group = map_find(&set.groups, id);
    if (group == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "no such ha group '%s'", id);
        return;
    }
    call_return(call, group_row(call, &set, group));
}

static void group_tell(const struct call *call, const char *id, const char *what,
                       const char *settings)
{
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "group-changed");
    event_text(call->arena, event, "group", id);
    endpoint_tell(call, event, what, settings);
}

static void group_post(struct call *call)
{
    struct group_request request;
    struct group_set set;
    struct error err = {0};
    bool stored = false;
    const char *id = call_string(call, "group", "");
    const struct session *session = call->host->session;
    group_request_init(call->arena, &request);
    endpoint_texts(call, group_keys, &request.set);
    int r = groups_read(call, &set, &stored, &err);
    if (r == 0) {
        r = stored ? group_add(call->arena, session, id, &request, &err)
                   : group_view_add(call->arena, session, call->host->view, id, &request, &err);
    }
    if (r == -EEXIST) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "create ha group failed: group ID '%s' already defined", id);
    } else if (r < 0) {
        call_fail(call, &err);
    } else {
        group_tell(call, id, "added", endpoint_summary(call, &request.set, NULL));
    }
}

static void group_put(struct call *call)
{
    struct group_request request;
    struct group_set set;
    struct error err = {0};
    bool stored = false;
    const char *id = call_string(call, "group", "");
    const struct session *session = call->host->session;
    group_request_init(call->arena, &request);
    endpoint_texts(call, group_keys, &request.set);
    request.unset = endpoint_text(call, "delete");
    request.digest = call_string(call, "digest", NULL);
    int r = groups_read(call, &set, &stored, &err);
    if (r == 0 && !map_has(&set.groups, id)) {
        call_refuse(call, CALL_STATUS_FAILED, "no such ha group '%s'", id);
        return;
    }
    if (r == 0) {
        r = stored ? group_change(call->arena, session, id, &request, &err)
                   : group_view_change(call->arena, session, call->host->view, id, &request, &err);
    }
    if (r == -ESTALE) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "detected modified configuration - file changed by other user? Try again.");
    } else if (r < 0) {
        call_fail(call, &err);
    } else {
        group_tell(call, id, "changed", endpoint_summary(call, &request.set, request.unset));
    }
}

static void group_delete(struct call *call)
{
    struct group_set set;
    struct error err = {0};
    bool stored = false;
    const char *id = call_string(call, "group", "");
    const struct session *session = call->host->session;
    int r = groups_read(call, &set, &stored, &err);
    if (r == 0 && !map_has(&set.groups, id)) {
        call_refuse(call, CALL_STATUS_FAILED, "no such ha group '%s'", id);
        return;
    }
    if (r == 0) {
        r = stored ? group_remove(call->arena, session, id, &err)
                   : group_view_remove(call->arena, session, call->host->view, id, &err);
    }
    if (r < 0) {
        error_prefix(&err, "delete ha group failed");
        call_fail(call, &err);
        return;
    }
    group_tell(call, id, "removed", NULL);
}

// ---- The rows.

#define PARAMETER_GROUP                                                                            \
    {                                                                                              \
        .name = "group", .format = PARAMETER_FORMAT_ID, .required = true,                          \
        .description = "name of the group"                                                         \
    }
#define PARAMETERS_GROUP(need)                                                                     \
    PARAMETER_GROUP, {.name = "type", .values = group_types, .description = "for older clients"},  \
        {.name = "nodes",                                                                          \
         .format = PARAMETER_FORMAT_NODE_LIST,                                                     \
         .required = (need),                                                                       \
         .description = "where its services run, <node>[:<priority>],…"},                          \
        {.name = "restricted",                                                                     \
         .type = PARAMETER_TYPE_BOOLEAN,                                                           \
         .default_text = "0",                                                                      \
         .description = "nowhere else, ever"},                                                     \
        {.name = "nofailback",                                                                     \
         .type = PARAMETER_TYPE_BOOLEAN,                                                           \
         .default_text = "0",                                                                      \
         .description = "its services do not return by themselves"},                               \
        PARAMETER_COMMENT

static const struct parameter parameters_group[] = {PARAMETER_GROUP};
static const struct parameter parameters_post[] = {PARAMETERS_GROUP(true)};
static const struct parameter parameters_put[] = {PARAMETERS_GROUP(false), PARAMETER_DELETE,
                                                  PARAMETER_DIGEST};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/groups",
     .description = "groups of nodes, a view of the rules of type node-affinity",
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = groups_list},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/ha/groups",
     .description = "make a group",
     PARAMETERS(parameters_post),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = group_post},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/groups/{group}",
     .description = "one group",
     PARAMETERS(parameters_group),
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = group_get},
    {.verb = METHOD_VERB_PUT,
     .path = "/cluster/ha/groups/{group}",
     .description = "change a group, and the rule it stands for",
     PARAMETERS(parameters_put),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = group_put},
    {.verb = METHOD_VERB_DELETE,
     .path = "/cluster/ha/groups/{group}",
     .description = "remove a group without members",
     PARAMETERS(parameters_group),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = group_delete},
};

const struct method_table endpoints_groups = {methods, ARRAY_SIZE(methods)};
