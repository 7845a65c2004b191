// SPDX-License-Identifier: Apache-2.0
// The verbs of the agent port, made of the verbs of an OCF resource agent, and the proofs around
// them. Whether a service may run here was decided before.
#include "lrm/agents/ocf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/host_clock.h"
#include "common/host/machine.h"
#include "common/model/guest.h"
#include "common/model/ocf_metadata.h"
#include "common/model/sid.h"
#include "common/model/xml_tag.h"
#include "common/port/agent.h"
#include "lrm/agents/ocf_task.h"
#include "lrm/agents/service_agent.h"
#include "lrm/agents/service_task.h"
#include "lrm/agents/volume.h"

enum {
    OCF_KILL_WAIT_MS = 10000,
    OCF_KILL_VERB_MIN_MS = 20,
    OCF_LIMIT_MARGIN_MS = 60 * 1000, // locks, and processes that take their time to die
    OCF_LIMIT_UNKNOWN_MS = 120 * 1000,
};

static int ocf_begin(struct ocf_task *task, struct agent *agent, const char *sid,
                     const struct guest *guest, struct error *err)
{
    struct service_agent *ocf = (struct service_agent *)agent;
    service_agent_set_output(ocf, NULL);
    return ocf_task_begin(task, ocf->node, sid, guest, err);
}

static void ocf_end(struct ocf_task *task, struct agent *agent)
{
    if (task->output != NULL) {
        service_agent_set_output((struct service_agent *)agent, task->output);
    }
    ocf_task_end(task);
}

static int64_t ocf_monitor_ms(const struct ocf_task *task)
{
    return task->definition.timeouts_ms[OCF_VERB_MONITOR];
}

// Runs when anything of it may run: "no" is a proof.
static int ocf_check(struct agent *agent, const struct guest *guest, bool *ret_running,
                     struct error *err)
{
    struct ocf_task task;
    enum ocf_state state = OCF_STATE_FAILED;
    int r = ocf_begin(&task, agent, guest->sid, guest, err);
    if (r == 0) {
        r = ocf_task_look(&task, ocf_monitor_ms(&task), &state, err);
    }
    // Somebody else started it: from now on it can be stopped without a store to ask.
    if (r == 0 && state == OCF_STATE_RUNNING && !task.noted) {
        r = ocf_task_note(&task, guest, err);
    }
    if (r == 0) {
        *ret_running = state != OCF_STATE_STOPPED;
    }
    ocf_end(&task, agent);
    return r;
}

static int ocf_health(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct ocf_task task;
    enum ocf_state state = OCF_STATE_FAILED;
    int r = ocf_begin(&task, agent, guest->sid, guest, err);
    if (r == 0) {
        r = ocf_task_look(&task, ocf_monitor_ms(&task), &state, err);
    }
    if (r == 0 && state != OCF_STATE_RUNNING) {
        r = error_set(err, -EIO, "%s", task.why != NULL ? task.why : "it ended");
    }
    ocf_end(&task, agent);
    return r;
}

// The longest job: it does not work, is stopped twice, started, fails, and is stopped again, with
// looks in between.
static int64_t ocf_limit_ms(struct agent *agent, const struct guest *guest)
{
    struct ocf_task task;
    int64_t limit_ms = OCF_LIMIT_UNKNOWN_MS;
    if (ocf_begin(&task, agent, guest->sid, guest, NULL) == 0 && task.defined) {
        const int64_t *timeouts_ms = task.definition.timeouts_ms;
        limit_ms = timeouts_ms[OCF_VERB_START] + 3 * timeouts_ms[OCF_VERB_STOP] +
                   6 * timeouts_ms[OCF_VERB_MONITOR] + OCF_LIMIT_MARGIN_MS;
    }
    ocf_end(&task, agent);
    return limit_ms;
}

static int ocf_kill_payload(struct ocf_task *task, int64_t timeout_ms, struct error *err)
{
    return ct_cgroup_kill(&task->places, CT_CGROUP_SERVICE, task->payload, timeout_ms, err);
}

