// SPDX-License-Identifier: Apache-2.0
// Starting, ending and remembering tasks. Which program does what is decided by the calls.
#include "api/task/task_registry.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/task/task.h"
#include "api/task/task_files.h"
#include "api/task/task_list.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "common/host/loop.h"
#include "common/host/machine.h"
#include "common/host/process.h"
#include "common/model/event.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"

enum {
    STOP_PATIENCE_MS = 5000,
    EXIT_NOT_STARTED = 127,
    TRIM_SLACK = 200, // so that not each task has the index written anew
    LOG_LINE_MAX_BYTES = 1024 * 1024,
};

#define PROGRAM_PREFIX "ha-"

// One that runs.
struct running {
    struct running *next;
    struct task_registry *registry;
    struct process *process;
    struct loop_source *kill_timer;
    char *upid;
    char *program;
    pid_t group; // of all it has started
    int log_fd;
    size_t log_bytes;
    bool stopped;
};

struct task_registry {
    struct loop *loop;
    struct clock *clock;
    struct event_sink *events;
    char *node, *folder;
    char **places;
    size_t places_count;
    void (*changed)(void *userdata);
    void *userdata;
    struct running *running; // newest first
    size_t running_count;
    // Those that have ended, oldest first; all their memory is in the arena, which is made anew
    // when the list is cut.
    struct arena *arena;
    struct task_entries ended;
    size_t ended_capacity;
};

static void problem_tell(const struct task_registry *registry, const char *reason)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_WARNING, "task-files-failed");
    event_emit(registry->events, event_text(arena, event, "reason", reason));
}

static void task_tell(const struct task_registry *registry, const char *upid, const char *status,
                      const char *address)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct upid parsed;
    if (upid_parse(arena, upid, &parsed, NULL) < 0) {
        return;
    }
    struct event *event =
        event_new(arena, EVENT_LEVEL_INFO, status == NULL ? "task-began" : "task-ended");
    event_text(arena, event, "upid", upid);
    event_text(arena, event, "type", parsed.type);
    event_text(arena, event, "id", parsed.id);
    event_text(arena, event, "user", parsed.user);
    event_text(arena, event, "address", address);
    event_emit(registry->events, event_text(arena, event, "status", status));
}

// ---- Those that have ended.

static void ended_put(struct task_registry *registry, const char *upid, int64_t end_s,
                      const char *status)
{
    struct task_entries *ended = &registry->ended;
    if (ended->count == registry->ended_capacity) {
        size_t capacity = registry->ended_capacity * 2 + TRIM_SLACK;
        struct task_entry *entries = arena_array_of(registry->arena, struct task_entry, capacity);
        if (ended->count > 0) {
            memcpy(entries, ended->entries, ended->count * sizeof(*entries));
        }
        ended->entries = entries;
        registry->ended_capacity = capacity;
    }
    struct task_entry entry = {.name = arena_strdup(registry->arena, upid),
                               .status = arena_strdup(registry->arena, status),
                               .end_s = end_s};
    if (upid_parse(registry->arena, upid, &entry.upid, NULL) == 0) {
        ended->entries[ended->count++] = entry;
    }
}

// Reads the index into a new arena.
static int ended_load(struct task_registry *registry, struct error *err)
{
    struct arena *arena = arena_new();
    struct task_entries ended;
    int r = task_files_read_index(arena, registry->folder, &ended, err);
    if (r < 0) {
        arena_free(arena);
        return r;
    }
    arena_free(registry->arena);
    registry->arena = arena;
    registry->ended = ended;
    registry->ended_capacity = ended.count;
    return 0;
}

static int ended_trim(struct task_registry *registry, struct error *err)
{
    if (registry->ended.count <= TASK_FILES_KEPT_MAX + TRIM_SLACK) {
        return 0;
    }
    int r = task_files_trim(registry->folder, &registry->ended, TASK_FILES_KEPT_MAX, err);
    return r < 0 ? r : ended_load(registry, err);
}

static void task_end(struct task_registry *registry, const char *upid, const char *status)
{
    struct error err = {0};
    int64_t now_s = clock_wall_s(registry->clock);
    if (task_files_end(registry->folder, upid, now_s, status, &err) < 0) {
        problem_tell(registry, err.text);
    }
    ended_put(registry, upid, now_s, status);
    task_tell(registry, upid, status, NULL);
    if (ended_trim(registry, &err) < 0) {
        problem_tell(registry, err.text);
    }
}

