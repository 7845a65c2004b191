// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/swarm_rounds.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "sim/swarm/swarm_clock.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_queue.h"

struct swarm_rounds {
    struct swarm_rounds_spec spec;
    struct swarm_fiber *fiber;
    struct swarm_timer timer;
    int64_t wake_ms;
    bool is_running; // perhaps waiting for something
    bool is_asked;   // for another round
    bool is_over;
};

static void timer_fired(void *userdata)
{
    struct swarm_rounds *rounds = userdata;
    if (rounds->is_over) {
        rounds->spec.ended(rounds->spec.userdata); // may free all this
        return;
    }
    swarm_fiber_resume(rounds->fiber);
}

static void timer_renew(struct swarm_rounds *rounds)
{
    int64_t now_us = swarm_queue_now_us(rounds->spec.queue);
    bool at_once = rounds->is_over || rounds->is_asked;
    swarm_timer_set(&rounds->timer,
                    at_once ? now_us : swarm_clock_true_us(rounds->spec.clock, rounds->wake_ms));
}

static void rounds_body(void *userdata)
{
    struct swarm_rounds *rounds = userdata;
    while (!swarm_fiber_is_ended(rounds->fiber)) {
        rounds->is_running = true;
        rounds->is_asked = false;
        bool goes_on = rounds->spec.run(rounds->spec.userdata, &rounds->wake_ms);
        rounds->is_running = false;
        if (swarm_fiber_is_ended(rounds->fiber)) {
            return;
        }
        rounds->is_over = !goes_on;
        timer_renew(rounds);
        if (rounds->is_over) {
            return;
        }
        swarm_fiber_wait(rounds->fiber);
    }
}

struct swarm_rounds *swarm_rounds_new(const struct swarm_rounds_spec *spec)
{
    struct swarm_rounds *rounds = alloc_zero(sizeof(*rounds));
    rounds->spec = *spec;
    rounds->fiber = swarm_fiber_new(rounds_body, rounds);
    swarm_timer_init(&rounds->timer, spec->queue, spec->gate, timer_fired, rounds);
    swarm_rounds_request(rounds);
    return rounds;
}

void swarm_rounds_free(struct swarm_rounds *rounds)
{
    if (rounds == NULL) {
        return;
    }
    swarm_timer_stop(&rounds->timer);
    if (!swarm_fiber_is_done(rounds->fiber)) {
        swarm_fiber_end(rounds->fiber);
    }
    swarm_timer_stop(&rounds->timer);
    swarm_fiber_free(rounds->fiber);
    free(rounds);
}

void swarm_rounds_request(struct swarm_rounds *rounds)
{
    if (rounds->is_over) {
        return;
    }
    bool was_asked = rounds->is_asked;
    rounds->is_asked = true;
    // Later than what is due now: all that came in together is one cause.
    if (!rounds->is_running && !was_asked) {
        timer_renew(rounds);
    }
}

struct swarm_fiber *swarm_rounds_fiber(struct swarm_rounds *rounds)
{
    return rounds->fiber;
}

bool swarm_rounds_is_idle(const struct swarm_rounds *rounds)
{
    return !rounds->is_running && !rounds->is_asked && !rounds->is_over;
}

int64_t swarm_rounds_wake_ms(const struct swarm_rounds *rounds)
{
    return rounds->wake_ms;
}
