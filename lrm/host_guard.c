// SPDX-License-Identifier: Apache-2.0
// The guard's process. What is a stray is decided in stray_guard.c.
#include "lrm/host_guard.h"

#include <stdint.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/event_forward.h"
#include "common/host/host_clock.h"
#include "common/host/process.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/agents.h"
#include "lrm/stray_guard.h"

enum {
    GUARD_TIMEOUT_MS = 3600 * 1000, // a cluster that has no quorum for so long has other sorrows
    GUARD_PAUSE_MS = 2000,
    GUARD_OUTPUT_MAX = 64 * 1024,
};

struct host_guard {
    struct host_guard_spec spec;
    struct process *process;
};

// --- In the process. ---

struct guard_work {
    const struct host_guard_spec *spec;
    struct agent_context context;
};

// Guests are started by HA and tools alone; other types may have a life of their own.
static struct agent *guard_agent_for(void *userdata, const char *type)
{
    const struct guard_work *work = userdata;
    const struct agent_type *row = agents_find(type);
    return row != NULL && row->validate != NULL ? row->open(&work->context) : NULL;
}

static int guard_main(void *userdata, int output_fd)
{
    struct guard_work work = {.spec = userdata};
    struct event_forward events;
    struct store *store = NULL;
    event_forward_init(&events, output_fd);
    for (;;) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        work.context = (struct agent_context){.node = work.spec->node, .store = store};
        const struct stray_guard_spec spec = {.node = work.spec->node,
                                              .store = store,
                                              .events = &events.sink,
                                              .agent_for = guard_agent_for,
                                              .userdata = &work};
        if (store != NULL && stray_guard_run(arena, &spec, NULL) == 0) {
            return EXIT_SUCCESS;
        }
        host_sleep_ms(GUARD_PAUSE_MS);
        if (store == NULL && work.spec->open_store(&store, NULL) < 0) {
            store = NULL; // ha-clusterd is not there yet
        }
    }
}

// --- In the daemon. ---

static void guard_line(void *userdata, const char *text, size_t size_bytes)
{
    const struct host_guard *guard = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *line = NULL;
    struct event *event = NULL;
    if (json_parse(arena, text, size_bytes, &line, NULL) == 0 &&
        event_forward_parse(arena, line, &event, NULL) == 0 && event != NULL) {
        event_emit(guard->spec.events, event);
    }
}

static void guard_ended(void *userdata, const struct process_end *end)
{
    struct host_guard *guard = userdata;
    (void)end; // it has no result but its events
    process_free(guard->process);
    guard->process = NULL;
}

struct host_guard *host_guard_new(const struct host_guard_spec *spec)
{
    struct host_guard *guard = alloc_zero(sizeof(*guard));
    guard->spec = *spec;
    const struct process_spec process = {
        .main = guard_main,
        .main_userdata = &guard->spec,
        .name = "ha-guard",
        .timeout_ms = GUARD_TIMEOUT_MS,
        .output_max_bytes = GUARD_OUTPUT_MAX,
        .line = guard_line,
        .ended = guard_ended,
        .userdata = guard,
    };
    if (process_spawn(spec->loop, spec->clock, &process, &guard->process, NULL) < 0) {
        free(guard);
        return NULL;
    }
    return guard;
}

void host_guard_free(struct host_guard *guard)
{
    if (guard != NULL) {
        process_free(guard->process);
        free(guard);
    }
}
