// SPDX-License-Identifier: Apache-2.0
// The verbs of the agent port, made of jobs of the service manager, and the proofs around them.
// Whether a service may run here was decided before.
#include "lrm/agents/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/unit_bus.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "common/port/agent.h"
#include "lrm/agents/ct_cgroup.h"
#include "lrm/agents/service_agent.h"
#include "lrm/agents/service_task.h"

enum {
    UNIT_CALL_MS = 10 * 1000,
    UNIT_QUICK_CALL_MS = 2000, // where an answer is of use at once or not at all
    UNIT_KILL_WAIT_MS = 10 * 1000,
    UNIT_LOOK_MS = 200, // a control group is emptied without a word on the bus
    UNIT_JOB_MARGIN_MS = 10 * 1000,
    UNIT_TIME_MAX_MS = 3600 * 1000, // of a unit without limits
    UNIT_LIMIT_MARGIN_MS = 60 * 1000,
    UNIT_LIMIT_UNKNOWN_MS = 120 * 1000,
    UNIT_OUTPUT_LINES = 10,
};

// One verb at work.
struct unit_task {
    struct service_agent *agent;
    struct arena *arena;
    const char *sid;
    const char *unit;
    struct unit_bus *bus; // NULL: no service manager runs here, so nothing of it can
    struct ct_cgroup_places places;
    int lock_fd; // -1: not held
};

// One look at it.
struct unit_look {
    struct unit_state state;
    bool left; // processes of it are there
};

static int unit_begin(struct unit_task *task, struct agent *agent, const char *sid, int64_t call_ms,
                      struct error *err)
{
    *task = (struct unit_task){.agent = (struct service_agent *)agent,
                               .arena = arena_new(),
                               .sid = sid,
                               .unit = sid_name(sid),
                               .lock_fd = -1};
    struct error own = {0};
    service_agent_set_output(task->agent, NULL);
    int r = ct_cgroup_find(task->arena, &task->places, &own);
    if (r == 0) {
        r = unit_bus_open(&task->bus, call_ms, &own);
        r = r == -ENOTSUP ? 0 : r;
    }
    return r < 0 ? error_set(err, r, "%s", own.text) : 0;
}

static void unit_end(struct unit_task *task)
{
    unit_bus_free(task->bus);
    if (task->lock_fd >= 0) {
        (void)close(task->lock_fd); // gives the lock back
    }
    arena_free(task->arena);
}

static bool unit_is_ended(const struct unit_state *state)
{
    return (strcmp(state->active, "inactive") == 0 || strcmp(state->active, "failed") == 0) &&
           !state->has_job;
}

// "/a.slice/a-b.slice/x.service": where its group would be.
static const char *unit_group_of_slice(struct unit_task *task, const char *slice)
{
    struct strbuf path CLEANUP(strbuf_done) = {0};
    size_t length = strlen(slice);
    if (length < sizeof(".slice") || strcmp(slice, "-.slice") == 0) {
        return arena_printf(task->arena, "/%s", task->unit);
    }
    length -= sizeof(".slice") - 1;
    for (size_t i = 1; i <= length; i++) {
        if (i == length || slice[i] == '-') {
            strbuf_append_char(&path, '/');
            strbuf_append_bytes(&path, slice, i);
            strbuf_append(&path, ".slice");
        }
    }
    return arena_printf(task->arena, "%s/%s", strbuf_text(&path), task->unit);
}

static int unit_look(struct unit_task *task, struct unit_look *ret, struct error *err)
{
    struct ct_cgroup_scan scan;
    struct unit_look look = {.left = false};
    if (task->bus == NULL) {
        *ret = (struct unit_look){.state = {.load = "", .active = "inactive", .file = ""}};
        return 0;
    }
    int r = unit_bus_get(task->bus, task->arena, task->unit, &look.state, err);
    if (r < 0) {
        return r;
    }
    const char *const groups[] = {look.state.control_group,
                                  unit_group_of_slice(task, look.state.slice)};
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        if (groups[i][0] != '/' || groups[i][1] == '\0') {
            continue;
        }
        r = ct_cgroup_scan_path(task->arena, &task->places, groups[i], &scan, err);
        if (r < 0) {
            return r;
        }
        look.left = look.left || scan.populated;
    }
    *ret = look;
    return 0;
}