// ---- Those that run.

static int active_write(const struct task_registry *registry, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char **upids = arena_array_of(arena, const char *, registry->running_count);
    size_t count = 0;
    for (const struct running *task = registry->running; task != NULL; task = task->next) {
        upids[count++] = task->upid;
    }
    return task_files_write_active(registry->folder, upids, count, err);
}

static void running_free(struct running *task)
{
    (void)close(task->log_fd); // what could not be written is lost
    loop_source_free(task->kill_timer);
    process_free(task->process);
    free(task->upid);
    free(task->program);
    free(task);
}

static void running_remove(struct running *task)
{
    struct task_registry *registry = task->registry;
    struct error err = {0};
    for (struct running **at = &registry->running; *at != NULL; at = &(*at)->next) {
        if (*at == task) {
            *at = task->next;
            registry->running_count--;
            break;
        }
    }
    running_free(task);
    if (active_write(registry, &err) < 0) {
        problem_tell(registry, err.text);
    }
}

// How it ended, in words. What a program of ours says last is why it failed.
static const char *end_words(struct arena *arena, const struct running *task, int wait_status)
{
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
        return "OK";
    }
    if (task->stopped) {
        return "stopped by user";
    }
    if (WIFSIGNALED(wait_status)) {
        return arena_printf(arena, "'%s' was ended by signal %d", task->program,
                            WTERMSIG(wait_status));
    }
    const char *line = task_files_last_line(arena, task->registry->folder, task->upid);
    size_t length = strlen(task->program);
    if (strncmp(line, task->program, length) == 0 && strncmp(line + length, ": ", 2) == 0) {
        line += length + 2;
    }
    return line[0] != '\0' ? line
                           : arena_printf(arena, "'%s' failed with status %d", task->program,
                                          WEXITSTATUS(wait_status));
}

// What it says beyond the limit is dropped; so is what a full disk does not take: the task goes on.
static void log_write(struct running *task, const char *text, size_t size_bytes)
{
    static const char cut[] = "(the log is full)\n";
    if (task->log_bytes > TASK_LOG_MAX_BYTES) {
        return;
    }
    task->log_bytes += size_bytes;
    if (task->log_bytes > TASK_LOG_MAX_BYTES) {
        text = cut;
        size_bytes = sizeof(cut) - 1;
    }
    ignore_result(file_write_all(task->log_fd, text, size_bytes));
}

static void task_line(void *userdata, const char *line, size_t size_bytes)
{
    log_write(userdata, line, size_bytes);
    log_write(userdata, "\n", 1);
}

static void task_ended(void *userdata, const struct process_end *end)
{
    struct running *task = userdata;
    struct task_registry *registry = task->registry;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    if (task->stopped) {
        (void)kill(-task->group, SIGKILL); // what did not want to end with it
    }
    log_write(task, end->output, end->output_bytes);
    const char *upid = arena_strdup(arena, task->upid);
    const char *words = end_words(arena, task, end->wait_status);
    // The index first: who finds it in both lists knows that it has ended.
    task_end(registry, upid, words);
    running_remove(task);
    if (registry->changed != NULL) {
        registry->changed(registry->userdata);
    }
}

static void patience_over(void *userdata)
{
    struct running *task = userdata;
    (void)kill(-task->group, SIGKILL);
}

struct start {
    const char *program; // path
    const char *const *argv;
};

// In the child: both of its outputs are the log.
static int program_run(void *userdata, int output_fd)
{
    const struct start *start = userdata;
    if (dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0) {
        return EXIT_NOT_STARTED;
    }
    size_t count = 0;
    while (start->argv[count] != NULL) {
        count++;
    }
    char **argv = alloc_zero((count + 1) * sizeof(*argv));
    for (size_t i = 0; i < count; i++) {
        argv[i] = alloc_strdup(start->argv[i]);
    }
    (void)execv(start->program, argv);
    return EXIT_NOT_STARTED;
}

static int program_find(const struct task_registry *registry, struct arena *arena, const char *name,
                        const char **ret, struct error *err)
{
    if (strncmp(name, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) != 0 || strchr(name, '/') != NULL) {
        return error_set(err, -EINVAL, "'%s' is no program of ha-manager", name);
    }
    for (size_t i = 0; i < registry->places_count; i++) {
        const char *path = arena_printf(arena, "%s/%s", registry->places[i], name);
        if (access(path, X_OK) == 0) {
            *ret = path;
            return 0;
        }
    }
    return error_set(err, -ENOENT, "cannot find the program '%s'", name);
}

