// SPDX-License-Identifier: Apache-2.0
// Fencing: a node's services may be started elsewhere only after it is proven that they cannot run
// there any more. The proof is the node's agent lease in the hands of this master (INV-2). Internal
// to crm/core.
#pragma once

#include <stdbool.h>

struct master_round;

// Where rounds follow events and no other node is online: calls the fencing of this node off.
void fencing_call_off_own(struct master_round *round);
// Asks for the leases of all nodes that need fencing and have not been asked for in this round.
// False when there is nothing to ask.
bool fencing_ask(struct master_round *round);
// Takes the answers of this call into the round.
void fencing_take_answers(struct master_round *round);
// One pass: marks nodes as to be fenced, and moves on what is proven. Sets round->repeat when
// services moved.
void fencing_apply(struct master_round *round);
