// SPDX-License-Identifier: Apache-2.0
// Calls under way: answering them, late if need be, and the children that carry them out. Each call
// is answered exactly once.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "api/exec/exec_call.h"
#include "api/exec/exec_totals.h"
#include "api/task/task.h"
#include "api/task/task_registry.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/event_forward.h"
#include "common/host/loop.h"
#include "common/host/process.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"

enum { ANSWER_MAX_BYTES = 16 * 1024 * 1024 }; // of a child, events included

#define STOPPING_WORDS "ha-execd is ending: try again"

static void list_append(struct exec_call **list, struct exec_call *call)
{
    while (*list != NULL) {
        list = &(*list)->next;
    }
    call->next = NULL;
    *list = call;
}

static void list_remove(struct exec_call **list, const struct exec_call *call)
{
    while (*list != NULL && *list != call) {
        list = &(*list)->next;
    }
    if (*list != NULL) {
        *list = call->next;
    }
}

static void call_free(struct exec_call *call)
{
    process_free(call->child);
    arena_free(call->arena); // the call itself is in it
}

// ---- Answers.

void exec_call_send(struct exec_call *call, struct json *answer)
{
    struct execd *daemon = call->queue->daemon;
    exec_totals_call(daemon->totals, call->call.status, call->late,
                     clock_now_ms(&daemon->clock) - call->began_ms);
    if (call->connection != NULL) {
        json_put_int(answer, "id", call->id);
        if (!call->late) {
            exec_connection_finish(call->connection);
        }
        exec_connection_send(call->connection, answer);
    }
    call_free(call);
}

static struct json *answer_make(const struct exec_call *exec)
{
    const struct call *call = &exec->call;
    struct json *answer = json_new_object(exec->arena);
    json_put_int(answer, "status", call->status);
    if (call->status == CALL_STATUS_OK) {
        json_put(answer, "data", call->data != NULL ? call->data : json_new_null(exec->arena));
        if (call->total >= 0) {
            json_put_int(answer, "total", call->total);
        }
        return answer;
    }
    json_put_string(answer, "message", call->message);
    if (call->errors != NULL) {
        json_put(answer, "errors", call->errors);
    }
    if (exec->bare) {
        json_put_bool(answer, "bare", true);
    }
    return answer;
}

static void refused_wait(struct call_queue *queue)
{
    if (queue->refused != NULL) {
        loop_timer_set(queue->timer, queue->refused->due_ms);
    }
}

static void refused_due(void *userdata)
{
    struct call_queue *queue = userdata;
    int64_t now_ms = clock_now_ms(&queue->daemon->clock);
    while (queue->refused != NULL && queue->refused->due_ms <= now_ms) {
        struct exec_call *call = queue->refused;
        queue->refused = call->next;
        queue->refused_count--;
        exec_call_send(call, answer_make(call));
    }
    refused_wait(queue);
}

// Answers what the call has become.
void exec_call_answer(struct exec_call *call)
{
    struct call_queue *queue = call->queue;
    if (call->call.status == 0) {
        call_return(&call->call, NULL);
    }
    if (call->call.status == CALL_STATUS_UNAUTHORIZED && queue->refused_count >= EXEC_REFUSED_MAX) {
        // Nobody learns from it whether he was right.
        call->call.status = EXEC_STATUS_BUSY;
        call->call.message = "too many failed to log in: try again";
    }
    if (call->call.status != CALL_STATUS_UNAUTHORIZED) {
        exec_call_send(call, answer_make(call));
        return;
    }
    // It holds up nobody else of its connection meanwhile.
    if (call->connection != NULL) {
        exec_connection_finish(call->connection);
    }
    call->late = true;
    // So that nobody tries passwords faster than that; all wait equally long, so the first one in
    // is the first one out.
    call->due_ms = clock_now_ms(&queue->daemon->clock) + EXEC_REFUSAL_DELAY_MS;
    list_append(&queue->refused, call);
    queue->refused_count++;
    refused_wait(queue);
}

void execd_tell(struct execd *daemon, const struct event *event)
{
    event_emit(daemon->events, event);
    history_writer_add(daemon->history, event);
}

static void daemon_tell(const struct call *call, struct event *event)
{
    execd_tell(call->host->userdata, event);
}

void exec_task_start(struct call *call, const struct task_spec *spec)
{
    const char *upid;
    struct error err = {0};
    const struct execd *daemon = call->host->userdata;
    struct task_spec own = *spec;
    own.address = call->caller.address;
    if (spec->argv == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "a task without a program belongs into a child");
        return;
    }
    if (daemon->stopping) {
        call_refuse(call, EXEC_STATUS_BUSY, STOPPING_WORDS);
        return;
    }
    if (task_registry_start(call->host->tasks, call->arena, &own, call->caller.label, &upid, &err) <
        0) {
        call_fail(call, &err);
        return;
    }
    call_return(call, json_new_string(call->arena, upid));
}

