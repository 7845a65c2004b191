// SPDX-License-Identifier: Apache-2.0
// The running store of this node: the replica (pure) joined with what carries its messages
// (transport), keeps its state (disk) and tells the time. Everything that asks or changes the store
// on this node goes through here: the server's clients and the daemon's own needs. All of the
// machine comes through ports: cluster/engine_host.h has the real ones, sim/swarm simulated ones.
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
struct clock;
struct engine;
struct error;
struct event_sink;
struct json;

// What the disk had at the start.
struct engine_state {
    uint64_t epoch, last_version;
    const struct replica_row *rows; // in any order
    size_t rows_count;
};

// What the disk tells, later: from the loop, never from within a call.
struct engine_disk_callbacks {
    // All batches up to this one are on the disk.
    void (*persisted)(void *userdata, uint64_t batch);
    // -ENOSPC: the disk is full; nothing is lost or reordered. 0: writing works again. Anything
    // else: nothing will be written any more.
    void (*trouble)(void *userdata, int code, const char *words);
    // Little room is left, or enough again; at the start it is taken to have enough.
    void (*room)(void *userdata, bool low);
    void *userdata;
};

// Port: where this node keeps the durable rows.
struct engine_disk;
struct engine_disk_ops {
    // Reads what is there, into the arena, and from then on takes batches.
    int (*open)(struct engine_disk *disk, const struct engine_disk_callbacks *callbacks,
                struct arena *arena, struct engine_state *ret, struct error *err);
    // A PERSIST effect, copied; returns how many bytes that takes until it is persisted.
    size_t (*write)(struct engine_disk *disk, const struct replica_effect *effect);
    // A SET_ASIDE effect: durable when it returns; where, in the arena.
    int (*set_aside)(struct engine_disk *disk, const struct replica_effect *effect,
                     struct arena *arena, const char **ret_kept, struct error *err);
    // Writes what is queued if it can, and ends; also of one that could not be opened.
    void (*close)(struct engine_disk *disk);
};
struct engine_disk {
    const struct engine_disk_ops *ops;
};

struct engine_ports {
    struct clock *clock;
    struct engine_disk *disk;
    int (*open_transport)(void *userdata, const struct transport_callbacks *callbacks,
                          struct transport **ret, struct error *err);
    // The store cannot go on: the process must end, and may be started again.
    void (*quit)(void *userdata);
    void *userdata;
};

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
    struct engine_ports ports;
    struct event_sink *events;
    const char *node;
    const char *database; // where it is, for status
    bool is_standalone;
    uint32_t id;      // this node's in the cluster
    uint64_t boot_id; // differs for each start of the process
    int64_t lease_ms;
    int64_t token_ms; // a gap of the own clock as long as this casts doubt on the membership
    struct engine_callbacks callbacks;
};

enum { ENGINE_TICK_MS = 100 };

// Opens disk and transport, and starts. What they fail with.
int engine_open(const struct engine_spec *spec, struct engine **ret, struct error *err) WARN_UNUSED;
// Closes both. NULL is fine.
void engine_close(struct engine *engine);

// Time passes: to be called every ENGINE_TICK_MS.
void engine_tick(struct engine *engine);
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
// Since when there is no quorum, on the own clock; 0: there is one.
int64_t engine_no_quorum_ms(const struct engine *engine) WARN_UNUSED;
// Votes that make a quorum now; 0: not known.
uint32_t engine_quorum_votes(const struct engine *engine) WARN_UNUSED;
// 0: the request may be made; else why it could not be confirmed: cluster/disk_watch.h.
int engine_check_write(struct engine *engine, const struct replica_request *request,
                       struct error *err) WARN_UNUSED;
// The lowest id of the group's members: who does what needs to be done once.
bool engine_is_first(const struct engine *engine) WARN_UNUSED;

const char *engine_node(const struct engine *engine) WARN_UNUSED;
bool engine_is_standalone(const struct engine *engine) WARN_UNUSED;
int64_t engine_lease_ms(const struct engine *engine) WARN_UNUSED;
struct replica *engine_replica(struct engine *engine) WARN_UNUSED; // for reading
struct transport *engine_transport(struct engine *engine) WARN_UNUSED;
int64_t engine_now_ms(struct engine *engine) WARN_UNUSED;
struct event_sink *engine_events(struct engine *engine) WARN_UNUSED;
// Adds what there is to tell of the store and of Corosync: members that begin with "store_", and
// the rest.
void engine_describe(struct engine *engine, struct json *status);
