// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/swarm_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"
#include "common/model/sid.h"
#include "common/port/workers.h"
#include "lrm/execution.h"
#include "sim/swarm/swarm_agent.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_guest.h"
#include "sim/swarm/swarm_host.h"
#include "sim/swarm/swarm_taps.h"

// As lrm/host_workers.c has them.
enum {
    WORKER_START_TIMEOUT_MS = 120 * 1000,
    WORKER_STOP_MARGIN_MS = 60 * 1000,
    WORKER_MOVE_MARGIN_MS = 120 * 1000,
    FORK_US_MAX = 5 * 1000,
    REAP_US_MAX = 3 * 1000,
};

struct worker {
    struct swarm_workers *workers;
    struct arena *arena;
    struct job job;
    struct swarm_client *client; // NULL: there is no ha-clusterd
    struct swarm_store_tap store;
    struct swarm_agent agent;
    struct swarm_fiber *fiber;
    struct swarm_timer begin, done, timeout, reap;
    bool is_killed;  // by a signal
    bool is_dropped; // with all others: nobody wants its result
    enum lrm_code code;
    const char *reason;
};

// A job that ended, until it is collected.
struct ended {
    struct arena *arena;
    struct ended *next;
    struct job_result result;
};

struct killer {
    struct swarm_workers *workers;
    char *sid;
    struct swarm_timer timer;
    int64_t until_us;
};

struct swarm_workers {
    struct workers port; // first
    struct swarm_workers_spec spec;
    struct swarm_fiber *fiber;
    struct map running; // sid → struct worker *
    struct map watches; // sid → anything
    struct map exits;   // sids whose watches fired
    struct swarm_timer exits_timer;
    struct ended *first, **last;
    enum workers_killed killed;
    bool kill_failed;
    struct map killers; // sid → struct killer *
};

static struct swarm_node *node_of(const struct swarm_workers *workers)
{
    return workers->spec.node;
}

static bool is_gone(const struct swarm_workers *workers)
{
    return swarm_fiber_is_ended(workers->fiber);
}

static void timer_after(struct swarm_workers *workers, struct swarm_timer *timer, int64_t us)
{
    swarm_timer_set(timer, swarm_queue_now_us(node_of(workers)->world->queue) + us);
}

// --- Results.

static void ended_add(struct swarm_workers *workers, const struct job *job, int64_t code,
                      const char *reason)
{
    struct arena *arena = arena_new();
    struct ended *ended = arena_new_of(arena, struct ended);
    ended->arena = arena;
    ended->result = (struct job_result){.sid = arena_strdup(arena, job->sid),
                                        .uid = arena_strdup(arena, job->uid),
                                        .state = job->state,
                                        .exit_code = code,
                                        .reason = arena_strdup(arena, reason)};
    *workers->last = ended;
    workers->last = &ended->next;
    workers->spec.ended(workers->spec.userdata);
}

static void ended_clear(struct swarm_workers *workers)
{
    while (workers->first != NULL) {
        struct ended *ended = workers->first;
        workers->first = ended->next;
        arena_free(ended->arena);
    }
    workers->last = &workers->first;
}

static void workers_collect_ended(struct workers *port, struct arena *arena,
                                  struct job_results *ret)
{
    struct swarm_workers *workers = (struct swarm_workers *)port;
    size_t count = 0;
    for (const struct ended *ended = workers->first; ended != NULL; ended = ended->next) {
        count++;
    }
    struct job_results results = {.results = arena_array_of(arena, struct job_result, count)};
    for (const struct ended *ended = workers->first; ended != NULL; ended = ended->next) {
        struct job_result *to = &results.results[results.count++];
        *to = ended->result;
        to->sid = arena_strdup(arena, to->sid);
        to->uid = arena_strdup(arena, to->uid);
        to->reason = arena_strdup(arena, to->reason);
    }
    ended_clear(workers);
    *ret = results;
}

// --- A worker.

static void worker_free(void *value)
{
    struct worker *worker = value;
    swarm_timer_stop(&worker->begin);
    swarm_timer_stop(&worker->done);
    swarm_timer_stop(&worker->timeout);
    swarm_timer_stop(&worker->reap);
    if (!swarm_fiber_is_done(worker->fiber)) {
        swarm_fiber_end(worker->fiber);
    }
    swarm_timer_stop(&worker->done);
    swarm_fiber_free(worker->fiber);
    if (worker->client != NULL) {
        swarm_client_free(worker->client);
    }
    arena_free(worker->arena);
    free(worker);
}

