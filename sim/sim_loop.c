// SPDX-License-Identifier: Apache-2.0
// The classic run loop. One pass gives each daemon one round, in the order of the nodes' names;
// each round lasts a second of its daemon's clock. Passes are stretched to a fixed length, and a
// batch of commands is executed after every fifth.
#include "sim/sim_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "sim/sim_script.h"
#include "sim/sim_turn.h"
#include "sim/world.h"

enum {
    SIM_SECOND_MS = 1000,
    SIM_PASS_MIN_S = 20,
    SIM_PASS_MAX_S = 60,
    SIM_PASSES_PER_BATCH = 5,
    SIM_TIME_MAX_S = 10000,
};

static void sim_loop_advance(struct sim_world *world, int64_t to_ms)
{
    if (to_ms > world->now_ms) {
        world->now_ms = to_ms;
    }
}

// One daemon's turn. `first`: of the pass, where a round that is left out is told of.
static int sim_loop_turn(struct sim_script *script, struct sim_daemon *daemon, bool first,
                         struct error *err)
{
    struct sim_world *world = script->world;
    bool crm = daemon->kind == SIM_DAEMON_CRM;
    if (!sim_daemon_exists(daemon)) {
        return 0;
    }
    if (script->skips[daemon->kind] > 0) {
        if (first) {
            sim_world_emit_hardware(world, "round-skipped", "daemon", crm ? "crm" : "lrm", "actor",
                                    "run-loop", (const char *)NULL);
        }
        return 0;
    }
    daemon->clock_ms = world->now_ms;
    bool exits = sim_daemon_run(daemon);
    daemon->clock_ms += SIM_SECOND_MS;
    sim_loop_advance(world, daemon->clock_ms);
    return exits ? sim_turn_end(daemon, err) : 0;
}

static int sim_loop_pass(struct sim_script *script, struct error *err)
{
    struct sim_world *world = script->world;
    bool first = true;
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        int r = sim_loop_turn(script, &node->crm, first, err);
        if (r < 0 || (r = sim_loop_turn(script, &node->lrm, first, err)) < 0 ||
            (r = sim_turn_check_watchdogs(world, 0, err)) < 0) {
            return r;
        }
        first = false;
    }
    for (size_t i = 0; i < SIM_DAEMON_MAX; i++) {
        script->skips[i] -= script->skips[i] > 0 ? 1 : 0;
    }
    return 0;
}

static void sim_loop_set_clocks(struct sim_world *world)
{
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        node->crm.clock_ms = world->now_ms;
        node->lrm.clock_ms = world->now_ms;
    }
}

int sim_loop_run_classic(struct sim_world *world, const struct scenario *scenario,
                         struct error *err)
{
    struct sim_script script = {.world = world, .scenario = scenario};
    uint64_t passes = 0;
    int64_t pass_s = 2 * (int64_t)world->nodes.count;
    pass_s = pass_s > SIM_PASS_MIN_S ? pass_s : SIM_PASS_MIN_S;
    if (pass_s >= SIM_PASS_MAX_S) {
        return error_set(err, -EINVAL, "hardware_status: %zu nodes are too many",
                         world->nodes.count);
    }
    while (!script.ended && world->violation == NULL) {
        int64_t start_ms = world->now_ms;
        int r = sim_loop_pass(&script, err);
        if (r < 0) {
            return r;
        }
        sim_loop_advance(world, start_ms + pass_s * SIM_SECOND_MS);
        if (world->now_ms > (int64_t)SIM_TIME_MAX_S * SIM_SECOND_MS) {
            return error_set(err, -ETIME, "no end after %d s", SIM_TIME_MAX_S);
        }
        sim_loop_set_clocks(world);
        if (world->now_ms < script.delayed_until_ms) {
            continue;
        }
        r = passes % SIM_PASSES_PER_BATCH == 0 ? sim_script_run_batch(&script, err) : 0;
        if (r < 0) {
            return r;
        }
        passes++;
    }
    return 0;
}
