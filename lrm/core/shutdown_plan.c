// SPDX-License-Identifier: Apache-2.0
// The table itself. restart mode makes the master freeze the services: nothing is recovered while
// the node is away. shutdown mode lets it recover them elsewhere; maintenance mode makes it move
// them away first.
#include "lrm/core/shutdown_plan.h"

#include <stdlib.h>

static enum lrm_mode shutdown_plan_node_mode(enum lrm_shutdown how, enum shutdown_policy policy)
{
    switch (policy) {
    case SHUTDOWN_POLICY_CONDITIONAL:
        return how == LRM_SHUTDOWN_REBOOT ? LRM_MODE_RESTART : LRM_MODE_SHUTDOWN;
    case SHUTDOWN_POLICY_FREEZE:
        return LRM_MODE_RESTART;
    case SHUTDOWN_POLICY_FAILOVER:
        return LRM_MODE_SHUTDOWN;
    case SHUTDOWN_POLICY_MIGRATE:
        return LRM_MODE_MAINTENANCE;
    case SHUTDOWN_POLICY_MAX:
        break;
    }
    abort(); // no such value
}

void shutdown_plan_choose(enum lrm_shutdown how, enum shutdown_policy policy, enum lrm_mode present,
                          struct shutdown_plan *ret_plan)
{
    struct shutdown_plan plan = {.mode = LRM_MODE_RESTART};
    if (how != LRM_SHUTDOWN_RESTART) {
        plan.mode = shutdown_plan_node_mode(how, policy);
        plan.stop_all = policy != SHUTDOWN_POLICY_MIGRATE;
    }
    if (present == LRM_MODE_MAINTENANCE) {
        plan.mode = present;
        plan.mode_kept = true;
    }
    *ret_plan = plan;
}
