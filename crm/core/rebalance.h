// SPDX-License-Identifier: Apache-2.0
// Making the load of the nodes more even, one move at a time. Internal to crm/core.
#pragma once

struct master_round;

// Queues the best move when the load has been uneven for long enough and a move makes it enough
// better.
void rebalance_process(struct master_round *round);
