// SPDX-License-Identifier: Apache-2.0
// /nodes/{node}/tasks and /cluster/tasks: lists, states and logs of tasks, and ending them.
// Everyone sees his own; those of others need a privilege.
#include <string.h>

#include "api/call/call.h"
#include "api/call/method.h"
#include "api/call/upid.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/task/task_list.h"
#include "api/task/task_registry.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

enum { TASKS_LIMIT = 50 };

static const char *node_path(const struct call *call)
{
    return arena_printf(call->arena, "/nodes/%s", call_string(call, "node", ""));
}

static enum task_source source_of(const char *name)
{
    return strcmp(name, "active") == 0 ? TASK_SOURCE_ACTIVE
           : strcmp(name, "all") == 0  ? TASK_SOURCE_ALL
                                       : TASK_SOURCE_ARCHIVE;
}

static void tasks_list(struct call *call)
{
    bool all = call_may(call, PRIVILEGE_SYS_AUDIT, node_path(call));
    const struct task_filter filter = {
        .source = source_of(call_string(call, "source", "archive")),
        .start = call_int(call, "start", 0),
        .limit = call_int(call, "limit", TASKS_LIMIT),
        .vmid = call_int(call, "vmid", 0),
        .type = call_string(call, "typefilter", NULL),
        .user = call_string(call, "userfilter", NULL),
        .only_user = all ? NULL : call->caller.user,
        .errors = call_bool(call, "errors", false),
        .since_s = call_int(call, "since", 0),
        .until_s = call_int(call, "until", 0),
        .statuses = call_list(call, "statusfilter"),
    };
    struct task_entries tasks;
    task_registry_list(call->host->tasks, call->arena, &tasks);
    struct json *rows = task_list_filter(call->arena, &tasks, &filter, &call->total);
    for (size_t i = 0; i < rows->count; i++) {
        if (json_find(rows->items[i], "status") == NULL) {
            json_put_string(rows->items[i], "status", "RUNNING"); // here, not in /cluster/tasks
        }
    }
    call_return(call, rows);
}

// The task that the path names, when the caller may see it (or change it); else the call is
// refused.
static bool task_find(struct call *call, enum privilege privilege, struct task_entry *ret)
{
    const char *name = call_string(call, "upid", "");
    struct upid upid;
    // The format has been checked.
    if (upid_parse(call->arena, name, &upid, NULL) < 0 ||
        strcmp(upid.node, call_string(call, "node", "")) != 0 ||
        !task_registry_find(call->host->tasks, name, ret)) {
        call_fault(call, "upid", "no such task");
        return false;
    }
    return strcmp(upid_user(call->arena, upid.user, NULL), call->caller.user) == 0 ||
           call_need(call, privilege, node_path(call));
}

static void task_index(struct call *call)
{
    static const char *const names[] = {"log", "status"};
    struct task_entry task;
    if (!task_find(call, PRIVILEGE_SYS_AUDIT, &task)) {
        return;
    }
    struct json *list = json_new_array(call->arena);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct json *entry = json_new_object(call->arena);
        json_put_string(entry, "name", names[i]);
        json_append(list, entry);
    }
    call_return(call, list);
}

static void task_status(struct call *call)
{
    struct task_entry task;
    if (!task_find(call, PRIVILEGE_SYS_AUDIT, &task)) {
        return;
    }
    struct task_entry running = task;
    running.status = NULL;
    struct json *json = task_entry_to_json(call->arena, &running);
    json_put_string(json, "status", task.status == NULL ? "running" : "stopped");
    json_put_string(json, "exitstatus", task.status);
    call_return(call, json);
}

static void task_log(struct call *call)
{
    struct task_entry task;
    struct json *lines;
    struct error err = {0};
    if (!task_find(call, PRIVILEGE_SYS_AUDIT, &task)) {
        return;
    }
    if (task_registry_read_log(call->host->tasks, call->arena, task.name,
                               call_int(call, "start", 0), call_int(call, "limit", TASKS_LIMIT),
                               &lines, &call->total, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    call_return(call, lines);
}

static void task_stop(struct call *call)
{
    struct task_entry task;
    if (!task_find(call, PRIVILEGE_SYS_MODIFY, &task)) {
        return;
    }
    if (task_registry_stop(call->host->tasks, task.name)) {
        struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "task-stopped");
        call_tell(call, event_text(call->arena, event, "upid", task.name));
    }
    call_return(call, NULL);
}

// ---- /cluster/tasks

// What ran on a node that is away does not any more, or nobody can tell.
static void running_drop(const struct call *call, const char *node, struct task_entries *tasks)
{
    size_t count = 0;
    if (endpoint_is_online(call, node)) {
        return;
    }
    for (size_t i = 0; i < tasks->count; i++) {
        if (tasks->entries[i].status != NULL) {
            tasks->entries[count++] = tasks->entries[i];
        }
    }
    tasks->count = count;
}

// As the store has them; this node's are taken from its own list.
static void cluster_read(struct call *call, struct task_entries *ret)
{
    struct store_entries entries;
    struct task_entries own, all = {0};
    size_t count = 0;
    task_registry_list(call->host->tasks, call->arena, &own);
    if (store_read(call->host->session->store, STORE_PREFIX_LIVE_TASK, 0, call->arena, &entries,
                   NULL) < 0) {
        entries = (struct store_entries){0};
    }
    struct task_entries *lists = arena_array_of(call->arena, struct task_entries, entries.count);
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        const char *node = entry->key + strlen(STORE_PREFIX_LIVE_TASK);
        bool is_own = strcmp(node, call->host->node) == 0;
        if (!is_own && entry->value != NULL &&
            task_live_parse(call->arena, entry->value, entry->size_bytes, &lists[i], NULL) == 0) {
            running_drop(call, node, &lists[i]);
            count += lists[i].count;
        }
    }
    all.entries = arena_array_of(call->arena, struct task_entry, count + own.count);
    for (size_t i = 0; i < own.count; i++) {
        all.entries[all.count++] = own.entries[i];
    }
    for (size_t i = 0; i < entries.count; i++) {
        for (size_t k = 0; k < lists[i].count; k++) {
            all.entries[all.count++] = lists[i].entries[k];
        }
    }
    *ret = all;
}

