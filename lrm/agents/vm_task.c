// SPDX-License-Identifier: Apache-2.0
// What the verbs of the vm agent share.
#include "lrm/agents/vm_task.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "lrm/agents/qmp_client.h"
#include "lrm/agents/service_task.h"

enum { VM_NOTE_MAX = 1024 * 1024, VM_QUIT_WAIT_MS = 5000 };

int vm_task_begin(struct vm_task *task, struct service_agent *agent, const struct guest *guest,
                  struct error *err)
{
    *task = (struct vm_task){.agent = agent, .guest = guest, .lock_fd = -1};
    task->arena = arena_new();
    // Ends in a word, so that none is another's with a number behind it.
    task->group = arena_printf(task->arena, "%s.vm", sid_name(guest->sid));
    task->folder = arena_printf(task->arena, "%s/vm-%s", paths_run_dir(), sid_name(guest->sid));
    return ct_cgroup_find(task->arena, &task->places, err);
}

void vm_task_end(struct vm_task *task)
{
    if (task->lock_fd >= 0) {
        (void)close(task->lock_fd); // gives the lock back
    }
    arena_free(task->arena);
}

int vm_task_lock(struct vm_task *task, int64_t wait_ms, struct error *err)
{
    assert(task->lock_fd < 0);
    int fd = service_lock(task->arena, task->guest->sid, wait_ms, err);
    if (fd < 0) {
        return fd;
    }
    task->lock_fd = fd;
    return 0;
}

int vm_task_look(struct vm_task *task, bool *ret_there, pid_t *ret_pid, struct error *err)
{
    struct ct_cgroup_scan scan;
    int r = ct_cgroup_scan(task->arena, &task->places, CT_CGROUP_SERVICE, task->group, &scan, err);
    if (r == 0) {
        *ret_there = scan.populated;
        *ret_pid = scan.pids_count > 0 ? scan.pids[0] : 0;
    }
    return r;
}

int vm_task_end_all(struct vm_task *task, int64_t timeout_ms, struct error *err)
{
    int r = ct_cgroup_kill(&task->places, CT_CGROUP_SERVICE, task->group, timeout_ms, err);
    if (r == 0) {
        ct_cgroup_remove(&task->places, CT_CGROUP_SERVICE, task->group);
    }
    return r;
}

int vm_task_quit(struct vm_task *task, struct error *err)
{
    struct qmp_client *qmp CLEANUP(qmp_client_freep) = NULL;
    if (vm_task_connect(task, &qmp, NULL) == 0 &&
        qmp_client_execute(qmp, "quit", NULL, VM_QMP_WAIT_MS, task->arena, NULL, NULL) == 0) {
        // Whatever comes of it, what follows makes sure.
        ignore_result(
            ct_cgroup_wait(&task->places, CT_CGROUP_SERVICE, task->group, VM_QUIT_WAIT_MS, NULL));
    }
    return vm_task_end_all(task, VM_KILL_WAIT_MS, err);
}

int vm_task_connect(struct vm_task *task, struct qmp_client **ret, struct error *err)
{
    const char *path = arena_printf(task->arena, "%s/qmp", task->folder);
    return qmp_client_connect(path, VM_QMP_WAIT_MS, ret, err);
}

int vm_task_status(struct vm_task *task, struct qmp_client *qmp, const char **ret,
                   struct error *err)
{
    const struct json *answer = NULL;
    int r =
        qmp_client_execute(qmp, "query-status", NULL, VM_QMP_WAIT_MS, task->arena, &answer, err);
    return r < 0 ? r : json_get_string(answer, "status", ret, err);
}

static const char *note_path(const struct vm_task *task)
{
    return arena_printf(task->arena, "%s/started", task->folder);
}

int vm_task_write_note(struct vm_task *task, const struct vm_note *note, struct error *err)
{
    struct json *json = json_new_object(task->arena);
    struct json *folders = json_new_array(task->arena);
    for (size_t i = 0; i < note->folders_count; i++) {
        json_append(folders, json_new_string(task->arena, note->folders[i]));
    }
    json_put_string(json, "definition", note->definition);
    json_put_string(json, "incoming", note->incoming);
    json_put_bool(json, "kvm", note->kvm);
    json_put(json, "folders", folders);
    const char *text = json_to_text(task->arena, json);
    return file_replace(note_path(task), text, strlen(text), 0600, err);
}

int vm_task_read_note(struct vm_task *task, struct vm_note *ret, struct error *err)
{
    struct vm_note note = {0};
    struct json *json = NULL;
    char *text = NULL;
    size_t size = 0;
    int r = file_read(task->arena, note_path(task), VM_NOTE_MAX, &text, &size, err);
    if (r < 0 || (r = json_parse(task->arena, text, size, &json, err)) < 0 ||
        (r = json_get_string(json, "definition", &note.definition, err)) < 0 ||
        (r = json_get_string_if(json, "incoming", &note.incoming, err)) < 0 ||
        (r = json_get_bool_if(json, "kvm", &note.kvm, err)) < 0) {
        return r;
    }
    const struct json *folders = json_find(json, "folders");
    size_t count = folders != NULL && folders->type == JSON_TYPE_ARRAY ? folders->count : 0;
    note.folders = arena_array_of(task->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        if (folders->items[i]->type == JSON_TYPE_STRING) {
            note.folders[note.folders_count++] = folders->items[i]->string;
        }
    }
    *ret = note;
    return 0;
}
