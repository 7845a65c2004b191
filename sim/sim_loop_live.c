// SPDX-License-Identifier: Apache-2.0
// The run loop for the live profiles: the world jumps from one due thing to the next. A daemon's
// round runs when it is due by its own word or woken by a change, takes no time, and what it
// changes reaches others a little later.
#include <errno.h>
#include <inttypes.h>

#include "common/base/error.h"
#include "sim/sim_loop.h"
#include "sim/sim_script.h"
#include "sim/sim_turn.h"
#include "sim/world.h"

enum {
    LIVE_PASS_MS = 20 * 1000, // of the classic loop, whose times for commands are kept
    LIVE_BATCH_MS = 100 * 1000,
    LIVE_TIME_MAX_MS = 10000 * 1000,
    LIVE_ROUNDS_PER_S_MAX = 50, // of one daemon: more is a loop that feeds itself
};

struct live {
    struct sim_script script;
    struct sim_world *world;
    int64_t next_batch_ms;
    int64_t paused_until_ms[SIM_DAEMON_MAX];
    int64_t slack_ms; // how long after its deadline a watchdog may take to act
    int64_t second;   // the rounds of which are counted
    uint64_t rounds;
};

static int64_t live_daemon_due_ms(const struct live *live, const struct sim_daemon *daemon)
{
    int64_t due_ms = sim_daemon_exists(daemon) ? daemon->next_wake_ms : INT64_MAX;
    int64_t paused_ms = live->paused_until_ms[daemon->kind];
    return due_ms < paused_ms ? paused_ms : due_ms;
}

static void live_find_earlier(int64_t *earliest_ms, int64_t at_ms)
{
    if (at_ms < *earliest_ms) {
        *earliest_ms = at_ms;
    }
}

static int64_t live_next_ms(const struct live *live)
{
    int64_t next_ms = live->next_batch_ms;
    live_find_earlier(&next_ms, sim_fences_next_ms(live->world));
    map_each (e, &live->world->nodes) {
        const struct sim_node *node = e->value;
        const struct sim_daemon *const daemons[] = {&node->crm, &node->lrm};
        for (size_t i = 0; i < ARRAY_SIZE(daemons); i++) {
            live_find_earlier(&next_ms, live_daemon_due_ms(live, daemons[i]));
            if (daemons[i]->armed) {
                live_find_earlier(&next_ms, daemons[i]->deadline_ms + live->slack_ms + 1);
            }
        }
    }
    return next_ms > live->world->now_ms ? next_ms : live->world->now_ms;
}

// Rounds that wake each other without end would stop the time.
static int live_count_round(struct live *live, struct error *err)
{
    int64_t second = live->world->now_ms / 1000;
    if (second != live->second) {
        live->second = second;
        live->rounds = 0;
    }
    uint64_t allowed = 2 * LIVE_ROUNDS_PER_S_MAX * (uint64_t)live->world->nodes.count;
    if (++live->rounds > allowed) {
        return error_set(err, -ETIME, "more than %" PRIu64 " rounds in second %" PRId64, allowed,
                         second);
    }
    return 0;
}

static int live_turn(struct live *live, struct sim_daemon *daemon, struct error *err)
{
    struct sim_world *world = live->world;
    if (live_daemon_due_ms(live, daemon) > world->now_ms) {
        return 0;
    }
    int r = live_count_round(live, err);
    if (r < 0) {
        return r;
    }
    return sim_daemon_run(daemon) ? sim_turn_end(daemon, err) : 0;
}

static void live_set_clocks(struct sim_world *world)
{
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        node->crm.clock_ms = world->now_ms;
        node->lrm.clock_ms = world->now_ms;
    }
}

static int live_batch(struct live *live, struct error *err)
{
    int64_t now_ms = live->world->now_ms;
    int r = sim_script_run_batch(&live->script, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < SIM_DAEMON_MAX; i++) {
        // Rounds to be left out are those of the classic loop.
        live->paused_until_ms[i] = now_ms + live->script.skips[i] * LIVE_PASS_MS;
        live->script.skips[i] = 0;
    }
    int64_t delay_ms = live->script.delayed_until_ms - now_ms;
    int64_t passes = delay_ms > LIVE_PASS_MS ? (delay_ms + LIVE_PASS_MS - 1) / LIVE_PASS_MS : 1;
    live->next_batch_ms = now_ms + LIVE_BATCH_MS + (passes - 1) * LIVE_PASS_MS;
    return 0;
}

static int live_instant(struct live *live, struct error *err)
{
    struct sim_world *world = live->world;
    int r = sim_turn_check_watchdogs(world, live->slack_ms, err);
    if (r == 0) {
        r = sim_fences_run(world, err);
    }
    if (r == 0 && world->now_ms >= live->next_batch_ms) {
        r = live_batch(live, err);
    }
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        if (r == 0) {
            r = live_turn(live, &node->crm, err);
        }
        if (r == 0) {
            r = live_turn(live, &node->lrm, err);
        }
    }
    return r;
}

int sim_loop_run_live(struct sim_world *world, const struct scenario *scenario, struct error *err)
{
    const struct timing *timing = &world->timing;
    struct live live = {.script = {.world = world, .scenario = scenario},
                        .world = world,
                        .next_batch_ms = LIVE_PASS_MS,
                        .slack_ms = 2 * timing->watchdog_ms + timing->granularity_ms,
                        .second = -1};
    while (!live.script.ended && world->violation == NULL) {
        world->now_ms = live_next_ms(&live);
        if (world->now_ms > LIVE_TIME_MAX_MS) {
            return error_set(err, -ETIME, "no end after %d s", LIVE_TIME_MAX_MS / 1000);
        }
        live_set_clocks(world);
        int r = live_instant(&live, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
