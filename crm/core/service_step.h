// SPDX-License-Identifier: Apache-2.0
// One step of one service's state machine. Internal to crm/core.
#pragma once

struct item;
struct master_round;

// Moves the service on by at most what its state, its node, the result of its LRM and the
// operator's wish call for, and freezes it when its LRM restarts. The item must have a record.
void service_step(struct master_round *round, struct item *item);
