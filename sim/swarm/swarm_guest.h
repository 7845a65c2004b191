// SPDX-License-Identifier: Apache-2.0
// The true processes of guests on a node: what runs, whatever anybody believes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "sim/swarm/swarm_queue.h"

struct swarm_node;

enum swarm_run_state {
    SWARM_RUN_STARTING = 1, // being brought to life, by what outlives the worker that ordered it
    SWARM_RUN_UP,
    SWARM_RUN_STILL, // live move: its processes are there, and execute nothing
};

struct swarm_run {
    struct swarm_node *node;
    char *sid;
    enum swarm_run_state state;
    bool is_ending;           // was asked to end, and will
    struct swarm_timer timer; // of its next change
};

// Executes something here.
bool swarm_guest_is_up(const struct swarm_node *node, const char *sid) WARN_UNUSED;
// Will come to life after that time, unless it is killed before.
void swarm_guest_begin(struct swarm_node *node, const char *sid, int64_t us);
// It was asked to end: it does after that time; whoever asked may be gone by then.
void swarm_guest_ask_to_end(struct swarm_node *node, const char *sid, int64_t us);
// Hard. False: it does not go.
bool swarm_guest_kill(struct swarm_node *node, const char *sid) WARN_UNUSED;
// By itself.
void swarm_guest_crash(struct swarm_node *node, const char *sid);
// Only what is not up: half-done starts, what a live move left.
void swarm_guest_sweep(struct swarm_node *node, const char *sid);
void swarm_guests_sweep(struct swarm_node *node);
// The two ends of a live move. Received: up at once, on a node that is there.
void swarm_guest_still(struct swarm_node *node, const char *sid, bool is_still);
void swarm_guest_receive(struct swarm_node *node, const char *sid);
// The power is cut.
void swarm_guests_cut(struct swarm_node *node);
// For the map of runs.
void swarm_run_free(void *value);
