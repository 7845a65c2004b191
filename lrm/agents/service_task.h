// SPDX-License-Identifier: Apache-2.0
// What agents of services share: one verb at a time for each service on this node, the check of its
// place, and the change of its place as the last step of a move.
//
// INV-1, on this node: start, stop, kill and move of one service exclude each other by a lock file.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct guest;
struct store;

enum { SERVICE_LOCK_WAIT_MS = 10000, SERVICE_POLL_MS = 10 };

int64_t service_now_ms(void) WARN_UNUSED;

// Takes the service's lock and returns its descriptor; closing it gives the lock back. -EBUSY when
// another process keeps it for the whole time.
int service_lock(struct arena *arena, const char *sid, int64_t wait_ms,
                 struct error *err) WARN_UNUSED;

// -EXDEV: it belongs to another node; -EBUSY: it is locked.
int service_check_place(const struct guest *guest, const char *node, struct error *err) WARN_UNUSED;

// Reads the service's record as it is now; the version is what its change must expect. -ENOENT: it
// is not defined any more.
int service_read(struct arena *arena, struct store *store, const char *sid, struct guest **ret,
                 uint64_t *ret_version, struct error *err) WARN_UNUSED;

struct service_move {
    struct store *store;
    const char *node; // this one
    uint64_t lease_term;
    const char *sid;
    const char *target;
};

// -EPERM: this node holds no lease, so that it could not give the service away.
int service_check_movable(const struct service_move *move, struct error *err) WARN_UNUSED;
// Changes the service's place, under the guard of this node's agent lease: a node that lost its
// lease cannot write, however late its message arrives.
int service_hand_over(struct arena *arena, const struct service_move *move,
                      struct error *err) WARN_UNUSED;
