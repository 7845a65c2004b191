// SPDX-License-Identifier: Apache-2.0
// A flow of control that can wait: a daemon's round or a worker, which call ports that block
// (a commit, an agent's verb), run in fibers, so that time passes and faults hit in the middle of
// them. Made of ucontext(3); one runs at a time, and only from the main flow.
//
// A fiber whose process was killed must not vanish with what it has on its stack: it is told to
// hurry (is_ended), every wait returns at once and every port refuses without effect, until its
// function returns.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct swarm_fiber;
struct swarm_fiber_pool;

typedef void (*swarm_fiber_body)(void *userdata);

// Stacks of fibers that are gone, for those that come: many short ones need no new ones. It
// outlives them all.
struct swarm_fiber_pool *swarm_fiber_pool_new(void) WARN_UNUSED;
void swarm_fiber_pool_free(struct swarm_fiber_pool *pool);

// Not started yet. It gets a stack when it begins, of the pool (NULL: a new one), and keeps it.
struct swarm_fiber *swarm_fiber_new_in(struct swarm_fiber_pool *pool, swarm_fiber_body body,
                                       void *userdata) WARN_UNUSED;
struct swarm_fiber *swarm_fiber_new(swarm_fiber_body body, void *userdata) WARN_UNUSED;
// Only of one that has not begun or has returned.
void swarm_fiber_free(struct swarm_fiber *fiber);
// Runs it until it waits or returns. Not from within a fiber.
void swarm_fiber_resume(struct swarm_fiber *fiber);
// From within: back to who resumed it, until resumed again. Returns at once after
// swarm_fiber_end().
void swarm_fiber_wait(struct swarm_fiber *fiber);
// Its process is gone: lets it return as described above, before this returns. Not from within it.
void swarm_fiber_end(struct swarm_fiber *fiber);
// Only of one that has returned: its function begins anew with the next resume, on the same stack.
// Much cheaper than another fiber.
void swarm_fiber_restart(struct swarm_fiber *fiber);
bool swarm_fiber_is_ended(const struct swarm_fiber *fiber) WARN_UNUSED; // told to hurry
bool swarm_fiber_is_done(const struct swarm_fiber *fiber) WARN_UNUSED;  // has returned