static const struct call_host_ops daemon_ops = {.task = exec_task_start, .tell = daemon_tell};

// ---- Children.

static void queue_advance(struct call_queue *queue);

static bool task_argv(struct arena *arena, const struct json *list, const char *const **ret)
{
    if (list == NULL || list->type != JSON_TYPE_ARRAY || list->count == 0) {
        return false;
    }
    const char **argv = arena_array_of(arena, const char *, list->count + 1);
    for (size_t i = 0; i < list->count; i++) {
        argv[i] = list->items[i]->string;
        if (list->items[i]->type != JSON_TYPE_STRING) {
            return false;
        }
    }
    *ret = argv;
    return true;
}

// The task that the child wants, or has carried out.
static void child_task(struct call *call, const struct json *task)
{
    struct task_registry *tasks = call->host->tasks;
    struct task_spec spec = {.type = json_find_string(task, "type"),
                             .id = json_find_string(task, "id"),
                             .input = json_find_string(task, "input")};
    struct task_done done = {.type = spec.type,
                             .id = spec.id,
                             .label = call->caller.label,
                             .log = json_find_string(task, "log"),
                             .status = json_find_string(task, "status")};
    struct error err = {0};
    const char *upid;
    if (task_argv(call->arena, json_find(task, "argv"), &spec.argv)) {
        exec_task_start(call, &spec);
        return;
    }
    int r = json_get_int(task, "pid", 0, INT32_MAX, &done.pid, &err);
    r = r < 0 ? r : json_get_int(task, "pstart", 0, INT64_MAX, &done.pstart, &err);
    r = r < 0 ? r : json_get_int(task, "start", 0, INT64_MAX, &done.start_s, &err);
    r = r < 0 ? r : task_registry_add(tasks, call->arena, &done, &upid, &err);
    if (r < 0) {
        call_fail(call, &err);
        return;
    }
    call_return(call, json_new_string(call->arena, upid));
}

static void child_answer(struct call *call, const struct json *answer)
{
    int64_t status = CALL_STATUS_FAILED;
    const struct json *task = json_find(answer, "task");
    ignore_result(json_get_int_if(answer, "status", 100, 599, &status, NULL)); // absent: failed
    if (status == CALL_STATUS_OK && task != NULL) {
        child_task(call, task);
        return;
    }
    call->status = (int)status;
    call->data = json_find(answer, "data");
    call->message = json_find_string(answer, "message");
    call->errors = json_find(answer, "errors");
    ignore_result(json_get_int_if(answer, "total", -1, INT64_MAX, &call->total, NULL)); // -1
}

static void child_line(struct exec_call *exec, const char *line, size_t size_bytes)
{
    struct json *json;
    struct event *event = NULL;
    if (json_parse(exec->arena, line, size_bytes, &json, NULL) < 0) {
        return;
    }
    const struct json *answer = json_find(json, "answer");
    if (answer != NULL) {
        child_answer(&exec->call, answer);
    } else if (event_forward_parse(exec->arena, json, &event, NULL) == 0 && event != NULL) {
        execd_tell(exec->queue->daemon, event);
    }
}

static void child_ended(void *userdata, const struct process_end *end)
{
    struct exec_call *exec = userdata;
    struct call_queue *queue = exec->queue;
    struct call *call = &exec->call;
    size_t at = 0;
    list_remove(&queue->children, exec);
    queue->running--;
    queue->running_anonymous -= exec->anonymous ? 1 : 0;
    call->host = &queue->daemon->host;
    call->status = 0;
    while (at < end->output_bytes) {
        const char *stop = memchr(end->output + at, '\n', end->output_bytes - at);
        if (stop == NULL) {
            break; // torn
        }
        child_line(exec, end->output + at, (size_t)(stop - (end->output + at)));
        at = (size_t)(stop - end->output) + 1;
    }
    if (call->status == 0 && end->timed_out) {
        call_refuse(call, CALL_STATUS_FAILED, "the call took longer than %d s and was ended",
                    EXEC_CALL_TIMEOUT_MS / 1000);
    } else if (call->status == 0) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "the call failed: its process ended without an answer");
    }
    exec_call_answer(exec);
    queue_advance(queue);
}

