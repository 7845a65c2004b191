// SPDX-License-Identifier: Apache-2.0
// The state machine of a service: for each state, what is looked at in which order. A step ends
// with its first change, except where classic replay wants it to go on. Where a service goes is
// decided in placement.c and recovery.c.
#include "crm/core/service_step.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/options.h"
#include "crm/core/backoff.h"
#include "crm/core/error_state.h"
#include "crm/core/master_round.h"
#include "crm/core/placement.h"
#include "crm/core/recovery.h"
#include "crm/core/usage.h"

static void step_move(struct master_round *round, struct item *item, enum svc_state how, int target)
{
    assert(target != item->node);
    struct change change = {
        .to = how, .node = item->node, .target = target, .timeout_s = SERVICE_TIMEOUT_NONE};
    item_change(round, item, &change);
}

static void step_tell_result(struct master_round *round, const struct item *item,
                             enum event_level level, const char *name,
                             const struct lrm_result *result)
{
    struct event *event = master_round_event_of(round, level, name, item->sid, item->record->node);
    event_int(event, "code", result->exit_code);
    master_round_text(round, event, "reason", result->reason);
}

static void step_drop_command(struct master_round *round, struct item *item)
{
    item_edit(round, item)->cmd = (struct service_command){.kind = SERVICE_COMMAND_NONE};
}

// The target of a queued move, or NODE_NONE with the reason told. The command is dropped then.
static int step_command_target(struct master_round *round, struct item *item)
{
    const struct service_command *cmd = &item->record->cmd;
    int target = master_round_node(round, cmd->target);
    if (!master_round_is_online(round, target)) {
        struct event *event =
            master_round_event_of(round, EVENT_LEVEL_ERROR, "move-refused", item->sid, cmd->target);
        master_round_text(round, event, "reason", "the target is not online");
        step_drop_command(round, item);
        return NODE_NONE;
    }
    if (item->unreachable != NULL && node_set_has(item->unreachable, target)) {
        struct event *event =
            master_round_event_of(round, EVENT_LEVEL_ERROR, "move-refused", item->sid, cmd->target);
        master_round_text(round, event, "reason", "the target has not all of its storages");
        step_drop_command(round, item);
        return NODE_NONE;
    }
    if (target == item->node) {
        struct event *event =
            master_round_event_of(round, EVENT_LEVEL_INFO, "move-refused", item->sid, cmd->target);
        master_round_text(round, event, "reason", "it is already there");
        step_drop_command(round, item);
        return NODE_NONE;
    }
    return target;
}

static enum svc_state step_command_state(enum service_command_kind kind)
{
    assert(kind == SERVICE_COMMAND_MIGRATE || kind == SERVICE_COMMAND_RELOCATE);
    return kind == SERVICE_COMMAND_MIGRATE ? SVC_STATE_MIGRATE : SVC_STATE_RELOCATE;
}

// ---- request_start

static void step_request_start(struct master_round *round, struct item *item)
{
    if (round->input->documents->options->rebalance_on_start) {
        int best = placement_choose(round, item, PLACEMENT_PREFERENCE_BEST_SCORE);
        if (best != NODE_NONE) {
            (void)master_round_event_of(round, EVENT_LEVEL_INFO, "rebalance-on-start", item->sid,
                                        round->nodes[best].name);
        }
        if (best != NODE_NONE && best != item->node) {
            step_move(round, item, SVC_STATE_REQUEST_START_BALANCE, best);
            return;
        }
    }
    item_change_at(round, item, SVC_STATE_STARTED, item->node);
}

// ---- started

