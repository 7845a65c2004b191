// SPDX-License-Identifier: Apache-2.0
// What a process knows of a lease that it asked ha-clusterd for. Pure: who asks tells when he did
// and what came back; common/host/client_lease.c does so by a socket, the simulator without one.
//
// Authority (docs/store.md, "Leases"): it is counted from the clock as read *before* the renewal
// was sent, and only a committed renewal, told by an answer, counts. Nothing else prolongs it; when
// the connection is lost it just runs out. The other nodes count the lease time from a later
// moment, the delivery of that renewal, which is what makes it safe (INV-2, INV-5).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/model/lease_grant.h"

enum {
    LEASE_CLAIM_RETRY_MS = 200,     // after a refusal that is not "busy"
    LEASE_CLAIM_PACE_MS = 10,       // between two questions when told that it can be had
    LEASE_CLAIM_UNANSWERED_MS = 50, // when to look again while the answer is on its way
    LEASE_CLAIM_LOST_MS = 3000,     // a question without an answer for so long is asked again
};

// Zeroed at the start. The numbers are the holder's own clock.
struct lease_claim {
    bool is_held;     // granted, and not known to have ended
    bool is_fresh;    // granted, and the daemon was not told yet
    bool is_unwanted; // given back while the question was on its way: a grant goes back at once
    bool is_asked;    // a question is on its way
    uint64_t term;
    enum lease_origin origin; // of the term
    int64_t authority_until_ms;
    int64_t asked_ms;     // the clock before it was sent
    int64_t ask_at_ms;    // not before
    struct error refusal; // the last answer was an error; code 0: it was not
};

// Is it time to ask, or to ask again?
bool lease_claim_is_due(const struct lease_claim *claim, int64_t now_ms) WARN_UNUSED;
// The question was sent, after the clock had shown before_ms.
void lease_claim_asked(struct lease_claim *claim, int64_t before_ms, int64_t renew_ms);

// What came back. Of granted: true when the grant must be released at once, with its term, since
// it is not wanted any more.
bool lease_claim_granted(struct lease_claim *claim, int64_t now_ms, int64_t authority_ms,
                         uint64_t term, enum lease_origin origin) WARN_UNUSED;
void lease_claim_busy(struct lease_claim *claim, int64_t now_ms, int64_t retry_in_ms);
void lease_claim_failed(struct lease_claim *claim, int64_t now_ms, const struct error *refusal);
// Whether the question arrived is not known.
void lease_claim_disconnected(struct lease_claim *claim);

// The daemon asks what it has. Without a quorum that is told by the membership, nothing can be
// renewed: say so, and ask nothing. Else LEASE_ACQUIRED, LEASE_RENEWED or LEASE_BUSY, and *ret; or
// the last refusal.
int lease_claim_answer(struct lease_claim *claim, int64_t now_ms, struct lease_grant *ret,
                       struct error *err) WARN_UNUSED;
// Wanted (again): before asking.
void lease_claim_want(struct lease_claim *claim);
// Given back: true, and the term to release. From here on it is not held, whatever becomes of the
// message.
bool lease_claim_release(struct lease_claim *claim, uint64_t *ret_term) WARN_UNUSED;
// It may be had now: one that is not held is asked for at once, or LEASE_CLAIM_PACE_MS after the
// last time.
void lease_claim_wake(struct lease_claim *claim, int64_t now_ms);
// Authority that has run out is gone for good: what comes later is a new grant to the daemon.
void lease_claim_expire(struct lease_claim *claim, int64_t now_ms);
