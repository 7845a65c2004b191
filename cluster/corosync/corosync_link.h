// SPDX-License-Identifier: Apache-2.0
// One connection to a running Corosync: its services' calls and callbacks, in plain types. It lives
// until Corosync ends or says something unexpected; then its owner frees it and makes a new one.
// Only here and in corosync_link.c are Corosync's headers included.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/corosync/correlation.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct loop;
struct corosync_link;
struct transport_nodes;

struct corosync_link_callbacks {
    void (*group)(void *userdata, const struct correlation_member *members, size_t count,
                  bool ring_follows);
    void (*ring)(void *userdata, struct correlation_ring ring);
    void (*delivered)(void *userdata, uint32_t sender, const void *bytes, size_t size_bytes);
    void (*quorum)(void *userdata, struct correlation_ring ring, bool quorate);
    // The nodes of the ring changed, or votes, or the configuration: ask again.
    void (*nodes)(void *userdata, const uint32_t *online, size_t count);
    void (*votes)(void *userdata);
    void (*reloaded)(void *userdata);
    // The end of a turn of the above.
    void (*turned)(void *userdata);
    // Corosync is gone; the connection is of no use any more. Not called from within a call.
    void (*lost)(void *userdata, const char *why);
    void *userdata;
};

// -ENOTCONN: Corosync does not run or is not ready; -EINVAL: its own id is not `self`.
int corosync_link_open(struct loop *loop, uint32_t self,
                       const struct corosync_link_callbacks *callbacks, struct corosync_link **ret,
                       struct error *err) WARN_UNUSED;
void corosync_link_free(struct corosync_link *link);

// 0; -EAGAIN: try again soon; -EIO: Corosync is gone.
int corosync_link_join(struct corosync_link *link) WARN_UNUSED;
int corosync_link_send(struct corosync_link *link, const void *bytes,
                       size_t size_bytes) WARN_UNUSED;

struct corosync_link_votes {
    uint32_t quorum, expected, highest_expected, total;
    uint32_t device_votes, device_cast; // a quorum device's, and what of them it gives us now
    bool quorate, two_node, device;
};
int corosync_link_votes(struct corosync_link *link, struct corosync_link_votes *ret) WARN_UNUSED;
int corosync_link_set_expected(struct corosync_link *link, uint32_t votes,
                               struct error *err) WARN_UNUSED;
// Has all nodes read their configuration files again.
int corosync_link_reload(struct error *err) WARN_UNUSED;

// What Corosync runs with: nodes in the arena, ascending by name, with votes, without online and
// member.
int corosync_link_nodes(struct corosync_link *link, struct arena *arena,
                        struct transport_nodes *ret) WARN_UNUSED;
// At run time; 0: not known.
uint32_t corosync_link_token_ms(struct corosync_link *link) WARN_UNUSED;
uint32_t corosync_link_consensus_ms(struct corosync_link *link) WARN_UNUSED;
// How long Corosync believes in a quorum device that has fallen silent.
uint32_t corosync_link_device_timeout_ms(struct corosync_link *link) WARN_UNUSED;
uint64_t corosync_link_config_version(struct corosync_link *link) WARN_UNUSED; // likewise