// An empty log under a name that becomes its own when there is a process.
static int log_make(const char *path, struct error *err)
{
    (void)unlink(path); // left by a daemon that died here
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? error_set_errno(err, -errno, "cannot make '%s'", path) : fd;
}

static int upid_make(const struct task_registry *registry, struct arena *arena,
                     const struct task_spec *spec, const char *label, pid_t pid, char **ret,
                     struct error *err)
{
    struct upid upid = {.node = registry->node,
                        .pid = pid,
                        .start_s = clock_wall_s(registry->clock),
                        .type = spec->type,
                        .id = spec->id != NULL ? spec->id : "",
                        .user = label};
    const char *ticks;
    int r = machine_process_start(arena, pid, &ticks, err);
    if (r == 0) {
        r = parse_int64(ticks, 0, INT64_MAX, &upid.pstart);
    }
    if (r == 0) {
        *ret = upid_format(arena, &upid);
    }
    return r;
}

// The process runs; from here on it is in the lists, or it is killed.
static int running_add(struct task_registry *registry, struct arena *arena, struct running *task,
                       const char *upid, const char *log, struct error *err)
{
    const char *name = task_files_log_path(arena, registry->folder, upid);
    if (rename(log, name) < 0) {
        return error_set_errno(err, -errno, "cannot rename '%s'", log);
    }
    task->upid = alloc_strdup(upid);
    task->next = registry->running;
    registry->running = task;
    registry->running_count++;
    int r = active_write(registry, err);
    if (r < 0) {
        registry->running = task->next;
        registry->running_count--;
        (void)unlink(name); // nothing was said in it that anybody could ask for
    }
    return r;
}

int task_registry_start(struct task_registry *registry, struct arena *arena,
                        const struct task_spec *spec, const char *label, const char **ret_upid,
                        struct error *err)
{
    struct start start = {.argv = spec->argv};
    const char *log = arena_printf(arena, "%s/new", registry->folder);
    if (registry->running_count >= TASK_RUNNING_MAX) {
        return error_set(err, -EAGAIN, "too many tasks are running on node '%s'", registry->node);
    }
    if (spec->input != NULL && strlen(spec->input) > PIPE_BUF) {
        return error_set(err, -E2BIG, "the task's input is too long");
    }
    int r = program_find(registry, arena, spec->argv[0], &start.program, err);
    int log_fd = r == 0 ? log_make(log, err) : r;
    if (log_fd < 0) {
        return log_fd;
    }
    struct running *task = alloc_zero(sizeof(*task));
    task->registry = registry;
    task->log_fd = log_fd;
    task->program = alloc_strdup(spec->argv[0]);
    const struct process_spec process = {.main = program_run,
                                         .main_userdata = &start,
                                         .input = spec->input,
                                         .output_max_bytes = LOG_LINE_MAX_BYTES,
                                         .line = task_line,
                                         .ended = task_ended,
                                         .userdata = task};
    char *upid = NULL;
    r = process_spawn(registry->loop, registry->clock, &process, &task->process, err);
    if (r == 0) {
        task->group = process_pid(task->process);
        task->kill_timer = loop_add_timer(registry->loop, patience_over, task);
        r = upid_make(registry, arena, spec, label, task->group, &upid, err);
    }
    if (r == 0) {
        r = running_add(registry, arena, task, upid, log, err);
    }
    if (r < 0) {
        running_free(task);
        return r;
    }
    task_tell(registry, upid, NULL, spec->address);
    if (registry->changed != NULL) {
        registry->changed(registry->userdata);
    }
    *ret_upid = upid;
    return 0;
}

int task_registry_add(struct task_registry *registry, struct arena *arena,
                      const struct task_done *done, const char **ret_upid, struct error *err)
{
    const struct upid upid = {.node = registry->node,
                              .pid = done->pid,
                              .pstart = done->pstart,
                              .start_s = done->start_s,
                              .type = done->type,
                              .id = done->id != NULL ? done->id : "",
                              .user = done->label};
    const char *name = upid_format(arena, &upid);
    int r = file_replace(task_files_log_path(arena, registry->folder, name), done->log,
                         strlen(done->log), 0600, err);
    if (r < 0) {
        return r;
    }
    task_end(registry, name, done->status);
    if (registry->changed != NULL) {
        registry->changed(registry->userdata);
    }
    *ret_upid = name;
    return 0;
}

