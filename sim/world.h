// SPDX-License-Identifier: Apache-2.0
// The simulated world: nodes with power and network, two daemons on each, virtual time, and
// everything the daemons' ports lead to. The daemons' rounds are the real ones (crm/round.h,
// lrm/round.h); nothing in sim/ decides about a service.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/timing.h"
#include "common/port/agent.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/fence.h"
#include "common/port/ids.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/stats.h"
#include "common/port/store.h"
#include "common/port/watchdog.h"
#include "common/port/workers.h"
#include "lrm/round.h"
#include "sim/sim_fault.h"
#include "sim/sim_fence.h"
#include "sim/sim_guest.h"
#include "sim/sim_lease.h"
#include "sim/sim_store.h"

struct crm_round;
struct error;
struct event;
struct lrm_round;
struct sim_daemon;
struct sim_node;
struct sim_world;

enum sim_daemon_kind { SIM_DAEMON_CRM, SIM_DAEMON_LRM, SIM_DAEMON_MAX };
enum sim_going_down { SIM_GOING_DOWN_NONE, SIM_GOING_DOWN_REBOOT, SIM_GOING_DOWN_SHUTDOWN };

// One port of one daemon: the port's own struct first, so that its operations find the way back.
#define SIM_PORT(name, type)                                                                       \
    struct sim_##name##_port {                                                                     \
        struct type port;                                                                          \
        struct sim_daemon *daemon;                                                                 \
    }
SIM_PORT(clock, clock);
SIM_PORT(store, store);
SIM_PORT(lease, lease);
SIM_PORT(membership, membership);
SIM_PORT(watchdog, watchdog);
SIM_PORT(stats, stats);
SIM_PORT(fence, fence);
SIM_PORT(ids, ids);
SIM_PORT(events, event_sink);
SIM_PORT(workers, workers);
SIM_PORT(agent, agent);

struct sim_daemon {
    struct sim_world *world;
    struct sim_node *node;
    enum sim_daemon_kind kind;
    char *at;         // "node1/crm"
    int64_t clock_ms; // its own clock, which lives on while the daemon does not
    // Exactly one of the two while the daemon exists, by kind; both NULL while it does not.
    struct crm_round *crm;
    struct lrm_round *lrm;
    bool stopping;        // was asked to end
    bool restart_pending; // a new one is made when this one has ended (LRM)
    int64_t next_wake_ms; // live profiles: its next round
    bool armed;           // has a watchdog handle
    int64_t deadline_ms;  // of the handle, on the world's clock
    struct arena *results_arena;
    struct job_result *results; // inline jobs that ended and were not collected yet
    size_t results_count, results_capacity;
    enum workers_killed killed; // of the last order to kill
    struct sim_clock_port clock;
    struct sim_store_port store;
    struct sim_store_port worker_store; // of its workers
    struct sim_lease_port lease;
    struct sim_membership_port membership;
    struct sim_watchdog_port watchdog;
    struct sim_stats_port stats;
    struct sim_fence_port fence;
    struct sim_ids_port ids;
    struct sim_events_port events;
    struct sim_workers_port workers;
    struct sim_agent_port agents[SIM_AGENT_MAX];
    struct fault_ports fault; // before the others, when the world has a plan for faults
};

struct sim_node {
    char *name;
    bool power, network;
    enum sim_going_down going_down;
    bool store_broken; // reads and writes of documents fail
    bool view_broken;  // only the refresh fails
    bool lrm_blind;    // its LRM can read nothing; all else works
    bool was_quorate;
    uint64_t view_version; // what it still reads since it lost quorum
    // What an LRM leaves on the machine for the one after it: which guests may run here, and under
    // which term. Gone with the power.
    bool is_noted;
    uint64_t noted_term;
    struct map noted; // sid → nothing
    bool has_sizes;
    double maxcpu, maxmem;
    struct sim_daemon crm, lrm;
};

