// SPDX-License-Identifier: Apache-2.0
// Runs jobs in processes of their own and reports their results. What a job does is execution.c;
// which job runs when is decided by the LRM's core.
//
// A worker tells its parent by lines on a pipe: its events (common/host/event_forward.h), how long
// it may take ({"limit_ms":…}, when that is not as usual), and as its last line the result
// {"result":{"exit_code":…,"reason":…,"output":…,"pid":…,"start":…}} with the guest's first process
// when one runs.
#include "lrm/host_workers.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/host/cgroup.h"
#include "common/host/event_forward.h"
#include "common/host/file.h"
#include "common/host/loop.h"
#include "common/host/machine.h"
#include "common/host/process.h"
#include "common/model/event.h"
#include "common/model/sid.h"
#include "common/model/timing.h"
#include "common/port/event_sink.h"
#include "lrm/execution.h"
#include "lrm/host_kill.h"
#include "lrm/host_receive.h"
#include "lrm/probe_run.h"
#include "lrm/service_note.h"

enum {
    WORKER_START_TIMEOUT_MS = 120 * 1000,
    // Beyond the graceful stop: waiting for the guest's lock, killing, proving that nothing is
    // left.
    WORKER_STOP_MARGIN_MS = 60 * 1000,
    WORKER_MOVE_MARGIN_MS = 120 * 1000,
    // A live move takes as long as there is memory to send; the agent ends one that gets nowhere.
    WORKER_LIVE_MOVE_MS = 2 * 3600 * 1000,
    WORKER_LIMIT_MAX_MS = 7 * 24 * 3600 * 1000,
    WORKER_OUTPUT_MAX = 256 * 1024,
};

struct worker {
    struct host_workers *workers;
    struct process *process;
    char *sid;
    char *uid; // or NULL
    enum svc_state state;
    int64_t timeout_ms;
    bool dropped; // killed with all others: nobody wants its result
    bool has_result;
    int64_t exit_code;
    char *reason; // or NULL
    char *output; // or NULL
    enum job_probe probe;
    char *probe_words; // or NULL
    bool restarted;
    int64_t pid; // of the guest, 0: unknown
    char *pid_start;
};

// A job that ended, until it is collected.
struct ended {
    struct ended *next;
    char *sid;
    char *uid;
    enum svc_state state;
    int64_t exit_code;
    char *reason;
    char *output;
    enum job_probe probe;
    char *probe_words;
    bool restarted;
};

struct watch {
    struct host_workers *workers;
    char *sid;
    char *start; // with the number it names the process
    int64_t pid;
    int pidfd;
    struct loop_source *source;
};

struct host_workers {
    struct workers port; // first
    struct host_workers_spec spec;
    uint64_t lease_term;
    bool swept;         // nothing is left of an earlier process's workers
    struct map running; // sid → struct worker *
    struct map watches; // sid → struct watch *
    struct map
        dirty; // sid → anything: its last worker did not end in order, and may have left processes
    struct ended *first_ended;
    struct ended **last_ended;
    struct host_kill *kill;
    struct host_receive *receive;
};

// --- The worker's side: runs in the forked process. ---

struct work {
    const struct host_workers_spec *spec;
    const struct job *job;
    uint64_t lease_term;
    struct host_worker_context context;
    int output_fd;
};

static struct agent *work_agent(void *userdata, const char *type)
{
    const struct work *work = userdata;
    return work->spec->agents.open(&work->context, type);
}

static int line_write(int output_fd, const struct json *line)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    json_format(line, JSON_STYLE_COMPACT, &text);
    strbuf_append_char(&text, '\n');
    return file_write_all(output_fd, text.text, text.size_bytes);
}

static void work_limit(void *userdata, int64_t limit_ms)
{
    const struct work *work = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *line = json_new_object(arena);
    json_put_int(line, "limit_ms", limit_ms);
    ignore_result(line_write(work->output_fd, line)); // then the usual limit holds
}

