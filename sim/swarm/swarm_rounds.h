// SPDX-License-Identifier: Apache-2.0
// When a simulated daemon's round runs, as common/host/rounds.h has it: once after whatever came in
// together, when its own next wake-up is due, and never twice at the same time. A round runs in a
// fiber, since it may wait for a commit.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct swarm_clock;
struct swarm_fiber;
struct swarm_gate;
struct swarm_queue;
struct swarm_rounds;

struct swarm_rounds_spec {
    struct swarm_queue *queue;
    struct swarm_gate *gate; // of the process
    struct swarm_clock *clock;
    // One round. True: again at *ret_wake_ms of the clock at the latest. False: it has ended.
    bool (*run)(void *userdata, int64_t *ret_wake_ms);
    void (*ended)(void *userdata); // from the main flow
    void *userdata;
};

// The first round is requested.
struct swarm_rounds *swarm_rounds_new(const struct swarm_rounds_spec *spec) WARN_UNUSED;
// Its process is gone: a round under way is told to hurry. From the main flow. NULL is fine.
void swarm_rounds_free(struct swarm_rounds *rounds);
void swarm_rounds_request(struct swarm_rounds *rounds);
struct swarm_fiber *swarm_rounds_fiber(struct swarm_rounds *rounds) WARN_UNUSED;
// No round is under way, and none is asked for but at its time.
bool swarm_rounds_is_idle(const struct swarm_rounds *rounds) WARN_UNUSED;
// That time, on the process's clock.
int64_t swarm_rounds_wake_ms(const struct swarm_rounds *rounds) WARN_UNUSED;
