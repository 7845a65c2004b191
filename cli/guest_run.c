// SPDX-License-Identifier: Apache-2.0
// ha-guest start, stop, shutdown, reboot: of guests under HA by asking the cluster, of others by
// the agent, on this node only.
#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_edit.h"
#include "cli/guest_record.h"
#include "cli/guest_tool.h"
#include "cli/resource_edit.h"
#include "cli/status_rows.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/host/host_clock.h"
#include "common/model/command.h"
#include "common/model/guest.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/port/agent.h"
#include "common/port/store.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/agents.h"

enum { REBOOT_WAIT_MS = 60000, REBOOT_LOOK_MS = 100 };

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

// The guest as it is now, with the tool's lock in hand: -EXDEV when it is another node's. Without
// quorum its place may be another by now.
static int guest_take(struct cli *cli, const struct tool_context *context, const char *sid,
                      int *ret_lock, struct guest **ret, struct error *err)
{
    uint64_t version = 0;
    int lock CLEANUP(guest_record_unlock) = -1;
    int r = session_need_quorum(&context->session, err);
    if (r == 0) {
        lock = guest_record_lock(cli, sid, err);
        r = lock < 0 ? lock : guest_record_read(cli, context, sid, ret, &version, err);
    }
    if (r == 0) {
        r = guest_check_here(context, *ret, err);
    }
    if (r == 0) {
        *ret_lock = lock;
        lock = -1;
    }
    return r;
}

static int guest_start_here(struct cli *cli, const struct tool_context *context, const char *sid,
                            struct error *err)
{
    int lock CLEANUP(guest_record_unlock) = -1;
    struct guest_agent agent CLEANUP(guest_agent_close) = {0};
    struct guest *guest = NULL;
    int r = guest_take(cli, context, sid, &lock, &guest, err);
    if (r == 0) {
        r = guest_agent_open(context, guest, &agent, err);
    }
    return r < 0 ? r : agent.agent->ops->start(agent.agent, guest, err);
}

static int guest_open(struct cli *cli, struct tool_context *context, const struct guest **ret,
                      struct error *err)
{
    int r = tool_context_open(cli, context, err);
    return r < 0 ? r : guest_find(cli, context, ret, err);
}

// Under HA nobody but the cluster starts and stops a guest: what was asked of it, in one line.
static void guest_tell_request(struct cli *cli, const struct guest *guest, const char *what)
{
    if (cli->output.format == OUTPUT_FORMAT_TEXT) {
        cli_printf(cli, "'%s' is under HA: %s\n", guest->sid, what);
    }
}

int guest_start(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const struct guest *guest = NULL;
    int r = guest_open(cli, &context, &guest, err);
    if (r < 0) {
        return r;
    }
    if (!cluster_view_manages(&context.view, guest->sid)) {
        return guest_start_here(cli, &context, guest->sid, err);
    }
    struct resource_request request;
    resource_request_init(cli->arena, &request);
    map_put(&request.set, "state", arena_strdup(cli->arena, "started"));
    r = resource_change(cli->arena, &context.session, &context.view, guest->sid, &request, err);
    if (r == 0) {
        guest_tell_request(cli, guest, "its requested state is now 'started'");
    }
    return r;
}

static int guest_end(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const struct guest *guest = NULL;
    int64_t timeout_s = cli_int(cli, "timeout");
    int r = guest_open(cli, &context, &guest, err);
    if (r < 0) {
        return r;
    }
    if (!cluster_view_manages(&context.view, guest->sid)) {
        r = guest_check_here(&context, guest, err);
        return r < 0 ? r : guest_make_stop(&context, guest, timeout_s, err);
    }
    struct command command = {.kind = COMMAND_KIND_STOP, .sid = guest->sid, .timeout_s = timeout_s};
    r = session_need_quorum(&context.session, err);
    if (r == 0) {
        r = resource_check_commandable(&context.view, guest->sid, err);
    }
    if (r == 0) {
        r = tool_context_command(cli, &context, &command, err);
    }
    if (r == 0) {
        guest_tell_request(cli, guest,
                           timeout_s > 0
                               ? arena_printf(cli->arena,
                                              "the master was asked to stop it, within %lld s",
                                              (long long)timeout_s)
                               : "the master was asked to stop it at once");
    }
    return r;
}

