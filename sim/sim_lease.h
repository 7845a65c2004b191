// SPDX-License-Identifier: Apache-2.0
// The simulated lease table: name → owner and the time of the last renewal, on the clock of the
// daemon that asked. The owner is the node: its two daemons are not told apart.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/port/lease.h"

struct error;

struct sim_lease {
    char *owner;
    int64_t at_ms;
    uint64_t term;
    enum lease_origin origin; // of the term
    bool broken;              // ended; the next who asks has it
};

struct sim_leases {
    struct map leases;   // name → struct sim_lease *; released ones are absent
    struct map released; // name → nothing: given back, and not taken since
    uint64_t terms_given;
};

void sim_leases_init(struct sim_leases *leases);
void sim_leases_done(struct sim_leases *leases);
// Returns an enum lease_answer: a free lease is taken; one's own is renewed; one that was not
// renewed for longer than lease_ms is taken, even one's own. `ret_until_ms`: when it may be taken
// by others, for every answer.
int sim_leases_acquire(struct sim_leases *leases, const char *name, const char *owner,
                       int64_t now_ms, int64_t lease_ms, uint64_t *ret_term,
                       int64_t *ret_until_ms) WARN_UNUSED;
// -ENOENT unless the owner holds it and its time is not over.
int sim_leases_release(struct sim_leases *leases, const char *name, const char *owner,
                       int64_t now_ms, int64_t lease_ms, struct error *err) WARN_UNUSED;
// Whether the lease is the owner's with this very term, which is what a guarded write asks.
bool sim_leases_is_held(const struct sim_leases *leases, const char *name, const char *owner,
                        uint64_t term) WARN_UNUSED;
// Ends the lease, so that the next who asks has it. For a manager lease whose owner's node is not
// in the quorate part, and for an agent lease that a former manager took.
void sim_leases_break(struct sim_leases *leases, const char *name);
const struct sim_lease *sim_leases_find(const struct sim_leases *leases,
                                        const char *name) WARN_UNUSED;
