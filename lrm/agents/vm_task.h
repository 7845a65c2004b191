// SPDX-License-Identifier: Apache-2.0
// One verb of the vm agent at work: the machine's lock, group, folder and control socket on this
// node. Used by the agent's files only.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"
#include "lrm/agents/ct_cgroup.h"
#include "lrm/agents/service_agent.h"

struct arena;
struct error;
struct event_sink;
struct guest;
struct qmp_client;
struct store;

#define VM_PROGRAM "qemu-system-x86_64"

enum {
    VM_QMP_WAIT_MS = 5000,   // for an answer of a QEMU that is well
    VM_KILL_WAIT_MS = 10000, // for killed processes to vanish
    VM_POLL_MS = 10,
};

struct vm_task {
    struct service_agent *agent;
    const struct guest *guest;
    struct arena *arena;
    const char *group;  // id of its control group
    const char *folder; // for its sockets and notes; need not exist
    struct ct_cgroup_places places;
    int lock_fd; // -1: not held
};

// What was noted when QEMU was started here.
struct vm_note {
    const char *definition; // the guest's document as it was then (guest.h)
    const char *incoming;   // which live move it is to receive; NULL: none
    bool kvm;
    const char **folders; // of the volumes it may write to
    size_t folders_count;
};

int vm_task_begin(struct vm_task *task, struct service_agent *agent, const struct guest *guest,
                  struct error *err) WARN_UNUSED;
void vm_task_end(struct vm_task *task);
// -EBUSY when another process keeps the lock for the whole time.
int vm_task_lock(struct vm_task *task, int64_t wait_ms, struct error *err) WARN_UNUSED;

// Whether processes of it are here, and the first of them.
int vm_task_look(struct vm_task *task, bool *ret_there, pid_t *ret_pid,
                 struct error *err) WARN_UNUSED;
// Kills all of it and proves that nothing is left.
int vm_task_end_all(struct vm_task *task, int64_t timeout_ms, struct error *err) WARN_UNUSED;
// The same for a QEMU that may be asked to end first, so that it closes its images in order.
int vm_task_quit(struct vm_task *task, struct error *err) WARN_UNUSED;

int vm_task_connect(struct vm_task *task, struct qmp_client **ret, struct error *err) WARN_UNUSED;
// QEMU's word for what it is at: "running", "paused", "inmigrate", "postmigrate", …
int vm_task_status(struct vm_task *task, struct qmp_client *qmp, const char **ret,
                   struct error *err) WARN_UNUSED;

int vm_task_write_note(struct vm_task *task, const struct vm_note *note,
                       struct error *err) WARN_UNUSED;
// -ENOENT: nothing was noted since the node's boot.
int vm_task_read_note(struct vm_task *task, struct vm_note *ret, struct error *err) WARN_UNUSED;