static void result_add_pid(struct arena *arena, const struct work *work, struct json *result)
{
    if (work->job->state != SVC_STATE_STARTED || work->spec->agents.init_pid == NULL) {
        return;
    }
    pid_t pid = work->spec->agents.init_pid(work->job->sid);
    const char *start;
    if (pid > 0 && machine_process_start(arena, pid, &start, NULL) == 0) {
        json_put_int(result, "pid", pid);
        json_put_string(result, "start", start);
    }
}

static enum lrm_code work_execute(struct work *work, struct arena *arena, struct event_sink *events,
                                  const char **ret_reason, struct execution_notes *ret_notes)
{
    struct error err = {0};
    struct store *store;
    if (work->spec->open_store(&store, &err) < 0) {
        *ret_reason = arena_strdup(arena, err.text);
        return LRM_CODE_FAILED_TO_RUN;
    }
    work->context = (struct host_worker_context){.node = work->spec->node,
                                                 .timing = work->spec->timing,
                                                 .store = store,
                                                 .events = events,
                                                 .lease_term = work->lease_term};
    struct execution_ports ports = {.store = store,
                                    .events = events,
                                    .accept_moved = true,
                                    .notes = ret_notes,
                                    .probe = probe_run,
                                    .limit = work_limit,
                                    .agent_for = work_agent,
                                    .userdata = work};
    return execution_run(arena, work->spec->node, work->job, &ports, ret_reason);
}