bool task_registry_stop(struct task_registry *registry, const char *upid)
{
    for (struct running *task = registry->running; task != NULL; task = task->next) {
        if (strcmp(task->upid, upid) == 0) {
            task->stopped = true;
            (void)kill(-task->group, SIGTERM);
            loop_timer_set(task->kill_timer, clock_now_ms(registry->clock) + STOP_PATIENCE_MS);
            return true;
        }
    }
    return false;
}

size_t task_registry_running(const struct task_registry *registry)
{
    return registry->running_count;
}

static bool running_entry(struct arena *arena, const struct running *task, struct task_entry *ret)
{
    *ret = (struct task_entry){.name = task->upid};
    return upid_parse(arena, task->upid, &ret->upid, NULL) == 0;
}

void task_registry_list(const struct task_registry *registry, struct arena *arena,
                        struct task_entries *ret)
{
    struct task_entries list = {
        .entries = arena_array_of(arena, struct task_entry,
                                  registry->running_count + registry->ended.count)};
    for (const struct running *task = registry->running; task != NULL; task = task->next) {
        if (running_entry(arena, task, &list.entries[list.count])) {
            list.count++;
        }
    }
    for (size_t i = 0; i < registry->ended.count; i++) {
        list.entries[list.count++] = registry->ended.entries[i];
    }
    *ret = list;
}

bool task_registry_find(const struct task_registry *registry, const char *upid,
                        struct task_entry *ret)
{
    for (const struct running *task = registry->running; task != NULL; task = task->next) {
        if (strcmp(task->upid, upid) == 0) {
            return running_entry(registry->arena, task, ret);
        }
    }
    for (size_t i = registry->ended.count; i > 0; i--) {
        if (strcmp(registry->ended.entries[i - 1].name, upid) == 0) {
            *ret = registry->ended.entries[i - 1];
            return true;
        }
    }
    return false;
}

int task_registry_read_log(const struct task_registry *registry, struct arena *arena,
                           const char *upid, int64_t start, int64_t limit, struct json **ret,
                           int64_t *ret_total, struct error *err)
{
    return task_files_read_log(arena, registry->folder, upid, start, limit, ret, ret_total, err);
}

int task_registry_new(const struct task_registry_spec *spec, struct task_registry **ret,
                      struct error *err)
{
    int r = task_files_prepare(spec->folder, err);
    if (r == 0) {
        r = task_files_recover(spec->folder, clock_wall_s(spec->clock), err);
    }
    if (r < 0) {
        return r;
    }
    struct task_registry *registry = alloc_zero(sizeof(*registry));
    registry->loop = spec->loop;
    registry->clock = spec->clock;
    registry->events = spec->events;
    registry->node = alloc_strdup(spec->node);
    registry->folder = alloc_strdup(spec->folder);
    registry->changed = spec->changed;
    registry->userdata = spec->userdata;
    while (spec->program_places[registry->places_count] != NULL) {
        registry->places_count++;
    }
    registry->places = alloc_zero((registry->places_count + 1) * sizeof(char *));
    for (size_t i = 0; i < registry->places_count; i++) {
        registry->places[i] = alloc_strdup(spec->program_places[i]);
    }
    r = ended_load(registry, err);
    if (r == 0) {
        r = ended_trim(registry, err);
    }
    if (r < 0) {
        task_registry_free(registry);
        return r;
    }
    *ret = registry;
    return 0;
}

void task_registry_free(struct task_registry *registry)
{
    if (registry == NULL) {
        return;
    }
    registry->changed = NULL;
    while (registry->running != NULL) {
        struct running *task = registry->running;
        char *upid CLEANUP(alloc_freep) = alloc_strdup(task->upid);
        (void)kill(-task->group, SIGKILL);
        task_end(registry, upid, "ha-execd was stopped while the task was running");
        running_remove(task);
    }
    for (size_t i = 0; i < registry->places_count; i++) {
        free(registry->places[i]);
    }
    free(registry->places);
    free(registry->node);
    free(registry->folder);
    arena_free(registry->arena);
    free(registry);
}
