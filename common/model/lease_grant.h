// SPDX-License-Identifier: Apache-2.0
// What a daemon is told of a lease that it asked for; see common/port/lease.h.
#pragma once

#include <stdint.h>

enum lease_answer {
    LEASE_BUSY = 1, // someone else holds it, or the answer is not in yet; see retry_at_ms
    LEASE_ACQUIRED, // newly taken; the term is new
    LEASE_RENEWED,  // held since before
};

// How a lease was got from its holder. With a node's agent lease it says what proves that the node
// runs nothing any more.
enum lease_origin {
    LEASE_ORIGIN_NONE,     // nobody is known to have held it, or one's own node did
    LEASE_ORIGIN_RELEASED, // its holder gave it back: its own word that what it protected has ended
    LEASE_ORIGIN_EXPIRED,  // its holder was silent for the lease time
    LEASE_ORIGIN_INHERITED, // a former master held it, and had proven what it stands for
    LEASE_ORIGIN_FORGOTTEN, // all leases were forgotten, and it is the node's own again
};

struct lease_grant {
    uint64_t term;            // the fencing token: grows with each new grant
    enum lease_origin origin; // of this term
    int64_t
        authority_until_ms; // own clock; counted from before the last committed renewal was sent
    int64_t retry_at_ms;    // when busy: when asking again makes sense
};