static void cluster_tasks(struct call *call)
{
    bool all = call_may(call, PRIVILEGE_SYS_AUDIT, "/");
    const struct task_filter filter = {.source = TASK_SOURCE_ALL,
                                       .limit = TASKS_LIMIT,
                                       .only_user = all ? NULL : call->caller.user};
    struct task_entries tasks;
    int64_t total;
    cluster_read(call, &tasks);
    struct json *list = task_list_filter(call->arena, &tasks, &filter, &total);
    for (size_t i = 0; i < list->count; i++) {
        if (json_find(list->items[i], "status") != NULL) {
            json_put_string(list->items[i], "saved", "1");
        }
    }
    call_return(call, list);
}

// ---- The table.

#define NODE_ROW                                                                                   \
    {                                                                                              \
        .name = "node", .format = PARAMETER_FORMAT_NODE, .required = true,                         \
        .description = "name of a node"                                                            \
    }
#define UPID_ROW                                                                                   \
    {                                                                                              \
        .name = "upid", .format = PARAMETER_FORMAT_UPID, .required = true,                         \
        .description = "the task"                                                                  \
    }
#define COUNT_ROW(row_name, words, otherwise)                                                      \
    {                                                                                              \
        .name = (row_name), .type = PARAMETER_TYPE_INTEGER, .has_minimum = true,                   \
        .description = (words), .default_text = (otherwise)                                        \
    }

static const char *const sources[] = {"archive", "active", "all", NULL};
static const char *const statuses[] = {"ok", "error", "warning", "unknown", NULL};

static const struct parameter list_parameters[] = {
    NODE_ROW,
    COUNT_ROW("start", "how many to leave out", "0"),
    COUNT_ROW("limit", "how many to list", "50"),
    {.name = "vmid",
     .type = PARAMETER_TYPE_INTEGER,
     .format = PARAMETER_FORMAT_VMID,
     .description = "only those of this guest"},
    {.name = "typefilter", .length_max = 64, .description = "only those of this type"},
    {.name = "userfilter", .length_max = 128, .description = "only those of such users"},
    {.name = "errors",
     .type = PARAMETER_TYPE_BOOLEAN,
     .description = "only those that failed",
     .default_text = "0"},
    {.name = "source",
     .values = sources,
     .description = "those that have ended, that run, or all",
     .default_text = "archive"},
    COUNT_ROW("since", "only those that began at this time or later", NULL),
    COUNT_ROW("until", "only those that began at this time or earlier", NULL),
    {.name = "statusfilter",
     .type = PARAMETER_TYPE_LIST,
     .values = statuses,
     .description = "only those that ended so"},
};
static const struct parameter task_parameters[] = {NODE_ROW, UPID_ROW};
static const struct parameter log_parameters[] = {
    NODE_ROW,
    UPID_ROW,
    COUNT_ROW("start", "how many lines to leave out", "0"),
    COUNT_ROW("limit", "how many lines to show", "50"),
};

#define ROWS(rows) .parameters = (rows), .parameters_count = ARRAY_SIZE(rows)

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/tasks",
     .description = "Lists the tasks of a node, newest first.",
     ROWS(list_parameters),
     .access = METHOD_ACCESS_USER,
     .on_node = true,
     .returns = "array",
     .run = tasks_list},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/tasks/{upid}",
     .description = "What there is of a task.",
     ROWS(task_parameters),
     .access = METHOD_ACCESS_USER,
     .on_node = true,
     .returns = "array",
     .run = task_index},
    {.verb = METHOD_VERB_DELETE,
     .path = "/nodes/{node}/tasks/{upid}",
     .description = "Ends a task that runs.",
     ROWS(task_parameters),
     .access = METHOD_ACCESS_USER,
     .on_node = true,
     .returns = "null",
     .run = task_stop},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/tasks/{upid}/status",
     .description = "Whether a task runs, and how it ended.",
     ROWS(task_parameters),
     .access = METHOD_ACCESS_USER,
     .on_node = true,
     .returns = "object",
     .run = task_status},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/tasks/{upid}/log",
     .description = "What a task has said.",
     ROWS(log_parameters),
     .access = METHOD_ACCESS_USER,
     .on_node = true,
     .returns = "array",
     .run = task_log},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/tasks",
     .description = "Lists the newest tasks of all nodes.",
     .access = METHOD_ACCESS_USER,
     .returns = "array",
     .run = cluster_tasks},
};

const struct method_table endpoints_tasks = {methods, ARRAY_SIZE(methods)};
