// SPDX-License-Identifier: Apache-2.0
// The order of things in a master's round. What each of them decides stands in the file of its
// name.
#include "crm/core/manager.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/options.h"
#include "common/model/timing.h"
#include "crm/core/affinity.h"
#include "crm/core/commands.h"
#include "crm/core/crm.h"
#include "crm/core/disarm.h"
#include "crm/core/fencing.h"
#include "crm/core/group_migration.h"
#include "crm/core/master_round.h"
#include "crm/core/node_state.h"
#include "crm/core/rebalance.h"
#include "crm/core/service_step.h"
#include "crm/core/storage_reach.h"
#include "crm/core/usage.h"

enum {
    // A service has few moves in a row, and services seldom wait for each other's; this many passes
    // mean that they chase
    // each other. The round ends then, and the next one goes on.
    MANAGER_PASSES_MAX = 40,
    MANAGER_GROUP_ROUNDS_FIRST = 3,
    MANAGER_TICK_MS = 10 * 1000,
};

void manager_init(struct manager *manager, const char *node, const struct timing *timing)
{
    *manager = (struct manager){.node = node,
                                .timing = timing,
                                .classic = timing->profile == TIMING_PROFILE_CLASSIC,
                                .group_rounds = MANAGER_GROUP_ROUNDS_FIRST,
                                .scheduler = SCHEDULER_MODE_BASIC};
    presence_init(&manager->presence, manager->classic);
    fence_plan_init(&manager->fence_plan);
    map_init(&manager->backoff, free);
    map_init(&manager->retries, free);
}

static void manager_forget_rules(struct manager *manager)
{
    arena_free(manager->rules.arena);
    manager->rules = (struct manager_rules){0};
}

void manager_done(struct manager *manager)
{
    presence_done(&manager->presence);
    fence_plan_done(&manager->fence_plan);
    map_done(&manager->backoff);
    map_done(&manager->retries);
    manager_forget_rules(manager);
}

void manager_reset(struct manager *manager, uint64_t term)
{
    manager->term = term;
    manager->fully_disarmed = false;
    manager->quiet = false;
    manager->ticked = false;
    manager->imbalance_rounds = 0;
    manager->group_rounds = MANAGER_GROUP_ROUNDS_FIRST;
    manager->scheduler = SCHEDULER_MODE_BASIC;
    map_clear(&manager->backoff);
    map_clear(&manager->retries);
    manager_forget_rules(manager);
    fence_plan_void_all(&manager->fence_plan); // another master's intents are not known to be ours
    if (manager->classic) {
        presence_clear(&manager->presence);
    }
}

void manager_see(struct manager *manager, const struct crm_input *input)
{
    presence_see(&manager->presence, input, manager->timing);
}

void manager_take_results(struct manager *manager, const struct crm_input *input,
                          struct crm_output *output)
{
    for (size_t i = 0; i < input->fence_results_count; i++) {
        fencing_take_result(manager, input, output, &input->fence_results[i]);
    }
}

static bool manager_tick(struct manager *manager, int64_t now_ms)
{
    if (manager->classic) {
        return true;
    }
    if (manager->ticked && now_ms - manager->tick_ms < MANAGER_TICK_MS) {
        return false;
    }
    manager->ticked = true;
    manager->tick_ms = now_ms;
    return true;
}

// The own node must be able to run services, else this master's view of the cluster is doubtful.
static bool manager_is_fit(struct master_round *round)
{
    int own = master_round_node(round, round->own);
    if (own != NODE_NONE && round->nodes[own].present) {
        int state = round->nodes[own].state;
        if (state == NODE_STATE_ONLINE || state == NODE_STATE_MAINTENANCE) {
            return true;
        }
    }
    (void)master_round_event(round, EVENT_LEVEL_INFO, "master-seems-offline");
    return false;
}

