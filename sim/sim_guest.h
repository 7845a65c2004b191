// SPDX-License-Identifier: Apache-2.0
// The simulated guests: on which node each one runs, the counters of the deliberately failing type,
// and the first invariant: no service runs on two nodes (INV-1).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct error;

// vm: moves live. ct: is always stopped for a move. fa: fails as its digits say.
enum sim_agent_kind { SIM_AGENT_VM, SIM_AGENT_CT, SIM_AGENT_FA, SIM_AGENT_MAX };

struct sim_guests {
    struct map nodes;    // node → struct map *: sid → struct sim_run *
    struct map counters; // "start fa:130" → int64_t *
    struct map counts; // sid → struct sim_count *: on how many nodes it runs by the cluster's doing
    size_t doubles;    // how many sids run more than once
};

void sim_guests_init(struct sim_guests *guests);
void sim_guests_done(struct sim_guests *guests);
bool sim_guests_runs(const struct sim_guests *guests, const char *node,
                     const char *sid) WARN_UNUSED;
void sim_guests_set(struct sim_guests *guests, const char *node, const char *sid, bool runs);
// The power of the node is cut: nothing runs there any more.
void sim_guests_clear_node(struct sim_guests *guests, const char *node);
// What an operator takes away by hand (deletes from the configuration, moves himself) is no longer
// the cluster's doing. The agent still sees it run there.
void sim_guests_disown(struct sim_guests *guests, const char *sid);
// In classic replay only: what runs on a node that gave its watchdog back is not guarded any more,
// as in the reference, until the node guards itself again.
void sim_guests_guard_node(struct sim_guests *guests, const char *node, bool guarded);
// A sid that runs on two nodes, or NULL.
const char *sim_guests_find_double(const struct sim_guests *guests) WARN_UNUSED;

// The digits of a failing resource, from the left.
struct sim_fa {
    int64_t failing_starts, failing_moves; // before one succeeds
    bool unstoppable;
    int64_t only_node; // failures happen on node<n> only; 0: everywhere
};
// "120001" → digits. -EINVAL unless 3 to 6 digits.
int sim_fa_parse(const char *digits, struct sim_fa *ret, struct error *err) WARN_UNUSED;
// Counts one attempt and says whether it succeeds. `what` is "start" or "move".
bool sim_fa_attempt(struct sim_guests *guests, const char *what, const char *sid, int64_t failing,
                    const struct sim_fa *fa, const char *node) WARN_UNUSED;
