// SPDX-License-Identifier: Apache-2.0
// The compiled rules, bound to the nodes and services of a round. What rules mean and which
// contradict each other is decided in common/model. Internal to crm/core.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"
#include "crm/core/node_set.h"

struct item;
struct map;
struct master_round;

// What the rules say about one service.
struct item_affinity {
    bool has_nodes;            // a node rule concerns it
    const struct map *nodes;   // of that rule
    struct node_set allowed;   // online nodes that the node rule lists
    struct node_set preferred; // those of them with the highest priority, of those not held off
    struct node_set preferred_held; // the same if nobody is held off
    struct item **positives;        // must be where it is; ascending by sid
    size_t positives_count;
    struct item **negatives; // must not be where it is
    size_t negatives_count;
};

// Takes over whether services return by themselves from the groups they name.
void affinity_apply_groups(struct master_round *round);
// Reads, checks and compiles rules and groups again when they or the known nodes changed; tells
// what was dropped.
void affinity_update(struct master_round *round);
// The online ones of a rule's nodes with the highest priority, those left out that are in
// `without`.
struct node_set affinity_prefer(const struct master_round *round, const struct map *nodes,
                                const struct node_set *without) WARN_UNUSED;
// Sets item->affinity of all services that rules concern. After the online set is known.
void affinity_bind(struct master_round *round);