static void manager_tell_scheduler(struct master_round *round)
{
    const struct options *options = round->input->documents->options;
    struct manager *manager = round->manager;
    if (options->scheduler_unknown != NULL && round->tick) {
        struct event *event = master_round_event(round, EVENT_LEVEL_WARNING, "scheduler-unknown");
        master_round_text(round, event, "mode", options->scheduler_unknown);
    }
    if ((int)options->scheduler == manager->scheduler) {
        return;
    }
    struct event *event = master_round_event(round, EVENT_LEVEL_INFO, "scheduler-mode");
    master_round_text(round, event, "from",
                      scheduler_mode_to_string((enum scheduler_mode)manager->scheduler));
    master_round_text(round, event, "to", scheduler_mode_to_string(options->scheduler));
    manager->scheduler = (int)options->scheduler;
}

static bool manager_is_wanted(const struct item *item)
{
    return item->slot->resource != NULL && item->request != REQUEST_STATE_IGNORED;
}

static void manager_add_service(struct master_round *round, struct item *item)
{
    struct service *record = arena_new_of(round->arena, struct service);
    record->sid = item->sid;
    record->state =
        item->request == REQUEST_STATE_STARTED ? SVC_STATE_REQUEST_START : SVC_STATE_REQUEST_STOP;
    record->node = item->guest_node;
    record->uid = master_round_uid(round);
    record->timeout_s = SERVICE_TIMEOUT_NONE;
    record->unguarded = !round->classic;
    item->record = record;
    item->edited = record;
    round->changes++;
    (void)master_round_event_of(round, EVENT_LEVEL_NOTICE, "service-added", item->sid,
                                record->node);
}

// INV-2: a guest that nobody looked after may run on a node that cannot be reached, with no lease
// that could prove its end. It is taken under HA when its node is back.
static bool manager_may_add(struct master_round *round, const struct item *item)
{
    if (round->classic || round->nodes[item->node].member_online) {
        return true;
    }
    if (round->tick) {
        (void)master_round_event_of(round, EVENT_LEVEL_WARNING, "service-add-deferred", item->sid,
                                    item->guest_node);
    }
    return false;
}

static void manager_update_services(struct master_round *round)
{
    for (size_t i = 0; i < round->items_count; i++) {
        struct item *item = &round->items[i];
        bool wanted = item->record == NULL && manager_is_wanted(item) && item->node != NODE_NONE;
        if (wanted && manager_may_add(round, item) && !master_round_is_full(round, item)) {
            manager_add_service(round, item);
        }
    }
    for (size_t i = 0; i < round->items_count; i++) {
        struct item *item = &round->items[i];
        bool stale = item->record != NULL && !manager_is_wanted(item);
        if (stale && !master_round_is_full(round, item)) {
            round->changes++;
            item->record = NULL;
            item->edited = NULL;
            (void)master_round_event_of(round, EVENT_LEVEL_NOTICE, "service-removed", item->sid,
                                        NULL);
        }
    }
}

static void manager_choose_candidates(struct master_round *round)
{
    for (int i = 0; i < round->nodes_count; i++) {
        if (master_round_is_online(round, i)) {
            node_set_add(&round->online, i);
            if (round->nodes[i].held_until_ms > 0) {
                node_set_add(&round->held, i);
            }
        }
    }
}

void manager_bind(struct master_round *round)
{
    manager_choose_candidates(round);
    round->usage = usage_new(round);
    affinity_update(round);
    affinity_apply_groups(round);
    affinity_bind(round);
    storage_reach_bind(round);
}

// All that comes before the steps. False when the round ends with it.
static bool manager_prepare(struct master_round *round)
{
    if (round->aborted) {
        return false;
    }
    fencing_call_off_own(round);
    fencing_check_plans(round);
    node_state_update(round);
    node_state_hold_off(round);
    if (!manager_is_fit(round)) {
        return false;
    }
    manager_tell_scheduler(round);
    group_migration_process(round);
    if (round->disarm == DISARM_MODE_NONE) {
        manager_update_services(round);
    }
    manager_bind(round);
    commands_process(round);
    if (round->disarm != DISARM_MODE_NONE) {
        if (disarm_process(round)) {
            return false;
        }
    } else {
        rebalance_process(round);
    }
    round->manager->fully_disarmed = false;
    return true;
}