// True when the step is over.
static bool step_started_command(struct master_round *round, struct item *item)
{
    struct service_command cmd = item->record->cmd;
    switch (cmd.kind) {
    case SERVICE_COMMAND_NONE:
        return false;
    case SERVICE_COMMAND_MIGRATE:
    case SERVICE_COMMAND_RELOCATE: {
        int target = step_command_target(round, item);
        if (target != NODE_NONE) {
            (void)master_round_event_of(round, EVENT_LEVEL_INFO, "move", item->sid, cmd.target);
            step_move(round, item, step_command_state(cmd.kind), target);
        }
        return true;
    }
    case SERVICE_COMMAND_STOP: {
        struct change change = {.to = SVC_STATE_REQUEST_STOP,
                                .node = NODE_NONE,
                                .target = NODE_NONE,
                                .timeout_s = cmd.timeout_s};
        item_change(round, item, &change);
        item->request = REQUEST_STATE_STOPPED;
        item->stop_request = true;
        return true;
    }
    }
    return false;
}

static void step_add_failed_node(struct master_round *round, struct item *item)
{
    struct service *record = item_edit(round, item);
    if (planted_is(PLANTED_FAILURES_FORGOTTEN)) {
        record->failed_nodes_count = 0;
    }
    const char **nodes = arena_array_of(round->arena, const char *, record->failed_nodes_count + 1);
    for (size_t i = 0; i < record->failed_nodes_count; i++) {
        nodes[i] = record->failed_nodes[i];
    }
    nodes[record->failed_nodes_count] = record->node;
    record->failed_nodes = nodes;
    record->failed_nodes_count++;
}

static void step_tell_failed_nodes(struct master_round *round, const struct item *item,
                                   enum event_level level, const char *name)
{
    struct event *event = master_round_event_of(round, level, name, item->sid, NULL);
    const char *text = "";
    for (size_t i = 0; i < item->record->failed_nodes_count; i++) {
        text = arena_printf(round->arena, "%s%s%s", text, i > 0 ? "," : "",
                            item->record->failed_nodes[i]);
    }
    master_round_text(round, event, "nodes", text);
}

static void step_started_success(struct master_round *round, struct item *item)
{
    struct service *record = item_edit(round, item);
    if (record->failed_nodes_count > 0) {
        step_tell_failed_nodes(round, item, EVENT_LEVEL_INFO, "relocation-succeeded");
        record->failed_nodes_count = 0;
    }
    if (!record->running && !round->classic) {
        (void)master_round_event_of(round, EVENT_LEVEL_NOTICE, "service-running", item->sid,
                                    record->node);
    }
    record->running = true;
    error_state_forget(round, item);
}

// False when the service went to error.
static bool step_started_failure(struct master_round *round, struct item *item,
                                 const struct lrm_result *result)
{
    step_add_failed_node(round, item);
    item_edit(round, item)->running = false;
    bool retry = result->exit_code == LRM_CODE_ERROR || result->exit_code == LRM_CODE_WRONG_NODE;
    if (!retry) {
        step_tell_result(round, item, EVENT_LEVEL_ERROR, "service-failed", result);
        error_state_enter(round, item, result);
        return false;
    }
    // INV-11: one entry a report, and no more relocations than the policy allows.
    if ((int64_t)item->record->failed_nodes_count > item->max_relocate) {
        step_tell_failed_nodes(round, item, EVENT_LEVEL_ERROR, "relocation-exhausted");
        error_state_enter(round, item, result);
        return false;
    }
    step_tell_result(round, item, EVENT_LEVEL_WARNING, "service-failed", result);
    return true;
}

static void step_maintenance_event(struct master_round *round, const struct item *item,
                                   const char *name)
{
    (void)master_round_event_of(round, EVENT_LEVEL_INFO, name, item->sid,
                                item->record->maintenance_node);
}