static struct agent *worker_agent_for(void *userdata, const char *type)
{
    struct worker *worker = userdata;
    bool is_known = strcmp(type, "ct") == 0 || strcmp(type, "vm") == 0;
    return is_known ? &worker->agent.port : NULL;
}

struct worker_sink {
    struct event_sink port; // first
    struct worker *worker;
};

// A killed worker's pipe is empty.
static void worker_emit(struct event_sink *sink, const struct event *event)
{
    const struct worker *worker = ((struct worker_sink *)sink)->worker;
    if (!worker->is_killed && !swarm_fiber_is_ended(worker->fiber)) {
        event_emit(worker->workers->spec.events, event);
    }
}

static void worker_body(void *userdata)
{
    static const struct event_sink_ops sink_ops = {.emit = worker_emit};
    struct worker *worker = userdata;
    struct swarm_workers *workers = worker->workers;
    struct worker_sink sink = {{&sink_ops}, worker};
    const struct execution_ports ports = {.store = &worker->store.port,
                                          .events = &sink.port,
                                          .accept_moved = true,
                                          .agent_for = worker_agent_for,
                                          .userdata = worker};
    if (worker->client == NULL ||
        !swarm_await_connection(node_of(workers), worker->client, worker->fiber)) {
        worker->code = LRM_CODE_FAILED_TO_RUN;
        worker->reason = "ha-clusterd is not running";
    } else {
        worker->code = execution_run(worker->arena, node_of(workers)->name, &worker->job, &ports,
                                     &worker->reason);
    }
    if (!swarm_fiber_is_ended(worker->fiber) && !worker->is_killed) {
        timer_after(workers, &worker->done, 0);
    }
}

static void worker_begin(void *userdata)
{
    struct worker *worker = userdata;
    swarm_fiber_resume(worker->fiber);
}

static void worker_fail(struct worker *worker, const char *reason)
{
    struct swarm_workers *workers = worker->workers;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "worker-failed");
    event_text(arena, event, "sid", worker->job.sid);
    event_text(arena, event, "reason", reason);
    event_emit(workers->spec.events, event);
    ended_add(workers, &worker->job, LRM_CODE_FAILED_TO_RUN, reason);
}

static void worker_done(void *userdata)
{
    struct worker *worker = userdata;
    struct swarm_workers *workers = worker->workers;
    const char *sid = worker->job.sid;
    if (worker->is_killed) {
        return; // its end is on its way
    }
    ended_add(workers, &worker->job, worker->code, worker->reason);
    if (worker->job.state == SVC_STATE_STARTED && worker->code == LRM_CODE_SUCCESS &&
        !worker->job.kill) {
        map_put(&workers->watches, sid, workers);
        if (!swarm_guest_is_up(node_of(workers), sid)) {
            swarm_workers_note_exit(workers, sid); // it has ended since
        }
    }
    (void)map_remove(&workers->running, sid); // frees the worker; it was there
}

static void worker_kill(struct worker *worker, bool drops)
{
    if (!worker->is_killed) {
        worker->is_killed = true;
        worker->is_dropped = drops;
        timer_after(worker->workers, &worker->reap,
                    swarm_random(node_of(worker->workers)->world, 0, REAP_US_MAX));
    }
}

static void worker_timed_out(void *userdata)
{
    worker_kill(userdata, false);
}

static void worker_reaped(void *userdata)
{
    struct worker *worker = userdata;
    struct swarm_workers *workers = worker->workers;
    if (worker->is_dropped) {
        workers->spec.ended(workers->spec.userdata);
    } else {
        worker_fail(worker, "the worker was killed after its time was over");
    }
    // With its control group goes what it had begun.
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *sid = arena_strdup(arena, worker->job.sid);
    (void)map_remove(&workers->running, sid); // frees the worker; it was there
    swarm_guest_sweep(node_of(workers), sid);
}

