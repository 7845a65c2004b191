// SPDX-License-Identifier: Apache-2.0
// What the parts of the simulated world share: the world, its nodes, their processes. Of
// swarm_world.h's implementation, nobody else's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/base/prng.h"
#include "common/model/timing.h"
#include "common/port/event_sink.h"
#include "common/port/ids.h"
#include "sim/swarm/swarm_clock.h"
#include "sim/swarm/swarm_queue.h"
#include "sim/swarm/swarm_world.h"

struct swarm_clusterd;
struct swarm_crm;
struct swarm_device;
struct swarm_disk;
struct swarm_fiber;
struct swarm_lrm;
struct swarm_net;
struct swarm_node;
struct swarm_operator;
struct swarm_watchdogd;
struct swarm_world;

#define SWARM_MS ((int64_t)1000)
#define SWARM_S  ((int64_t)1000 * 1000)

// Where the events of a process go. One that was killed says nothing any more.
struct swarm_sink {
    struct event_sink port; // first
    struct swarm_world *world;
    char *at; // "node1/lrm"
    bool is_muted;
};
void swarm_sink_init(struct swarm_sink *sink, struct swarm_world *world, const char *node,
                     const char *daemon);
void swarm_sink_done(struct swarm_sink *sink);

struct swarm_ids {
    struct ids port; // first
    uint64_t given;
};

enum swarm_process_kind {
    SWARM_PROCESS_COROSYNC,
    SWARM_PROCESS_CLUSTERD,
    SWARM_PROCESS_WATCHDOGD,
    SWARM_PROCESS_CRM,
    SWARM_PROCESS_LRM,
    SWARM_PROCESS_MAX
};
const char *swarm_process_name(enum swarm_process_kind kind) WARN_UNUSED;

struct swarm_process {
    struct swarm_node *node;
    enum swarm_process_kind kind;
    struct swarm_gate gate;
    bool is_up, is_held;
    struct swarm_timer restart; // its supervisor
    struct swarm_timer release; // the end of a hold
    struct swarm_timer death;   // it has ended by itself
};

struct swarm_node {
    struct swarm_world *world;
    size_t index; // in the world
    size_t place; // in the network: another one when it left and came again
    char *name;
    bool is_configured; // the cluster counts it
    bool is_joining;    // will, when it has come
    bool is_on, is_paused;
    bool no_in, no_out, is_apart; // what is wrong with its cable; on the side that a split named
    bool is_blind;                // its ha-crm cannot read the store
    bool lrm_is_blind;            // likewise
    bool is_stopping;             // an orderly reboot or departure: nothing is started again
    const char *reset_why;        // it is about to be reset, or NULL
    bool boots_again;             // when that has ended
    int stop_tries, leave_tries;
    int64_t woken_us; // from its last pause

    struct swarm_gate gate; // of all its processes
    struct swarm_process processes[SWARM_PROCESS_MAX];
    struct swarm_timer reset, silence, resume, wake, boot, stopping, leave;

    struct swarm_clock clock;
    struct swarm_disk *disk;
    struct swarm_device *device;

    // Processes, NULL while they do not run.
    struct swarm_clusterd *clusterd;
    struct swarm_watchdogd *watchdogd;
    uint64_t watchdogd_lives;
    struct swarm_crm *crm;
    struct swarm_lrm *lrm;
    struct swarm_sink clusterd_sink, watchdogd_sink;

    struct map runs; // sid → struct swarm_run *: true processes of guests

    // What is in memory only (/run), gone with the power.
    char *watchdogd_state; // or NULL
    bool has_note;         // which guests may run here,
    struct map noted;      // sid → the node
    uint64_t noted_term;   // and under which term
    enum swarm_switch {
        SWARM_SWITCH_WORKS,
        SWARM_SWITCH_FAILS,
        SWARM_SWITCH_HANGS,
        SWARM_SWITCH_LIES
    } power_switch; // what its fence device does
};

// What the campaign made of a guest, wherever it runs.
struct swarm_guest {
    char *sid;
    bool moves_live; // as a virtual machine does; the others stop for it
    bool hangs;      // does not stop, whatever is done to it
    int64_t failing_starts;
    int64_t start_us, stop_us; // beyond the usual
};

struct swarm_world {
    struct campaign_cluster cluster;
    struct swarm_observer observer;
    struct timing timing;
    struct swarm_queue *queue;
    struct swarm_fiber_pool *fibers;
    struct prng prng;
    struct swarm_net *net;
    struct swarm_ids ids;
    bool has_hardware_watchdogs;
    bool is_mended; // all faults have ended, and no step came since
    bool is_stopped;
    struct swarm_node **nodes;
    size_t count;
    size_t places;     // given in the network
    struct map guests; // sid → struct swarm_guest *
    struct map acts;   // of fence devices
    uint64_t acts_given;
    struct map operators; // at work
    uint64_t operators_given;
    struct swarm_figures figures;
};

