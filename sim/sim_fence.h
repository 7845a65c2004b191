// SPDX-License-Identifier: Apache-2.0
// Simulated power switches: a device does what the name of its agent says, after the seconds of its
// parameter "took" (1).
//     fence_off   takes the node's power and says so
//     fence_fail  says that it failed
//     fence_hang  says nothing until its timeout is over
//     fence_lie   says off and does nothing
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct sim_daemon;
struct sim_world;

struct sim_fence_order {
    struct sim_daemon *daemon; // that gave it
    char *node, *device, *agent;
    int64_t start_ms, due_ms;
    bool ended, cancelled; // ended: to be collected
};

struct sim_fences {
    struct sim_fence_order *orders;
    size_t count, capacity;
};

void sim_fences_done(struct sim_fences *fences);
// The daemon has crashed: its orders end with it.
void sim_fences_forget(const struct sim_daemon *daemon);
// The daemon's port.
void sim_fence_port_init(struct sim_daemon *daemon);
// When the next device is done; INT64_MAX: none is at work.
int64_t sim_fences_next_ms(const struct sim_world *world) WARN_UNUSED;
// Carries out what is due.
int sim_fences_run(struct sim_world *world, struct error *err) WARN_UNUSED;
