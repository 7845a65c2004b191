// SPDX-License-Identifier: Apache-2.0
// The running store of this node: the replica (pure) joined with what carries its messages
// (transport), keeps its state (storage) and tells the time. Everything that asks or changes the
// store on this node goes through here: the server's clients and the daemon's own needs.
//
// Callbacks come from the loop, never from within a call, and must not call back into
// engine_request(): what they want to ask they ask later, from the loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/replica.h"
#include "cluster/transport.h"
#include "common/base/macros.h"

struct arena;
struct engine;
struct error;
struct event_sink;
struct json;
struct loop;

struct engine_callbacks {
    void (*answered)(void *userdata, uint64_t request, const struct replica_answer *answer);
    void (*changed)(void *userdata, const struct replica_row *rows,
                    size_t count); // committed, in order
    // What engine_membership() says has changed.
    void (*membership)(void *userdata);
    // A turn is over: state that has no notification of its own (leases) may have changed.
    void (*turned)(void *userdata);
    void *userdata;
};

struct engine_spec {
    struct loop *loop;
    struct event_sink *events;
    const char *node;
    const char *database;         // path
    const char *history;          // the cluster's name, "" standalone: see engine_open()
    uint32_t id;                  // this node's in the cluster; 0: standalone
    struct transport_nodes nodes; // as the configuration file has them
    int64_t lease_ms;
    int64_t token_ms; // a gap of the own clock as long as this casts doubt on the membership
    struct engine_callbacks callbacks;
};

// Opens the database and starts. What can be wrong with it:
//  - it is damaged: in a cluster it is set aside, with an event, and the node gets its state back
//  from the others. A
//    standalone node has no other copy: -EUCLEAN, and the operator decides (docs/store.md, "A
//    damaged database");
//  - it holds the state of another cluster: likewise set aside. On a standalone node the state of
//  any cluster is refused
//    with -ESTALE: what it says about other nodes' services is not true any more;
//  - the state of a standalone node becomes that of the cluster which it joins now.
int engine_open(const struct engine_spec *spec, struct engine **ret, struct error *err) WARN_UNUSED;
// Writes what is queued, ends. NULL is fine.
void engine_close(struct engine *engine);

// A request is known by a number, reserved before, since its one `answered` may come within the
// call.
uint64_t engine_reserve(struct engine *engine) WARN_UNUSED;
void engine_request(struct engine *engine, uint64_t number, const struct replica_request *request);
// To be called at the end of each turn of the loop that made requests.
void engine_turn(struct engine *engine);
// The first thing in each turn: notices when this process stood still.
void engine_wake(struct engine *engine);

struct engine_member {
    const struct transport_node *node;
    bool online; // in the quorate part, with its ha-clusterd
};
struct engine_membership {
    const struct engine_member *members; // all configured nodes, ascending by name
    size_t count;
    bool quorate; // and not in doubt
    bool forced;  // fewer votes are expected than the nodes have: an operator's word
    uint64_t epoch;
};
// In the arena.
void engine_membership(struct engine *engine, struct arena *arena, struct engine_membership *ret);
bool engine_is_quorate(const struct engine *engine) WARN_UNUSED;
// Votes that make a quorum now; 0: not known.
uint32_t engine_quorum_votes(const struct engine *engine) WARN_UNUSED;
// 0: the request may be made; else why it could not be confirmed: cluster/disk_watch.h.
int engine_check_write(struct engine *engine, const struct replica_request *request,
                       struct error *err) WARN_UNUSED;
// The lowest id of the group's members: who does what needs to be done once.
bool engine_is_first(const struct engine *engine) WARN_UNUSED;

const char *engine_node(const struct engine *engine) WARN_UNUSED;
bool engine_is_standalone(const struct engine *engine) WARN_UNUSED;
struct replica *engine_replica(struct engine *engine) WARN_UNUSED; // for reading
struct transport *engine_transport(struct engine *engine) WARN_UNUSED;
int64_t engine_now_ms(struct engine *engine) WARN_UNUSED;
struct event_sink *engine_events(struct engine *engine) WARN_UNUSED;
// Adds what there is to tell of the store and of Corosync: members that begin with "store_", and
// the rest.
void engine_describe(struct engine *engine, struct json *status);