// Stops it by its agent, ends what is left of it, and proves that nothing is. `hard`: its processes
// are killed first, and the agent only tidies up.
static int ocf_stop_locked(struct ocf_task *task, int64_t timeout_ms, bool hard, struct error *err)
{
    struct ocf_run_result result = {.code = OCF_CODE_SUCCESS};
    enum ocf_state state = OCF_STATE_FAILED;
    bool left = false;
    int r = ocf_task_scan(task, false, &left, err);
    bool unknown = !task->noted && !left;
    if (r == 0 && hard) {
        r = ocf_kill_payload(task, OCF_KILL_WAIT_MS, err);
    }
    if (r == 0 && task->program != NULL) {
        r = ocf_task_run(task, OCF_VERB_STOP, timeout_ms, &result, err);
    }
    if (r == 0 && result.code != OCF_CODE_SUCCESS && !hard) {
        r = ocf_kill_payload(task, OCF_KILL_WAIT_MS, err);
        if (r == 0) {
            r = ocf_task_run(task, OCF_VERB_STOP, timeout_ms, &result, err);
        }
    }
    // What its agent did not stop may go on where no control group can tell: in the kernel, on
    // another machine. INV-2: then its word that nothing runs is not enough either.
    bool absent = result.code == OCF_CODE_INSTALLED && unknown;
    if (r == 0 && result.code != OCF_CODE_SUCCESS && !absent) {
        return ocf_task_fail(task, OCF_VERB_STOP, &result, err);
    }
    if (r == 0) {
        r = ocf_kill_payload(task, OCF_KILL_WAIT_MS, err);
    }
    if (r == 0) {
        r = ocf_task_look(task, ocf_monitor_ms(task), &state, err);
    }
    if (r == 0 && state != OCF_STATE_STOPPED) {
        r = error_set(err, -EBUSY, "its agent stopped it, but it is not gone: %s",
                      task->why != NULL ? task->why : "its monitor says that it runs");
    }
    if (r == 0) {
        ocf_task_forget(task);
    }
    return r;
}

// A hard stop is in a hurry: it kills before it waits for the lock, which also ends a start that
// hangs.
static int ocf_stop_lock(struct ocf_task *task, bool hard, struct error *err)
{
    int fd = service_lock(task->arena, task->sid, hard ? 0 : SERVICE_LOCK_WAIT_MS, err);
    if (fd == -EBUSY && hard && ocf_kill_payload(task, OCF_KILL_WAIT_MS, NULL) == 0) {
        fd = service_lock(task->arena, task->sid, SERVICE_LOCK_WAIT_MS / 5, err);
    }
    task->lock_fd = fd;
    return fd < 0 ? fd : 0;
}

static int64_t ocf_stop_ms(const struct ocf_task *task, int64_t timeout_s)
{
    int64_t own_ms = task->definition.timeouts_ms[OCF_VERB_STOP];
    return timeout_s * 1000 > own_ms ? timeout_s * 1000 : own_ms;
}

static int ocf_stop(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                    struct error *err)
{
    struct ocf_task task;
    bool hard = timeout_s == 0;
    int r = ocf_begin(&task, agent, guest->sid, guest, err);
    if (r == 0) {
        struct error busy = {0};
        int locked = ocf_stop_lock(&task, hard, &busy);
        if (locked < 0 && !hard) {
            r = error_set(err, locked, "%s", busy.text);
        } else {
            r = ocf_stop_locked(&task, ocf_stop_ms(&task, timeout_s), hard, err);
        }
        // Someone holds the lock and may yet start it: stopped, but not proved to stay so (INV-2).
        if (r == 0 && locked < 0) {
            r = error_set(err, locked, "%s", busy.text);
        }
    }
    ocf_end(&task, agent);
    return r < 0 ? error_prefix(err, "cannot stop '%s'", guest->sid) : 0;
}

// After a look that found it stopped or failed.
static int ocf_start_locked(struct ocf_task *task, const struct guest *guest, struct error *err)
{
    enum ocf_state state = OCF_STATE_FAILED;
    struct ocf_run_result result;
    int r = ocf_task_look(task, ocf_monitor_ms(task), &state, err);
    if (r < 0 || state == OCF_STATE_RUNNING) {
        return r < 0 || task->noted ? r : ocf_task_note(task, guest, err);
    }
    if (state == OCF_STATE_FAILED) {
        r = ocf_stop_locked(task, ocf_stop_ms(task, 0), false, err);
    }
    if (r == 0) {
        r = ocf_task_define(task, guest, err);
    }
    if (r == 0 && task->program == NULL) {
        r = ocf_definition_program(task->arena, &task->definition, &task->program, err);
    }
    // INV-5: noted before it can run, so that it can always be ended.
    if (r == 0) {
        r = ocf_task_note(task, guest, err);
    }
    if (r < 0) {
        return r;
    }
    r = ocf_task_run(task, OCF_VERB_START, task->definition.timeouts_ms[OCF_VERB_START], &result,
                     err);
    if (r == 0 && result.code != OCF_CODE_SUCCESS) {
        r = ocf_task_fail(task, OCF_VERB_START, &result, err);
    }
    if (r < 0) {
        const char *output = task->output;
        struct error end_err = {0};
        // A failed start leaves nothing behind.
        if (ocf_stop_locked(task, ocf_stop_ms(task, 0), true, &end_err) < 0) {
            const char *words = arena_strdup(task->arena, err->text);
            r = error_set(err, end_err.code, "%s; it left something: %s", words, end_err.text);
        }
        task->output = output;
    }
    return r;
}

