// SPDX-License-Identifier: Apache-2.0
// Services that belong together move together: each bundle is a candidate for each node its leader
// may be on. A move is only queued here; the steps of the same round carry it out.
#include "crm/core/rebalance.h"

#include "common/base/arena.h"
#include "common/model/options.h"
#include "crm/core/affinity.h"
#include "crm/core/commands.h"
#include "crm/core/manager.h"
#include "crm/core/master_round.h"
#include "crm/core/placement.h"
#include "crm/core/usage.h"

// Each candidate is weighed over all nodes. A cluster that is too large for all of them only looks
// at its busiest node.
enum { REBALANCE_WORK_MAX = 50 * 1000 * 1000 };

static bool rebalance_is_moving(const struct item *item)
{
    return item->record->state == SVC_STATE_MIGRATE || item->record->state == SVC_STATE_RELOCATE;
}

static bool rebalance_is_quiet(const struct master_round *round)
{
    for (size_t i = 0; i < round->items_count; i++) {
        const struct item *item = &round->items[i];
        if (item->record == NULL) {
            continue;
        }
        enum service_command_kind kind = item->record->cmd.kind;
        if (rebalance_is_moving(item) || kind == SERVICE_COMMAND_MIGRATE ||
            kind == SERVICE_COMMAND_RELOCATE) {
            return false;
        }
    }
    return true;
}

static void rebalance_add_load(const struct master_round *round, const struct item *item,
                               struct usage_move *move)
{
    double cpu = 0.0;
    double mem = 0.0;
    usage_item_load(round, item, &cpu, &mem);
    move->cpu += cpu;
    move->mem += mem;
}

static bool rebalance_may_move(const struct item *item)
{
    return item->record != NULL && item->record->state == SVC_STATE_STARTED;
}

// The bundle of the item and its company: who leads it, the first by name, and what it weighs. NULL
// when there is none, or it is not all on one node.
static const struct item *rebalance_weigh(const struct master_round *round, const struct item *item,
                                          struct usage_move *ret)
{
    if (!rebalance_may_move(item)) {
        return NULL;
    }
    size_t count = item->affinity != NULL ? item->affinity->positives_count : 0;
    const struct item *leader = NULL;
    struct usage_move move = {.source = item->node};
    bool counted = false; // the item itself, among its company, which is sorted by name
    for (size_t i = 0; i < count; i++) {
        const struct item *other = item->affinity->positives[i];
        if (!rebalance_may_move(other)) {
            continue; // none is moving now
        }
        if (other->node != item->node) {
            return NULL;
        }
        if (!counted && other > item) {
            rebalance_add_load(round, item, &move);
            counted = true;
        }
        leader = leader == NULL ? other : leader;
        rebalance_add_load(round, other, &move);
    }
    if (!counted) {
        rebalance_add_load(round, item, &move);
    }
    leader = leader == NULL || item < leader ? item : leader;
    move.sid = leader->sid;
    *ret = move;
    return leader;
}

static struct node_set rebalance_targets(const struct master_round *round,
                                         const struct item *leader)
{
    struct node_set allowed;
    struct node_set preferred;
    struct node_set separate;
    placement_get_nodes(round, leader, &allowed, &preferred);
    placement_get_separate(leader, &separate);
    node_set_subtract(&preferred, &separate);
    node_set_remove(&preferred, leader->node);
    return preferred;
}

struct rebalance_candidates {
    struct usage_move *moves;
    size_t count;
    size_t capacity;
};

static void rebalance_add(const struct master_round *round, struct rebalance_candidates *candidates,
                          const struct usage_move *move)
{
    if (candidates->count == candidates->capacity) {
        size_t capacity = candidates->capacity == 0 ? 64 : candidates->capacity * 2;
        struct usage_move *moves = arena_array_of(round->arena, struct usage_move, capacity);
        for (size_t i = 0; i < candidates->count; i++) {
            moves[i] = candidates->moves[i];
        }
        candidates->moves = moves;
        candidates->capacity = capacity;
    }
    candidates->moves[candidates->count++] = *move;
}

