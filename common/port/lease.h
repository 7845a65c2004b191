// SPDX-License-Identifier: Apache-2.0
// Port: leases, the locks that end by themselves. The owner is a node.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/lease_grant.h"

struct error;
struct lease;

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
