// SPDX-License-Identifier: Apache-2.0
// Shared by the files that make up the checks.
#pragma once

#include "common/base/error.h"
#include "common/base/map.h"
#include "common/model/timing.h"
#include "sim/swarm/campaign.h"
#include "sim/swarm/swarm_checks.h"
#include "sim/swarm/swarm_records.h"
#include "sim/swarm/swarm_truth.h"

struct check_node {
    int64_t authority_until_us; // of its LRM over its own lease, true time
    uint64_t term;
    bool has_given_back;    // or lost its power: nothing of it is left to wait for
    int64_t taken_until_us; // of another node over that lease
    size_t taken_by;
    uint64_t taken_in_term; // of the manager's lease
    size_t running;
    int64_t on_since_us;  // its power
    int64_t condemned_us; // its last fence-begin
    bool was_paused;
    bool has_liar;                // its fence device has lied since the last settle
    int64_t held_until_us;        // a daemon of it
    int64_t stood_until_us;       // it or a daemon of it; and a moment more
    int64_t asleep_us, woken_us;  // when its last pause began and ended
    int64_t maintenance_since_us; // INT64_MAX: it is not
    int64_t blind_since_us;       // its CRM can read nothing since; INT64_MAX: it can
};

struct check_guest {
    bool runs[CAMPAIGN_NODES_MAX];
    size_t running;
    int64_t retries, failures; // in a row, counted here: starts that failed, nodes that gave up
    size_t retries_on;         // the node on which they were
};

// How often a lease was asked for by one node lately.
struct check_asks {
    int64_t since_us;
    int64_t count;
};

struct swarm_checks {
    struct campaign_cluster cluster;
    struct timing timing;
    struct swarm_world *world;
    struct swarm_observer next;
    bool has_next;
    struct swarm_truth *truth;
    struct swarm_records *records;
    struct check_node nodes[CAMPAIGN_NODES_MAX];
    struct map guests;     // sid → struct check_guest *
    struct map commands;   // id; values mean nothing
    struct map errors;     // sid of services that ended a round in error, by their own faults
    struct map orders;     // "SID NODE" of moves that operators asked for; values mean nothing
    int64_t silent_at_us;  // the next time at which a node must have fallen silent
    int64_t resumed_at_us; // when double runs are looked for once more; INT64_MAX: never
    int64_t disarmed_since_us;
    struct map asks;       // "NODE LEASE" → struct check_asks *
    struct map lost;       // sid of services whose node has lost its power
    int64_t recover_by_us; // when they are to run again; INT64_MAX: nothing is watched
    uint64_t manager_term;
    size_t manager_node;
    bool has_manager;
    bool was_forced;
    struct error violation;
    bool is_violated;
};

enum {
    CHECK_US = 1000,
    CHECK_GRACE_US = 200 * 1000,
    CHECK_COMMIT_US = 2 * 1000 * 1000,
    CHECK_KNOWN_US = 10 * 1000 * 1000,
    CHECK_ASKS_US = 200 * 1000, // in so long …
    CHECK_ASKS_KEY_MAX = 128,
    CHECK_ASKS_MAX = 40, // … a lease is asked for by a node at most so often
};

// The first one counts; the world is stopped.
void check_violate(struct swarm_checks *checks, int64_t true_us, const char *format, ...)
    PRINTF_LIKE(3, 4);
// The node's place, or SIZE_MAX.
size_t check_node_find(const struct swarm_checks *checks, const char *name) WARN_UNUSED;
// What an event says that no event may say (INV-6, 8, 9, 10, 11).
void check_event(struct swarm_checks *checks, int64_t true_us, const char *at,
                 const struct event *event);
// What a commit must not have written (INV-3, 4, 7, 11, 15).
void check_commit(struct swarm_checks *checks, int64_t true_us, size_t node);
// The node is about to lose its power; what it runs is to run elsewhere in time (INV-14).
void check_recovery_begin(struct swarm_checks *checks, int64_t true_us, size_t node);
void check_recovery_cancel(struct swarm_checks *checks);
void check_recovery(struct swarm_checks *checks, int64_t true_us);