static void step_started_move(struct master_round *round, struct item *item, int target)
{
    const char *home = item->record->maintenance_node;
    if (home != NULL && strcmp(home, round->nodes[target].name) == 0) {
        step_maintenance_event(round, item, "maintenance-return");
        item_edit(round, item)->maintenance_node = NULL;
    } else if (home != NULL && strcmp(home, item->record->node) != 0) {
        step_maintenance_event(round, item, "maintenance-node-dropped");
        item_edit(round, item)->maintenance_node = NULL;
    }
    (void)master_round_event_of(round, EVENT_LEVEL_INFO, "move", item->sid,
                                round->nodes[target].name);
    // Without its storage a guest does not move live: it is ended here and started there.
    bool is_cut = item->unreachable != NULL && node_set_has(item->unreachable, item->node);
    step_move(round, item, item->is_vm && !is_cut ? SVC_STATE_MIGRATE : SVC_STATE_RELOCATE, target);
}

static void step_started_stay(struct master_round *round, struct item *item, bool try_next,
                              bool consumed)
{
    if (try_next) {
        step_tell_failed_nodes(round, item, EVENT_LEVEL_WARNING, "tried-all-nodes");
    }
    const char *home = item->record->maintenance_node;
    if (home != NULL && strcmp(home, item->record->node) == 0 &&
        master_round_is_online(round, item->node)) {
        step_maintenance_event(round, item, "maintenance-stale");
        item_edit(round, item)->maintenance_node = NULL;
    }
    // In classic replay each confirmed check is followed by a new order. Else the LRM looks after
    // the service by itself and says so under the same uid when it fails; only a failure needs a
    // new order.
    if (consumed && (round->classic || try_next)) {
        item_edit(round, item)->uid = master_round_uid(round);
    }
}

// A move whose end nobody heard of: the guest's place changed, though the move counted as failed.
// The LRM, which says now that its place is elsewhere, has yet to say that it does not run here
// either: that is what the end of a move to there says (INV-2).
static int step_find_guest(const struct master_round *round, const struct item *item,
                           const struct lrm_result *result)
{
    if (round->classic || result == NULL || result->exit_code != LRM_CODE_WRONG_NODE ||
        item->guest_node == NULL) {
        return NODE_NONE;
    }
    int place = master_round_node(round, item->guest_node);
    return place == item->node || place == item->target ? NODE_NONE : place;
}

// True when the step is over.
static bool step_follows_guest(struct master_round *round, struct item *item,
                               const struct lrm_result *result)
{
    int place = step_find_guest(round, item, result);
    if (place == NODE_NONE) {
        return false;
    }
    struct event *event = master_round_event_of(round, EVENT_LEVEL_NOTICE, "move", item->sid,
                                                round->nodes[place].name);
    master_round_text(round, event, "reason", "its guest was moved there before");
    step_move(round, item, SVC_STATE_RELOCATE, place);
    return true;
}

// Whether the result says nothing that was not known.
static bool step_started_is_known(const struct master_round *round, const struct item *item,
                                  const struct lrm_result *result)
{
    return !round->classic && result->exit_code == LRM_CODE_SUCCESS && item->record->running &&
           item->record->failed_nodes_count == 0;
}

static void step_started_place(struct master_round *round, struct item *item)
{
    const struct lrm_result *result = item_result(round, item);
    bool consumed = result != NULL && !step_started_is_known(round, item, result);
    bool try_next = false;
    if (consumed && result->exit_code == LRM_CODE_SUCCESS) {
        step_started_success(round, item);
    } else if (consumed && step_follows_guest(round, item, result)) {
        return;
    } else if (consumed) {
        if (!step_started_failure(round, item, result)) {
            return;
        }
        try_next = true;
    }
    if (!try_next && backoff_is_waiting(round, item)) {
        step_started_stay(round, item, false, consumed);
        return;
    }
    int node = placement_choose(
        round, item, try_next ? PLACEMENT_PREFERENCE_TRY_NEXT : PLACEMENT_PREFERENCE_NONE);
    if (node != NODE_NONE && node != item->node) {
        step_started_move(round, item, node);
    } else {
        step_started_stay(round, item, try_next, consumed);
    }
}