static int work_main(void *userdata, int output_fd)
{
    struct work *work = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event_forward events;
    event_forward_init(&events, output_fd);
    const char *reason = NULL;
    struct execution_notes notes = {0};
    work->output_fd = output_fd;
    enum lrm_code code = work_execute(work, arena, &events.sink, &reason, &notes);
    struct json *result = json_new_object(arena);
    json_put_int(result, "exit_code", code);
    json_put_string(result, "reason", reason);
    json_put_string(result, "output", code != LRM_CODE_SUCCESS ? notes.output : NULL);
    json_put_int(result, "probe", notes.probe);
    json_put_string(result, "probe_words", notes.probe_words);
    json_put_bool(result, "restarted", notes.restarted);
    if (code == LRM_CODE_SUCCESS) {
        result_add_pid(arena, work, result);
    }
    struct json *line = json_new_object(arena);
    json_put(line, "result", result);
    return line_write(output_fd, line) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

// --- Watches. ---

static void watch_free(void *value)
{
    struct watch *watch = value;
    loop_source_free(watch->source);
    (void)close(watch->pidfd);
    free(watch->sid);
    free(watch->start);
    free(watch);
}

static void watch_ended(void *userdata, uint32_t events)
{
    (void)events;
    struct watch *watch = userdata;
    struct host_workers *workers = watch->workers;
    char *sid CLEANUP(alloc_freep) = steal_ptr(watch->sid);
    (void)map_remove(&workers->watches, sid);
    workers->spec.guest_exited(workers->spec.userdata, sid);
}

// Opens the process and then looks whether it is still the one that was meant: a number may have
// changed hands before it was opened, but not after. A process that has ended since is told as an
// exit, like any other.
static void watch_set(struct host_workers *workers, const char *sid, int64_t pid, const char *start)
{
    const struct watch *old = map_find(&workers->watches, sid);
    if (old != NULL && old->pid == pid && strcmp(old->start, start) == 0) {
        return;
    }
    (void)map_remove(&workers->watches, sid);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (pidfd < 0 && errno != ESRCH) {
        return; // it cannot be watched; the rounds look after it now and then
    }
    const char *start_now = "";
    if (pidfd >= 0 && (machine_process_start(arena, (pid_t)pid, &start_now, NULL) < 0 ||
                       strcmp(start_now, start) != 0)) {
        (void)close(pidfd);
        pidfd = -1;
    }
    if (pidfd < 0) {
        workers->spec.guest_exited(workers->spec.userdata, sid);
        return;
    }
    struct watch *watch = alloc_zero(sizeof(*watch));
    watch->workers = workers;
    watch->sid = alloc_strdup(sid);
    watch->start = alloc_strdup(start);
    watch->pid = pid;
    watch->pidfd = pidfd;
    watch->source = loop_add_io(workers->spec.loop, pidfd, EPOLLIN, watch_ended, watch);
    map_put(&workers->watches, sid, watch);
}

// --- The LRM's side. ---

static void worker_free(void *value)
{
    struct worker *worker = value;
    process_free(worker->process);
    free(worker->sid);
    free(worker->uid);
    free(worker->reason);
    free(worker->output);
    free(worker->probe_words);
    free(worker->pid_start);
    free(worker);
}

static void ended_add(struct host_workers *workers, const struct job *job, int64_t exit_code,
                      const char *reason, const struct worker *worker)
{
    struct ended *ended = alloc_zero(sizeof(*ended));
    ended->sid = alloc_strdup(job->sid);
    ended->uid = job->uid != NULL ? alloc_strdup(job->uid) : NULL;
    ended->state = job->state;
    ended->exit_code = exit_code;
    ended->reason = reason != NULL ? alloc_strdup(reason) : NULL;
    if (worker != NULL) {
        ended->output = worker->output != NULL ? alloc_strdup(worker->output) : NULL;
        ended->probe = worker->probe;
        ended->probe_words = worker->probe_words != NULL ? alloc_strdup(worker->probe_words) : NULL;
        ended->restarted = worker->restarted;
    }
    *workers->last_ended = ended;
    workers->last_ended = &ended->next;
    workers->spec.ended(workers->spec.userdata);
}

static void ended_free(struct ended *ended)
{
    free(ended->sid);
    free(ended->uid);
    free(ended->reason);
    free(ended->output);
    free(ended->probe_words);
    free(ended);
}

static void worker_result(struct worker *worker, const struct json *result)
{
    int64_t exit_code;
    int64_t pid = 0;
    const char *reason = NULL;
    const char *output = NULL;
    const char *words = NULL;
    const char *start = NULL;
    int64_t probe = JOB_PROBE_NONE;
    bool restarted = false;
    if (json_get_int(result, "exit_code", LRM_CODE_FAILED_TO_RUN, INT32_MAX, &exit_code, NULL) <
            0 ||
        json_get_string_if(result, "reason", &reason, NULL) < 0 ||
        json_get_string_if(result, "output", &output, NULL) < 0 ||
        json_get_int_if(result, "probe", JOB_PROBE_NONE, JOB_PROBE_BAD, &probe, NULL) < 0 ||
        json_get_string_if(result, "probe_words", &words, NULL) < 0 ||
        json_get_bool_if(result, "restarted", &restarted, NULL) < 0 ||
        json_get_int_if(result, "pid", 1, INT32_MAX, &pid, NULL) < 0 ||
        json_get_string_if(result, "start", &start, NULL) < 0) {
        return; // without a result it counts as one that could not run
    }
    worker->has_result = true;
    worker->exit_code = exit_code;
    free(worker->reason);
    worker->reason = reason != NULL ? alloc_strdup(reason) : NULL;
    free(worker->output);
    worker->output = output != NULL ? alloc_strdup(output) : NULL;
    worker->probe = (enum job_probe)probe;
    free(worker->probe_words);
    worker->probe_words = words != NULL ? alloc_strdup(words) : NULL;
    worker->restarted = restarted;
    if (pid > 0 && start != NULL) {
        worker->pid = pid;
        free(worker->pid_start);
        worker->pid_start = alloc_strdup(start);
    }
}

// As its agent knows how long its verbs may take. A stop has in any case the time that was ordered.
static void worker_limit(struct worker *worker, int64_t limit_ms)
{
    if (worker->state != SVC_STATE_STARTED && limit_ms < worker->timeout_ms) {
        return;
    }
    worker->timeout_ms = limit_ms;
    process_limit(worker->process, worker->workers->spec.clock, limit_ms);
}

static void worker_line(void *userdata, const char *text, size_t size_bytes)
{
    struct worker *worker = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *line;
    struct event *event;
    if (json_parse(arena, text, size_bytes, &line, NULL) < 0) {
        return; // a library's chatter
    }
    if (event_forward_parse(arena, line, &event, NULL) == 0 && event != NULL) {
        event_emit(worker->workers->spec.events, event);
        return;
    }
    const struct json *result = json_find(line, "result");
    int64_t limit_ms = 0;
    if (result != NULL) {
        worker_result(worker, result);
    } else if (json_get_int(line, "limit_ms", 1, WORKER_LIMIT_MAX_MS, &limit_ms, NULL) == 0) {
        worker_limit(worker, limit_ms);
    }
}

static void worker_ended(void *userdata, const struct process_end *end)
{
    struct worker *worker = userdata;
    struct host_workers *workers = worker->workers;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct job job = {.sid = worker->sid, .uid = worker->uid, .state = worker->state};
    int status = end->wait_status;
    if (worker->dropped) {
        workers->spec.ended(workers->spec.userdata);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS && worker->has_result) {
        ended_add(workers, &job, worker->exit_code, worker->reason, worker);
        // After the result, so that an exit that is told at once is newer than it.
        if (worker->pid > 0) {
            watch_set(workers, worker->sid, worker->pid, worker->pid_start);
        }
    } else {
        const char *reason;
        if (end->timed_out) {
            bool short_time = worker->timeout_ms < 10 * 1000;
            reason = arena_printf(arena, "the worker was killed after %lld %s",
                                  (long long)(worker->timeout_ms / (short_time ? 1 : 1000)),
                                  short_time ? "ms" : "s");
        } else if (WIFSIGNALED(status)) {
            reason = arena_printf(arena, "the worker died by signal %d", WTERMSIG(status));
        } else {
            reason = arena_printf(arena, "the worker ended with status %d and no result",
                                  WEXITSTATUS(status));
        }
        struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "worker-failed");
        event_text(arena, event, "sid", worker->sid);
        event_text(arena, event, "reason", reason);
        event_emit(workers->spec.events, event);
        map_put(&workers->dirty, worker->sid, workers);
        // One that hangs has failed, as any that says so: it counts as a try, and is not simply run
        // again.
        ended_add(workers, &job, end->timed_out ? LRM_CODE_ERROR : LRM_CODE_FAILED_TO_RUN, reason,
                  NULL);
    }
    bool known = map_remove(&workers->running, worker->sid); // frees the worker and its process
    assert(known);
}

