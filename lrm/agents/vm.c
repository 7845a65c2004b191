// SPDX-License-Identifier: Apache-2.0
// Check, start, stop and kill of a machine on this node, and the proofs around them; moves are in
// vm_move.c. Whether it may run here was decided before: by the LRM's core, or by ha-guest for one
// that is not under HA.
#include "lrm/agents/vm.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/host_clock.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/ct_load.h"
#include "lrm/agents/qmp_client.h"
#include "lrm/agents/service_task.h"
#include "lrm/agents/vm_boot.h"
#include "lrm/agents/vm_config.h"
#include "lrm/agents/vm_guest_agent.h"
#include "lrm/agents/vm_move.h"
#include "lrm/agents/vm_settle.h"
#include "lrm/agents/vm_task.h"
#include "lrm/agents/volume.h"

enum {
    VM_LOCK_HARD_WAIT_MS = 2000,
    VM_ASK_AGAIN_MS = 5000, // a guest that is booting does not hear the first time
};

static int vm_check(struct agent *agent, const struct guest *guest, bool *ret_running,
                    struct error *err)
{
    struct vm_task task;
    pid_t pid = 0;
    int r = vm_task_begin(&task, (struct service_agent *)agent, guest, err);
    if (r == 0) {
        r = vm_task_look(&task, ret_running, &pid, err);
    }
    vm_task_end(&task);
    return r;
}

// --- Start. ---

static int vm_start_locked(struct vm_task *task, struct error *err)
{
    bool there = false;
    pid_t pid = 0;
    int r = vm_task_look(task, &there, &pid, err);
    if (r == 0 && there) {
        r = vm_settle(task, err);
    }
    if (r < 0 || r == VM_SETTLED_RUNS) {
        return r < 0 ? r : 0;
    }
    return vm_boot(task, err);
}

static int vm_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct vm_task task;
    int r = vm_task_begin(&task, (struct service_agent *)agent, guest, err);
    if (r == 0) {
        r = service_check_place(guest, task.agent->node, err);
    }
    if (r == 0) {
        r = vm_config_check(guest, err);
    }
    if (r == 0) {
        r = vm_task_lock(&task, SERVICE_LOCK_WAIT_MS, err);
    }
    if (r == 0) {
        r = vm_start_locked(&task, err);
    }
    vm_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot start '%s'", guest->sid) : 0;
}

// --- Health: what is there may be the rest of a move, or QEMU may have given the machine up. ---

static int vm_health_locked(struct vm_task *task, struct error *err)
{
    static const char *const dead[] = {"guest-panicked", "internal-error", "shutdown"};
    struct qmp_client *qmp CLEANUP(qmp_client_freep) = NULL;
    const char *status = NULL;
    int r = vm_settle(task, err);
    if (r < 0) {
        return r;
    }
    if (r == VM_SETTLED_GONE) {
        return error_set(err, -EIO, "only the rest of a move was there");
    }
    if (vm_task_connect(task, &qmp, NULL) < 0 || vm_task_status(task, qmp, &status, NULL) < 0) {
        return 0; // a storage that hangs makes it slow to answer, and a restart would not help
    }
    for (size_t i = 0; i < ARRAY_SIZE(dead); i++) {
        if (strcmp(status, dead[i]) == 0) {
            return error_set(err, -EIO, "QEMU says '%s'", status);
        }
    }
    return 0;
}

static int vm_health(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct vm_task task;
    int r = vm_task_begin(&task, (struct service_agent *)agent, guest, err);
    if (r == 0) {
        r = vm_task_lock(&task, 0, err);
        if (r == -EBUSY) {
            vm_task_end(&task);
            return 0; // somebody is at it, and it is looked at again
        }
    }
    if (r == 0) {
        r = vm_health_locked(&task, err);
    }
    vm_task_end(&task);
    return r < 0 ? error_prefix(err, "'%s' does not work", guest->sid) : 0;
}

static int vm_ping(struct agent *agent, const struct guest *guest, int64_t timeout_ms,
                   struct error *err)
{
    struct vm_task task;
    int r = vm_task_begin(&task, (struct service_agent *)agent, guest, err);
    if (r == 0) {
        r = vm_guest_agent_ping(&task, timeout_ms, err);
    }
    vm_task_end(&task);
    return r;
}

// --- Stop. ---

