// SPDX-License-Identifier: Apache-2.0
// All nodes must run with the same timing profile: a holder counts its authority by its own, the
// others wait by theirs (docs/timing.md). The store says which one is the cluster's (key
// cluster/profile); on a node with another one nobody gets or takes a lease. It becomes another one
// only when all nodes of the cluster are there and agree.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct engine;
struct profile_guard;

// `profile` is this node's, a name that lives as long as the guard.
struct profile_guard *profile_guard_new(struct engine *engine, const char *profile) WARN_UNUSED;
void profile_guard_free(struct profile_guard *guard);
// To be called at the end of each turn; looks about once a second, and at once after a request.
void profile_guard_turn(struct profile_guard *guard);
void profile_guard_request(struct profile_guard *guard);
// True when the answer was to a request of ours.
bool profile_guard_answered(struct profile_guard *guard, uint64_t request);
// NULL: leases may be had here; else why not, in words that live until the next turn.
const char *profile_guard_refusal(const struct profile_guard *guard) WARN_UNUSED;
