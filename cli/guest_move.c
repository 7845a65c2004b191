// SPDX-License-Identifier: Apache-2.0
// ha-guest migrate and relocate: under HA the master's matter; of others, which must be stopped,
// the place is changed here.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_record.h"
#include "cli/guest_tool.h"
#include "cli/guest_volumes.h"
#include "cli/move_request.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/command.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "lrm/agents/service_task.h"

static int move_check_stopped(const struct tool_context *context, const struct guest *guest,
                              struct error *err)
{
    bool running = false;
    int r = guest_is_running(context, guest, &running, err);
    if (r < 0 || !running) {
        return r;
    }
    return error_set(err, -EBUSY,
                     sid_is_of(guest->sid, "vm")
                         ? "guest '%s' runs and is not under HA: stop it first, or put it under HA "
                           "(ha-manager add), which moves it while it runs"
                         : "guest '%s' runs and is not under HA: stop it first, or put it under HA "
                           "(ha-manager add), which stops, moves and starts it",
                     guest->sid);
}

// Whoever has put it under HA meanwhile may have it started.
static int move_check_unmanaged(struct cli *cli, const struct tool_context *context,
                                const struct guest *guest, struct error *err)
{
    struct session_value value;
    const char *key = arena_printf(cli->arena, STORE_PREFIX_RESOURCE "%s", guest->sid);
    const char *before = map_find(&context->view.texts, guest->sid);
    int r = session_read(cli->arena, &context->session, key, &value, err);
    if (r == 0 && value.text != NULL && (before == NULL || strcmp(before, value.text) != 0)) {
        r = error_set(err, -EAGAIN, "guest '%s' was put under HA at the same moment: try again",
                      guest->sid);
    }
    return r;
}

// INV-1: with the service's lock in hand nobody is starting it, and its lock in the store keeps
// those away who come later; so that it does not run stays true until the place has changed.
static int move_give(struct cli *cli, const struct tool_context *context, struct guest *guest,
                     uint64_t version, const char *node, struct error *err)
{
    int r = service_lock(cli->arena, guest->sid, SERVICE_LOCK_WAIT_MS, err);
    if (r < 0) {
        return r;
    }
    int lock = r;
    r = store_refresh(context->session.store, err);
    if (r == 0) {
        r = move_check_unmanaged(cli, context, guest, err);
    }
    if (r == 0) {
        r = move_check_stopped(context, guest, err);
    }
    if (r == 0) {
        guest->node = node;
        guest->lock = NULL;
        guest->arrival = NULL;
        r = guest_record_write(cli, context, guest, version, err);
    }
    (void)close(lock); // nothing was written to it
    return r;
}

static int move_locked(struct cli *cli, const struct tool_context *context, const char *sid,
                       const char *node, struct error *err)
{
    struct guest *guest = NULL;
    uint64_t version = 0;
    int r = guest_record_read(cli, context, sid, &guest, &version, err);
    if (r == 0 && strcmp(guest->node, node) == 0) {
        return error_set(err, -EEXIST, "guest '%s' is on node '%s' already", sid, node);
    }
    if (r == 0) {
        r = guest_check_here(context, guest, err);
    }
    if (r == 0) {
        r = service_check_place(guest, context->session.node, err);
    }
    if (r == 0) {
        r = guest_volumes_check_target(cli, context, guest, node, err);
    }
    if (r == 0) {
        r = move_check_stopped(context, guest, err);
    }
    if (r == 0) {
        guest->lock = "migrate";
        r = guest_record_write(cli, context, guest, version, err);
    }
    if (r == 0) {
        r = guest_record_read(cli, context, sid, &guest, &version, err);
    }
    if (r < 0) {
        return r;
    }
    r = move_give(cli, context, guest, version, node, err);
    struct guest *now = NULL;
    if (r < 0 && guest_record_read(cli, context, sid, &now, &version, NULL) == 0 &&
        now->lock != NULL && strcmp(now->lock, "migrate") == 0) {
        now->lock = NULL;
        if (guest_record_write(cli, context, now, version, NULL) < 0) {
            return error_prefix(err, "it stays locked ('ha-guest unlock')");
        }
    }
    return r;
}

static int move_run(struct cli *cli, enum command_kind kind, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    int lock CLEANUP(guest_record_unlock) = -1;
    const struct guest *guest = NULL;
    const char *node = cli_text(cli, "node");
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = guest_find(cli, &context, &guest, err);
    }
    if (r < 0) {
        return r;
    }
    if (cluster_view_manages(&context.view, guest->sid)) {
        return move_request(cli, kind, err);
    }
    r = session_need_quorum(&context.session, err);
    if (r == 0) {
        r = session_check_node(cli->arena, &context.session, node, err);
    }
    if (r == 0) {
        lock = guest_record_lock(cli, guest->sid, err);
        r = lock < 0 ? lock : move_locked(cli, &context, guest->sid, node, err);
    }
    return r;
}

int guest_migrate(struct cli *cli, struct error *err)
{
    return move_run(cli, COMMAND_KIND_MIGRATE, err);
}

int guest_relocate(struct cli *cli, struct error *err)
{
    return move_run(cli, COMMAND_KIND_RELOCATE, err);
}
