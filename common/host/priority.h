// SPDX-License-Identifier: Apache-2.0
// The place of our own processes among those that compete for the processors of a machine: a node
// that cannot renew its lease for lack of processor time stops its services.
#pragma once

// Lets this process go before those of usual priority. Its children do not inherit it (see
// SCHED_RESET_ON_FORK in sched(7)): a guest that a daemon starts is none of ours. Nice values order
// processes within a control group only; what the groups get is said in ha.slice. Without the right
// to it nothing changes.
void priority_raise(void);
