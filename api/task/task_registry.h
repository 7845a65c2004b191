// SPDX-License-Identifier: Apache-2.0
// This node's tasks: those that run, as children of the daemon, and those that have ended.
//
// A task ends with the daemon: its process is killed when the daemon dies, and the next daemon
// lists it as ended with an error. An orderly end of the daemon waits a while for its tasks and
// then ends them. So nothing runs that nobody knows of.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct clock;
struct error;
struct event_sink;
struct json;
struct loop;
struct task_entries;
struct task_entry;
struct task_registry;
struct task_spec;

enum { TASK_RUNNING_MAX = 64 };

struct task_registry_spec {
    struct loop *loop;
    struct clock *clock;
    struct event_sink *events;
    const char *node;
    const char *folder;                // of logs and index
    const char *const *program_places; // folders that are searched in this order; NULL-terminated
    void (*changed)(void *userdata);   // a task began or ended; may be NULL
    void *userdata;
};

// Strings are copied.
int task_registry_new(const struct task_registry_spec *spec, struct task_registry **ret,
                      struct error *err) WARN_UNUSED;
// Kills those that run, with all they have started, and lists them as ended.
void task_registry_free(struct task_registry *registry);

// Starts a program. `label` is who asks; the UPID is in the arena. -EINVAL: no program of ours;
// -EAGAIN: too many run already.
int task_registry_start(struct task_registry *registry, struct arena *arena,
                        const struct task_spec *spec, const char *label, const char **ret_upid,
                        struct error *err) WARN_UNUSED;
// One that was done elsewhere, by process `pid` that started at `pstart`.
struct task_done {
    const char *type, *id, *label;
    int64_t pid, pstart, start_s;
    const char *log;    // what it said
    const char *status; // "OK" or the words of its error
};
int task_registry_add(struct task_registry *registry, struct arena *arena,
                      const struct task_done *done, const char **ret_upid,
                      struct error *err) WARN_UNUSED;
// Asks it to end, with all it has started, and kills it 5 s later. False: it does not run.
bool task_registry_stop(struct task_registry *registry, const char *upid);

size_t task_registry_running(const struct task_registry *registry) WARN_UNUSED;
// All of them; strings live until the next change.
void task_registry_list(const struct task_registry *registry, struct arena *arena,
                        struct task_entries *ret);
// False when there is none of this name.
bool task_registry_find(const struct task_registry *registry, const char *upid,
                        struct task_entry *ret) WARN_UNUSED;
// As task_files_read_log().
int task_registry_read_log(const struct task_registry *registry, struct arena *arena,
                           const char *upid, int64_t start, int64_t limit, struct json **ret,
                           int64_t *ret_total, struct error *err) WARN_UNUSED;
