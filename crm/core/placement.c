// SPDX-License-Identifier: Apache-2.0
// The choice of a node: rules first, then what a preference asks for, then the scores of the usage
// model, then the name. Spreading comes from the scores alone: they see every change made earlier
// in the same round.
#include "crm/core/placement.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/planted.h"
#include "crm/core/affinity.h"
#include "crm/core/master_round.h"
#include "crm/core/usage.h"

// The same for a service whose storages are not everywhere: what is unreachable is not there for it
// at all, so that a rule's next priority counts.
static void placement_get_reachable(const struct master_round *round, const struct item *item,
                                    struct node_set *ret_allowed, struct node_set *ret_preferred)
{
    bool ruled = item->affinity != NULL && item->affinity->has_nodes;
    struct node_set without = round->held;
    node_set_unite(&without, item->unreachable);
    *ret_allowed = ruled ? item->affinity->allowed : round->online;
    node_set_subtract(ret_allowed, item->unreachable);
    *ret_preferred =
        ruled ? affinity_prefer(round, item->affinity->nodes, &without) : round->online;
    node_set_subtract(ret_preferred, &without);
}

void placement_get_nodes(const struct master_round *round, const struct item *item,
                         struct node_set *ret_allowed, struct node_set *ret_preferred)
{
    if (item->unreachable != NULL) {
        placement_get_reachable(round, item, ret_allowed, ret_preferred);
        return;
    }
    bool ignored = item->record->state == SVC_STATE_RECOVERY && planted_is(PLANTED_RULE_IGNORED);
    if (item->affinity == NULL || !item->affinity->has_nodes || ignored) {
        *ret_allowed = round->online;
        *ret_preferred = round->online;
        node_set_subtract(ret_preferred, &round->held);
        return;
    }
    *ret_allowed = item->affinity->allowed;
    *ret_preferred = item->affinity->preferred;
}

// What would be preferred if no node were held off.
static struct node_set placement_get_all(const struct master_round *round, const struct item *item)
{
    bool ruled = item->affinity != NULL && item->affinity->has_nodes;
    if (item->unreachable == NULL) {
        return ruled ? item->affinity->preferred_held : round->online;
    }
    struct node_set all =
        ruled ? affinity_prefer(round, item->affinity->nodes, item->unreachable) : round->online;
    node_set_subtract(&all, item->unreachable);
    return all;
}

void placement_get_separate(const struct item *item, struct node_set *ret_separate)
{
    *ret_separate = (struct node_set){{0}};
    if (item->affinity == NULL) {
        return;
    }
    for (size_t i = 0; i < item->affinity->negatives_count; i++) {
        const struct item *other = item->affinity->negatives[i];
        if (other->record == NULL) {
            continue;
        }
        if (other->counted_node != NODE_NONE) {
            node_set_add(ret_separate, other->counted_node);
        }
        if (other->counted_target != NODE_NONE) {
            node_set_add(ret_separate, other->counted_target);
        }
    }
}

// How many of the services that belong with the item are on, or go to, each node. NULL: none
// anywhere.
static const size_t *placement_count_together(const struct master_round *round,
                                              const struct item *item)
{
    if (item->affinity == NULL || item->affinity->positives_count == 0) {
        return NULL;
    }
    size_t *together = arena_array_of(round->arena, size_t, (size_t)round->nodes_count);
    for (size_t i = 0; i < item->affinity->positives_count; i++) {
        const struct item *other = item->affinity->positives[i];
        int node = other->counted_target != NODE_NONE ? other->counted_target : other->counted_node;
        if (other->record != NULL && node != NODE_NONE) {
            together[node]++;
        }
    }
    return together;
}

