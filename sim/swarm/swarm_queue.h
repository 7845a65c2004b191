// SPDX-License-Identifier: Apache-2.0
// Virtual time: what is to happen when, in microseconds of true time. What is due at the same time
// happens in the order in which it was set, so that a run is decided by its seed alone.
//
// A gate stands for a process, or all processes of a node, that can be stopped (SIGSTOP, a paused
// virtual machine): what is due behind a closed gate waits, and happens in its order when the gate
// opens.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct swarm_queue;
struct swarm_timer;

typedef void (*swarm_due)(void *userdata);

struct swarm_gate {
    bool is_closed;
    struct swarm_timer *first, *last; // what waits behind it
    swarm_due changed;                // closed or opened; NULL: nobody wants to know
    void *userdata;
};

// Embedded in its owner, who stops it before he is freed.
struct swarm_timer {
    struct swarm_queue *queue;
    struct swarm_gate *gate; // NULL: none
    swarm_due due;
    void *userdata;
    // Of the queue:
    int64_t at_us;
    uint64_t order;
    size_t index;             // in the heap, 0: not in it
    struct swarm_timer *next; // behind a gate
    bool is_waiting;          // behind its gate
};

struct swarm_queue *swarm_queue_new(void) WARN_UNUSED;
void swarm_queue_free(struct swarm_queue *queue);
int64_t swarm_queue_now_us(const struct swarm_queue *queue) WARN_UNUSED;
// How many things have happened so far.
uint64_t swarm_queue_count(const struct swarm_queue *queue) WARN_UNUSED;

void swarm_timer_init(struct swarm_timer *timer, struct swarm_queue *queue, struct swarm_gate *gate,
                      swarm_due due, void *userdata);
// Once, at that time or now if it has passed; moves it when it was set.
void swarm_timer_set(struct swarm_timer *timer, int64_t at_us);
void swarm_timer_stop(struct swarm_timer *timer);
bool swarm_timer_is_set(const struct swarm_timer *timer) WARN_UNUSED;

// Closing and opening twice does nothing.
void swarm_gate_close(struct swarm_gate *gate);
void swarm_gate_open(struct swarm_gate *gate);

// Lets the next thing happen whose time is not after until_us. False when there is none: the time
// is until_us then.
bool swarm_queue_run_next(struct swarm_queue *queue, int64_t until_us) WARN_UNUSED;
