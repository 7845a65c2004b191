// SPDX-License-Identifier: Apache-2.0
// What clients may ask of the engine now: the facts for lease_rule.h and expected_guard.h, and the
// checks before a transaction. The server asks here, and so does the simulator.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/lease_rule.h"
#include "common/base/macros.h"

struct arena;
struct engine;
struct error;
struct replica_request;

// How to ask for the lease now. False: not now, but *ret_in_ms from now.
bool engine_lease_way(struct engine *engine, const char *name, struct lease_way *ret,
                      int64_t *ret_in_ms) WARN_UNUSED;
// How long an absent node's agent lease may still be in force, as far as can be known here.
int64_t engine_absent_wait_ms(struct engine *engine, const char *node) WARN_UNUSED;

// 0: the transaction may be requested. -EBUSY: too much is on its way to the other nodes, or disks
// are too slow; -EHOSTDOWN: no quorum; -ENOSPC.
int engine_check_txn(struct engine *engine, const struct replica_request *request,
                     struct error *err) WARN_UNUSED;

// An operator's word on expected votes.
struct expected_wish {
    int64_t votes;
    bool force;
    const char *const *on; // nodes that a power switch says are on
    size_t on_count;
};
// Does it, with an event, if it may be done. What expected_guard_check() or Corosync refuses it
// with; *ret_wait_ms is set with -EBUSY from the former, else 0.
int engine_expect(struct engine *engine, const struct expected_wish *wish, int64_t *ret_wait_ms,
                  struct error *err) WARN_UNUSED;
