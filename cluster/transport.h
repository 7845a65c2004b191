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

// One link of this node to another.
struct transport_link {
    const char *node;
    int link;
    bool connected;
    int64_t latency_us; // of a round trip, on average; 0: not known, or not for long
};

// What Corosync runs with and measures. All zero without a running Corosync.
struct transport_facts {
    uint32_t quorum_votes, expected_votes, total_votes;
    bool has_device; // a quorum device is registered
    int64_t token_ms, consensus_ms;
    const struct transport_link *links; // ascending by node and link
    size_t links_count;
};

struct transport_ops {
    // Queues a message; it is delivered to all members, itself included, in one order, or to nobody
    // any more when the configuration changes under it.
    void (*send)(struct transport *transport, const void *bytes, size_t size_bytes);
    size_t (*queued_bytes)(const struct transport *transport);
    // The configured nodes, borrowed until the loop's next turn.
    struct transport_nodes (*nodes)(const struct transport *transport);
    // 0: Corosync is being told so. It may be long in answering, and nobody waits for it: what it
    // refuses all the same is an event, and what it does shows in nodes() and facts(). -ENOTSUP on
    // a standalone node; -ENOTCONN: Corosync is not reachable; else a refusal in words.
    int (*set_expected)(struct transport *transport, uint32_t votes, struct error *err);
    int (*reload)(struct transport *transport, struct error *err);
    // What is known now; asks nobody. The links in the arena; without one there are none.
    void (*facts)(const struct transport *transport, struct arena *arena,
                  struct transport_facts *ret);
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