// Asks the guest to end and waits for it. Whatever comes of it, the caller makes sure afterwards.
static void vm_ask_to_end(struct vm_task *task, pid_t pid, int64_t timeout_s)
{
    struct qmp_client *qmp CLEANUP(qmp_client_freep) = NULL;
    const char *status = NULL;
    int64_t until_ms = service_now_ms() + timeout_s * 1000;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0 || vm_task_connect(task, &qmp, NULL) < 0 ||
        vm_task_status(task, qmp, &status, NULL) < 0 || strcmp(status, "running") != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return; // it has ended, or cannot hear
    }
    // The guest agent hears also where nobody watches the power button.
    bool heard = vm_guest_agent_power_down(task);
    for (int64_t left_ms = timeout_s * 1000; left_ms > 0; left_ms = until_ms - service_now_ms()) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        if (!heard && qmp_client_execute(qmp, "system_powerdown", NULL, VM_QMP_WAIT_MS, task->arena,
                                         NULL, NULL) < 0) {
            break; // it is ending
        }
        int64_t wait_ms = left_ms > VM_ASK_AGAIN_MS && !heard ? VM_ASK_AGAIN_MS : left_ms;
        if (poll(&item, 1, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms) > 0) {
            break;
        }
    }
    (void)close(fd);
}

static int vm_stop_locked(struct vm_task *task, int64_t timeout_s, struct error *err)
{
    bool there = false;
    pid_t pid = 0;
    int r = vm_task_look(task, &there, &pid, err);
    if (r < 0) {
        return r;
    }
    if (there && timeout_s > 0) {
        if (pid > 0) {
            vm_ask_to_end(task, pid, timeout_s);
        }
        r = vm_task_look(task, &there, &pid, err);
        return r == 0 && there ? vm_task_quit(task, err)
               : r == 0        ? vm_task_end_all(task, VM_KILL_WAIT_MS, err)
                               : r;
    }
    return vm_task_end_all(task, VM_KILL_WAIT_MS, err);
}

// A hard stop is in a hurry: it kills before it waits for the lock, which also ends a start that
// hangs.
static int vm_stop_lock(struct vm_task *task, int64_t timeout_s, struct error *err)
{
    if (timeout_s > 0) {
        return vm_task_lock(task, SERVICE_LOCK_WAIT_MS, err);
    }
    int r = vm_task_lock(task, 0, err);
    if (r == -EBUSY && vm_task_end_all(task, VM_KILL_WAIT_MS, NULL) == 0) {
        r = vm_task_lock(task, VM_LOCK_HARD_WAIT_MS, err);
    }
    return r;
}

static int vm_stop(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                   struct error *err)
{
    struct vm_task task;
    int r = vm_task_begin(&task, (struct service_agent *)agent, guest, err);
    if (r == 0) {
        struct error busy = {0};
        int locked = vm_stop_lock(&task, timeout_s, &busy);
        // Whoever holds the lock moves it, say: only a hard stop may cut in.
        r = locked < 0 && timeout_s > 0 ? locked : vm_stop_locked(&task, timeout_s, err);
        // Someone holds the lock and may yet start it: killed, but not proved to stay so (INV-2).
        if (locked < 0 && r <= 0) {
            r = error_set(err, locked, "%s", busy.text);
        }
    }
    vm_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot stop '%s'", guest->sid) : 0;
}

static int vm_ask(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                  struct error *err)
{
    struct vm_task task;
    bool there = false;
    pid_t pid = 0;
    pid_t now = 0;
    int r = vm_task_begin(&task, (struct service_agent *)agent, guest, err);
    if (r == 0) {
        r = vm_task_look(&task, &there, &pid, err);
    }
    if (r == 0 && (!there || pid <= 0)) {
        r = error_set(err, -ESRCH, "'%s' does not run", guest->sid);
    }
    if (r == 0) {
        vm_ask_to_end(&task, pid, timeout_s);
        r = vm_task_look(&task, &there, &now, err);
    }
    if (r == 0 && there && now == pid) {
        r = error_set(err, -ETIMEDOUT, "'%s' has not ended within %lld s, and still runs",
                      guest->sid, (long long)timeout_s);
    }
    vm_task_end(&task);
    return r;
}

// --- Kill. ---

// INV-5: gone, with the lock in hand, so that nobody is starting it either.
static int vm_kill_until(struct vm_task *task, int64_t until_ms, struct error *err)
{
    for (;;) {
        int64_t left_ms = until_ms - service_now_ms();
        bool there = false;
        pid_t pid = 0;
        int r = ct_cgroup_kill(&task->places, CT_CGROUP_SERVICE, task->group,
                               left_ms > 0 ? left_ms : 0, err);
        if (r == 0 && task->lock_fd < 0) {
            r = vm_task_lock(task, 0, err);
            if (r == -EBUSY && until_ms > service_now_ms()) {
                error_clear(err);
                host_sleep_ms(VM_POLL_MS);
                continue;
            }
        }
        if (r == 0) {
            r = vm_task_look(task, &there, &pid, err);
        }
        if (r < 0 || !there) {
            return r;
        }
        if (left_ms <= 0) {
            return error_set(err, -ETIMEDOUT, "it started again while it was killed");
        }
    }
}

