// SPDX-License-Identifier: Apache-2.0
// The manager: what a master keeps between rounds besides the documents. Lost with the process or
// the mastership, and harmless to lose: it only delays or repeats. Internal to crm/core.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/map.h"
#include "crm/core/fence_plan.h"
#include "crm/core/presence.h"

struct affinity;
struct arena;
struct crm_input;
struct crm_output;
struct master_round;
struct timing;

// Rules and groups as compiled last.
struct manager_rules {
    struct arena *arena; // of the rest; NULL: not compiled yet
    struct affinity *affinity;
    struct map groups;      // id → struct group *
    const char *rules_text; // what they were read from
    const char *groups_text;
    uint64_t resources_version;
    struct map nodes; // names; values mean nothing
};

struct manager {
    const char *node; // borrowed
    const struct timing *timing;
    bool classic;
    uint64_t term; // of the manager lease
    bool fully_disarmed;
    struct presence presence;
    struct fence_plan fence_plan;
    int64_t tick_ms; // when the last round at the reference's pace was
    bool ticked;
    int64_t imbalance_rounds; // in which the load was too uneven
    int64_t group_rounds;     // left until groups are tried to migrate
    struct map backoff;       // sid → struct manager_backoff *
    struct map retries;       // sid → struct manager_retry *
    struct manager_rules rules;
    int scheduler; // enum scheduler_mode last told of
    // After a round that decided nothing: the same input will decide nothing again.
    bool quiet;
    uint64_t quiet_generation; // of the documents
    uint64_t quiet_members;    // digest of who is online
    int64_t quiet_until_ms;
};

// A move that a placement wanted and that failed: the next one waits.
struct manager_backoff {
    int64_t failures;
    int64_t until_ms;
};

// A service in error that is to be tried again.
struct manager_retry {
    int64_t interval_s; // as it was asked for when this began
    int64_t at_ms;      // own clock
};

void manager_init(struct manager *manager, const char *node, const struct timing *timing);
void manager_done(struct manager *manager);
// Becoming master: all counters start anew. In classic replay the last-seen table too.
void manager_reset(struct manager *manager, uint64_t term);
// Notes who is online. Slaves call this too, so that a new master knows since when a node is gone.
void manager_see(struct manager *manager, const struct crm_input *input);
// Takes what fence devices answered, and tells it. Slaves too: what they ordered as masters is
// void.
void manager_take_results(struct manager *manager, const struct crm_input *input,
                          struct crm_output *output);

// What a call of the manager ended with.
enum manager_outcome {
    MANAGER_OUTCOME_DONE = 1, // the round is over; output->write says what to write
    MANAGER_OUTCOME_ASK,      // lease requests are in the output; go on with the answers
};
// A master's round: from the start, or on from where answers were wanted.
enum manager_outcome manager_run(struct manager *manager, const struct crm_input *input,
                                 struct crm_output *output, struct master_round **round);
// What every decision about places is made from: candidates, usage, rules and storages, bound to
// the round's services. Part of each round; by itself for who only wants to know (explanation.c).
void manager_bind(struct master_round *round);
