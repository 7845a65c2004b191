// SPDX-License-Identifier: Apache-2.0
// Coalesces the causes of rounds.
#include "common/host/rounds.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/host/host_clock.h"
#include "common/host/latency_page.h"
#include "common/host/loop.h"

struct rounds {
    struct loop *loop;
    struct loop_source *idle;
    struct loop_source *timer;
    rounds_run run;
    void *userdata;
    struct latency_page *page; // NULL: nobody counts
};

// The timer calls it directly: a flood of changes, which the idle source would wait for, cannot
// keep a daemon from renewing its lease.
static void rounds_fired(void *userdata)
{
    struct rounds *rounds = userdata;
    int64_t wake_ms;
    int64_t begin_us = host_clock_us();
    bool goes_on = rounds->run(rounds->userdata, &wake_ms);
    latency_page_add(rounds->page, LATENCY_KIND_ROUND, host_clock_us() - begin_us, 0);
    if (goes_on) {
        loop_timer_set(rounds->timer, wake_ms);
    } else {
        loop_timer_clear(rounds->timer);
        loop_quit(rounds->loop, EXIT_SUCCESS);
    }
}

struct rounds *rounds_new(struct loop *loop, rounds_run run, void *userdata)
{
    struct rounds *rounds = alloc_zero(sizeof(*rounds));
    rounds->loop = loop;
    rounds->run = run;
    rounds->userdata = userdata;
    rounds->idle = loop_add_idle(loop, rounds_fired, rounds);
    rounds->timer = loop_add_timer(loop, rounds_fired, rounds);
    rounds_request(rounds);
    return rounds;
}

void rounds_free(struct rounds *rounds)
{
    if (rounds != NULL) {
        loop_source_free(rounds->idle);
        loop_source_free(rounds->timer);
        free(rounds);
    }
}

void rounds_freep(struct rounds **rounds)
{
    rounds_free(*rounds);
}

void rounds_count(struct rounds *rounds, struct latency_page *page)
{
    rounds->page = page;
}

void rounds_request(struct rounds *rounds)
{
    loop_idle_request(rounds->idle);
}
