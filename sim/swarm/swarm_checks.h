// SPDX-License-Identifier: Apache-2.0
// The invariants (docs/invariants.md), looked at after everything that happens by one who knows the
// true time and the true processes, and liveness: after the faults have ended each service reaches
// what was asked for within the bound that the timing gives, or names its blocker.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "sim/swarm/swarm_world.h"

struct strbuf;
struct swarm_checks;

enum swarm_outcome {
    SWARM_OUTCOME_CLEAN = 1,
    SWARM_OUTCOME_INVARIANT,
    SWARM_OUTCOME_LIVENESS,
    SWARM_OUTCOME_NONDETERMINISM, // found by who compares two runs
    SWARM_OUTCOME_CRASH,          // found by who waits for the process
};

struct swarm_checks *swarm_checks_new(const struct campaign_cluster *cluster) WARN_UNUSED;
void swarm_checks_free(struct swarm_checks *checks);
// Between the world and who watches (`next`, may be NULL): each call is looked at and handed on.
struct swarm_observer swarm_checks_observer(struct swarm_checks *checks,
                                            const struct swarm_observer *next) WARN_UNUSED;
void swarm_checks_set_world(struct swarm_checks *checks, struct swarm_world *world);
// A step is about to be carried out: what is excused from now on (docs/testing.md).
void swarm_checks_note_step(struct swarm_checks *checks, const struct campaign_step *step);
// All faults have ended; by when must all be well (true time)?
int64_t swarm_checks_settle_until_us(struct swarm_checks *checks) WARN_UNUSED;
// Whether all is well already: the wait may end.
bool swarm_checks_is_well(struct swarm_checks *checks) WARN_UNUSED;
// After that: clean, or what is not as it should be.
enum swarm_outcome swarm_checks_settled(struct swarm_checks *checks) WARN_UNUSED;
// The first violation, in words with its INV number, liveness included; NULL: none.
const char *swarm_checks_violation(const struct swarm_checks *checks) WARN_UNUSED;
