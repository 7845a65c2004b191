// SPDX-License-Identifier: Apache-2.0
// One connection to a running Corosync: messages, group, ring and quorum, in plain types. It lives
// until Corosync ends or says something unexpected; then its owner frees it and makes a new one.
// Once it is open, nothing here waits for Corosync; what must be asked is figures.h's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/corosync/correlation.h"
#include "common/base/macros.h"

struct corosync_link;
struct error;
struct loop;

struct corosync_link_callbacks {
    void (*group)(void *userdata, const struct correlation_member *members, size_t count,
                  bool ring_follows);
    void (*ring)(void *userdata, struct correlation_ring ring);
    void (*delivered)(void *userdata, uint32_t sender, const void *bytes, size_t size_bytes);
    void (*quorum)(void *userdata, struct correlation_ring ring, bool quorate);
    // The nodes of the ring.
    void (*nodes)(void *userdata, const uint32_t *online, size_t count);
    // The end of a turn of the above.
    void (*turned)(void *userdata);
    // Corosync is gone; the connection is of no use any more. Not called from within a call.
    void (*lost)(void *userdata, const char *why);
    void *userdata;
};

// To be called when Corosync is known to answer now: this waits for it. -ENOTCONN: it does not run
// or is not ready; -EINVAL: its own id is not `self`.
int corosync_link_open(struct loop *loop, uint32_t self,
                       const struct corosync_link_callbacks *callbacks, struct corosync_link **ret,
                       struct error *err) WARN_UNUSED;
void corosync_link_free(struct corosync_link *link);

// 0; -EAGAIN: try again soon; -EIO: Corosync is gone.
int corosync_link_join(struct corosync_link *link) WARN_UNUSED;
int corosync_link_send(struct corosync_link *link, const void *bytes,
                       size_t size_bytes) WARN_UNUSED;
