// SPDX-License-Identifier: Apache-2.0
// Port: leases, the locks that end by themselves. The owner is a node.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct lease;

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

struct lease_ops {
    int (*acquire)(struct lease *lease, const char *name, struct lease_grant *ret,
                   struct error *err);
    int (*release)(struct lease *lease, const char *name, struct error *err);
};

struct lease {
    const struct lease_ops *ops;
};

// Asks to hold the lease, takes it over when its holder has not renewed for the lease time, and
// renews it when it is held. Never waits for the network: the answer is what is known now, and a
// better answer wakes the daemon for another round. Returns an enum lease_answer, or -EHOSTDOWN (no
// quorum), -ENOTCONN. `ret` is set for every answer > 0.
WARN_UNUSED static inline int lease_acquire(struct lease *lease, const char *name,
                                            struct lease_grant *ret, struct error *err)
{
    return lease->ops->acquire(lease, name, ret, err);
}

// Gives the lease back at once: the word of the holder that what it protected has ended. -ENOENT
// when not held.
WARN_UNUSED static inline int lease_release(struct lease *lease, const char *name,
                                            struct error *err)
{
    return lease->ops->release(lease, name, err);
}
