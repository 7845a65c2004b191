// SPDX-License-Identifier: Apache-2.0
// The choice of a node: rules first, then what a preference asks for, then the scores of the usage
// model, then the name. Spreading comes from the scores alone: they see every change made earlier
// in the same round.
#include "crm/core/placement.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "crm/core/affinity.h"
#include "crm/core/master_round.h"
#include "crm/core/usage.h"

void placement_get_nodes(const struct master_round *round, const struct item *item,
                         struct node_set *ret_allowed, struct node_set *ret_preferred)
{
    if (item->affinity == NULL || !item->affinity->has_nodes) {
        *ret_allowed = round->online;
        *ret_preferred = round->online;
        return;
    }
    *ret_allowed = item->affinity->allowed;
    *ret_preferred = item->affinity->preferred;
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

int placement_choose(struct master_round *round, const struct item *item,
                     enum placement_preference preference)
{
    assert(item->record != NULL);
    struct node_set allowed;
    struct node_set preferred;
    placement_get_nodes(round, item, &allowed, &preferred);
    if (node_set_is_empty(&preferred)) {
        return NODE_NONE;
    }
    const size_t *together = placement_count_together(round, item);
    struct node_set separate;
    placement_get_separate(item, &separate);
    int current = item->node;
    bool stay = preference == PLACEMENT_PREFERENCE_NONE;
    if (stay && !item->failback && node_set_has(&allowed, current) &&
        ((together != NULL && together[current] > 0) || !node_set_has(&separate, current))) {
        return current;
    }
    if (preference == PLACEMENT_PREFERENCE_TRY_NEXT) {
        placement_drop_failed(round, item, &preferred);
    }
    node_set_subtract(&preferred,
                      &separate); // INV-8: services that must stay apart never share a node
    if (together != NULL) {
        placement_keep_together(round, together, &preferred);
    }
    int home = master_round_node(round, item->record->maintenance_node);
    if (node_set_has(&preferred, home)) {
        return home;
    }
    if (stay && node_set_has(&preferred, current)) {
        return current;
    }
    return placement_choose_by_score(round, item, &preferred);
}
