// SPDX-License-Identifier: Apache-2.0
// One whole run of a scenario folder.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/timing.h"

struct arena;
struct error;
struct event;
struct json;
struct sim_fault;
struct sim_world;

// Called for each event in the order of emission; `at` is "hardware", "<node>/crm" or "<node>/lrm".
typedef void (*simulation_callback)(void *userdata, int64_t t_ms, const char *at,
                                    const struct event *event);

enum simulation_outcome {
    SIMULATION_OUTCOME_DONE = 1,
    SIMULATION_OUTCOME_INVARIANT, // err says which one, and the event after which it did not hold
};

// With TIMING_PROFILE_MAX the folder's own file `timing` names the profile; without one it is
// classic. Returns an enum simulation_outcome. -ENOENT, -EINVAL: the folder or one of its files,
// with name and position; -ETIME: the scenario does not end.
int simulation_run(const char *folder, enum timing_profile profile, simulation_callback callback,
                   void *userdata, struct error *err) WARN_UNUSED;
struct simulation_spec {
    const char *folder;
    enum timing_profile profile; // as above
    simulation_callback callback;
    void *userdata;
    struct sim_fault *fault; // NULL: none
    int64_t quiet_ms;        // how long it goes on after the last command; 0: as usual
    // NULL, or given the world as it is at the end of a run that came to its end.
    void (*look)(void *userdata, const struct sim_world *world);
};

// The same with everything that can be chosen.
int simulation_run_spec(const struct simulation_spec *spec, struct error *err) WARN_UNUSED;
// The event as it is printed: its fields, and t and at.
struct json *simulation_event_json(struct arena *arena, int64_t t_ms, const char *at,
                                   const struct event *event) WARN_UNUSED;
