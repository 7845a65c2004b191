// SPDX-License-Identifier: Apache-2.0
// World, scenario and run loop put together.
#include "sim/simulation.h"

#include <errno.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/event.h"
#include "sim/scenario.h"
#include "sim/sim_loop.h"
#include "sim/world.h"

static void simulation_world_freep(struct sim_world **world)
{
    sim_world_free(*world);
}

int simulation_run(const char *folder, enum timing_profile profile, simulation_callback callback,
                   void *userdata, struct error *err)
{
    const struct simulation_spec spec = {
        .folder = folder, .profile = profile, .callback = callback, .userdata = userdata};
    return simulation_run_spec(&spec, err);
}

int simulation_run_spec(const struct simulation_spec *spec, struct error *err)
{
    const char *folder = spec->folder;
    enum timing_profile profile = spec->profile;
    struct timing timing;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int found =
        profile == TIMING_PROFILE_MAX ? scenario_find_timing(arena, folder, &profile, err) : 0;
    if (found < 0) {
        return found;
    }
    timing_get(profile, &timing);
    struct sim_world *world CLEANUP(simulation_world_freep) =
        sim_world_new(&timing, spec->callback, spec->userdata);
    world->fault = spec->fault;
    world->quiet_ms = spec->quiet_ms > 0 ? spec->quiet_ms : world->quiet_ms;
    struct scenario *scenario = NULL;
    int r = scenario_load(arena, folder, world, &scenario, err);
    if (r < 0) {
        return r;
    }
    sim_world_emit_hardware(world, "run-start", "timing", timing_profile_to_string(profile),
                            (const char *)NULL);
    r = profile == TIMING_PROFILE_CLASSIC ? sim_loop_run_classic(world, scenario, err)
                                          : sim_loop_run_live(world, scenario, err);
    if (r < 0) {
        sim_world_emit_hardware(world, "run-failed", "reason", err->text, (const char *)NULL);
        return r;
    }
    if (world->violation != NULL) {
        (void)error_set(err, -EPROTO, "%s", world->violation); // the outcome is returned below
        return SIMULATION_OUTCOME_INVARIANT;
    }
    sim_world_emit_hardware(world, "run-end", (const char *)NULL);
    if (spec->look != NULL) {
        spec->look(spec->userdata, world);
    }
    return SIMULATION_OUTCOME_DONE;
}

struct json *simulation_event_json(struct arena *arena, int64_t t_ms, const char *at,
                                   const struct event *event)
{
    struct json *json = event_to_json(arena, event);
    if (t_ms % 1000 == 0) {
        json_put_int(json, "t", t_ms / 1000);
    } else {
        json_put(json, "t", json_new_double(arena, (double)t_ms / 1000));
    }
    json_put_string(json, "at", at);
    return json;
}