// Nothing that it wrote may be on its way any more when another node starts it.
static int vm_settle_volumes(struct vm_task *task, struct error *err)
{
    struct vm_note note;
    if (vm_task_read_note(task, &note, NULL) < 0) {
        return 0; // it was never started here since the boot
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < note.folders_count; i++) {
        r = volume_settle(note.folders[i], err);
    }
    return r;
}

static int vm_kill(struct agent *agent, const char *sid, int64_t timeout_ms, struct error *err)
{
    const struct guest guest = {.sid = sid};
    struct vm_task task;
    int64_t until_ms = service_now_ms() + timeout_ms;
    int r = vm_task_begin(&task, (struct service_agent *)agent, &guest, err);
    if (r == 0) {
        r = vm_kill_until(&task, until_ms, err);
    }
    if (r == 0) {
        ct_cgroup_remove(&task.places, CT_CGROUP_SERVICE, task.group);
        r = vm_settle_volumes(&task, err);
    }
    vm_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot kill '%s'", sid) : 0;
}

// --- Moves. ---

// A machine that does not run only changes its place.
static int vm_move_locked(struct vm_task *task, const char *target, bool online, struct error *err)
{
    bool there = false;
    pid_t pid = 0;
    int r = vm_move_check(task, err);
    if (r == 0) {
        r = vm_task_look(task, &there, &pid, err);
    }
    if (r == 0 && there) {
        r = vm_settle(task, err); // what an earlier worker left
        there = r == VM_SETTLED_RUNS;
    }
    if (r < 0) {
        return r;
    }
    if (there && online) {
        return vm_move_live(task, target, err);
    }
    r = vm_stop_locked(task, task->agent->stop_timeout_s, err);
    // INV-1: the place changes after the proof that nothing of it is left here, never before.
    return r < 0 ? r : vm_move_offline(task, target, err);
}

static int vm_move(struct agent *agent, const struct guest *guest, const char *target, bool online,
                   struct error *err)
{
    struct vm_task task;
    int r = vm_task_begin(&task, (struct service_agent *)agent, guest, err);
    if (r == 0) {
        r = service_check_place(guest, task.agent->node, err);
    }
    if (r == 0) {
        r = vm_config_check(guest, err);
    }
    if (r == 0) {
        r = vm_task_lock(&task, SERVICE_LOCK_WAIT_MS, err);
    }
    if (r == 0) {
        r = vm_move_locked(&task, target, online, err);
    }
    vm_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot move '%s' to '%s'", guest->sid, target) : 0;
}

static int vm_receive(struct agent *agent, const char *sid, struct error *err)
{
    const struct guest guest = {.sid = sid};
    struct vm_task task;
    int r = vm_task_begin(&task, (struct service_agent *)agent, &guest, err);
    if (r == 0) {
        r = vm_task_lock(&task, SERVICE_LOCK_WAIT_MS, err);
    }
    if (r == 0) {
        r = vm_move_receive(&task, err);
    }
    vm_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot receive '%s'", sid) : 0;
}

static const struct agent_ops vm_agent_ops = {.check = vm_check,
                                              .health = vm_health,
                                              .ping = vm_ping,
                                              .start = vm_start,
                                              .stop = vm_stop,
                                              .ask = vm_ask,
                                              .kill = vm_kill,
                                              .move = vm_move,
                                              .receive = vm_receive};

struct agent *vm_agent_new(const struct agent_context *context)
{
    return service_agent_new(&vm_agent_ops, context);
}

pid_t vm_agent_init_pid(const char *sid)
{
    const struct guest guest = {.sid = sid};
    struct vm_task task;
    bool there = false;
    pid_t pid = 0;
    if (vm_task_begin(&task, NULL, &guest, NULL) < 0 ||
        vm_task_look(&task, &there, &pid, NULL) < 0) {
        pid = 0;
    }
    vm_task_end(&task);
    return pid;
}

int vm_agent_load(const char *sid, bool *ret_running, int64_t *ret_cpu_us, int64_t *ret_mem_bytes,
                  struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    return ct_load_read_group(CT_CGROUP_SERVICE, arena_printf(arena, "%s.vm", sid_name(sid)),
                              ret_running, ret_cpu_us, ret_mem_bytes, err);
}
