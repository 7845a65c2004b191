// SPDX-License-Identifier: Apache-2.0
// What state each node is in, from membership and from the mode of its LRM. Internal to crm/core.
#pragma once

#include "common/model/manager_status.h"

struct master_round;

// Moves every node's state on by the membership of this round.
void node_state_update(struct master_round *round);
// Moves one node's state and tells it.
void node_state_move(struct master_round *round, int node, enum node_state to);
// Notes and tells which nodes get no new services since they come and go.
void node_state_hold_off(struct master_round *round);