static void rebalance_collect(const struct master_round *round,
                              struct rebalance_candidates *candidates)
{
    size_t nodes = (size_t)round->nodes_count;
    bool all = round->items_count * nodes * nodes <= REBALANCE_WORK_MAX;
    int source = all ? NODE_NONE : usage_busiest(round);
    struct usage_move *bundles =
        arena_array_of(round->arena, struct usage_move, round->items_count);
    for (size_t i = 0; i < round->items_count; i++) {
        struct usage_move bundle;
        const struct item *leader = rebalance_weigh(round, &round->items[i], &bundle);
        // Company of company need not be company (classic replay): the last one's bundle counts.
        if (leader != NULL) {
            bundles[leader - round->items] = bundle;
        }
    }
    for (size_t i = 0; i < round->items_count; i++) {
        struct usage_move move = bundles[i];
        if (move.sid == NULL || (!all && move.source != source)) {
            continue;
        }
        struct node_set targets = rebalance_targets(round, &round->items[i]);
        if (round->items[i].counted_node == NODE_NONE && !node_set_is_empty(&targets)) {
            // Its node is lost, or is left by all anyway. Classic replay then weighs nothing at
            // all.
            if (round->classic) {
                candidates->count = 0;
                return;
            }
            continue;
        }
        for (int node = 0; node < round->nodes_count; node++) {
            if (node_set_has(&targets, node)) {
                move.target = node;
                rebalance_add(round, candidates, &move);
            }
        }
    }
}

static void rebalance_queue(struct master_round *round, const struct usage_move *move,
                            double before, double after)
{
    struct item *item = master_round_item(round, move->sid);
    enum service_command_kind kind =
        item->is_vm ? SERVICE_COMMAND_MIGRATE : SERVICE_COMMAND_RELOCATE;
    struct event *event = master_round_event_of(round, EVENT_LEVEL_NOTICE, "auto-rebalance",
                                                move->sid, round->nodes[move->target].name);
    master_round_text(round, event, "how", item->is_vm ? "migrate" : "relocate");
    master_round_text(round, event, "imbalance", arena_printf(round->arena, "%.2f", before));
    master_round_text(round, event, "expected", arena_printf(round->arena, "%.2f", after));
    const char *reason = NULL;
    if (!commands_queue_move(round, item, kind, move->target, &reason)) {
        struct event *refused = master_round_event_of(round, EVENT_LEVEL_ERROR, "move-refused",
                                                      move->sid, round->nodes[move->target].name);
        master_round_text(round, refused, "reason", reason);
    }
}

static bool rebalance_is_due(struct master_round *round, double imbalance)
{
    const struct options *options = round->input->documents->options;
    struct manager *manager = round->manager;
    if (!round->tick) {
        return false;
    }
    if (!(imbalance > options->auto_rebalance_threshold)) {
        manager->imbalance_rounds = 0;
        return false;
    }
    manager->imbalance_rounds++;
    if (manager->imbalance_rounds < options->auto_rebalance_hold_rounds) {
        return false;
    }
    manager->imbalance_rounds = 0;
    return true;
}

void rebalance_process(struct master_round *round)
{
    const struct options *options = round->input->documents->options;
    if (!options->auto_rebalance || options->auto_rebalance_method_unknown ||
        options->scheduler == SCHEDULER_MODE_BASIC || !rebalance_is_quiet(round)) {
        return;
    }
    if (usage_mode(round->usage) == SCHEDULER_MODE_BASIC) { // for want of figures
        round->manager->imbalance_rounds = 0;
        return;
    }
    double before = usage_imbalance(round);
    if (!rebalance_is_due(round, before)) {
        return;
    }
    struct rebalance_candidates candidates = {0};
    rebalance_collect(round, &candidates);
    if (candidates.count == 0) {
        return;
    }
    double after = 0.0;
    size_t best = usage_choose_move(round, candidates.moves, candidates.count,
                                    options->auto_rebalance_method, &after);
    if ((before - after) / before < options->auto_rebalance_margin) {
        return;
    }
    rebalance_queue(round, &candidates.moves[best], before, after);
}
