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
#include "common/model/command.h"
#include "common/model/guest.h"
#include "common/port/agent.h"
#include "lrm/agents/ct.h"

static struct agent *guest_agent(const struct tool_context *context)
{
    // No lease is held: it can start and stop, but not give a guest to another node.
    struct ct_agent_config config = {.node = context->session.node,
                                     .store = context->session.store};
    return ct_agent_new(&config);
}

int guest_is_running(const struct tool_context *context, const struct guest *guest,
                     bool *ret_running, struct error *err)
{
    struct agent *agent CLEANUP(ct_agent_freep) = guest_agent(context);
    return agent->ops->check(agent, guest, ret_running, err);
}

int guest_make_stop(const struct tool_context *context, const struct guest *guest,
                    int64_t timeout_s, struct error *err)
{
    struct agent *agent CLEANUP(ct_agent_freep) = guest_agent(context);
    return agent->ops->stop(agent, guest, timeout_s, err);
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
    struct agent *agent CLEANUP(ct_agent_freep) = guest_agent(context);
    // Without quorum the guest's place may be another by now.
    int r = session_need_quorum(&context->session, err);
    if (r == 0) {
        r = guest_check_here(context, guest, err);
    }
    return r < 0 ? r : agent->ops->start(agent, guest, err);
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
