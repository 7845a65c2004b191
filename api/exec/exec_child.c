// SPDX-License-Identifier: Apache-2.0
// A call in a process of its own: its own connection to ha-clusterd, and time to wait. What it says
// to the daemon are lines of JSON: {"event": …} for each event, then one {"answer": …}.
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/call/method.h"
#include "api/exec/execd.h"
#include "api/task/task.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/event_forward.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/machine.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"

enum { TASK_LOG_READ_MAX = 1024 * 1024 };

struct child {
    struct event_forward forward;
    struct json *task; // what the daemon has to do about a task, or NULL
};

static void child_tell(const struct call *call, struct event *event)
{
    struct child *child = call->host->userdata;
    event_emit(&child->forward.sink, event);
}

static struct json *words_to_json(struct arena *arena, const char *const *words)
{
    struct json *list = json_new_array(arena);
    for (size_t i = 0; words[i] != NULL; i++) {
        json_append(list, json_new_string(arena, words[i]));
    }
    return list;
}

static int log_read(struct arena *arena, int fd, char **ret)
{
    char *text = arena_alloc(arena, TASK_LOG_READ_MAX + 1);
    ssize_t size = pread(fd, text, TASK_LOG_READ_MAX, 0);
    if (size < 0) {
        return -errno;
    }
    text[size] = '\0';
    *ret = text;
    return 0;
}

// Carries out what the task is, here and now, and tells the daemon what it said.
static int task_run(struct call *call, const struct task_spec *spec, struct json *task,
                    struct error *err)
{
    char *log = NULL;
    const char *ticks;
    int64_t pstart;
    int fd = memfd_create("task", MFD_CLOEXEC);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot make the log of a task");
    }
    int r = machine_process_start(call->arena, getpid(), &ticks, err);
    if (r == 0) {
        r = parse_int64(ticks, 0, INT64_MAX, &pstart);
    }
    if (r < 0) {
        (void)close(fd); // nothing was written
        return r;
    }
    struct error failure = {0};
    json_put_int(task, "start", clock_wall_s(call->host->clock));
    int run_r = spec->run(spec->userdata, fd, &failure);
    r = log_read(call->arena, fd, &log);
    (void)close(fd); // it has been read
    if (r < 0) {
        return error_set_errno(err, r, "cannot read the log of a task");
    }
    json_put_int(task, "pid", getpid());
    json_put_int(task, "pstart", pstart);
    json_put_string(task, "log", log);
    json_put_string(task, "status", run_r < 0 ? failure.text : "OK");
    return 0;
}

static void child_task(struct call *call, const struct task_spec *spec)
{
    struct child *child = call->host->userdata;
    struct json *task = json_new_object(call->arena);
    struct error err = {0};
    json_put_string(task, "type", spec->type);
    json_put_string(task, "id", spec->id);
    if (spec->argv != NULL) {
        json_put(task, "argv", words_to_json(call->arena, spec->argv));
        json_put_string(task, "input", spec->input);
    } else if (task_run(call, spec, task, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    child->task = task;
    call_return(call, NULL);
}

static const struct call_host_ops child_ops = {.task = child_task, .tell = child_tell};

static void work_do(struct child *child, const struct exec_work *work)
{
    struct call *call = work->call;
    struct session session;
    struct cluster_view view;
    struct rights *rights;
    struct store_entries secrets;
    struct clock clock;
    struct error err = {0};
    host_clock_init(&clock);
    int r = session_open(call->arena, &session, &err);
    if (r == 0) {
        r = exec_view_read(call->arena, &session, &view, &rights, &secrets, &err);
    }
    if (r < 0) {
        call_fail(call, &err);
        return;
    }
    const struct call_host host = {.ops = &child_ops,
                                   .node = work->node,
                                   .session = &session,
                                   .view = &view,
                                   .rights = rights,
                                   .clock = &clock,
                                   .stale_s = work->stale_s,
                                   .userdata = child};
    call->host = &host;
    call->method->run(call);
    call->host = NULL;
    session_close(&session);
}

int exec_child_run(void *userdata, int output_fd)
{
    const struct exec_work *work = userdata;
    struct call *call = work->call;
    struct child child = {0};
    struct strbuf text CLEANUP(strbuf_done) = {0};
    event_forward_init(&child.forward, output_fd);
    work_do(&child, work);
    if (call->status == 0) {
        call_return(call, NULL);
    }
    struct json *answer = json_new_object(call->arena);
    json_put_int(answer, "status", call->status);
    json_put(answer, "data", call->data != NULL ? call->data : json_new_null(call->arena));
    json_put_string(answer, "message", call->message);
    json_put_int(answer, "total", call->total);
    if (call->errors != NULL) {
        json_put(answer, "errors", call->errors);
    }
    if (child.task != NULL) {
        json_put(answer, "task", child.task);
    }
    struct json *line = json_new_object(call->arena);
    json_put(line, "answer", answer);
    json_format(line, JSON_STYLE_COMPACT, &text);
    strbuf_append_char(&text, '\n');
    return file_write_all(output_fd, text.text, text.size_bytes) < 0 ? 1 : 0;
}