static int64_t job_timeout_ms(const struct host_workers *workers, const struct job *job)
{
    int64_t stop_s = job->timeout_s != SERVICE_TIMEOUT_NONE ? job->timeout_s
                                                            : workers->spec.timing->stop_timeout_s;
    switch (job->state) {
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_STOPPED:
        return stop_s * 1000 + WORKER_STOP_MARGIN_MS;
    case SVC_STATE_MIGRATE:
        return stop_s * 1000 + WORKER_LIVE_MOVE_MS;
    case SVC_STATE_RELOCATE:
    case SVC_STATE_REQUEST_START_BALANCE:
        return stop_s * 1000 + WORKER_MOVE_MARGIN_MS;
    case SVC_STATE_STARTED:
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_FREEZE:
    case SVC_STATE_FENCE:
    case SVC_STATE_RECOVERY:
    case SVC_STATE_ERROR:
    case SVC_STATE_MAX:
        break;
    }
    return WORKER_START_TIMEOUT_MS;
}

// Workers of an earlier process died with it, but what they had started may go on: the start of a
// guest that would come up beside the one that the next worker starts.
static int workers_sweep(struct host_workers *workers, struct error *err)
{
    if (workers->swept) {
        return 0;
    }
    assert(workers->running.count == 0); // none is started before
    int r = cgroup_sweep(workers->spec.group_prefix, err);
    if (r == -ENOTSUP) {
        error_clear(err);
        r = 0;
    }
    if (r < 0) {
        return error_prefix(err, "an earlier worker is not gone");
    }
    workers->swept = true;
    if (r > 0) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct event *event = event_new(arena, EVENT_LEVEL_WARNING, "workers-swept");
        event_emit(workers->spec.events, event_int(event, "groups", r));
    }
    return 0;
}

