// SPDX-License-Identifier: Apache-2.0
// Port: power switches. One order switches one node off by one device and asks the device
// afterwards whether the node is off; only that answer counts as proof. Orders run besides the
// daemon's loop, each with its device's own timeout, so that one that hangs delays nobody.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct fence;
struct fence_device;

enum fence_verdict {
    FENCE_VERDICT_OFF = 1, // switched off, and its status said so afterwards
    FENCE_VERDICT_FAILED,  // refused, timed out, or the status said something else
};

struct fence_result {
    const char *node;
    const char *device;
    enum fence_verdict verdict;
    const char *evidence; // words for the operator: what the device said
    int64_t took_ms;
};

struct fence_results {
    struct fence_result *results;
    size_t count;
};

struct fence_ops {
    int (*start)(struct fence *fence, const struct fence_device *device, const char *node,
                 struct error *err);
    void (*collect)(struct fence *fence, struct arena *arena, struct fence_results *ret);
    void (*cancel)(struct fence *fence, const char *node); // may be NULL: orders take their course
};

struct fence {
    const struct fence_ops *ops;
};

// Orders the device to switch the node off. The device's delay is waited for by the order itself.
// The device is copied. A failure to begin is a result, not an error; -EEXIST: the same order is
// under way.
WARN_UNUSED static inline int fence_start(struct fence *fence, const struct fence_device *device,
                                          const char *node, struct error *err)
{
    return fence->ops->start(fence, device, node, err);
}

// The orders that ended since the last call, in the order of their ending. Each is returned once.
static inline void fence_collect(struct fence *fence, struct arena *arena,
                                 struct fence_results *ret)
{
    fence->ops->collect(fence, arena, ret);
}

// The node is well: orders for it that have not ended are ended where that is still possible, so
// that no late one hits it. Each still has its result.
static inline void fence_cancel(struct fence *fence, const char *node)
{
    if (fence->ops->cancel != NULL) {
        fence->ops->cancel(fence, node);
    }
}
