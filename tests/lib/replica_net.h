// SPDX-License-Identifier: Apache-2.0
// Replicas on a modelled network and modelled disks, for tests. It behaves as Corosync was measured
// to: one total order on each ring; when a ring breaks, each side delivers the same part of what
// was under way, and of the rest only what its own members sent; what was not on the ring yet is
// delivered on the next one, late. Quorum may be told later than the group. Every step is the
// caller's choice, so that all orders can be tried; nothing here waits or draws lots by itself.
//
// It checks by itself, always: each request is answered once; one version and key never has two
// values in what readers were told (unless quorum was forced); readers' versions only grow.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/replica.h"
#include "common/base/macros.h"
#include "common/base/map.h"

enum {
    NET_NODES_MAX = 5,
    NET_LEASE_MS = 4000,
    NET_DEVICE_SILENCE_MS = 3500,
    NET_DEVICE_WAIT_MS = 13500,
};

struct net;
struct event;

struct net_request {
    uint64_t id;
    unsigned node; // index
    struct replica_request what;
    int64_t asked_ms; // time of the network
    bool is_answered;
    struct replica_answer answer;
    char *key;
};

struct net_items {
    void **items;
    size_t first, count, capacity;
};

struct net_node {
    uint32_t id;   // index + 1
    bool is_alive; // its process runs
    unsigned part; // of the network; nodes of one part hear each other
    uint64_t boot_id;
    struct replica *replica;
    int64_t offset_ms; // of its clock
    // Disk:
    uint64_t disk_epoch, disk_version;
    struct map disk; // struct table_row
    struct net_items batches;
    struct map aside; // struct table_row: what was set aside, of all times
    size_t asides_count;
    bool is_aside_refused;                 // the disk takes no such file now
    uint8_t lowest_format, highest_format; // that its program speaks; 0: the present one's
    // Corosync:
    struct net_items outbox; // not on a ring yet
    struct net_items held;   // kept back by the test
    struct net_items inbox;  // not delivered to the process yet
    uint64_t delivered_position;
    // What its process was told:
    uint64_t ring;
    struct replica_member members[NET_NODES_MAX];
    size_t members_count;
    bool is_quorum_untold;
    bool is_unflushed;
    size_t multicasts_count, batches_count; // so far
    size_t multicasts_bytes, batches_rows;  // likewise
    unsigned format;                        // of its last message, but for states
    // What its readers were told:
    uint64_t version_seen;
};

// Hooks may be NULL.
typedef void (*net_answer_hook)(struct net *net, const struct net_request *request, void *userdata);
typedef void (*net_event_hook)(struct net *net, unsigned node, const struct event *event,
                               void *userdata);

struct net {
    int64_t now_ms;
    char label[160];      // what a failure says
    unsigned nodes_count; // configured
    struct net_node nodes[NET_NODES_MAX];
    unsigned part_expected[NET_NODES_MAX + 1]; // votes that are expected in a part
    uint64_t part_ring[NET_NODES_MAX + 1];
    uint64_t rings, positions, boots;
    bool has_device; // a quorum device, with one vote
    int device_part; // to which it gives its vote; −1: to nobody
    bool part_forced[NET_NODES_MAX + 1];
    bool tell_quorum_late;
    bool is_forced;            // quorum was forced: two histories may exist
    struct net_items requests; // struct net_request
    struct map told;           // "version key" → value
    net_answer_hook on_answer;
    net_event_hook on_event;
    void *userdata;
};

// All nodes run and are connected; nothing is delivered yet.
struct net *net_new(unsigned nodes_count) WARN_UNUSED;
void net_free(struct net *net);

// One step of one node, or false when there is nothing of that kind to do.
enum net_step {
    NET_STEP_ORDER,   // Corosync puts its next message on the ring
    NET_STEP_DELIVER, // its process takes the next message or change of the group
    NET_STEP_QUORUM,  // its process is told the quorum
    NET_STEP_FLUSH,
    NET_STEP_DISK, // the oldest batch becomes durable
    NET_STEP_MAX
};
bool net_step(struct net *net, unsigned node, enum net_step step);
// Time passes; every process ticks.
void net_tick(struct net *net, int64_t ms);
// Steps, always the first possible one in the order of nodes and steps, until there are none.
void net_run(struct net *net);
// Steps and time, until all are quiet; then all living nodes in a quorate part serve, else the test
// fails.
void net_settle(struct net *net);
bool net_is_quorate(const struct net *net, unsigned node) WARN_UNUSED;

// Parts of the network by node. `kept` says for each part how much of what was on the ring and not
// delivered by anyone of the part it still gets: 0 … 100 %.
void net_split(struct net *net, const unsigned parts[NET_NODES_MAX],
               const unsigned kept_percent[NET_NODES_MAX]);
void net_heal(struct net *net);
// The process ends; the disk keeps what is durable and, of what was given to it, the first
// `batches_kept`. With `power_lost` the node leaves the ring as well, else what it has sent is
// still put on it.
void net_crash(struct net *net, unsigned node, bool power_lost, size_t batches_kept);
void net_start(struct net *net, unsigned node);
void net_wipe_disk(struct net *net, unsigned node); // of a crashed node
// Another node is configured, on all; it does not run yet. Or the last one, crashed, is not any
// more.
void net_add_node(struct net *net);
void net_remove_node(struct net *net);
// Keeps a message of the kind (an enum message_kind), which is not on the ring yet, back; false
// when there is none. And sends what was kept back, behind all else.
bool net_hold(struct net *net, unsigned node, int kind);
void net_let_go(struct net *net, unsigned node);
// The node's Corosync dies: what was on the ring for its process is gone, and so is what the
// process gave it last; others may have got that. It comes back at once, on another ring.
void net_lose_corosync(struct net *net, unsigned node);
// The node's process is told that there is no quorum, and a QUORUM step will tell it otherwise.
void net_flap_quorum(struct net *net, unsigned node);
// The operator says how many votes to expect in the node's part.
void net_force_expected(struct net *net, unsigned node, unsigned votes);

// There is a quorum device from now on; it gives its vote to the part: whoever had it is told at
// once that it has lost it, the others when their QUORUM step comes. −1: to nobody.
void net_give_device(struct net *net, int part);

// Requests of a node; they return the request's number.
size_t net_request(struct net *net, unsigned node, const struct replica_request *request);
size_t net_put(struct net *net, unsigned node, const char *key, const char *value, uint64_t expect);
size_t net_lease(struct net *net, unsigned node, enum replica_request_kind kind, const char *name,
                 uint64_t term,
                 uint64_t version); // owner "node<id>"

const struct net_request *net_answer(const struct net *net, size_t request) WARN_UNUSED;

// The committed value at a node, or NULL; and its version.
const char *net_value(const struct net *net, unsigned node, const char *key, uint64_t *ret_version);
int64_t net_clock(const struct net *net, unsigned node) WARN_UNUSED;
bool net_is_serving(const struct net *net, unsigned node) WARN_UNUSED;
// Fails the test unless all serving nodes have the same version and digest.
void net_check_equal(struct net *net);
// Stops the test with words.
void net_fail(const struct net *net, const char *format, ...) PRINTF_LIKE(2, 3) NORETURN;
