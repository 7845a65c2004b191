// SPDX-License-Identifier: Apache-2.0
// ha-clusterd of one node: the production engine (cluster/engine.h) with its replica, joined with
// the simulated transport, disk and clock, and for its clients the store, lease and membership
// ports, with the production rules for leases and for expected votes. Only sockets are left out: a
// question takes a short random time each way.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct event_sink;
struct lease;
struct membership;
struct prng;
struct store;
struct store_txn;
struct swarm_clock;
struct swarm_clusterd;
struct swarm_client;
struct swarm_disk;
struct swarm_fiber;
struct swarm_gate;
struct swarm_net;
struct swarm_queue;
struct timing;

struct swarm_clusterd_spec {
    struct swarm_queue *queue;
    struct prng *prng;
    struct swarm_gate *gate; // of this process
    struct swarm_net *net;
    size_t node; // its place in the network
    const char *name;
    struct swarm_disk *disk;
    struct swarm_clock *clock;
    struct event_sink *events;
    const struct timing *timing;
    void (*ended)(void *userdata); // it ended by itself (its database failed): start it again
    void *userdata;
};

// Starts the process: reads the disk, joins the group.
struct swarm_clusterd *swarm_clusterd_start(const struct swarm_clusterd_spec *spec) WARN_UNUSED;
// Ends it without a word. Clients see the connection lost. The disk is the caller's business.
void swarm_clusterd_kill(struct swarm_clusterd *clusterd);

// A process of the node that talks to ha-clusterd; it outlives each ha-clusterd, and connects to
// the next one. `changed` is called when something came in, as cluster_client_changed.
struct swarm_client_spec {
    struct swarm_queue *queue;
    struct prng *prng;
    struct swarm_gate *gate; // of the client's process
    struct swarm_clock *clock;
    const char *owner; // node for which it holds leases
    const struct timing *timing;
    // That it watches and that wake it; NULL-terminated. None: a tool's or a worker's, which waits
    // longer for an answer.
    const char *const *prefixes;
    int64_t patience_ms; // how long a write of a daemon waits at first; 0: two seconds
    void (*changed)(void *userdata);
    // A lease given back while the question was on its way was granted, and goes back by itself.
    // May be NULL.
    void (*gave_back)(void *userdata, const char *lease);
    void (*asked)(void *userdata, const char *lease); // for a lease; may be NULL
    void *userdata;
};
struct swarm_client *swarm_client_new(const struct swarm_client_spec *spec) WARN_UNUSED;
void swarm_client_free(struct swarm_client *client);
// The ha-clusterd of the node, or NULL while there is none.
void swarm_client_connect(struct swarm_client *client, struct swarm_clusterd *clusterd);
// In which fiber the ports are called now: they wait in it. NULL: from no fiber, nothing may wait.
void swarm_client_set_fiber(struct swarm_client *client, struct swarm_fiber *fiber);
// A worker's client writes under its node's agent lease with the term it was given; the ports are
// the same.
struct store *swarm_client_store(struct swarm_client *client) WARN_UNUSED;
struct lease *swarm_client_lease(struct swarm_client *client) WARN_UNUSED;
struct membership *swarm_client_membership(struct swarm_client *client) WARN_UNUSED;

// "expected VOTES", as an operator gives it on this node. 0, or why not (-EBUSY: guarded).
int swarm_clusterd_expect(struct swarm_clusterd *clusterd, uint32_t votes, bool force,
                          struct error *err) WARN_UNUSED;

// For the observer: never for a daemon. The committed value here, or NULL.
const char *swarm_clusterd_peek(const struct swarm_clusterd *clusterd, const char *key,
                                uint64_t *ret_version);
// What it tells its clients of the quorum now.
bool swarm_clusterd_is_quorate(const struct swarm_clusterd *clusterd) WARN_UNUSED;
bool swarm_clusterd_is_serving(const struct swarm_clusterd *clusterd) WARN_UNUSED;
// Sum over the committed durable rows, and the version at which it stands.
uint64_t swarm_clusterd_checksum(const struct swarm_clusterd *clusterd, uint64_t *ret_version);