struct sim_sizes {
    double maxcpu, maxmem; // configured: cores, bytes
    double cpu, mem;       // used
};
// What a service has whose sizes no file gives.
struct sim_sizes sim_sizes_default(void) WARN_UNUSED;

// Called for each event, in the order of their emission. `at` is "hardware" or a daemon's.
typedef void (*sim_event_callback)(void *userdata, int64_t t_ms, const char *at,
                                   const struct event *event);

// What was written, by daemons and workers.
struct sim_traffic {
    uint64_t transactions, keys, bytes; // bytes of keys and values
    uint64_t bytes_max;                 // of one transaction
};

struct sim_world {
    struct timing timing;
    int64_t now_ms;   // the hardware's clock
    struct map nodes; // name → struct sim_node *
    struct sim_store store;
    struct sim_leases leases;
    struct sim_guests guests;
    struct sim_fences fences;
    struct map sizes; // sid → struct sim_sizes *
    uint64_t ids_given;
    uint64_t epoch;        // of the membership
    size_t expected_votes; // one for each node, unless an operator said otherwise; 0: not yet
    uint64_t commands_given;
    struct sim_traffic durable, passing; // of durable keys, and of volatile ones
    sim_event_callback callback;
    void *userdata;
    struct sim_fault *fault; // borrowed; NULL: none
    int64_t quiet_ms;        // how long after the last command the run goes on
    uint64_t events_count;
    // The first event after which an invariant did not hold, in words; NULL while all hold.
    char *violation;
};

struct sim_world *sim_world_new(const struct timing *timing, sim_event_callback callback,
                                void *userdata) WARN_UNUSED;
void sim_world_free(struct sim_world *world);
struct sim_node *sim_world_add_node(struct sim_world *world, const char *name);
// NULL when there is none.
struct sim_node *sim_world_find_node(const struct sim_world *world, const char *name) WARN_UNUSED;

// The version of the management software on the node.
void sim_node_set_version(struct sim_world *world, struct sim_node *node, const char *version);

// More than half of the expected votes have power and network. Nodes that return raise what is
// expected.
bool sim_world_is_quorate(const struct sim_world *world) WARN_UNUSED;
bool sim_node_is_online(const struct sim_node *node) WARN_UNUSED;
// Whether daemons on the node are in the quorate part.
bool sim_node_is_quorate(const struct sim_world *world, const struct sim_node *node) WARN_UNUSED;
// To be called after power or network changed.
void sim_world_change_membership(struct sim_world *world);

void sim_world_emit(struct sim_world *world, int64_t t_ms, const char *at,
                    const struct event *event);
// A new event at "hardware"; the fields follow as key, text pairs up to NULL.
void sim_world_emit_hardware(struct sim_world *world, const char *name, ...);

bool sim_daemon_exists(const struct sim_daemon *daemon) WARN_UNUSED;
void sim_daemon_create(struct sim_daemon *daemon);
// Gone without a word, as by a power cut. An event when there was one.
void sim_daemon_kill(struct sim_daemon *daemon);
// Ended in the middle of a round, by the plan. It is made anew a little later and finds what it
// left on its machine. True when it had been asked to end, so that this is its end.
bool sim_daemon_crash(struct sim_daemon *daemon) WARN_UNUSED;
// Gone after an orderly end.
void sim_daemon_drop(struct sim_daemon *daemon);
// One round at the daemon's present clock; true when it asked to exit.
bool sim_daemon_run(struct sim_daemon *daemon) WARN_UNUSED;
// Fills in the ports; called once for each daemon.
void sim_ports_init(struct sim_daemon *daemon);
void sim_stats_port_init(struct sim_daemon *daemon);
void sim_workers_port_init(struct sim_daemon *daemon);
void sim_agent_ports_init(struct sim_daemon *daemon);
// What was written, which live daemons watch, or do not.
void sim_world_wake(struct sim_world *world, const struct store_op *ops, size_t count);
// The operator's hand: writes without any condition, and wakes who watches.
void sim_world_put(struct sim_world *world, const char *key, const char *value);
