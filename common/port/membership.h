// SPDX-License-Identifier: Apache-2.0
// Port: who belongs to the cluster, who is there, and whether this node is in the quorate part.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct membership;

struct member {
    const char *node;
    bool online;  // in the quorate partition; all are offline when this node is not quorate
    bool present; // seen by Corosync, whether its ha-clusterd is there or not
};

struct member_list {
    struct member *members; // ascending by name; all nodes that are configured
    size_t count;
    bool quorate;
    uint64_t epoch; // grows with every change of the quorate configuration
    bool forced; // fewer votes are expected than are configured: an operator's word that the others
                 // are off
};

struct membership_ops {
    int (*get)(struct membership *membership, struct arena *arena, struct member_list *ret,
               struct error *err);
};

struct membership {
    const struct membership_ops *ops;
};

// -ENOTCONN when ha-clusterd is not reachable.
WARN_UNUSED static inline int membership_get(struct membership *membership, struct arena *arena,
                                             struct member_list *ret, struct error *err)
{
    return membership->ops->get(membership, arena, ret, err);
}
