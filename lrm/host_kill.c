// SPDX-License-Identifier: Apache-2.0
// One process a guest, or one for several where there are very many: a single guest that is not
// proven to be gone fails all of it anyway. A process tells what failed on its pipe, and by its
// exit status.
#include "lrm/host_kill.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cgroup.h"
#include "common/host/file.h"
#include "common/host/priority.h"
#include "common/host/process.h"
#include "common/model/sid.h"
#include "common/port/agent.h"
#include "common/port/clock.h"
#include "lrm/host_workers.h"

enum { KILL_PROCESSES_MAX = 128, KILL_OUTPUT_MAX = 4 * 1024, KILL_TIMEOUT_MIN_MS = 20 };

struct killer {
    struct host_kill *kill;
    struct process *process;
};

struct host_kill {
    const struct host_workers_spec *spec;
    enum workers_killed state;
    struct killer killers[KILL_PROCESSES_MAX];
    size_t running;
    char *failure; // the first one, or NULL
};

// --- In the process: guests first, first + step, … ---

struct work {
    const struct host_workers_spec *spec;
    const struct workers_guests *guests;
    size_t first, step;
    int64_t until_ms;
};

// First what a worker may have under way for it, since that could bring it to life again.
static int work_kill_one(const struct work *work, struct arena *arena, const char *sid,
                         struct error *err)
{
    const struct host_workers_spec *spec = work->spec;
    char *group = NULL;
    int r = cgroup_make(arena, arena_printf(arena, "%s%s", spec->group_prefix, sid), &group, err);
    if (r == 0) {
        r = cgroup_kill(group, err);
        cgroup_remove(group);
    } else if (r == -ENOTSUP) {
        error_clear(err); // then no worker was in one, and the agent proves what can be proved
        r = 0;
    }
    const struct host_worker_context context = {.node = spec->node, .timing = spec->timing};
    struct agent *agent = r == 0 ? spec->agents.open(&context, sid_type(arena, sid)) : NULL;
    if (agent == NULL) {
        return r; // 0: of a type that nobody here could have started
    }
    int64_t left_ms = work->until_ms - clock_now_ms(spec->clock);
    return agent->ops->kill(agent, sid, left_ms > 0 ? left_ms : 0, err);
}

static int work_main(void *userdata, int output_fd)
{
    const struct work *work = userdata;
    priority_raise(); // against a deadline
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int status = EXIT_SUCCESS;
    for (size_t i = work->first; i < work->guests->count; i += work->step) {
        struct error err = {0};
        // All are tried: what can be ended is ended, whatever becomes of the others.
        if (work_kill_one(work, arena, work->guests->sids[i], &err) < 0) {
            ignore_result(file_write_all(output_fd, err.text, strlen(err.text))); // status tells
            status = EXIT_FAILURE;
        }
    }
    return status;
}

// --- In the daemon. ---

struct host_kill *host_kill_new(const struct host_workers_spec *spec)
{
    struct host_kill *kill = alloc_zero(sizeof(*kill));
    kill->spec = spec;
    return kill;
}

void host_kill_free(struct host_kill *kill)
{
    if (kill == NULL) {
        return;
    }
    for (size_t i = 0; i < KILL_PROCESSES_MAX; i++) {
        process_free(kill->killers[i].process);
    }
    free(kill->failure);
    free(kill);
}

static void kill_note_failure(struct host_kill *kill, const char *words)
{
    if (kill->failure == NULL) {
        kill->failure = alloc_strdup(words);
    }
}

static void killer_ended(void *userdata, const struct process_end *end)
{
    struct killer *killer = userdata;
    struct host_kill *kill = killer->kill;
    int status = end->wait_status;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) {
        const char *words = end->output_bytes > 0 ? end->output
                            : end->timed_out      ? "it took too long"
                                                  : "the process that kills died";
        kill_note_failure(kill, words);
    }
    process_free(killer->process);
    killer->process = NULL;
    assert(kill->running > 0);
    kill->running--;
    kill->spec->ended(kill->spec->userdata);
}

static void killer_start(struct host_kill *kill, struct killer *killer, struct work *work,
                         int64_t timeout_ms)
{
    struct error err = {0};
    const struct process_spec spec = {
        .main = work_main,
        .main_userdata = work,
        .name = "ha-kill",
        .timeout_ms = timeout_ms,
        .output_max_bytes = KILL_OUTPUT_MAX,
        .ended = killer_ended,
        .userdata = killer,
    };
    killer->kill = kill;
    if (process_spawn(kill->spec->loop, kill->spec->clock, &spec, &killer->process, &err) < 0) {
        killer->process = NULL;
        kill_note_failure(kill, err.text);
        return;
    }
    kill->running++;
}

void host_kill_begin(struct host_kill *kill, const struct workers_guests *guests, int64_t until_ms,
                     const char *failure)
{
    if (kill->running > 0) {
        return;
    }
    alloc_freep(&kill->failure);
    kill->state = WORKERS_KILLED_PENDING;
    if (failure != NULL) {
        kill_note_failure(kill, failure);
    }
    int64_t left_ms = until_ms - clock_now_ms(kill->spec->clock);
    int64_t timeout_ms = left_ms > KILL_TIMEOUT_MIN_MS ? left_ms : KILL_TIMEOUT_MIN_MS;
    size_t count = guests->count < KILL_PROCESSES_MAX ? guests->count : KILL_PROCESSES_MAX;
    for (size_t i = 0; i < count; i++) {
        struct work work = {kill->spec, guests, i, count, until_ms};
        killer_start(kill, &kill->killers[i], &work, timeout_ms);
    }
    if (kill->running == 0) {
        kill->spec->ended(kill->spec->userdata);
    }
}

void host_kill_clear(struct host_kill *kill)
{
    assert(kill->running == 0);
    alloc_freep(&kill->failure);
    kill->state = WORKERS_KILLED_NONE;
}

enum workers_killed host_kill_look(const struct host_kill *kill, struct arena *arena,
                                   const char **ret_reason)
{
    *ret_reason = NULL;
    if (kill->state == WORKERS_KILLED_NONE || kill->running > 0) {
        return kill->state;
    }
    *ret_reason = kill->failure != NULL ? arena_strdup(arena, kill->failure) : NULL;
    return kill->failure != NULL ? WORKERS_KILLED_FAILED : WORKERS_KILLED_PROVEN;
}
