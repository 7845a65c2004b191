// SPDX-License-Identifier: Apache-2.0
// How the disks below the store are: this node's from what its writer tells, the others' from what
// they tell (live/disk/<node>; absent: well). Says so by events, and refuses new durable writes
// when they could not be confirmed: with a clear word at once, instead of half a minute later
// without one. Leases and volatile rows need no disk and are never refused.
//
// What is left below the reserve (store_writer.h) is for writes that are guarded by a lease: what
// the cluster itself decides goes on while operators are told to make room.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct disk_watch;
struct engine;
struct error;
struct json;
struct replica_request;

enum disk_health {
    DISK_HEALTH_WELL,
    DISK_HEALTH_LOW,  // only the reserve is left
    DISK_HEALTH_FULL, // what is to be written finds no room, and waits
    DISK_HEALTH_SLOW, // what is to be written waits for seconds already
    DISK_HEALTH_MAX
};

struct disk_watch *disk_watch_new(struct engine *engine) WARN_UNUSED;
void disk_watch_free(struct disk_watch *watch);

// From the writer. `size_bytes` counts what waits with the batch.
void disk_watch_written(struct disk_watch *watch, uint64_t batch, size_t size_bytes);
void disk_watch_persisted(struct disk_watch *watch, uint64_t batch);
void disk_watch_full(struct disk_watch *watch, bool full);
void disk_watch_low(struct disk_watch *watch, bool low);
// More waits for the disk than can be kept: the node must give up.
bool disk_watch_is_hopeless(const struct disk_watch *watch) WARN_UNUSED;
enum disk_health disk_watch_health(const struct disk_watch *watch) WARN_UNUSED;

// To be called at the end of each turn; looks about once a second, and at once after a change.
void disk_watch_turn(struct disk_watch *watch);
// True when the answer was to a request of ours.
bool disk_watch_answered(struct disk_watch *watch, uint64_t request);
// 0: the request may be made. -ENOSPC, -EBUSY: it could not be confirmed, with words that name the
// nodes whose disks are to blame.
int disk_watch_check(struct disk_watch *watch, const struct replica_request *request,
                     struct error *err) WARN_UNUSED;
// Adds "store_trouble" (this node's, when it is not well) and "store_disks" (nodes that are not
// well, in words).
void disk_watch_describe(struct disk_watch *watch, struct json *status);