static void step_started(struct master_round *round, struct item *item)
{
    if (!master_round_is_online(round, item->node)) {
        bool lost = master_round_is_lost_for(round, item);
        if (lost) {
            item_change_state(round, item, SVC_STATE_FENCE);
        }
        bool maintenance = round->nodes[item->node].state == NODE_STATE_MAINTENANCE;
        // Classic replay: a node that went down in maintenance is looked at further, even after the
        // move to fence; the next pass brings the service back to fence. Nothing of it is ever
        // committed.
        if (!maintenance || (lost && !round->classic)) {
            return;
        }
        if (item->record->maintenance_node == NULL ||
            strcmp(item->record->maintenance_node, item->record->node) != 0) {
            item_edit(round, item)->maintenance_node = item->record->node;
        }
    }
    if (item->request == REQUEST_STATE_STOPPED || item->request == REQUEST_STATE_DISABLED) {
        item_change_state(round, item, SVC_STATE_REQUEST_STOP);
        return;
    }
    if (step_started_command(round, item)) {
        return;
    }
    if (item->halted_by != NULL) {
        struct event *event = master_round_event_of(round, EVENT_LEVEL_WARNING, "storage-stop",
                                                    item->sid, item->record->node);
        master_round_text(round, event, "storage", item->halted_by);
        item_change_state(round, item, SVC_STATE_REQUEST_STOP);
        item_edit(round, item)->halted_by = arena_strdup(round->arena, item->halted_by);
        return;
    }
    step_started_place(round, item);
}

// ---- request_stop, stopped

static void step_request_stop(struct master_round *round, struct item *item)
{
    const struct lrm_result *result = item_result(round, item);
    if (result != NULL && result->exit_code == LRM_CODE_SUCCESS) {
        if (item->request != REQUEST_STATE_STARTED) {
            error_state_forget(round, item); // it is as was asked for
        }
        item_change_state(round, item, SVC_STATE_STOPPED);
    } else if (step_follows_guest(round, item, result)) {
        return;
    } else if (result != NULL) {
        step_tell_result(round, item, EVENT_LEVEL_ERROR, "service-stop-failed", result);
        error_state_enter(round, item, result);
    } else if (master_round_is_lost_for(round, item)) {
        item_change_state(round, item, SVC_STATE_FENCE);
    }
}

static void step_stopped_follow_guest(struct master_round *round, struct item *item)
{
    int place = master_round_node(round, item->guest_node);
    if (place == NODE_NONE || place == item->node) {
        return;
    }
    struct event *event = master_round_event_of(round, EVENT_LEVEL_NOTICE, "service-node-fixed",
                                                item->sid, item->guest_node);
    master_round_text(round, event, "from", item->record->node);
    item_edit(round, item)->node = round->nodes[place].name;
    item->node = place;
}

// True when the step is over.
static bool step_stopped_command(struct master_round *round, struct item *item)
{
    struct service_command cmd = item->record->cmd;
    switch (cmd.kind) {
    case SERVICE_COMMAND_NONE:
        return false;
    case SERVICE_COMMAND_MIGRATE:
    case SERVICE_COMMAND_RELOCATE: {
        int target = step_command_target(round, item);
        if (target != NODE_NONE) {
            step_move(round, item, step_command_state(cmd.kind), target);
        }
        return target != NODE_NONE;
    }
    case SERVICE_COMMAND_STOP:
        (void)master_round_event_of(round, EVENT_LEVEL_INFO, "stop-ignored", item->sid, NULL);
        step_drop_command(round, item);
        return false;
    }
    return false;
}

static void step_stopped(struct master_round *round, struct item *item)
{
    step_stopped_follow_guest(round, item);
    if (step_stopped_command(round, item) || item->request == REQUEST_STATE_DISABLED) {
        return;
    }
    bool maintenance = round->nodes[item->node].state == NODE_STATE_MAINTENANCE;
    if (master_round_is_lost_for(round, item) && !maintenance) {
        item_change_state(round, item, SVC_STATE_FENCE);
        return;
    }
    if (item->request == REQUEST_STATE_STARTED && item->halted_by == NULL) {
        item_change_at(round, item, SVC_STATE_REQUEST_START, item->node);
    }
}

