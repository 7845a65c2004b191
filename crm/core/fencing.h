// SPDX-License-Identifier: Apache-2.0
// Fencing: a node's services may be started elsewhere only after it is proven that they cannot run
// there any more (INV-2). Proofs are the node's agent lease in the hands of this master, and power
// switches that say it is off; both are sought at the same time, and the first one is used.
// Internal to crm/core.
#pragma once

#include <stdbool.h>

struct crm_input;
struct crm_output;
struct fence_result;
struct manager;
struct master_round;

// Takes and tells what a power switch answered.
void fencing_take_result(struct manager *manager, const struct crm_input *input,
                         struct crm_output *output, const struct fence_result *result);
// This node is not the master any more: what it ordered is the next one's to order.
void fencing_cancel_all(struct manager *manager, const struct crm_input *input,
                        struct crm_output *output);
// Ends the orders to power switches whose intent is over.
void fencing_check_plans(struct master_round *round);
// Where rounds follow events and no other node is online: calls the fencing of this node off.
void fencing_call_off_own(struct master_round *round);
// Asks for the leases of all nodes that need fencing and have not been asked for in this round, and
// orders their power switches. False when there is nothing to ask.
bool fencing_ask(struct master_round *round);
// Takes the answers of this call into the round.
void fencing_take_answers(struct master_round *round);
// One pass: marks nodes as to be fenced, and moves on what is proven. Sets round->repeat when
// services moved.
void fencing_apply(struct master_round *round);
