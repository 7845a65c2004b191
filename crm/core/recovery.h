// SPDX-License-Identifier: Apache-2.0
// Where a fenced service goes on. Internal to crm/core.
#pragma once

struct item;
struct master_round;

void recovery_step(struct master_round *round, struct item *item);
