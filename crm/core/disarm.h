// SPDX-License-Identifier: Apache-2.0
// Switching fencing off and on again in a safe order. Internal to crm/core.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct master_round;

// While disarming or disarmed: true when the round is over with this. False: services in transit
// get their steps (round->deferred) and it is tried again in the next round.
bool disarm_process(struct master_round *round) WARN_UNUSED;
