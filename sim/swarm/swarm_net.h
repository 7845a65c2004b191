// SPDX-License-Identifier: Apache-2.0
// The network and Corosync on it, as measured (docs/store.md, "What Corosync does"): a ring for
// each part of the network whose members hear each other both ways; one total order on each ring;
// when a ring breaks, after the token's time and the consensus, each side delivers the same part of
// what was under way and of the rest only what its own members sent; what was not on the ring yet
// is delivered on the next one, late. Quorum is told after the group. A node that was paused hears
// all of that late, and of the ring it was on first.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/transport.h"
#include "common/base/macros.h"

struct prng;
struct swarm_gate;
struct swarm_net;
struct swarm_queue;

enum { SWARM_NODES_MAX = 1000 };

struct swarm_net_spec {
    struct swarm_queue *queue;
    struct prng *prng; // for delays and losses
    int64_t token_ms, consensus_ms;
    int64_t delay_us_min, delay_us_max; // of a message to be on the ring and delivered
};

struct swarm_net *swarm_net_new(const struct swarm_net_spec *spec) WARN_UNUSED;
void swarm_net_free(struct swarm_net *net);
// Adds a node to the configuration of all: id = its place + 1. Its Corosync does not run yet. The
// gate is that of all processes of the node; a Corosync behind a closed one does not answer the
// ring, which breaks like any other.
void swarm_net_add_node(struct swarm_net *net, const char *name, uint32_t votes,
                        struct swarm_gate *gate);
void swarm_net_remove_node(struct swarm_net *net, size_t node); // from the configuration of all

// Corosync of the node starts, and ends without a word.
void swarm_net_start(struct swarm_net *net, size_t node);
void swarm_net_kill(struct swarm_net *net, size_t node);
bool swarm_net_is_up(const struct swarm_net *net, size_t node) WARN_UNUSED;
// What goes from one to the other arrives, or does not. All do at the start.
void swarm_net_set_path(struct swarm_net *net, size_t from, size_t to, bool is_open);
// Of each packet; Corosync resends, so that it delays, and breaks rings when it is much.
void swarm_net_set_loss(struct swarm_net *net, int64_t percent);

// The transport of the node's ha-clusterd, which starts now: it joins the group. Freed with
// ops->free: it leaves it. The gate is that of the process.
struct transport *swarm_net_open(struct swarm_net *net, size_t node, struct swarm_gate *gate,
                                 const struct transport_callbacks *callbacks) WARN_UNUSED;

// Nodes of the node's ring that are quorate by Corosync's count now, for the observer.
bool swarm_net_is_quorate(const struct swarm_net *net, size_t node) WARN_UNUSED;
bool swarm_net_shares_ring(const struct swarm_net *net, size_t node, size_t other) WARN_UNUSED;
// Since the start.
uint64_t swarm_net_messages(const struct swarm_net *net) WARN_UNUSED;
uint64_t swarm_net_bytes(const struct swarm_net *net) WARN_UNUSED;