// The group's folder, or NULL where there are no groups. What a worker that was killed has left
// there was killed with it (process.c); when it did not die, it would go on beside the new worker,
// so there is none until it has. What a worker left that ended in order is none of our business.
static int worker_group(struct host_workers *workers, struct arena *arena, const char *sid,
                        char **ret_path, struct error *err)
{
    char *path = NULL;
    int r = cgroup_make(arena, arena_printf(arena, "%s%s", workers->spec.group_prefix, sid), &path,
                        err);
    if (r == -ENOTSUP) {
        error_clear(err);
        *ret_path = NULL;
        return 0;
    }
    if (r == 0 && map_has(&workers->dirty, sid)) {
        r = cgroup_kill(path, err);
    }
    if (r < 0) {
        return r;
    }
    (void)map_remove(&workers->dirty, sid);
    *ret_path = path;
    return 0;
}

static int workers_start(struct host_workers *workers, const struct job *job, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *group = NULL;
    int r = workers_sweep(workers, err);
    if (r == 0) {
        r = worker_group(workers, arena, job->sid, &group, err);
    }
    if (r < 0) {
        return r;
    }
    struct worker *worker = alloc_zero(sizeof(*worker));
    worker->workers = workers;
    worker->sid = alloc_strdup(job->sid);
    worker->uid = job->uid != NULL ? alloc_strdup(job->uid) : NULL;
    worker->state = job->state;
    worker->timeout_ms = job_timeout_ms(workers, job);
    struct work work = {.spec = &workers->spec, .job = job, .lease_term = workers->lease_term};
    const struct process_spec spec = {
        .main = work_main,
        .main_userdata = &work,
        .name = "ha-worker",
        .cgroup = group,
        .timeout_ms = worker->timeout_ms,
        .output_max_bytes = WORKER_OUTPUT_MAX,
        .line = worker_line,
        .ended = worker_ended,
        .userdata = worker,
    };
    r = process_spawn(workers->spec.loop, workers->spec.clock, &spec, &worker->process, err);
    if (r < 0) {
        worker_free(worker);
        return r;
    }
    map_put(&workers->running, job->sid, worker);
    return 0;
}

static int workers_port_spawn(struct workers *port, const struct job *job, struct error *err)
{
    struct host_workers *workers = (struct host_workers *)port;
    if (map_has(&workers->running, job->sid)) {
        return error_set(err, -EEXIST, "a worker for '%s' is running", job->sid); // INV-1
    }
    host_kill_clear(workers->kill);
    host_receive_end(workers->receive, job->sid); // INV-1: a sid never has two workers
    if (job->state != SVC_STATE_STARTED) {
        (void)map_remove(&workers->watches, job->sid); // its end is wanted now, and no news
    }
    struct error reason = {0};
    if (workers_start(workers, job, &reason) < 0) {
        ended_add(workers, job, LRM_CODE_FAILED_TO_RUN, reason.text, NULL);
    }
    return 0;
}

static void workers_port_collect(struct workers *port, struct arena *arena, struct job_results *ret)
{
    struct host_workers *workers = (struct host_workers *)port;
    size_t count = 0;
    for (const struct ended *ended = workers->first_ended; ended != NULL; ended = ended->next) {
        count++;
    }
    struct job_result *results = arena_array_of(arena, struct job_result, count);
    for (size_t i = 0; i < count; i++) {
        struct ended *ended = workers->first_ended;
        workers->first_ended = ended->next;
        results[i] = (struct job_result){
            .sid = arena_strdup(arena, ended->sid),
            .uid = arena_strdup(arena, ended->uid),
            .state = ended->state,
            .exit_code = ended->exit_code,
            .reason = arena_strdup(arena, ended->reason),
            .output = arena_strdup(arena, ended->output),
            .probe = ended->probe,
            .probe_words = arena_strdup(arena, ended->probe_words),
            .restarted = ended->restarted,
        };
        ended_free(ended);
    }
    workers->last_ended = &workers->first_ended;
    *ret = (struct job_results){results, count};
}