// Leaves only the eligible node with most of the services that belong with it; the lowest name wins
// a tie.
static void placement_keep_together(const struct master_round *round, const size_t *together,
                                    struct node_set *preferred)
{
    int best = NODE_NONE;
    for (int node = 0; node < round->nodes_count; node++) {
        if (together[node] > 0 && node_set_has(preferred, node) &&
            (best == NODE_NONE || together[node] > together[best])) {
            best = node;
        }
    }
    if (best != NODE_NONE) {
        *preferred = (struct node_set){{0}};
        node_set_add(preferred, best);
    }
}

// The preferred node with the lowest score; the first by name of equals.
static int placement_choose_by_score(struct master_round *round, const struct item *item,
                                     const struct node_set *preferred)
{
    if (node_set_is_empty(preferred)) {
        return NODE_NONE;
    }
    double *scores = arena_array_of(round->arena, double, (size_t)round->nodes_count);
    usage_score(round, item, scores);
    int best = NODE_NONE;
    for (int node = 0; node < round->nodes_count; node++) {
        if (node_set_has(preferred, node) && (best == NODE_NONE || scores[node] < scores[best])) {
            best = node; // nodes come in the order of their names, so the first of equals stays
        }
    }
    return best;
}

// One of them is where it is: it failed there just now.
static void placement_drop_failed(const struct master_round *round, const struct item *item,
                                  struct node_set *preferred)
{
    for (size_t i = 0; i < item->record->failed_nodes_count; i++) {
        int node = master_round_node(round, item->record->failed_nodes[i]);
        if (node != NODE_NONE) {
            node_set_remove(preferred, node);
        }
    }
}

// The question once: where should it be?
struct placement {
    struct master_round *round;
    const struct item *item;
    enum placement_preference preference;
    struct node_set separate;
    const size_t *together;
};

static int placement_choose_among(const struct placement *placement, struct node_set preferred)
{
    struct master_round *round = placement->round;
    const struct item *item = placement->item;
    if (placement->preference == PLACEMENT_PREFERENCE_TRY_NEXT) {
        placement_drop_failed(round, item, &preferred);
    }
    // INV-8: services that must stay apart never share a node
    node_set_subtract(&preferred, &placement->separate);
    if (placement->together != NULL) {
        placement_keep_together(round, placement->together, &preferred);
    }
    int home = master_round_node(round, item->record->maintenance_node);
    if (node_set_has(&preferred, home)) {
        return home;
    }
    if (placement->preference == PLACEMENT_PREFERENCE_NONE &&
        node_set_has(&preferred, item->node)) {
        return item->node;
    }
    return placement_choose_by_score(round, item, &preferred);
}

// Whether it stays where it is without further comparison: nothing pulls it back, or its node is
// one that is held off, which is no reason to leave it.
static bool placement_stays(const struct placement *placement, const struct node_set *allowed)
{
    int current = placement->item->node;
    if (placement->preference != PLACEMENT_PREFERENCE_NONE || !node_set_has(allowed, current)) {
        return false;
    }
    bool apart = !node_set_has(&placement->separate, current);
    if (node_set_has(&placement->round->held, current)) {
        return apart;
    }
    bool together = placement->together != NULL && placement->together[current] > 0;
    return !placement->item->failback && (together || apart);
}

int placement_choose(struct master_round *round, const struct item *item,
                     enum placement_preference preference)
{
    assert(item->record != NULL);
    struct placement placement = {.round = round, .item = item, .preference = preference};
    struct node_set allowed;
    struct node_set preferred;
    placement_get_nodes(round, item, &allowed, &preferred);
    if (node_set_is_empty(&allowed)) {
        return NODE_NONE;
    }
    placement.together = placement_count_together(round, item);
    placement_get_separate(item, &placement.separate);
    if (placement_stays(&placement, &allowed)) {
        return item->node;
    }
    int node = placement_choose_among(&placement, preferred);
    if (node == NODE_NONE && !node_set_is_empty(&round->held)) {
        // Better one that comes and goes than none.
        node = placement_choose_among(&placement, placement_get_all(round, item));
    }
    return node;
}
