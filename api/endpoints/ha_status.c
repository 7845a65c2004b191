// SPDX-License-Identifier: Apache-2.0
// /cluster/ha/status: how HA is, and orders that are about all of it.
#include <errno.h>
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/cluster_command.h"
#include "cli/cluster_view.h"
#include "cli/session.h"
#include "cli/status_rows.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/command.h"
#include "common/model/event.h"
#include "common/model/manager_status.h"

static void status_current(struct call *call)
{
    const struct status_clock clock = {.now_s = endpoint_now_s(call),
                                       .stale_s = call->host->stale_s};
    call_return(call, status_rows(call->arena, call->host->view, &clock));
}

static void status_manager(struct call *call)
{
    call_return(call, status_documents(call->arena, call->host->view));
}

// ---- Orders.

static void status_order(struct call *call, struct command *command)
{
    struct error err = {0};
    int r = session_need_quorum(call->host->session, &err);
    if (r == 0) {
        r = cluster_command_send(call->arena, call->host->session, command, &err);
    }
    if (r < 0) {
        call_fail(call, &err);
        return;
    }
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "command-given");
    event_text(call->arena, event, "node", command->node);
    event_text(call->arena, event, "command", command_format_text(call->arena, command));
    call_tell(call, event);
}

static void status_disarm(struct call *call)
{
    struct command command = {.kind = COMMAND_KIND_DISARM_HA};
    if (disarm_mode_from_string(call_string(call, "resource-mode", ""), &command.disarm) < 0) {
        call_fault(call, "resource-mode", "unknown mode"); // not reached: one of the row's values
        return;
    }
    status_order(call, &command);
}

static void status_arm(struct call *call)
{
    struct command command = {.kind = COMMAND_KIND_ARM_HA};
    status_order(call, &command);
}

static void maintenance_post(struct call *call)
{
    bool enable = call_bool(call, "enable", true);
    struct command command = {.kind = enable ? COMMAND_KIND_ENABLE_NODE_MAINTENANCE
                                             : COMMAND_KIND_DISABLE_NODE_MAINTENANCE,
                              .node = call_string(call, "node", "")};
    if (!endpoint_is_node(call, command.node)) {
        call_fault(call, "node", "no such node '%s'", command.node);
        return;
    }
    status_order(call, &command);
}

// Who is asked to be without services, and who is.
static void maintenance_list(struct call *call)
{
    const struct cluster_view *view = call->host->view;
    struct json *list = json_new_array(call->arena);
    for (size_t i = 0; i < view->members.count; i++) {
        const char *name = view->members.members[i].node;
        const struct manager_node *node = map_find(&view->manager->nodes, name);
        struct json *row = json_new_object(call->arena);
        json_put_string(row, "node", name);
        json_put_int(row, "enable", node != NULL && node->maintenance_requested ? 1 : 0);
        json_put_string(row, "state", node != NULL ? node_state_to_string(node->state) : "unknown");
        json_append(list, row);
    }
    call_return(call, list);
}

// ---- The rows.

static const char *const disarm_modes[] = {"freeze", "ignore", NULL};

static const struct parameter parameters_disarm[] = {
    {.name = "resource-mode",
     .values = disarm_modes,
     .required = true,
     .description = "services stay as they are, or HA does as if they were not under it"}};
static const struct parameter parameters_maintenance[] = {
    PARAMETER_NODE,
    {.name = "enable",
     .type = PARAMETER_TYPE_BOOLEAN,
     .default_text = "1",
     .description = "its services move away; 0: they may come back"}};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/status/current",
     .description = "quorum, master, fencing, nodes and services, each with a line of words",
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = status_current},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/status/manager_status",
     .description = "the documents behind the status",
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = status_manager},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/ha/status/disarm-ha",
     .description = "nothing is fenced or recovered until it is armed again",
     PARAMETERS(parameters_disarm),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = status_disarm},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/ha/status/arm-ha",
     .description = "the end of disarm-ha",
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = status_arm},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/maintenance",
     .description = "which nodes are in maintenance, or shall be",
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = maintenance_list},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/ha/maintenance/{node}",
     .description = "take a node out for maintenance, or back",
     PARAMETERS(parameters_maintenance),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = maintenance_post},
};

const struct method_table endpoints_ha_status = {methods, ARRAY_SIZE(methods)};