static void ended_clear(struct host_workers *workers)
{
    while (workers->first_ended != NULL) {
        struct ended *ended = workers->first_ended;
        workers->first_ended = ended->next;
        ended_free(ended);
    }
    workers->last_ended = &workers->first_ended;
}

// The processes that kill end the groups of the workers too, each that of its guest: a worker's
// leader has its signal by then, and the group is empty only when it is gone.
static void workers_port_kill(struct workers *port, const struct workers_guests *guests,
                              int64_t until_ms)
{
    struct host_workers *workers = (struct host_workers *)port;
    map_clear(&workers->watches); // their end is wanted now, and no news
    ended_clear(workers);
    host_receive_end(workers->receive, NULL);
    map_each (e, &workers->running) {
        struct worker *worker = e->value;
        worker->dropped = true;
        process_kill_alone(worker->process);
    }
    struct error err = {0};
    bool swept = workers_sweep(workers, &err) == 0;
    host_kill_begin(workers->kill, guests, until_ms, swept ? NULL : err.text);
}

static enum workers_killed workers_port_look(struct workers *port, struct arena *arena,
                                             const char **ret_reason)
{
    const struct host_workers *workers = (struct host_workers *)port;
    enum workers_killed killed = host_kill_look(workers->kill, arena, ret_reason);
    // INV-5: a worker that is not gone might go on.
    return killed == WORKERS_KILLED_PROVEN && workers->running.count > 0 ? WORKERS_KILLED_PENDING
                                                                         : killed;
}

static int workers_port_note(struct workers *port, const struct workers_guests *guests,
                             uint64_t term, struct error *err)
{
    const struct host_workers_spec *spec = &((struct host_workers *)port)->spec;
    return spec->note_path != NULL
               ? service_note_write(spec->note_path, spec->boot_id, guests, term, err)
               : 0;
}

static const struct workers_ops host_workers_ops = {
    .spawn = workers_port_spawn,
    .collect = workers_port_collect,
    .kill = workers_port_kill,
    .look = workers_port_look,
    .note = workers_port_note,
};

struct host_workers *host_workers_new(const struct host_workers_spec *spec)
{
    struct host_workers *workers = alloc_zero(sizeof(*workers));
    workers->port.ops = &host_workers_ops;
    workers->spec = *spec;
    workers->last_ended = &workers->first_ended;
    map_init(&workers->running, worker_free);
    map_init(&workers->watches, watch_free);
    map_init(&workers->dirty, NULL);
    workers->kill = host_kill_new(&workers->spec);
    workers->receive = host_receive_new(&workers->spec);
    struct error err = {0};
    ignore_result(workers_sweep(workers, &err)); // tried again, and told, with each job
    return workers;
}

void host_workers_free(struct host_workers *workers)
{
    if (workers == NULL) {
        return;
    }
    map_done(&workers->running);
    map_done(&workers->watches);
    map_done(&workers->dirty);
    ended_clear(workers);
    host_kill_free(workers->kill);
    host_receive_free(workers->receive);
    free(workers);
}

void host_workers_freep(struct host_workers **workers)
{
    host_workers_free(*workers);
}

struct workers *host_workers_port(struct host_workers *workers)
{
    return &workers->port;
}

void host_workers_set_term(struct host_workers *workers, uint64_t lease_term)
{
    workers->lease_term = lease_term;
}

void host_workers_receive(struct host_workers *workers, struct store *store,
                          bool (*may)(void *userdata, const char *sid), void *userdata)
{
    if (workers->swept) {
        host_receive_look(workers->receive, store, workers->lease_term, may, userdata);
    }
}