static void unit_keep_output(struct unit_task *task)
{
    const char *text = unit_journal_tail(task->arena, task->unit, UNIT_OUTPUT_LINES);
    if (text[0] != '\0') {
        service_agent_set_output(task->agent, text);
    }
}

static int unit_check(struct agent *agent, const struct guest *guest, bool *ret_running,
                      struct error *err)
{
    struct unit_task task;
    struct unit_look look;
    int r = unit_begin(&task, agent, guest->sid, UNIT_CALL_MS, err);
    if (r == 0) {
        r = unit_look(&task, &look, err);
    }
    if (r == 0) {
        *ret_running = !unit_is_ended(&look.state) || look.left;
    }
    unit_end(&task);
    return r;
}

static const char *unit_words(struct unit_task *task, const struct unit_state *state)
{
    return arena_printf(task->arena, "%s (%s)%s%s%s", state->active, state->sub,
                        state->result[0] != '\0' ? ", result " : "", state->result,
                        state->exit_status != 0 ? arena_printf(task->arena, ", status %lld",
                                                               (long long)state->exit_status)
                                                : "");
}

// One that the service manager is starting, or is about to start again, is in its hands.
static bool unit_is_working(const struct unit_state *state)
{
    static const char *const good[] = {"active", "reloading", "activating", "refreshing"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        if (strcmp(state->active, good[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int unit_health(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct unit_task task;
    struct unit_look look;
    int r = unit_begin(&task, agent, guest->sid, UNIT_CALL_MS, err);
    if (r == 0) {
        r = unit_look(&task, &look, err);
    }
    if (r == 0 && !unit_is_working(&look.state)) {
        r = error_set(err, -EIO, "unit '%s' is %s%s", task.unit, unit_words(&task, &look.state),
                      look.left ? ", and processes of it are left" : "");
        unit_keep_output(&task);
    }
    unit_end(&task);
    return r;
}

static int64_t unit_time_ms(int64_t timeout_ms)
{
    return timeout_ms < UNIT_TIME_MAX_MS ? timeout_ms : UNIT_TIME_MAX_MS;
}

static int64_t unit_limit_ms(struct agent *agent, const struct guest *guest)
{
    struct unit_task task;
    struct unit_look look;
    int64_t limit_ms = UNIT_LIMIT_UNKNOWN_MS;
    if (unit_begin(&task, agent, guest->sid, UNIT_CALL_MS, NULL) == 0 && task.bus != NULL &&
        unit_look(&task, &look, NULL) == 0) {
        limit_ms = unit_time_ms(look.state.start_timeout_ms) +
                   2 * unit_time_ms(look.state.stop_timeout_ms) + UNIT_LIMIT_MARGIN_MS;
    }
    unit_end(&task);
    return limit_ms;
}

// Waits until it is inactive and its control group empty: the proof that nothing of it runs.
static int unit_prove_ended(struct unit_task *task, int64_t wait_ms, struct error *err)
{
    int64_t until_ms = service_now_ms() + wait_ms;
    for (;;) {
        struct unit_look look;
        int r = unit_look(task, &look, err);
        if (r < 0) {
            return r;
        }
        if (unit_is_ended(&look.state) && !look.left) {
            return 0;
        }
        int64_t left_ms = until_ms - service_now_ms();
        if (left_ms <= 0) {
            return error_set(err, -ETIMEDOUT, "unit '%s' is %s%s", task->unit,
                             unit_words(task, &look.state),
                             look.left ? ", and processes of it are left" : "");
        }
        unit_bus_wait(task->bus, left_ms < UNIT_LOOK_MS ? left_ms : UNIT_LOOK_MS);
    }
}

// Tells the service manager that it is to end and kills its processes, so that neither a start that
// is under way nor its own rules bring it up again.
static int unit_kill_now(struct unit_task *task, int64_t wait_ms, struct error *err)
{
    const char *result = NULL;
    struct error ignored = {0};
    if (task->bus == NULL) {
        return 0;
    }
    int r = unit_bus_run(task->bus, task->arena, task->unit, UNIT_JOB_STOP, 0, &result, &ignored);
    if (r < 0 && r != -ETIMEDOUT) {
        // One that does not exist cannot be stopped, and does not run: the look says so.
        return unit_prove_ended(task, 0, err);
    }
    r = unit_bus_kill(task->bus, task->unit, SIGKILL, err);
    return r < 0 ? r : unit_prove_ended(task, wait_ms, err);
}

static int unit_stop_locked(struct unit_task *task, int64_t timeout_s, struct error *err)
{
    struct unit_look look;
    const char *result = NULL;
    int r = unit_look(task, &look, err);
    if (r < 0 || (unit_is_ended(&look.state) && !look.left)) {
        return r;
    }
    if (timeout_s > 0) {
        struct error ignored = {0};
        r = unit_bus_run(task->bus, task->arena, task->unit, UNIT_JOB_STOP, timeout_s * 1000,
                         &result, &ignored);
        if (r == 0 && unit_prove_ended(task, UNIT_LOOK_MS, &ignored) == 0) {
            return 0;
        }
    }
    return unit_kill_now(task, UNIT_KILL_WAIT_MS, err);
}

// A hard stop is in a hurry: it kills before it waits for the lock, which also ends a start that
// hangs.
static int unit_lock(struct unit_task *task, bool hard, struct error *err)
{
    int fd = service_lock(task->arena, task->sid, hard ? 0 : SERVICE_LOCK_WAIT_MS, err);
    if (fd == -EBUSY && hard && unit_kill_now(task, UNIT_KILL_WAIT_MS, NULL) == 0) {
        fd = service_lock(task->arena, task->sid, SERVICE_LOCK_WAIT_MS / 5, err);
    }
    task->lock_fd = fd;
    return fd < 0 ? fd : 0;
}

static int unit_stop(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                     struct error *err)
{
    struct unit_task task;
    int r = unit_begin(&task, agent, guest->sid, UNIT_CALL_MS, err);
    if (r == 0) {
        struct error busy = {0};
        int locked = unit_lock(&task, timeout_s == 0, &busy);
        r = unit_stop_locked(&task, timeout_s, err);
        // Someone holds the lock and may yet start it: stopped, but not proved to stay so (INV-2).
        if (r == 0 && locked < 0) {
            r = error_set(err, locked, "%s", busy.text);
        }
    }
    if (r < 0 && task.bus != NULL) {
        unit_keep_output(&task);
    }
    unit_end(&task);
    return r < 0 ? error_prefix(err, "cannot stop '%s'", guest->sid) : 0;
}

// Whether it can be started here, and only by HA.
static int unit_check_startable(struct unit_task *task, const struct unit_state *state,
                                struct error *err)
{
    if (task->bus == NULL) {
        return error_set(err, -ENOTSUP, "no service manager (systemd) runs on node '%s'",
                         task->agent->node);
    }
    if (strcmp(state->load, "not-found") == 0) {
        return error_set(err, -ENOENT, "unit '%s' does not exist on node '%s'", task->unit,
                         task->agent->node);
    }
    if (strcmp(state->load, "masked") == 0) {
        return error_set(err, -EPERM, "unit '%s' is masked on node '%s': run 'systemctl unmask %s'",
                         task->unit, task->agent->node, task->unit);
    }
    if (strcmp(state->load, "loaded") != 0) {
        return error_set(err, -EINVAL,
                         "unit '%s' cannot be loaded on node '%s' (%s): see "
                         "'systemctl status %s'",
                         task->unit, task->agent->node, state->load, task->unit);
    }
    if (strncmp(state->file, "enabled", strlen("enabled")) == 0) {
        return error_set(err, -EPERM,
                         "unit '%s' is enabled on node '%s', so it would start there by itself: "
                         "run 'systemctl disable %s' there",
                         task->unit, task->agent->node, task->unit);
    }
    return 0;
}

static int unit_run_start(struct unit_task *task, const struct unit_state *before,
                          struct error *err)
{
    struct unit_look look;
    const char *result = NULL;
    int64_t timeout_ms = unit_time_ms(before->start_timeout_ms) + UNIT_JOB_MARGIN_MS;
    int r = unit_bus_reset_failed(task->bus, task->unit, err);
    if (r == 0) {
        r = unit_bus_run(task->bus, task->arena, task->unit, UNIT_JOB_START, timeout_ms, &result,
                         err);
    }
    if (r == 0) {
        r = unit_look(task, &look, err);
    }
    if (r < 0) {
        return r;
    }
    if (strcmp(result, "done") != 0) {
        return error_set(err, -EIO, "its start ended as '%s', and it is %s", result,
                         unit_words(task, &look.state));
    }
    if (!unit_is_working(&look.state)) {
        return error_set(err, -EIO, "it ended at once: it is %s", unit_words(task, &look.state));
    }
    return 0;
}

static int unit_start_locked(struct unit_task *task, struct error *err)
{
    struct unit_look look;
    int r = unit_look(task, &look, err);
    if (r == 0) {
        r = unit_check_startable(task, &look.state, err);
    }
    if (r < 0 || (unit_is_working(&look.state) && !look.state.has_job)) {
        return r; // refused, or it runs
    }
    if (!unit_is_ended(&look.state) || look.left) {
        r = unit_stop_locked(task, unit_time_ms(look.state.stop_timeout_ms) / 1000, err);
    }
    if (r == 0) {
        r = unit_run_start(task, &look.state, err);
    }
    if (r < 0) {
        struct error end_err = {0};
        unit_keep_output(task);
        // A failed start leaves nothing behind.
        if (unit_kill_now(task, UNIT_KILL_WAIT_MS, &end_err) < 0) {
            const char *words = arena_strdup(task->arena, err->text);
            r = error_set(err, end_err.code, "%s; it left something: %s", words, end_err.text);
        }
    }
    return r;
}

static int unit_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct unit_task task;
    int r = unit_begin(&task, agent, guest->sid, UNIT_CALL_MS, err);
    if (r == 0) {
        r = service_check_place(guest, task.agent->node, err);
    }
    if (r == 0) {
        r = unit_agent_check_definition(guest, err);
    }
    if (r == 0) {
        r = unit_lock(&task, false, err);
    }
    if (r == 0) {
        r = unit_start_locked(&task, err);
    }
    unit_end(&task);
    return r < 0 ? error_prefix(err, "cannot start '%s'", guest->sid) : 0;
}

// INV-5: gone, with the lock in hand, so that nobody is starting it either.
static int unit_kill_until(struct unit_task *task, int64_t until_ms, struct error *err)
{
    for (;;) {
        int64_t left_ms = until_ms - service_now_ms();
        int r = unit_kill_now(task, left_ms > 0 ? left_ms : 0, err);
        if (r == 0 && task->lock_fd >= 0) {
            return 0; // once more with the lock
        }
        if (r == 0) {
            r = service_lock(task->arena, task->sid, 0, err);
            task->lock_fd = r;
        }
        if (r < 0 && (r != -EBUSY || service_now_ms() >= until_ms)) {
            return r;
        }
        error_clear(err);
        if (r < 0) {
            host_sleep_ms(SERVICE_POLL_MS);
        }
    }
}

static int unit_kill(struct agent *agent, const char *sid, int64_t timeout_ms, struct error *err)
{
    struct unit_task task;
    int64_t until_ms = service_now_ms() + timeout_ms;
    int64_t call_ms = timeout_ms > UNIT_QUICK_CALL_MS ? UNIT_QUICK_CALL_MS : timeout_ms;
    int r = unit_begin(&task, agent, sid, call_ms > 0 ? call_ms : 1, err);
    if (r == 0) {
        r = unit_kill_until(&task, until_ms, err);
    }
    unit_end(&task);
    return r < 0 ? error_prefix(err, "cannot kill '%s'", sid) : 0;
}

// Units cannot move while they run: `online` is the same as offline.
static int unit_move(struct agent *agent, const struct guest *guest, const char *target,
                     bool online, struct error *err)
{
    const struct service_agent *self = (const struct service_agent *)agent;
    const struct service_move move = service_agent_move(self, guest->sid, target);
    struct unit_task task;
    (void)online;
    int r = unit_begin(&task, agent, guest->sid, UNIT_CALL_MS, err);
    if (r == 0) {
        r = service_check_place(guest, self->node, err);
    }
    if (r == 0) {
        r = service_check_movable(&move, err);
    }
    if (r == 0) {
        r = unit_lock(&task, false, err);
    }
    if (r == 0) {
        r = unit_stop_locked(&task, self->stop_timeout_s, err);
    }
    // INV-1: the place changes after the proof that nothing of it is left here, never before.
    if (r == 0) {
        r = service_hand_over(task.arena, &move, err);
    }
    unit_end(&task);
    return r < 0 ? error_prefix(err, "cannot move '%s' to '%s'", guest->sid, target) : 0;
}

static const struct agent_ops unit_agent_ops = {.check = unit_check,
                                                .health = unit_health,
                                                .limit_ms = unit_limit_ms,
                                                .start = unit_start,
                                                .stop = unit_stop,
                                                .kill = unit_kill,
                                                .move = unit_move};

struct agent *unit_agent_new(const struct agent_context *context)
{
    return service_agent_new(&unit_agent_ops, context);
}

pid_t unit_agent_init_pid(const char *sid)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct unit_bus *bus CLEANUP(unit_bus_freep) = NULL;
    struct unit_state state;
    if (unit_bus_open(&bus, UNIT_QUICK_CALL_MS, NULL) < 0 ||
        unit_bus_get(bus, arena, sid_name(sid), &state, NULL) < 0) {
        return 0;
    }
    return state.main_pid;
}

static void unit_tell_ended(void *userdata, const char *unit)
{
    const int *fd = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *line = arena_printf(arena, "unit:%s\n", unit);
    ignore_result(file_write_all(*fd, line, strlen(line))); // nobody reads: that ends the watch
}

int unit_agent_watch(int fd, void *userdata)
{
    struct unit_bus *bus CLEANUP(unit_bus_freep) = NULL;
    (void)userdata;
    return unit_bus_open(&bus, UNIT_CALL_MS, NULL) == 0 &&
                   unit_bus_watch(bus, fd, unit_tell_ended, &fd, NULL) == 0
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}

int unit_agent_check_definition(const struct guest *guest, struct error *err)
{
    return guest->config.count == 0
               ? 0
               : error_set(err, -EINVAL, "unknown key '%s': a unit has none, its file says it all",
                           guest->config.entries[0].key);
}

int unit_agent_validate(const struct guest *guest, const char *node, bool thorough,
                        struct error *err)
{
    const struct agent_context context = {.node = node};
    struct agent *agent = unit_agent_new(&context);
    struct unit_task task;
    struct unit_look look;
    (void)thorough; // there is nothing else to ask
    int r = unit_begin(&task, agent, guest->sid, UNIT_CALL_MS, err);
    if (r == 0) {
        r = unit_look(&task, &look, err);
    }
    if (r == 0) {
        r = unit_check_startable(&task, &look.state, err);
    }
    unit_end(&task);
    service_agent_free(agent);
    return r;
}