// --- Randomness: from … to, both included.
int64_t swarm_random(struct swarm_world *world, int64_t from, int64_t to) WARN_UNUSED;
bool swarm_chance(struct swarm_world *world, int64_t percent) WARN_UNUSED;

// --- What the observer is told.
void swarm_tell_guest(const struct swarm_node *node, const char *sid, bool runs);
void swarm_tell_power(const struct swarm_node *node, const char *why);
void swarm_tell_committed(const struct swarm_node *node, int code, uint64_t version);
void swarm_tell_asked(const struct swarm_node *node, const char *lease);
void swarm_tell_authority(struct swarm_node *node, const char *lease, uint64_t term,
                          int64_t until_ms);

// Waits in the fiber, behind the gate. False: its process is gone, do nothing more.
bool swarm_sleep(struct swarm_world *world, struct swarm_gate *gate, struct swarm_fiber *fiber,
                 int64_t us);

// --- Nodes.
struct swarm_node *swarm_node_new(struct swarm_world *world, const char *name);
void swarm_node_free(struct swarm_node *node); // its power is off
struct swarm_node *swarm_world_find_node(struct swarm_world *world, const char *name);
struct swarm_guest *swarm_world_guest(struct swarm_world *world, const char *sid); // never NULL
// All from the main flow only, but for swarm_node_reset.
void swarm_node_power_on(struct swarm_node *node);
void swarm_node_boot_after(struct swarm_node *node, int64_t us);
// `why`: see the observer. It stays off.
void swarm_node_cut_power(struct swarm_node *node, const char *why);
// The machine resets itself: its processes are gone at once, its guests' writes within R; then it
// boots again.
void swarm_node_reset(struct swarm_node *node);
// In the configuration of the cluster, or not any more.
void swarm_node_join(struct swarm_node *node);
void swarm_node_leave(struct swarm_node *node);      // at once
void swarm_node_leave_soon(struct swarm_node *node); // when the others have done without it
// Orderly: the LRM does as the policy says; then its power is cut, and it boots again or not.
void swarm_node_stop(struct swarm_node *node, bool boots_again);
void swarm_node_pause(struct swarm_node *node, int64_t us);
void swarm_node_unpause(struct swarm_node *node);
void swarm_process_hold(struct swarm_process *process, int64_t us);
void swarm_process_release(struct swarm_process *process);
void swarm_process_kill(struct swarm_process *process); // and it is started again
// It ended by itself, in order.
void swarm_process_ended(struct swarm_process *process);

// --- The daemons. From the main flow.
struct swarm_crm *swarm_crm_start(struct swarm_node *node);
void swarm_crm_kill(struct swarm_crm *crm);
void swarm_crm_connect(struct swarm_crm *crm);
void swarm_crm_request_shutdown(struct swarm_crm *crm);
bool swarm_crm_is_quiet(const struct swarm_crm *crm);
uint64_t swarm_crm_sum(const struct swarm_crm *crm);
void swarm_crm_request(void *crm); // a round

struct swarm_lrm *swarm_lrm_start(struct swarm_node *node);
void swarm_lrm_kill(struct swarm_lrm *lrm);
void swarm_lrm_connect(struct swarm_lrm *lrm);
void swarm_lrm_request_shutdown(struct swarm_lrm *lrm, bool node_reboots);
bool swarm_lrm_is_quiet(const struct swarm_lrm *lrm);
bool swarm_lrm_is_fresh(const struct swarm_lrm *lrm) WARN_UNUSED; // swarm_watchdog.h
uint64_t swarm_lrm_sum(const struct swarm_lrm *lrm);
// A guest's processes are gone: whoever watches is told.
// Whether a guest that comes live may come to life here (INV-5).
bool swarm_lrm_may_receive(const struct swarm_lrm *lrm, const char *sid);
void swarm_lrm_note_exit(struct swarm_lrm *lrm, const char *sid);

// --- Power switches: what they are doing (swarm_fence.c).
void swarm_acts_end(struct swarm_world *world);

// --- Operators.
void swarm_operators_end(struct swarm_world *world);
// The node's power is gone, and with it whoever was at work on it: they try again elsewhere.
void swarm_operators_leave(struct swarm_node *node);
// Writes what there is at the start, as soon as that is possible.
void swarm_operator_set_up(struct swarm_world *world);
// One step that writes something. Words are copied.
int swarm_operator_do(struct swarm_world *world, const struct campaign_step *step,
                      struct error *err) WARN_UNUSED;
