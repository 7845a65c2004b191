// SPDX-License-Identifier: Apache-2.0
// What operators ask the master to do. Internal to crm/core.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"
#include "common/model/service.h"

struct item;
struct master_round;

// Takes each command of the queue, in order. Each is answered and consumed in this round's write
// (INV-6).
void commands_process(struct master_round *round);
// Queues a move of the item and of all that belongs with it. False with the reason when something
// that must stay apart is there. Also used by balancing.
bool commands_queue_move(struct master_round *round, struct item *item,
                         enum service_command_kind kind, int target,
                         const char **ret_reason) WARN_UNUSED;