static int ocf_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct ocf_task task;
    int r = ocf_begin(&task, agent, guest->sid, guest, err);
    if (r == 0) {
        r = service_check_place(guest, task.node, err);
    }
    if (r == 0) {
        r = ocf_definition_check(guest, err);
    }
    if (r == 0) {
        task.lock_fd = service_lock(task.arena, guest->sid, SERVICE_LOCK_WAIT_MS, err);
        r = task.lock_fd < 0 ? task.lock_fd : 0;
    }
    if (r == 0) {
        r = ocf_start_locked(&task, guest, err);
    }
    ocf_end(&task, agent);
    return r < 0 ? error_prefix(err, "cannot start '%s'", guest->sid) : 0;
}

static int64_t ocf_left_ms(int64_t until_ms)
{
    int64_t left_ms = until_ms - service_now_ms();
    return left_ms > OCF_KILL_VERB_MIN_MS ? left_ms : OCF_KILL_VERB_MIN_MS;
}

// Kills all its processes and takes its lock: whoever starts it keeps the lock as long as the
// processes live that are killed here.
static int ocf_kill_and_lock(struct ocf_task *task, int64_t until_ms, struct error *err)
{
    for (;;) {
        int64_t wait_ms = ocf_left_ms(until_ms);
        int r = ocf_kill_payload(task, wait_ms, err);
        if (r == 0) {
            r = ct_cgroup_kill(&task->places, CT_CGROUP_SERVICE, task->verbs, wait_ms, err);
        }
        if (r == 0) {
            r = service_lock(task->arena, task->sid, 0, err);
            task->lock_fd = r;
        }
        if (r != -EBUSY || service_now_ms() >= until_ms) {
            return r < 0 ? r : 0;
        }
        error_clear(err);
        host_sleep_ms(SERVICE_POLL_MS);
    }
}

// Nothing may be on its way to a storage when it is reported as ended. Which files it has is known
// only from its parameters.
static int ocf_settle(struct ocf_task *task, struct error *err)
{
    int r = 0;
    map_each (e, &task->definition.params) {
        const char *value = e->value;
        struct stat st;
        if (r == 0 && value[0] == '/' && stat(value, &st) == 0 && S_ISDIR(st.st_mode)) {
            r = volume_settle(value, err);
        }
    }
    return r;
}

// INV-5: gone, with the lock in hand, so that nobody is starting it either.
static int ocf_kill_until(struct ocf_task *task, int64_t until_ms, struct error *err)
{
    struct ocf_run_result result = {.code = OCF_CODE_SUCCESS};
    enum ocf_state state = OCF_STATE_FAILED;
    bool left = true;
    int r = ocf_kill_and_lock(task, until_ms, err);
    if (r == 0 && task->noted && task->program != NULL) {
        r = ocf_task_run(task, OCF_VERB_STOP, ocf_left_ms(until_ms), &result, err);
    }
    if (r == 0 && result.code != OCF_CODE_SUCCESS) {
        return ocf_task_fail(task, OCF_VERB_STOP, &result, err);
    }
    if (r == 0) {
        r = ocf_kill_payload(task, ocf_left_ms(until_ms), err);
    }
    if (r == 0) {
        r = ocf_task_look(task, ocf_left_ms(until_ms), &state, err);
    }
    if (r == 0) {
        r = ocf_task_scan(task, true, &left, err);
    }
    if (r == 0 && (left || state != OCF_STATE_STOPPED)) {
        r = error_set(err, -EBUSY, "it is not gone: %s",
                      task->why != NULL ? task->why : "its monitor says that it runs");
    }
    return r;
}

static int ocf_kill(struct agent *agent, const char *sid, int64_t timeout_ms, struct error *err)
{
    struct ocf_task task;
    int64_t until_ms = service_now_ms() + timeout_ms;
    int r = ocf_begin(&task, agent, sid, NULL, err);
    if (r == 0) {
        r = ocf_kill_until(&task, until_ms, err);
    }
    if (r == 0 && task.defined) {
        r = ocf_settle(&task, err);
    }
    if (r == 0) {
        ocf_task_forget(&task);
    }
    ocf_end(&task, agent);
    return r < 0 ? error_prefix(err, "cannot kill '%s'", sid) : 0;
}

