// SPDX-License-Identifier: Apache-2.0
// Counting services on nodes. The sums are kept up to date with each change of a record, so that
// each placement of a round sees the earlier ones. Sums of sizes are integers (billionths of a
// core, bytes): the same whatever the order.
#include "crm/core/usage.h"

#include <assert.h>

#include "common/base/arena.h"
#include "common/port/stats.h"
#include "crm/core/master_round.h"
#include "crm/core/topsis.h"
#include "crm/core/usage_internal.h"

static const double USAGE_CPU_UNITS = 1e9;
static const double USAGE_FIGURE_MAX = 4e18; // what fits into the sums' type

static int64_t usage_to_units(double value)
{
    if (!(value > 0.0)) {
        return 0;
    }
    return value < USAGE_FIGURE_MAX ? (int64_t)(value + 0.5) : (int64_t)USAGE_FIGURE_MAX;
}

static const struct stats_view *usage_stats(const struct master_round *round,
                                            enum scheduler_mode mode)
{
    switch (mode) {
    case SCHEDULER_MODE_STATIC:
        return round->input->static_stats;
    case SCHEDULER_MODE_DYNAMIC:
        return round->input->dynamic_stats;
    case SCHEDULER_MODE_BASIC:
    case SCHEDULER_MODE_MAX:
        break;
    }
    return NULL;
}

static void usage_load_node(struct usage *usage, int node, const struct node_stats *stats)
{
    struct usage_node *entry = &usage->nodes[node];
    entry->maxcpu = (double)(int64_t)stats->maxcpu;
    entry->maxmem = (double)(int64_t)stats->maxmem;
    if (usage->mode == SCHEDULER_MODE_DYNAMIC) {
        entry->measured_cpu = stats->cpu;
        entry->measured_mem = stats->mem;
        entry->cpu = usage_to_units(stats->cpu * USAGE_CPU_UNITS);
        entry->mem = usage_to_units(stats->mem);
    }
}

// False when an online node has no figures, so that loads cannot be compared.
static bool usage_load_nodes(struct usage *usage, const struct master_round *round)
{
    for (int i = 0; i < round->nodes_count; i++) {
        if (!node_set_has(&round->online, i)) {
            continue;
        }
        const struct node_stats *stats =
            usage->stats != NULL ? map_find(&usage->stats->nodes, round->nodes[i].name) : NULL;
        bool known = stats != NULL && (int64_t)stats->maxcpu > 0 && (int64_t)stats->maxmem > 0;
        if (!known) {
            return false;
        }
        usage_load_node(usage, i, stats);
    }
    return true;
}

enum scheduler_mode usage_mode(const struct usage *usage)
{
    return usage->mode;
}

static bool usage_counts_node(enum svc_state state)
{
    switch (state) {
    case SVC_STATE_STARTED:
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_FENCE:
    case SVC_STATE_FREEZE:
    case SVC_STATE_ERROR:
    case SVC_STATE_RECOVERY:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
        return true;
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_REQUEST_START_BALANCE:
    case SVC_STATE_STOPPED:
    case SVC_STATE_MAX:
        break;
    }
    return false;
}

static bool usage_counts_target(enum svc_state state)
{
    return state == SVC_STATE_MIGRATE || state == SVC_STATE_RELOCATE ||
           state == SVC_STATE_REQUEST_START_BALANCE;
}

static const struct guest_stats *usage_guest(const struct usage *usage, const struct item *item)
{
    return map_find(&usage->stats->guests, item->sid);
}

// What the item adds to a node; without a limit it may use all cores.
static int64_t usage_item_cpu(const struct usage *usage, const struct guest_stats *stats, int node)
{
    double cpu = stats != NULL ? stats->maxcpu : 0.0;
    return usage_to_units((cpu > 0.0 ? cpu : usage->nodes[node].maxcpu) * USAGE_CPU_UNITS);
}

static bool usage_is_running(const struct item *item)
{
    if (item->record->state == SVC_STATE_STARTED) {
        return item->record->running;
    }
    return usage_counts_node(item->record->state) && item->counted_node != NODE_NONE;
}

static void usage_add_share(struct usage *usage, struct item *item)
{
    struct usage_share *share = &usage->shares[item - usage->round->items];
    *share = (struct usage_share){0};
    // A measured node's load has the services that run on it in it already.
    if (usage->mode == SCHEDULER_MODE_DYNAMIC && usage_is_running(item)) {
        return;
    }
    const struct guest_stats *stats = usage_guest(usage, item);
    share->mem = usage_to_units(stats != NULL ? stats->maxmem : 0.0);
    if (item->counted_node != NODE_NONE) {
        share->cpu_node = usage_item_cpu(usage, stats, item->counted_node);
        usage->nodes[item->counted_node].cpu += share->cpu_node;
        usage->nodes[item->counted_node].mem += share->mem;
    }
    if (item->counted_target != NODE_NONE) {
        share->cpu_target = usage_item_cpu(usage, stats, item->counted_target);
        usage->nodes[item->counted_target].cpu += share->cpu_target;
        usage->nodes[item->counted_target].mem += share->mem;
    }
}