static void child_start(struct exec_call *exec)
{
    struct call_queue *queue = exec->queue;
    struct execd *daemon = queue->daemon;
    struct error err = {0};
    exec->work = (struct exec_work){
        .call = &exec->call, .node = daemon->setup.node, .stale_s = daemon->host.stale_s};
    const struct process_spec spec = {.main = exec_child_run,
                                      .main_userdata = &exec->work,
                                      .name = "ha-execd-call",
                                      .timeout_ms = EXEC_CALL_TIMEOUT_MS,
                                      .output_max_bytes = ANSWER_MAX_BYTES,
                                      .ended = child_ended,
                                      .userdata = exec};
    if (process_spawn(daemon->loop, &daemon->clock, &spec, &exec->child, &err) < 0) {
        call_fail(&exec->call, &err);
        exec_call_answer(exec);
        return;
    }
    queue->running++;
    queue->running_anonymous += exec->anonymous ? 1 : 0;
    exec->next = queue->children;
    queue->children = exec;
}

static bool queue_has_place(const struct call_queue *queue, const struct exec_call *exec)
{
    return queue->running < EXEC_CHILDREN_MAX &&
           (!exec->anonymous || queue->running_anonymous < EXEC_CHILDREN_ANONYMOUS_MAX);
}

// Starts what there is room for, first come first served; those who log in wait only for each
// other.
static void queue_advance(struct call_queue *queue)
{
    struct exec_call *next;
    for (struct exec_call *exec = queue->waiting; exec != NULL; exec = next) {
        next = exec->next;
        if (queue_has_place(queue, exec)) {
            list_remove(&queue->waiting, exec);
            queue->waiting_count--;
            queue->waiting_anonymous -= exec->anonymous ? 1 : 0;
            child_start(exec);
        }
    }
}

void exec_call_queue(struct exec_call *exec)
{
    struct call_queue *queue = exec->queue;
    if (queue->daemon->stopping) {
        call_refuse(&exec->call, EXEC_STATUS_BUSY, STOPPING_WORDS);
        exec_call_answer(exec);
        return;
    }
    if (queue->waiting_count >= EXEC_WAITING_MAX ||
        (exec->anonymous && queue->waiting_anonymous >= EXEC_WAITING_ANONYMOUS_MAX)) {
        call_refuse(&exec->call, EXEC_STATUS_BUSY, "too many calls wait: try again");
        exec_call_answer(exec);
        return;
    }
    list_append(&queue->waiting, exec);
    queue->waiting_count++;
    queue->waiting_anonymous += exec->anonymous ? 1 : 0;
    queue_advance(queue);
}

struct exec_call *exec_call_new(struct call_queue *queue, struct exec_connection *connection,
                                struct arena *arena, int64_t id)
{
    struct exec_call *exec = arena_new_of(arena, struct exec_call);
    exec->queue = queue;
    exec->connection = connection;
    exec->arena = arena;
    exec->id = id;
    exec->began_ms = clock_now_ms(&queue->daemon->clock);
    exec->call = (struct call){.arena = arena, .host = &queue->daemon->host, .total = -1};
    exec_connection_begin(connection);
    return exec;
}

void call_queue_refuse(struct call_queue *queue, struct exec_connection *connection, int64_t id,
                       const char *words)
{
    struct exec_call *exec = exec_call_new(queue, connection, arena_new(), id);
    exec->bare = true;
    call_refuse(&exec->call, CALL_STATUS_UNAUTHORIZED, "%s", words);
    exec_call_answer(exec);
}

// ---- Life.

struct call_queue *call_queue_new(struct execd *daemon)
{
    struct call_queue *queue = alloc_zero(sizeof(*queue));
    queue->daemon = daemon;
    queue->timer = loop_add_timer(daemon->loop, refused_due, queue);
    daemon->host.ops = &daemon_ops;
    daemon->host.userdata = daemon;
    return queue;
}

static void list_free(struct exec_call **list)
{
    while (*list != NULL) {
        struct exec_call *call = *list;
        *list = call->next;
        call_free(call);
    }
}

void call_queue_free(struct call_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    list_free(&queue->children);
    list_free(&queue->waiting);
    list_free(&queue->refused);
    loop_source_free(queue->timer);
    free(queue);
}

void call_queue_forget(struct call_queue *queue, const struct exec_connection *connection)
{
    struct exec_call *const lists[] = {queue->children, queue->waiting, queue->refused};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        for (struct exec_call *call = lists[i]; call != NULL; call = call->next) {
            if (call->connection == connection) {
                call->connection = NULL;
            }
        }
    }
}

size_t call_queue_busy(const struct call_queue *queue)
{
    return queue->running + queue->waiting_count;
}
