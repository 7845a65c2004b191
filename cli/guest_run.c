// SPDX-License-Identifier: Apache-2.0
// ha-guest start, stop: of guests under HA by asking the cluster, of others by the agent, on this
// node only.
#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_tool.h"
#include "cli/resource_edit.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/model/command.h"
#include "common/model/guest.h"
#include "common/model/store_keys.h"
#include "common/port/agent.h"
#include "common/port/store.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/agents.h"

// An agent for the guest, to be closed after use.
struct guest_agent {
    const struct agent_type *type;
    struct agent *agent; // NULL: not open
};

static void guest_agent_close(struct guest_agent *agent)
{
    if (agent->agent != NULL) {
        agent->type->close(agent->agent);
    }
}

static int guest_agent_open(const struct tool_context *context, const struct guest *guest,
                            struct guest_agent *ret, struct error *err)
{
    const struct agent_type *type = agents_find_of(guest->sid);
    if (type == NULL) {
        return error_set(err, -ENOTSUP, "'%s': this build knows no guests of this type",
                         guest->sid);
    }
    // No lease is held: it can start and stop, but not give a guest to another node.
    const struct agent_context agents = {.node = context->session.node,
                                         .store = context->session.store,
                                         .is_gone = cluster_client_is_gone,
                                         .is_gone_userdata = context->session.client};
    *ret = (struct guest_agent){.type = type, .agent = type->open(&agents)};
    return 0;
}

int guest_is_running(const struct tool_context *context, const struct guest *guest,
                     bool *ret_running, struct error *err)
{
    struct guest_agent agent CLEANUP(guest_agent_close) = {0};
    int r = guest_agent_open(context, guest, &agent, err);
    return r < 0 ? r : agent.agent->ops->check(agent.agent, guest, ret_running, err);
}

int guest_make_stop(const struct tool_context *context, const struct guest *guest,
                    int64_t timeout_s, struct error *err)
{
    struct guest_agent agent CLEANUP(guest_agent_close) = {0};
    int r = guest_agent_open(context, guest, &agent, err);
    return r < 0 ? r : agent.agent->ops->stop(agent.agent, guest, timeout_s, err);
}

int guest_find(struct cli *cli, const struct tool_context *context, const struct guest **ret,
               struct error *err)
{
    const char *sid = NULL;
    int r = cluster_view_resolve(cli->arena, &context->view, cli_text(cli, "sid"), &sid, err);
    if (r < 0) {
        return r;
    }
    const struct guest *guest = map_find(&context->view.guests, sid);
    if (guest == NULL) {
        return error_set(err, -ENOENT, "guest '%s' does not exist", sid);
    }
    *ret = guest;
    return 0;
}

int guest_check_here(const struct tool_context *context, const struct guest *guest,
                     struct error *err)
{
    if (strcmp(guest->node, context->session.node) != 0) {
        return error_set(err, -EXDEV,
                         "guest '%s' is on node '%s', this is '%s': run the command there",
                         guest->sid, guest->node, context->session.node);
    }
    return 0;
}

static int guest_start_here(const struct tool_context *context, const struct guest *guest,
                            struct error *err)
{
    struct guest_agent agent CLEANUP(guest_agent_close) = {0};
    // Without quorum the guest's place may be another by now.
    int r = session_need_quorum(&context->session, err);
    if (r == 0) {
        r = guest_check_here(context, guest, err);
    }
    if (r == 0) {
        r = guest_agent_open(context, guest, &agent, err);
    }
    return r < 0 ? r : agent.agent->ops->start(agent.agent, guest, err);
}

int guest_start(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const struct guest *guest = NULL;
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = guest_find(cli, &context, &guest, err);
    }
    if (r < 0) {
        return r;
    }
    if (!cluster_view_manages(&context.view, guest->sid)) {
        return guest_start_here(&context, guest, err);
    }
    struct resource_request request;
    resource_request_init(cli->arena, &request);
    map_put(&request.set, "state", arena_strdup(cli->arena, "started"));
    return resource_change(cli->arena, &context.session, &context.view, guest->sid, &request, err);
}

int guest_stop(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const struct guest *guest = NULL;
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = guest_find(cli, &context, &guest, err);
    }
    if (r < 0) {
        return r;
    }
    if (!cluster_view_manages(&context.view, guest->sid)) {
        r = guest_check_here(&context, guest, err);
        return r < 0 ? r : guest_make_stop(&context, guest, cli_int(cli, "timeout"), err);
    }
    struct command command = {
        .kind = COMMAND_KIND_STOP, .sid = guest->sid, .timeout_s = cli_int(cli, "timeout")};
    r = session_need_quorum(&context.session, err);
    if (r == 0) {
        r = resource_check_commandable(&context.view, guest->sid, err);
    }
    return r < 0 ? r : tool_context_command(cli, &context, &command, err);
}

// The offer is what keeps a live move going: without it both sides give up, as long as the guest's
// record has not changed hands.
int guest_cancel_move(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const struct guest *guest = NULL;
    struct session_value offer;
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = session_need_quorum(&context.session, err);
    }
    if (r == 0) {
        r = guest_find(cli, &context, &guest, err);
    }
    if (r < 0) {
        return r;
    }
    const char *key = arena_printf(cli->arena, STORE_PREFIX_LIVE_MOVE "%s", guest->sid);
    r = session_read(cli->arena, &context.session, key, &offer, err);
    if (r == 0 && offer.text == NULL) {
        r = error_set(err, -ENOENT, "guest '%s' is not being moved live", guest->sid);
    }
    struct store_op op = {.key = key, .expect = offer.version};
    return r < 0 ? r
                 : session_write(&context.session,
                                 arena_printf(cli->arena, "the move of '%s'", guest->sid), &op, 1,
                                 err);
}
