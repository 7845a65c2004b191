// SPDX-License-Identifier: Apache-2.0
// The usage model: which services count for which nodes, and the scores that placement prefers
// nodes by (lower is better). Modes: basic (number of services), static (configured sizes), dynamic
// (measured loads). Internal to crm/core.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"
#include "common/model/options.h"
#include "crm/core/node_set.h"

struct arena;
struct item;
struct master_round;
struct usage;

// Counts all services of the round. In static and dynamic mode a node without figures makes it fall
// back to basic.
struct usage *usage_new(struct master_round *round) WARN_UNUSED;
enum scheduler_mode usage_mode(const struct usage *usage) WARN_UNUSED;
// After a change of the item's record.
void usage_remove(struct usage *usage, struct item *item);
void usage_add(struct master_round *round, struct item *item);
// scores[node] for each online node: what if the item ran there.
void usage_score(struct master_round *round, const struct item *item, double *scores);
// How unevenly the load lies on the nodes. Not in basic mode.
double usage_imbalance(const struct master_round *round) WARN_UNUSED;

// The node with the highest load, the first by name of equals; NODE_NONE when no node is online.
// Not in basic mode.
int usage_busiest(const struct master_round *round) WARN_UNUSED;

// One way of making the load more even: moving some services together.
struct usage_move {
    const char *sid; // the leader's
    int source;
    int target;
    double cpu; // of all that move
    double mem;
};
// The index of the best move by the method, with the imbalance after it; count > 0.
size_t usage_choose_move(const struct master_round *round, const struct usage_move *moves,
                         size_t count, enum rebalance_method method,
                         double *ret_imbalance) WARN_UNUSED;
// What an item adds to the load of its node, for usage_move.
void usage_item_load(const struct master_round *round, const struct item *item, double *ret_cpu,
                     double *ret_mem);
