// SPDX-License-Identifier: Apache-2.0
// What swarm_net.c, swarm_net_ring.c and swarm_net_process.c share.
//
// Three parts: who hears whom and who forms a ring with whom (swarm_net.c), what is ordered on a
// ring and what is left of it when it breaks (swarm_net_ring.c), what a node's ha-clusterd is told
// (swarm_net_process.c).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/transport.h"
#include "sim/swarm/swarm_net.h"
#include "sim/swarm/swarm_queue.h"

// A multicast, or that a process joined or left the group. Shared by all who get it.
struct net_message {
    size_t references;
    size_t sender;     // node
    uint64_t position; // on the ring; 0: not on one yet
    uint32_t joined;   // a process that joins; 0: a multicast, or one that leaves
    bool is_leaving;
    size_t size_bytes;
    unsigned char bytes[];
};

struct net_member {
    size_t node;
    uint32_t process;
};

// Members of the group, as it changed on a ring. Shared likewise.
struct net_group {
    size_t references;
    uint64_t ring; // 0: the connection to Corosync is lost
    bool is_new_ring;
    size_t count;
    struct net_member members[]; // ascending by node
};

struct net_item { // one of them
    struct net_message *message;
    struct net_group *group;
};

// First in, first out, without an allocation for each.
struct net_items {
    struct net_item *items;
    size_t first, count, capacity;
};

struct net_ring {
    struct swarm_net *net;
    struct net_ring *next; // all rings
    uint64_t number;
    size_t *members; // ascending
    size_t count;
    size_t users; // nodes that are on it still
    bool quorate;
    uint32_t expected, votes; // of Corosync's quorum; votes of those present
    size_t turn;              // who is the first to put its messages on the ring
    uint64_t positions;
    int64_t busy_until_us; // while large messages pass
    struct swarm_timer timer;
    // What was on its way when the ring stopped turning: some of its members have it.
    struct net_items tail;
    bool is_stopped;  // the tail is decided
    int64_t merge_us; // when it will become one with another; 0: there is none
};

struct net_node {
    struct swarm_net *net;
    size_t index;
    char *name;
    uint32_t votes;
    struct swarm_gate *gate;
    bool is_configured;
    bool is_up;     // its Corosync runs
    bool is_paused; // as was seen last
    struct net_ring *ring;
    int64_t form_us;       // when it will look for a ring; 0: it has one that turns
    bool is_shy;           // is first alone then
    uint32_t expected;     // votes
    struct net_items sent; // not on a ring yet
    size_t sent_bytes;
    uint32_t joined; // process of the node that is in the group; 0: none
    struct net_process *process;
};

struct net_process {
    struct transport base;
    struct net_node *node;
    struct transport_callbacks callbacks;
    uint32_t id;
    struct net_items inbox;
    struct swarm_timer deliver, quorum, lost;
    struct net_group *group; // as it was told last; NULL: not in it
    bool is_quorum_known;    // what follows is as it was told last
    uint64_t quorum_ring;
    bool quorate;
    uint32_t expected, votes;
    struct transport_node *nodes; // by name
    size_t nodes_count;
};

struct swarm_net {
    struct swarm_net_spec spec;
    struct net_node **nodes;
    size_t count;
    size_t *by_name; // places of the nodes, by name
    bool *paths;     // from · SWARM_NODES_MAX… see path_at()
    size_t paths_side;
    int64_t loss_percent;
    uint64_t rings_made;
    uint32_t processes_made;
    struct net_ring *rings;
    struct swarm_timer watch;
    uint64_t messages, bytes;
};

int64_t net_random_us(struct swarm_net *net, int64_t min_us, int64_t max_us);
// Hear each other, both run.
bool net_is_mutual(const struct swarm_net *net, size_t a, size_t b);
bool net_node_is_awake(const struct net_node *node);
// Something may have changed about who hears whom.
void net_look(struct swarm_net *net);

void net_items_push(struct net_items *items, struct net_item item);
struct net_item net_items_take(struct net_items *items);
void net_items_clear(struct net_items *items);
struct net_item net_item_share(struct net_item item);
void net_item_release(struct net_item item);

// All members awake, on it, and hearing each other.
bool net_ring_turns(const struct net_ring *ring);
struct net_ring *net_ring_new(struct swarm_net *net, const size_t *members, size_t count);
void net_ring_free(struct net_ring *ring);
// A member has something to send.
void net_ring_wake(struct net_ring *ring);
// The ring stops turning here: what is under way is decided now.
void net_ring_stop(struct net_ring *ring);
// The members that go on together from this ring get what is left of it.
void net_ring_leave(struct net_ring *ring, const size_t *side, size_t count);
void net_ring_tell_quorum(struct net_ring *ring);
void net_ring_announce(struct net_ring *ring, bool is_new_ring);

void net_node_send(struct net_node *node, struct net_message *message);
void net_process_take(struct net_process *process, struct net_item item);
void net_process_tell_quorum(struct net_process *process);
void net_process_lost(struct net_process *process);
void net_process_joins(struct net_process *process);
void net_process_rename(struct net_process *process); // the configuration has changed