// ---- migrate, relocate, request_start_balance

static void step_moving(struct master_round *round, struct item *item)
{
    const struct lrm_result *result = item_result(round, item);
    if (result != NULL && result->exit_code == LRM_CODE_SUCCESS) {
        backoff_clear(round, item);
        item_change_at(round, item, item_wanted(item), item->target);
        return;
    }
    bool is_elsewhere = step_find_guest(round, item, result) != NODE_NONE;
    if (result != NULL && result->exit_code == LRM_CODE_WRONG_NODE && !is_elsewhere) {
        step_tell_result(round, item, EVENT_LEVEL_ERROR, "move-wrong-node", result);
        error_state_enter(round, item, result);
    } else if (result != NULL && result->exit_code == LRM_CODE_IGNORED) {
        step_tell_result(round, item, EVENT_LEVEL_INFO, "move-not-needed", result);
        item_change_at(round, item, item_wanted(item), item->node);
    } else if (result != NULL) {
        step_tell_result(round, item, EVENT_LEVEL_ERROR, "service-move-failed", result);
        backoff_note(round, item);
        item_change_at(round, item, item_wanted(item), item->node);
        return;
    }
    // Classic replay goes on to here after two of the results. Live, the next pass sees to it.
    if ((result == NULL || round->classic) && master_round_is_lost_for(round, item)) {
        item_change_state(round, item, SVC_STATE_FENCE);
    }
}

// ---- the rest

static void step_freeze(struct master_round *round, struct item *item)
{
    enum lrm_mode mode = round->nodes[item->node].mode;
    // One in maintenance works for what is here, too: that has to leave, or to stop. In classic
    // replay it stays as it is.
    bool works = mode == LRM_MODE_ACTIVE || (!round->classic && mode == LRM_MODE_MAINTENANCE);
    if (works) {
        item_change_state(round, item, item_wanted(item));
        item_edit(round, item)->unguarded = !round->classic; // its lease was given back meanwhile
    }
}

static void step_by_state(struct master_round *round, struct item *item)
{
    switch (item->record->state) {
    case SVC_STATE_REQUEST_START:
        step_request_start(round, item);
        break;
    case SVC_STATE_STARTED:
        step_started(round, item);
        break;
    case SVC_STATE_REQUEST_STOP:
        step_request_stop(round, item);
        break;
    case SVC_STATE_STOPPED:
        step_stopped(round, item);
        break;
    case SVC_STATE_REQUEST_START_BALANCE:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
        step_moving(round, item);
        break;
    case SVC_STATE_FREEZE:
        step_freeze(round, item);
        break;
    case SVC_STATE_FENCE: // fencing.c
        break;
    case SVC_STATE_RECOVERY:
        recovery_step(round, item);
        break;
    case SVC_STATE_ERROR:
        error_state_step(round, item);
        break;
    case SVC_STATE_MAX:
        assert(item->record->state != SVC_STATE_MAX);
        break;
    }
}

void service_step(struct master_round *round, struct item *item)
{
    assert(item->record != NULL);
    assert(item->node != NODE_NONE); // the round's table has every node that a record names
    if (item->record->unguarded && item_result(round, item) != NULL) {
        item_edit(round, item)->unguarded = false; // an LRM acts only under its lease
    }
    step_by_state(round, item);
    enum svc_state state = item->record->state;
    bool freezable =
        state == SVC_STATE_STARTED || state == SVC_STATE_STOPPED || state == SVC_STATE_REQUEST_STOP;
    if (freezable && round->nodes[item->node].mode == LRM_MODE_RESTART) {
        item_change_state(round, item, SVC_STATE_FREEZE);
    }
}
