// SPDX-License-Identifier: Apache-2.0
// What a request to end means for the services of the node: the table of shutdown policies.
#pragma once

#include <stdbool.h>

#include "common/model/lrm_status.h"
#include "common/model/options.h"
#include "lrm/round.h"

struct shutdown_plan {
    enum lrm_mode mode; // the mode from now on
    bool stop_all;      // one stop job for each service located here
    bool mode_kept;     // the node is in maintenance already, and stays so
};

void shutdown_plan_choose(enum lrm_shutdown how, enum shutdown_policy policy, enum lrm_mode present,
                          struct shutdown_plan *ret_plan);
