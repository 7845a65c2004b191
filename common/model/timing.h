// SPDX-License-Identifier: Apache-2.0
// All times of the system in one place, and the rule that makes them safe (docs/timing.md):
//     L/(1+ρ) ≥ (A + 2·H + q)/(1−ρ) + R
// A holder keeps its authority for A after it *sent* the last committed renewal; the watchdog
// resets it at most 2·H + q later, it is silent R after that; a survivor waits L after it
// *delivered* the last renewal. All on CLOCK_BOOTTIME.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"

struct arena;
struct error;

enum timing_profile {
    TIMING_PROFILE_FAST,
    TIMING_PROFILE_BALANCED,
    TIMING_PROFILE_PATIENT,
    TIMING_PROFILE_CLASSIC,
    TIMING_PROFILE_MAX
};
ENUM_TABLE_DECLARE(timing_profile);

enum { TIMING_RHO_PER_MILLE = 1 };

struct timing {
    enum timing_profile profile;
    int64_t token_ms;       // what corosync.conf is given, or Corosync's runtime token
    int64_t consensus_ms;   // 1.2 × the token, unless Corosync runs with another one
    int64_t commit_ms;      // what the nodes' latency adds to a renewal; 0 in the profiles
    int64_t authority_ms;   // A
    int64_t stop_ms;        // K: how long before its authority ends a node begins to stop services
    int64_t watchdog_ms;    // H
    int64_t granularity_ms; // q
    int64_t reset_ms;       // R
    int64_t lease_ms;       // L
    int64_t renew_ms;       // how often a holder renews
    int64_t fence_delay_ms; // how long a node must be offline before its services go to fence
    int64_t gone_ms;        // a node that is no longer listed is forgotten after this
    // After quorum was regained: how long nodes that have not been seen since are waited for.
    int64_t startup_grace_ms;
    // Rounds. In the live profiles a round also runs whenever something changed; these are upper
    // bounds.
    int64_t master_round_ms, lrm_round_ms, lrm_maintenance_round_ms, idle_wait_ms;
    int64_t crm_idle_rounds, lrm_idle_rounds; // with nothing to do, before the lock is given back
    int64_t stale_ms;                         // a status older than this is shown as such
    int64_t stop_timeout_s;                   // of a graceful stop without explicit time
};

// What was measured on a node. 0: not known, then the profile's number stands.
struct timing_facts {
    int64_t token_ms, consensus_ms; // Corosync's, at run time
    int64_t watchdog_ms;            // the armed device's timeout as it was read back
    int64_t nodes_count;
    int64_t latency_us; // the slowest round trip between two nodes
};

// The numbers of a profile.
void timing_get(enum timing_profile profile, struct timing *ret_timing);
// The same with measured numbers in place of those that the profile only asks for. A, q, R, L and
// the periods stay: all nodes count on them.
void timing_measure(struct timing *timing, const struct timing_facts *facts);
// 0, or -EINVAL with the inequality filled in. A ≥ detection + renewal period + retry + K is
// checked too, since with less one node's death would stop the others' services. The classic
// profile is for replay and is not held to the rule.
int timing_check(const struct timing *timing, struct error *err) WARN_UNUSED;
// How long Corosync takes to notice that a node fell silent: token and consensus.
int64_t timing_detection_ms(const struct timing *timing) WARN_UNUSED;
// The worst time from a node's death until its services may start elsewhere, by lease expiry.
int64_t timing_worst_failover_ms(const struct timing *timing) WARN_UNUSED;
// The silence of the network that a healthy node survives.
int64_t timing_blackout_ms(const struct timing *timing) WARN_UNUSED;
// The smallest L and A that the rules take with the rest as it is. For numbers that are in range.
int64_t timing_lease_needed_ms(const struct timing *timing) WARN_UNUSED;
int64_t timing_authority_needed_ms(const struct timing *timing) WARN_UNUSED;
// The two rules with their numbers, as one line each, true or not; in the arena.
char *timing_lease_rule(struct arena *arena, const struct timing *timing) WARN_UNUSED;
char *timing_authority_rule(struct arena *arena, const struct timing *timing) WARN_UNUSED;