static int64_t job_timeout_ms(const struct swarm_workers *workers, const struct job *job)
{
    int64_t stop_s = job->timeout_s != SERVICE_TIMEOUT_NONE
                         ? job->timeout_s
                         : node_of(workers)->world->timing.stop_timeout_s;
    switch (job->state) {
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_STOPPED:
        return stop_s * 1000 + WORKER_STOP_MARGIN_MS;
    case SVC_STATE_MIGRATE:
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

static void worker_connect(struct worker *worker)
{
    static const char *const prefixes[] = {NULL};
    struct swarm_node *node = node_of(worker->workers);
    if (node->clusterd == NULL) {
        return;
    }
    const struct swarm_client_spec spec = {.queue = node->world->queue,
                                           .prng = &node->world->prng,
                                           .gate = &node->gate,
                                           .clock = &node->clock,
                                           .owner = node->name,
                                           .timing = &node->world->timing,
                                           .prefixes = prefixes,
                                           .changed = swarm_client_ignore};
    worker->client = swarm_client_new(&spec);
    swarm_client_set_fiber(worker->client, worker->fiber);
    swarm_client_connect(worker->client, node->clusterd);
    swarm_store_tap_init(&worker->store, node, swarm_client_store(worker->client), worker->fiber,
                         NULL);
}

static struct worker *worker_new(struct swarm_workers *workers, const struct job *job)
{
    struct swarm_node *node = node_of(workers);
    struct swarm_queue *queue = node->world->queue;
    struct swarm_gate *lrm_gate = &node->processes[SWARM_PROCESS_LRM].gate;
    struct worker *worker = alloc_zero(sizeof(*worker));
    worker->workers = workers;
    worker->arena = arena_new();
    worker->job = *job;
    worker->job.sid = arena_strdup(worker->arena, job->sid);
    worker->job.uid = arena_strdup(worker->arena, job->uid);
    worker->job.target = arena_strdup(worker->arena, job->target);
    worker->fiber = swarm_fiber_new_in(node->world->fibers, worker_body, worker);
    worker->agent = (struct swarm_agent){.node = node,
                                         .fiber = worker->fiber,
                                         .store = &worker->store.port,
                                         .lease_term = *workers->spec.term,
                                         .is_killed = &worker->is_killed};
    swarm_agent_init(&worker->agent);
    swarm_timer_init(&worker->begin, queue, &node->gate, worker_begin, worker);
    swarm_timer_init(&worker->done, queue, lrm_gate, worker_done, worker);
    swarm_timer_init(&worker->timeout, queue, lrm_gate, worker_timed_out, worker);
    swarm_timer_init(&worker->reap, queue, lrm_gate, worker_reaped, worker);
    worker_connect(worker);
    return worker;
}

static int workers_start(struct workers *port, const struct job *job, struct error *err)
{
    struct swarm_workers *workers = (struct swarm_workers *)port;
    if (is_gone(workers)) {
        return 0; // without effect
    }
    if (map_has(&workers->running, job->sid)) {
        return error_set(err, -EEXIST, "a worker for '%s' is running", job->sid); // INV-1
    }
    workers->killed = WORKERS_KILLED_NONE;
    if (job->state != SVC_STATE_STARTED) {
        (void)map_remove(&workers->watches, job->sid); // its end is wanted now, and no news
    }
    struct worker *worker = worker_new(workers, job);
    map_put(&workers->running, job->sid, worker);
    timer_after(workers, &worker->begin, swarm_random(node_of(workers)->world, 0, FORK_US_MAX));
    timer_after(workers, &worker->timeout, job_timeout_ms(workers, job) * SWARM_MS);
    return 0;
}

// --- The end of all.

static void killer_free(void *value)
{
    struct killer *killer = value;
    swarm_timer_stop(&killer->timer);
    free(killer->sid);
    free(killer);
}

static void killer_due(void *userdata)
{
    struct killer *killer = userdata;
    struct swarm_workers *workers = killer->workers;
    int64_t now_us = swarm_queue_now_us(node_of(workers)->world->queue);
    if (!swarm_guest_kill(node_of(workers), killer->sid)) {
        if (now_us < killer->until_us) {
            swarm_timer_set(&killer->timer, killer->until_us);
            return;
        }
        workers->kill_failed = true;
    }
    (void)map_remove(&workers->watches, killer->sid); // it need not be there
    (void)map_remove(&workers->killers, killer->sid); // frees it; it was there
    workers->spec.ended(workers->spec.userdata);
}

static void workers_kill_all(struct workers *port, const struct workers_guests *guests,
                             int64_t until_ms)
{
    struct swarm_workers *workers = (struct swarm_workers *)port;
    struct swarm_node *node = node_of(workers);
    if (is_gone(workers)) {
        return;
    }
    map_clear(&workers->watches);
    ended_clear(workers);
    map_each (e, &workers->running) {
        worker_kill(e->value, true);
        ((struct worker *)e->value)->is_dropped = true;
    }
    if (workers->killers.count > 0) {
        return; // what was ordered before goes on
    }
    workers->killed = WORKERS_KILLED_PENDING;
    workers->kill_failed = false;
    for (size_t i = 0; i < guests->count; i++) {
        struct killer *killer = alloc_zero(sizeof(*killer));
        killer->workers = workers;
        killer->sid = alloc_strdup(guests->sids[i]);
        killer->until_us = swarm_clock_true_us(&node->clock, until_ms);
        // A process that kills dies with the LRM, but is not held with it.
        swarm_timer_init(&killer->timer, node->world->queue, &node->gate, killer_due, killer);
        map_put(&workers->killers, killer->sid, killer);
        timer_after(workers, &killer->timer,
                    swarm_random(node->world, SWARM_KILL_US_MIN, SWARM_KILL_US_MAX));
    }
    if (guests->count == 0) {
        workers->spec.ended(workers->spec.userdata);
    }
}

static enum workers_killed workers_look_killed(struct workers *port, struct arena *arena,
                                               const char **ret_reason)
{
    (void)arena; // the words are always the same
    const struct swarm_workers *workers = (const struct swarm_workers *)port;
    *ret_reason = NULL;
    if (workers->killed == WORKERS_KILLED_NONE) {
        return WORKERS_KILLED_NONE;
    }
    if (workers->killers.count > 0) {
        return WORKERS_KILLED_PENDING;
    }
    if (workers->kill_failed) {
        *ret_reason = "its processes do not go";
        return WORKERS_KILLED_FAILED;
    }
    return workers->running.count > 0 ? WORKERS_KILLED_PENDING : WORKERS_KILLED_PROVEN;
}

static int workers_note_guests(struct workers *port, const struct workers_guests *guests,
                               uint64_t term, struct error *err)
{
    const struct swarm_workers *workers = (const struct swarm_workers *)port;
    struct swarm_node *node = node_of(workers);
    if (is_gone(workers)) {
        return error_set(err, -EIO, "killed");
    }
    map_clear(&node->noted);
    for (size_t i = 0; i < guests->count; i++) {
        map_put(&node->noted, guests->sids[i], node);
    }
    node->noted_term = term;
    node->has_note = true;
    return 0;
}

// --- Watches.

static void exits_tell(void *userdata)
{
    struct swarm_workers *workers = userdata;
    while (workers->exits.count > 0) {
        char *sid CLEANUP(alloc_freep) = alloc_strdup(workers->exits.entries[0].key);
        (void)map_remove(&workers->exits, sid); // it was there
        workers->spec.guest_exited(workers->spec.userdata, sid);
    }
}

void swarm_workers_note_exit(struct swarm_workers *workers, const char *sid)
{
    if (map_remove(&workers->watches, sid)) {
        map_put(&workers->exits, sid, workers);
        timer_after(workers, &workers->exits_timer, 0);
    }
}

bool swarm_workers_are_idle(const struct swarm_workers *workers)
{
    return workers->running.count == 0 && workers->first == NULL && workers->exits.count == 0 &&
           workers->killers.count == 0;
}

struct swarm_workers *swarm_workers_new(const struct swarm_workers_spec *spec)
{
    static const struct workers_ops ops = {.spawn = workers_start,
                                           .collect = workers_collect_ended,
                                           .kill = workers_kill_all,
                                           .look = workers_look_killed,
                                           .note = workers_note_guests};
    struct swarm_workers *workers = alloc_zero(sizeof(*workers));
    workers->port.ops = &ops;
    workers->spec = *spec;
    workers->last = &workers->first;
    workers->killed = WORKERS_KILLED_NONE;
    map_init(&workers->running, worker_free);
    map_init(&workers->watches, NULL);
    map_init(&workers->exits, NULL);
    map_init(&workers->killers, killer_free);
    swarm_timer_init(&workers->exits_timer, spec->node->world->queue,
                     &spec->node->processes[SWARM_PROCESS_LRM].gate, exits_tell, workers);
    swarm_guests_sweep(spec->node);
    return workers;
}

void swarm_workers_free(struct swarm_workers *workers)
{
    swarm_timer_stop(&workers->exits_timer);
    map_done(&workers->running);
    map_done(&workers->killers);
    map_done(&workers->watches);
    map_done(&workers->exits);
    ended_clear(workers);
    free(workers);
}

void swarm_workers_set_fiber(struct swarm_workers *workers, struct swarm_fiber *fiber)
{
    workers->fiber = fiber;
}

struct workers *swarm_workers_port(struct swarm_workers *workers)
{
    return &workers->port;
}
