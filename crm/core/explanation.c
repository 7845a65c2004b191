// SPDX-License-Identifier: Apache-2.0
// A working copy is made as for a round and thrown away. The order of the nodes is found by asking
// for the best place again and again, each time without those that were named before.
#include "crm/core/explanation.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/rules.h"
#include "crm/core/affinity.h"
#include "crm/core/manager.h"
#include "crm/core/master_round.h"
#include "crm/core/placement.h"
#include "crm/core/storage_reach.h"
#include "crm/core/usage.h"

// The first service in negative affinity that is on the node, or goes there.
static const char *explanation_find_apart(const struct item *item, int node)
{
    size_t count = item->affinity != NULL ? item->affinity->negatives_count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct item *other = item->affinity->negatives[i];
        if (other->record != NULL &&
            (other->counted_node == node || other->counted_target == node)) {
            return other->sid;
        }
    }
    return NULL;
}

static size_t explanation_count_together(const struct item *item, int node)
{
    size_t total = item->affinity != NULL ? item->affinity->positives_count : 0;
    size_t count = 0;
    for (size_t i = 0; i < total; i++) {
        const struct item *other = item->affinity->positives[i];
        int place =
            other->counted_target != NODE_NONE ? other->counted_target : other->counted_node;
        count += other->record != NULL && place == node ? 1 : 0;
    }
    return count;
}

static void explanation_set_priority(const struct item *item, struct explained_node *ret)
{
    if (item->affinity == NULL || !item->affinity->has_nodes) {
        return;
    }
    const struct rule_node *named = map_find(item->affinity->nodes, ret->name);
    ret->has_priority = named != NULL;
    ret->priority = named != NULL ? named->priority : 0;
}

static bool explanation_has_failed(const struct item *item, const char *node)
{
    for (size_t i = 0; i < item->record->failed_nodes_count; i++) {
        if (strcmp(item->record->failed_nodes[i], node) == 0) {
            return true;
        }
    }
    return false;
}

static void explanation_look(const struct master_round *round, const struct item *item, int node,
                             struct explained_node *ret)
{
    const struct round_node *entry = &round->nodes[node];
    bool ruled = item->affinity != NULL && item->affinity->has_nodes;
    ret->name = entry->name;
    ret->state = (enum node_state)entry->state;
    ret->is_online = master_round_is_online(round, node);
    explanation_set_priority(item, ret);
    ret->is_allowed = !ruled || ret->has_priority;
    ret->apart = explanation_find_apart(item, node);
    ret->together = explanation_count_together(item, node);
    ret->lacks = storage_reach_lacking(round, item, node);
    ret->is_held = node_set_has(&round->held, node);
    ret->has_failed = explanation_has_failed(item, entry->name);
}

static const char *explanation_word(const struct master_round *round,
                                    const struct explained_node *node, bool company)
{
    if (!node->is_online) {
        return arena_printf(round->arena, "its state is %s", node_state_to_string(node->state));
    }
    if (!node->is_allowed) {
        return "a rule about nodes does not list it";
    }
    if (node->lacks != NULL) {
        return arena_printf(round->arena, "storage '%s' is not there", node->lacks);
    }
    if (node->apart != NULL) {
        return arena_printf(round->arena, "%s is there, and a rule keeps them apart", node->apart);
    }
    if (company && node->together == 0) {
        return "it belongs to services on another node";
    }
    return "other nodes come first";
}

// INV-16: the order is the placement's own. What was named counts as if its storages were not
// there, which is how placement leaves a node out.
static void explanation_rank(struct master_round *round, struct item *item,
                             struct explanation *explanation)
{
    struct node_set *named = arena_new_of(round->arena, struct node_set);
    if (item->unreachable != NULL) {
        *named = *item->unreachable;
    }
    for (size_t rank = 1; rank <= explanation->count; rank++) {
        int node = placement_choose(round, item, PLACEMENT_PREFERENCE_BEST_SCORE);
        if (node == NODE_NONE || explanation->nodes[node].rank != 0) {
            return;
        }
        explanation->nodes[node].rank = rank;
        node_set_add(named, node);
        item->unreachable = named;
    }
}

bool explanation_make(const struct crm_input *input, const struct timing *timing, const char *sid,
                      struct explanation *ret)
{
    struct manager manager;
    struct crm_output output = {0};
    manager_init(&manager, "", timing);
    if (input->member_ok) {
        manager_see(&manager, input);
    }
    struct master_round *round = master_round_new(&manager, input, &output);
    manager_bind(round);
    struct item *item = master_round_item(round, sid);
    bool known = item != NULL && item->record != NULL && item->node != NODE_NONE;
    if (known) {
        struct explanation explanation = {.count = (size_t)round->nodes_count};
        struct node_set allowed;
        struct node_set preferred;
        explanation.mode = usage_mode(round->usage);
        explanation.nodes = arena_array_of(input->arena, struct explained_node, explanation.count);
        placement_get_nodes(round, item, &allowed, &preferred);
        bool company = false;
        for (int i = 0; i < round->nodes_count; i++) {
            explanation_look(round, item, i, &explanation.nodes[i]);
            explanation.nodes[i].is_preferred = node_set_has(&preferred, i);
            company = company || explanation.nodes[i].together > 0;
        }
        int place = placement_choose(round, item, PLACEMENT_PREFERENCE_NONE);
        explanation.place = place != NODE_NONE ? round->nodes[place].name : NULL;
        explanation_rank(round, item, &explanation);
        for (size_t i = 0; i < explanation.count; i++) {
            struct explained_node *node = &explanation.nodes[i];
            node->reason = node->rank == 0 ? explanation_word(round, node, company) : NULL;
        }
        *ret = explanation;
    }
    manager_done(&manager);
    return known;
}
