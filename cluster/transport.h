// SPDX-License-Identifier: Apache-2.0
// The seam between the daemon and what carries its messages: Corosync (cluster/corosync), or
// nothing but itself on a standalone node (cluster/loopback.c). It tells who is there, in which
// order messages come, and what the quorum is.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/replica.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct event_sink;
struct json;
struct loop;
struct transport;

// A node of the cluster's configuration.
struct transport_node {
    uint32_t id;
    const char *name;
    const char *address; // of its first link
    uint32_t votes;
    bool online; // in the present ring, whether its ha-clusterd runs or not
    bool member; // its ha-clusterd is in the group
};

struct transport_nodes {
    const struct transport_node *nodes; // ascending by name
    size_t count;
};

// All are called from the loop, never from within a call to the transport.
struct transport_callbacks {
    // Stands in the order of deliveries. The members are those whose ha-clusterd is in the group.
    void (*configured)(void *userdata, const struct replica_configuration *configuration);
    void (*delivered)(void *userdata, uint32_t sender, const void *bytes, size_t size_bytes);
    // The end of a turn that called one of the above.
    void (*turned)(void *userdata);
    // The list of nodes or something that status tells has changed.
    void (*changed)(void *userdata);
    void *userdata;
};

struct transport_ops {
    // Queues a message; it is delivered to all members, itself included, in one order, or to nobody
    // any more when the configuration changes under it.
    void (*send)(struct transport *transport, const void *bytes, size_t size_bytes);
    size_t (*queued_bytes)(const struct transport *transport);
    // The configured nodes, borrowed until the loop's next turn.
    struct transport_nodes (*nodes)(const struct transport *transport);
    // -ENOTSUP on a standalone node; -ENOTCONN: Corosync is not reachable; else its refusal in
    // words.
    int (*set_expected)(struct transport *transport, uint32_t votes, struct error *err);
    int (*reload)(struct transport *transport, struct error *err);
    // Members for the "status" document, added to `status`.
    void (*describe)(const struct transport *transport, struct json *status);
    // The config_version that Corosync runs with; −1: it does not run.
    int64_t (*config_version)(const struct transport *transport);
    void (*free)(struct transport *transport);
};

struct transport {
    const struct transport_ops *ops;
};

// A node alone: one member, always quorate.
struct transport *loopback_new(struct loop *loop, const char *node,
                               const struct transport_callbacks *callbacks) WARN_UNUSED;
// Connects to Corosync as soon as it is there, and again when it was gone. `self` is this node's
// id; `nodes` is what the configuration file says, until Corosync tells it. -ENOTSUP: built without
// Corosync.
int corosync_new(struct loop *loop, uint32_t self, const struct transport_nodes *nodes,
                 struct event_sink *events, const struct transport_callbacks *callbacks,
                 struct transport **ret, struct error *err) WARN_UNUSED;