static void manager_pass(struct master_round *round)
{
    round->repeat = false;
    for (size_t i = 0; i < round->items_count; i++) {
        struct item *item = &round->items[i];
        if (item->record == NULL || (round->deferred && !item->deferred) ||
            master_round_is_full(round, item)) {
            continue;
        }
        enum svc_state before = item->record->state;
        service_step(round, item);
        round->repeat = round->repeat || item->record->state != before;
    }
}

// FNV-1a over who is a member, who is online and who is seen.
static uint64_t manager_digest_members(const struct crm_input *input)
{
    uint64_t digest = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < input->members.count; i++) {
        const struct member *member = &input->members.members[i];
        for (const char *p = member->node; *p != '\0'; p++) {
            digest = (digest ^ (unsigned char)*p) * UINT64_C(1099511628211);
        }
        unsigned state = (member->online ? 1U : 2U) + (member->present ? 4U : 0U);
        digest = (digest ^ state) * UINT64_C(1099511628211);
    }
    return digest;
}

// Live only: whether this round would decide what the last one did, which was nothing. The full
// round is made at least at each tick all the same.
static bool manager_is_quiet(const struct manager *manager, const struct crm_input *input)
{
    return manager->quiet && input->documents->generation == manager->quiet_generation &&
           manager_digest_members(input) == manager->quiet_members &&
           input->now_ms < manager->quiet_until_ms &&
           input->now_ms - manager->tick_ms < MANAGER_TICK_MS;
}

static void manager_note_quiet(struct master_round *round)
{
    struct manager *manager = round->manager;
    // A lease that was asked for is asked for again: its answer may be on the way.
    manager->quiet = !round->classic && !round->output->write.wanted && !round->fence_soon &&
                     !round->truncated && !round->lease_asked;
    manager->quiet_generation = round->input->documents->generation;
    manager->quiet_members = manager_digest_members(round->input);
    manager->quiet_until_ms = round->wake_ms;
}

static enum manager_outcome manager_end(struct master_round *round)
{
    if (!round->aborted) {
        master_round_finish(round);
    }
    if (round->fence_soon || round->truncated) {
        master_round_wake(round, round->input->now_ms); // right after the write
    }
    round->output->sign_of_life = true;
    round->output->write.term = round->manager->term;
    manager_note_quiet(round);
    if (round->wake_ms < round->output->next_wake_ms) {
        round->output->next_wake_ms = round->wake_ms;
    }
    return MANAGER_OUTCOME_DONE;
}

// Passes until nothing moves any more. Stops where answers are wanted.
static enum manager_outcome manager_passes(struct master_round *round)
{
    while (round->passes < MANAGER_PASSES_MAX) {
        bool asked = round->asked;
        if (!asked) {
            manager_pass(round);
            round->asked = true;
            if (fencing_ask(round)) {
                round->lease_asked = true;
                return MANAGER_OUTCOME_ASK;
            }
        }
        round->asked = false;
        fencing_apply(round);
        round->passes++;
        if (!round->repeat) {
            return manager_end(round);
        }
    }
    struct event *event = master_round_event(round, EVENT_LEVEL_ERROR, "round-unstable");
    event_int(event, "passes", round->passes);
    assert(round->passes <= MANAGER_PASSES_MAX); // rounds are bounded
    return manager_end(round);
}

enum manager_outcome manager_run(struct manager *manager, const struct crm_input *input,
                                 struct crm_output *output, struct master_round **round)
{
    if (*round == NULL && manager->classic) {
        manager_see(manager, input);
    }
    if (*round != NULL) {
        (*round)->input = input;
        (*round)->output = output;
        fencing_take_answers(*round);
        return manager_passes(*round);
    }
    if (manager_is_quiet(manager, input)) {
        output->sign_of_life = true;
        output->write.term = manager->term;
        output->next_wake_ms = manager->quiet_until_ms < output->next_wake_ms
                                   ? manager->quiet_until_ms
                                   : output->next_wake_ms;
        return MANAGER_OUTCOME_DONE;
    }
    *round = master_round_new(manager, input, output);
    (*round)->tick = manager_tick(manager, input->now_ms);
    if (!manager_prepare(*round)) {
        return manager_end(*round);
    }
    return manager_passes(*round);
}
