// SPDX-License-Identifier: Apache-2.0
// The workers port of a simulated LRM, as lrm/host_workers.h and lrm/host_kill.h have it: each job
// in a fiber with a connection of its own, which dies with the LRM; the killing of guests with its
// proof; the watches on guests.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct event_sink;
struct swarm_fiber;
struct swarm_node;
struct swarm_workers;

struct swarm_workers_spec {
    struct swarm_node *node;
    struct event_sink *events;
    const uint64_t *term; // of the node's agent lease: what jobs given out now may write under
    void (*ended)(void *userdata); // there is something to collect or to look at
    void (*guest_exited)(void *userdata, const char *sid);
    void *userdata;
};

// What workers of a process before left half done is ended.
struct swarm_workers *swarm_workers_new(const struct swarm_workers_spec *spec) WARN_UNUSED;
// The LRM is gone, and all its workers with it. From the main flow.
void swarm_workers_free(struct swarm_workers *workers);
// In which the port is called.
void swarm_workers_set_fiber(struct swarm_workers *workers, struct swarm_fiber *fiber);
struct workers *swarm_workers_port(struct swarm_workers *workers) WARN_UNUSED;
void swarm_workers_note_exit(struct swarm_workers *workers, const char *sid);
bool swarm_workers_are_idle(const struct swarm_workers *workers) WARN_UNUSED;
