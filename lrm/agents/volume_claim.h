// SPDX-License-Identifier: Apache-2.0
// Whose a volume is that nodes share: the file ".<volume>.claim" beside it names the node that uses
// it. The second line behind leases and fencing: should two nodes ever be told to start the same
// container, the one that comes second finds a claim that is alive, and refuses (INV-1).
//
// A claim is alive when its node touches the file after it was asked to, as storage_keeper.h does
// for what runs. One that nobody touches is not: its node had lost the storage when it stopped the
// container, say. Neither is one of a node that is away from the quorate part: it was fenced before
// anything of it is started elsewhere, and a recovery must not wait. So this line holds between
// nodes that see each other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;

enum {
    VOLUME_CLAIM_WATCH_MS = 12000, // so long an answer is waited for: several looks of the keeper
    VOLUME_CLAIM_LOOK_MS = 500,
};

struct volume_claim {
    const char *path; // of the volume, absolute
    const char *node; // this one
    // Whether the node is away, or has lost its agent lease to another one. What fails counts as
    // no; NULL: not known.
    int (*is_gone)(void *userdata, const char *node, bool *ret, struct error *err);
    void (*wait)(void *userdata, int64_t ms);
    void *userdata;
};

// 0: the claim is this node's. -EBUSY: it is another's, who is named; nothing was changed. It takes
// VOLUME_CLAIM_WATCH_MS where that must be found out.
int volume_claim_take(struct arena *arena, const struct volume_claim *claim,
                      struct error *err) WARN_UNUSED;
// Nothing of this node uses the volume any more. One that is another's stays.
int volume_claim_drop(struct arena *arena, const char *path, const char *node,
                      struct error *err) WARN_UNUSED;
// It is still used: touches the claim when it is this node's and somebody asks.
int volume_claim_answer(struct arena *arena, const char *path, const char *node,
                        struct error *err) WARN_UNUSED;