int guest_stop(struct cli *cli, struct error *err)
{
    return guest_end(cli, err);
}

int guest_shutdown(struct cli *cli, struct error *err)
{
    return guest_end(cli, err);
}

// --- Reboot. ---

static int guest_reboot_here(struct cli *cli, const struct tool_context *context, const char *sid,
                             int64_t timeout_s, struct error *err)
{
    int lock CLEANUP(guest_record_unlock) = -1;
    struct guest_agent agent CLEANUP(guest_agent_close) = {0};
    struct guest *guest = NULL;
    bool running = false;
    int r = guest_take(cli, context, sid, &lock, &guest, err);
    if (r == 0) {
        r = guest_agent_open(context, guest, &agent, err);
    }
    if (r == 0) {
        r = agent.agent->ops->check(agent.agent, guest, &running, err);
    }
    if (r == 0 && !running) {
        r = error_set(err, -ESRCH, "guest '%s' does not run", sid);
    }
    // What could not be started again must not be stopped first.
    if (r == 0 && guest->lock != NULL) {
        r = error_set(err, -EBUSY, "guest '%s' is locked: %s", sid, guest->lock);
    }
    if (r == 0) {
        r = guest_check_definition(guest, err);
    }
    if (r == 0) {
        r = agent.agent->ops->stop(agent.agent, guest, timeout_s, err);
    }
    return r < 0 ? r : agent.agent->ops->start(agent.agent, guest, err);
}

// INV-1: the guest is only asked to end. Its LRM sees that it has ended, proves that nothing is
// left of it, and starts it again; nobody else does anything to it.
static int guest_reboot_managed(const struct tool_context *context, const struct guest *guest,
                                int64_t timeout_s, struct error *err)
{
    struct guest_agent agent CLEANUP(guest_agent_close) = {0};
    const struct service *service = map_find(&context->view.services, guest->sid);
    int r = guest_check_here(context, guest, err);
    if (r == 0 && (service == NULL || service->state != SVC_STATE_STARTED || !service->running)) {
        r = error_set(err, -EBUSY, "guest '%s' is under HA, and not started: its state is '%s'",
                      guest->sid, status_shown_state(&context->view, guest->sid));
    }
    if (r == 0) {
        r = guest_agent_open(context, guest, &agent, err);
    }
    if (r < 0) {
        return r;
    }
    pid_t before = agent.type->init_pid(guest->sid);
    r = agent.agent->ops->ask(agent.agent, guest, timeout_s, err);
    for (int64_t waited_ms = 0; r == 0; waited_ms += REBOOT_LOOK_MS) {
        pid_t now = agent.type->init_pid(guest->sid);
        if (now > 0 && now != before) {
            return 0;
        }
        if (waited_ms >= REBOOT_WAIT_MS) {
            r = error_set(err, -ETIMEDOUT,
                          "guest '%s' has ended, but HA has not started it again within %d s",
                          guest->sid, REBOOT_WAIT_MS / 1000);
        }
        host_sleep_ms(REBOOT_LOOK_MS);
    }
    return r;
}

int guest_reboot(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const struct guest *guest = NULL;
    int64_t timeout_s = cli_int(cli, "timeout");
    int r = guest_open(cli, &context, &guest, err);
    if (r < 0) {
        return r;
    }
    return cluster_view_manages(&context.view, guest->sid)
               ? guest_reboot_managed(&context, guest, timeout_s, err)
               : guest_reboot_here(cli, &context, guest->sid, timeout_s, err);
}

// The offer is what keeps a live move going: without it both sides give up, as long as the guest's
// record has not changed hands.
int guest_cancel_move(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const struct guest *guest = NULL;
    struct session_value offer;
    int r = tool_context_open_to_write(cli, &context, err);
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
