// SPDX-License-Identifier: Apache-2.0
// The state error: what the record says of it, and the two ways out: the operator disables the
// service, or wants it to be tried again after a while (retry_interval). Not the latter in classic
// replay. Internal to crm/core.
#pragma once

struct item;
struct lrm_result;
struct master_round;

// Into error, for what the LRM said.
void error_state_enter(struct master_round *round, struct item *item,
                       const struct lrm_result *result);
// One step of a service in error.
void error_state_step(struct master_round *round, struct item *item);
// It runs, or is not wanted to: what failed before does not count any more.
void error_state_forget(struct master_round *round, struct item *item);
