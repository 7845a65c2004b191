// SPDX-License-Identifier: Apache-2.0
// Which node a service should be on. Internal to crm/core.
#pragma once

#include "common/base/macros.h"
#include "crm/core/node_set.h"

struct item;
struct master_round;

enum placement_preference {
    PLACEMENT_PREFERENCE_NONE = 1,   // where it is, if that is as good a place as any
    PLACEMENT_PREFERENCE_BEST_SCORE, // the best place
    PLACEMENT_PREFERENCE_TRY_NEXT,   // not where it failed
};

// The node's index, or NODE_NONE when there is none that is allowed.
int placement_choose(struct master_round *round, const struct item *item,
                     enum placement_preference preference) WARN_UNUSED;
// The nodes that the node rule allows and prefers among those that are online; without one, all
// that are. Nodes that are held off are allowed, but not preferred; those without its storages are
// neither.
void placement_get_nodes(const struct master_round *round, const struct item *item,
                         struct node_set *ret_allowed, struct node_set *ret_preferred);
// The nodes that services in negative affinity with the item are on or go to.
void placement_get_separate(const struct item *item, struct node_set *ret_separate);