// Agents' own migrate_to and migrate_from are not used: `online` is the same as offline.
static int ocf_move(struct agent *agent, const struct guest *guest, const char *target, bool online,
                    struct error *err)
{
    const struct service_agent *ocf = (const struct service_agent *)agent;
    const struct service_move move = service_agent_move(ocf, guest->sid, target);
    struct ocf_task task;
    (void)online;
    int r = ocf_begin(&task, agent, guest->sid, guest, err);
    if (r == 0) {
        r = service_check_place(guest, ocf->node, err);
    }
    if (r == 0) {
        r = service_check_movable(&move, err);
    }
    if (r == 0) {
        r = ocf_stop_lock(&task, false, err);
    }
    if (r == 0) {
        r = ocf_stop_locked(&task, ocf_stop_ms(&task, ocf->stop_timeout_s), false, err);
    }
    // INV-1: the place changes after the proof that nothing of it is left here, never before.
    if (r == 0) {
        r = service_hand_over(task.arena, &move, err);
    }
    ocf_end(&task, agent);
    return r < 0 ? error_prefix(err, "cannot move '%s' to '%s'", guest->sid, target) : 0;
}

static const struct agent_ops ocf_agent_ops = {.check = ocf_check,
                                               .health = ocf_health,
                                               .limit_ms = ocf_limit_ms,
                                               .start = ocf_start,
                                               .stop = ocf_stop,
                                               .kill = ocf_kill,
                                               .move = ocf_move};

struct agent *ocf_agent_new(const struct agent_context *context)
{
    return service_agent_new(&ocf_agent_ops, context);
}

pid_t ocf_agent_init_pid(const char *sid)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ct_cgroup_places places;
    struct ct_cgroup_scan scan;
    const char *id = arena_printf(arena, "ocf.%s.payload", sid_name(sid));
    pid_t oldest = 0;
    int64_t oldest_start = INT64_MAX;
    if (ct_cgroup_find(arena, &places, NULL) < 0 ||
        ct_cgroup_scan(arena, &places, CT_CGROUP_SERVICE, id, &scan, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; i < scan.pids_count; i++) {
        const char *text = NULL;
        int64_t start = 0;
        if (scan.pids[i] > 0 && machine_process_start(arena, scan.pids[i], &text, NULL) == 0 &&
            parse_int64(text, 0, INT64_MAX, &start) == 0 && start < oldest_start) {
            oldest = scan.pids[i];
            oldest_start = start;
        }
    }
    return oldest;
}

int ocf_agent_metadata(struct arena *arena, const char *name, struct ocf_metadata *ret,
                       struct error *err)
{
    struct ocf_definition definition;
    struct guest *guest = guest_new(arena, "ocf:x", "x");
    const char *program = NULL;
    map_put(&guest->config, OCF_KEY_AGENT, arena_strdup(arena, name));
    int r = ocf_definition_read(arena, guest, &definition, err);
    if (r == 0) {
        r = ocf_definition_program(arena, &definition, &program, err);
    }
    return r < 0 ? r : ocf_task_metadata(arena, &definition, program, ret, err);
}

int ocf_agent_validate(const struct guest *guest, const char *node, bool thorough,
                       struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ocf_definition definition;
    struct ocf_metadata metadata;
    struct ocf_run_result result = {.code = OCF_CODE_SUCCESS};
    const char *program = NULL;
    int r = ocf_definition_read(arena, guest, &definition, err);
    if (r == 0) {
        r = ocf_definition_program(arena, &definition, &program, err);
    }
    if (r == 0) {
        r = ocf_task_metadata(arena, &definition, program, &metadata, err);
    }
    if (r < 0) {
        return r;
    }
    const char *name = arena_printf(arena, "agent '%s:%s'", definition.provider, definition.type);
    r = ocf_metadata_check(&metadata, &definition.params, err);
    if (r < 0) {
        return error_prefix(err, "%s", name);
    }
    if (!thorough) {
        return 0;
    }
    ocf_definition_take_times(&definition, &metadata);
    const struct ocf_run_spec spec = {.definition = &definition,
                                      .program = program,
                                      .node = node,
                                      .verb = OCF_VERB_VALIDATE,
                                      .timeout_ms = definition.timeouts_ms[OCF_VERB_VALIDATE]};
    r = ocf_run(arena, &spec, &result, err);
    if (r == 0 && result.code != OCF_CODE_SUCCESS && result.code != OCF_CODE_UNIMPLEMENTED) {
        const char *more = result.reason != NULL      ? result.reason
                           : result.output[0] != '\0' ? xml_one_line(arena, result.output)
                                                      : "it gives no reason";
        r = error_set(err, ocf_code_errno(result.code), "%s does not accept this: %s: %s", name,
                      ocf_code_words(arena, result.code), more);
    }
    return r;
}