static void usage_remove_share(struct usage *usage, const struct item *item)
{
    const struct usage_share *share = &usage->shares[item - usage->round->items];
    if (item->counted_node != NODE_NONE) {
        usage->nodes[item->counted_node].cpu -= share->cpu_node;
        usage->nodes[item->counted_node].mem -= share->mem;
    }
    if (item->counted_target != NODE_NONE) {
        usage->nodes[item->counted_target].cpu -= share->cpu_target;
        usage->nodes[item->counted_target].mem -= share->mem;
    }
}

void usage_remove(struct usage *usage, struct item *item)
{
    if (item->counted_node != NODE_NONE) {
        assert(usage->nodes[item->counted_node].count > 0);
        usage->nodes[item->counted_node].count--;
    }
    if (item->counted_target != NODE_NONE) {
        assert(usage->nodes[item->counted_target].count > 0);
        usage->nodes[item->counted_target].count--;
    }
    if (usage->shares != NULL) {
        usage_remove_share(usage, item);
    }
    item->counted_node = NODE_NONE;
    item->counted_target = NODE_NONE;
}

void usage_add(struct master_round *round, struct item *item)
{
    struct usage *usage = round->usage;
    assert(item->counted_node == NODE_NONE);
    assert(item->counted_target == NODE_NONE);
    if (item->record == NULL) {
        return;
    }
    enum svc_state state = item->record->state;
    if (usage_counts_node(state) && node_set_has(&round->online, item->node)) {
        item->counted_node = item->node;
        usage->nodes[item->node].count++;
    }
    bool second = item->target != item->counted_node;
    if (usage_counts_target(state) && second && node_set_has(&round->online, item->target)) {
        item->counted_target = item->target;
        usage->nodes[item->target].count++;
    }
    if (usage->shares != NULL) {
        usage_add_share(usage, item);
    }
}

// Running guests that the master does not know take room too. Measured loads have them already.
static void usage_add_others(struct usage *usage)
{
    map_each (entry, &usage->stats->guests) {
        const struct guest_stats *stats = entry->value;
        const struct item *item =
            stats->running ? master_round_item(usage->round, entry->key) : NULL;
        int node = stats->running ? master_round_node(usage->round, stats->node) : NODE_NONE;
        bool known = item != NULL && item->record != NULL;
        if (!known && node_set_has(&usage->round->online, node)) {
            usage->nodes[node].cpu += usage_item_cpu(usage, stats, node);
            usage->nodes[node].mem += usage_to_units(stats->maxmem);
        }
    }
}

// Services that are configured to run, but not taken under HA while it is disarmed, are there too.
static void usage_count_others(struct usage *usage)
{
    const struct master_round *round = usage->round;
    for (size_t i = 0; i < round->items_count; i++) {
        const struct item *item = &round->items[i];
        if (item->record == NULL && item->request == REQUEST_STATE_STARTED &&
            node_set_has(&round->online, item->node)) {
            usage->nodes[item->node].count++;
        }
    }
}

struct usage *usage_new(struct master_round *round)
{
    struct usage *usage = arena_new_of(round->arena, struct usage);
    usage->round = round;
    usage->mode = round->input->documents->options->scheduler;
    usage->nodes = arena_array_of(round->arena, struct usage_node, (size_t)round->nodes_count);
    if (usage->mode != SCHEDULER_MODE_BASIC) {
        usage->stats = usage_stats(round, usage->mode);
        if (!usage_load_nodes(usage, round)) {
            if (round->classic || round->tick) { // not with each of many rounds
                struct event *event =
                    master_round_event(round, EVENT_LEVEL_WARNING, "scheduler-fallback");
                master_round_text(round, event, "mode", scheduler_mode_to_string(usage->mode));
            }
            usage->mode = SCHEDULER_MODE_BASIC;
        }
    }
    if (usage->mode != SCHEDULER_MODE_BASIC) {
        usage->shares = arena_array_of(round->arena, struct usage_share, round->items_count);
    }
    round->usage = usage;
    for (size_t i = 0; i < round->items_count; i++) {
        usage_add(round, &round->items[i]);
    }
    usage_count_others(usage);
    if (usage->mode == SCHEDULER_MODE_STATIC) {
        usage_add_others(usage);
    }
    return usage;
}

void usage_item_load(const struct master_round *round, const struct item *item, double *ret_cpu,
                     double *ret_mem)
{
    const struct usage *usage = round->usage;
    assert(usage->mode != SCHEDULER_MODE_BASIC);
    const struct guest_stats *stats = usage_guest(usage, item);
    bool dynamic = usage->mode == SCHEDULER_MODE_DYNAMIC;
    *ret_cpu = 0.0;
    *ret_mem = 0.0;
    if (stats != NULL) {
        *ret_cpu = dynamic ? stats->cpu : stats->maxcpu;
        *ret_mem = dynamic ? stats->mem : stats->maxmem;
    }
}

void usage_score(struct master_round *round, const struct item *item, double *scores)
{
    const struct usage *usage = round->usage;
    if (usage->mode == SCHEDULER_MODE_BASIC) {
        for (int i = 0; i < round->nodes_count; i++) {
            scores[i] = (double)usage->nodes[i].count;
        }
        return;
    }
    const struct guest_stats *stats = usage_guest(usage, item);
    struct usage_load add = {.mem = stats != NULL ? stats->maxmem : 0.0};
    usage_score_loads(round, &add, stats != NULL ? stats->maxcpu : 0.0, scores);
}
