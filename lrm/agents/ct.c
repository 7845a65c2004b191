// SPDX-License-Identifier: Apache-2.0
// Start, stop, move and check of a container on this node, and the proofs around them. Whether it
// may run here was decided before: by the LRM's core, or by ha-guest for one that is not under HA.
#include "lrm/agents/ct.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "lrm/agents/ct_cgroup.h"
#include "lrm/agents/ct_config.h"
#include "lrm/agents/ct_lxc.h"
#include "lrm/agents/ct_setup.h"
#include "lrm/agents/service_agent.h"
#include "lrm/agents/volume_claim.h"

enum {
    CT_LOCK_HARD_WAIT_MS = 2000,
    CT_KILL_WAIT_MS = 10000,   // for killed processes to vanish
    CT_MONITOR_WAIT_MS = 3000, // for the monitor to clean up by itself
    CT_HARD_ROUNDS_MAX = 3,
    CT_ASK_AGAIN_MS = 500,
};

// One verb at work.
struct ct_task {
    struct service_agent *agent;
    const struct guest *guest;
    struct arena *arena;
    const char *id;       // "100"
    const char *lxc_path; // canonical: LXC's state is bound to its spelling
    struct ct_cgroup_places places;
    struct ct_setup setup;
    int lock_fd; // -1: not held
    const char
        *shared; // its file system on a storage that other nodes use as well; NULL: it is not
};

static int ct_find_lxc_path(struct arena *arena, const char **ret, struct error *err)
{
    const char *path = arena_printf(arena, "%s/lxc", paths_state_dir());
    int r = file_make_directory(paths_state_dir(), 0755, err);
    if (r == 0) {
        r = file_make_directory(path, 0755, err);
    }
    if (r < 0) {
        return r;
    }
    char *real CLEANUP(alloc_freep) = realpath(path, NULL);
    if (real == NULL) {
        int code = errno;
        return error_set_errno(err, -code, "cannot use '%s'", path);
    }
    *ret = arena_strdup(arena, real);
    return 0;
}

static void ct_wait(void *userdata, int64_t ms)
{
    (void)userdata;
    host_sleep_ms(ms);
}

static int ct_task_begin(struct ct_task *task, struct agent *agent, const struct guest *guest,
                         struct error *err)
{
    *task = (struct ct_task){.agent = (struct service_agent *)agent, .guest = guest, .lock_fd = -1};
    task->arena = arena_new();
    task->id = sid_name(guest->sid);
    int r = ct_find_lxc_path(task->arena, &task->lxc_path, err);
    if (r == 0) {
        r = ct_cgroup_find(task->arena, &task->places, err);
    }
    task->setup = (struct ct_setup){.arena = task->arena,
                                    .store = task->agent->store,
                                    .node = task->agent->node,
                                    .lxc_path = task->lxc_path,
                                    .id = task->id,
                                    .places = &task->places};
    return r;
}

static void ct_task_end(struct ct_task *task)
{
    if (task->lock_fd >= 0) {
        (void)close(task->lock_fd); // gives the lock back
    }
    arena_free(task->arena);
}

static int ct_task_lock(struct ct_task *task, int64_t wait_ms, struct error *err)
{
    int fd = service_lock(task->arena, task->guest->sid, wait_ms, err);
    if (fd < 0) {
        return fd;
    }
    task->lock_fd = fd;
    return 0;
}

static int ct_scan(struct ct_task *task, enum ct_cgroup_kind kind, struct ct_cgroup_scan *ret,
                   struct error *err)
{
    return ct_cgroup_scan(task->arena, &task->places, kind, task->id, ret, err);
}

static int ct_check(struct agent *agent, const struct guest *guest, bool *ret_running,
                    struct error *err)
{
    struct ct_task task;
    struct ct_cgroup_scan scan;
    int r = ct_task_begin(&task, agent, guest, err);
    if (r == 0) {
        r = ct_scan(&task, CT_CGROUP_PAYLOAD, &scan, err);
    }
    if (r == 0) {
        *ret_running = scan.populated;
    }
    ct_task_end(&task);
    return r;
}

// Ends everything of the container: its processes, then its monitor, which may just be about to
// start new ones, then looks at both again. 0 only when both are gone.
static int ct_end_all(struct ct_task *task, struct error *err)
{
    for (int round = 0; round < CT_HARD_ROUNDS_MAX; round++) {
        struct ct_cgroup_scan payload;
        struct ct_cgroup_scan monitor;
        int r = ct_cgroup_kill(&task->places, CT_CGROUP_PAYLOAD, task->id, CT_KILL_WAIT_MS, err);
        if (r < 0) {
            return r;
        }
        // It takes interfaces and groups down itself when it sees that init ended.
        if (ct_cgroup_wait(&task->places, CT_CGROUP_MONITOR, task->id, CT_MONITOR_WAIT_MS, NULL) <
            0) {
            r = ct_cgroup_kill(&task->places, CT_CGROUP_MONITOR, task->id, CT_KILL_WAIT_MS, err);
        }
        if (r == 0) {
            r = ct_scan(task, CT_CGROUP_PAYLOAD, &payload, err);
        }
        if (r == 0) {
            r = ct_scan(task, CT_CGROUP_MONITOR, &monitor, err);
        }
        if (r < 0) {
            return r;
        }
        if (!payload.populated && !monitor.populated) {
            ct_cgroup_remove(&task->places, CT_CGROUP_PAYLOAD, task->id);
            ct_cgroup_remove(&task->places, CT_CGROUP_MONITOR, task->id);
            return 0;
        }
    }
    return error_set(err, -ETIMEDOUT, "'%s' started again while it was stopped", task->guest->sid);
}

// Asks init to end and waits for it. Whatever comes of it, the caller makes sure afterwards.
static void ct_ask_to_end(struct ct_task *task, pid_t init, int64_t timeout_s)
{
    int signo = ct_config_halt_signal(task->guest);
    int64_t until_ms = service_now_ms() + timeout_s * 1000;
    bool heard = false;
    int fd = (int)syscall(SYS_pidfd_open, init, 0);
    if (fd < 0) {
        return; // it has ended
    }
    for (int64_t left_ms = timeout_s * 1000; left_ms > 0; left_ms = until_ms - service_now_ms()) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        // The kernel drops a signal that number 1 of a namespace does not handle yet, as when it
        // has just been started; so it is sent again until there is a handler to hear it.
        if (!heard) {
            heard = ct_cgroup_catches(init, signo);
            (void)syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
        }
        if (poll(&item, 1, left_ms > CT_ASK_AGAIN_MS ? CT_ASK_AGAIN_MS : (int)left_ms) > 0) {
            break;
        }
    }
    (void)close(fd);
}

// Nothing of it runs here, so that the claim of this node says nothing any more. One that cannot be
// removed loses its force with time.
static void ct_drop_claim(struct ct_task *task, const char *rootfs)
{
    if (rootfs != NULL) {
        ignore_result(volume_claim_drop(task->arena, rootfs, task->agent->node, NULL)); // see above
    }
}

static int ct_stop_locked(struct ct_task *task, int64_t timeout_s, struct error *err)
{
    struct ct_cgroup_scan scan;
    int r = ct_scan(task, CT_CGROUP_PAYLOAD, &scan, err);
    if (r < 0) {
        return r;
    }
    pid_t init = scan.populated && timeout_s > 0 ? ct_cgroup_init_pid(&scan) : 0;
    if (init > 0) {
        ct_ask_to_end(task, init, timeout_s);
    }
    r = ct_end_all(task, err);
    if (r == 0) {
        ct_drop_claim(task, ct_setup_find_rootfs(&task->setup));
    }
    return r;
}

// Takes the lock for a stop. A hard stop is in a hurry: it kills before it waits for the lock,
// which also ends a start that hangs.
static int ct_stop_lock(struct ct_task *task, int64_t timeout_s, struct error *err)
{
    if (timeout_s > 0) {
        return ct_task_lock(task, SERVICE_LOCK_WAIT_MS, err);
    }
    int r = ct_task_lock(task, 0, err);
    if (r == -EBUSY &&
        ct_cgroup_kill(&task->places, CT_CGROUP_PAYLOAD, task->id, CT_KILL_WAIT_MS, NULL) == 0) {
        r = ct_task_lock(task, CT_LOCK_HARD_WAIT_MS, err);
    }
    return r;
}

static int ct_stop(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                   struct error *err)
{
    struct ct_task task;
    int r = ct_task_begin(&task, agent, guest, err);
    if (r == 0) {
        struct error busy = {0};
        int locked = ct_stop_lock(&task, timeout_s, &busy);
        r = ct_stop_locked(&task, timeout_s, err);
        // Someone holds the lock and may yet start it: killed, but not proved to stay so (INV-2).
        if (r == 0 && locked < 0) {
            r = error_set(err, locked, "%s", busy.text);
        }
    }
    ct_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot stop '%s'", guest->sid) : 0;
}

static int ct_ask(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                  struct error *err)
{
    struct ct_task task;
    struct ct_cgroup_scan scan;
    pid_t init = 0;
    int r = ct_task_begin(&task, agent, guest, err);
    if (r == 0) {
        r = ct_scan(&task, CT_CGROUP_PAYLOAD, &scan, err);
    }
    if (r == 0) {
        init = ct_cgroup_init_pid(&scan);
        r = init > 0 ? 0 : error_set(err, -ESRCH, "'%s' does not run", guest->sid);
    }
    if (r == 0) {
        ct_ask_to_end(&task, init, timeout_s);
        r = ct_scan(&task, CT_CGROUP_PAYLOAD, &scan, err);
    }
    if (r == 0 && ct_cgroup_init_pid(&scan) == init) {
        r = error_set(err, -ETIMEDOUT, "'%s' has not ended within %lld s, and still runs",
                      guest->sid, (long long)timeout_s);
    }
    ct_task_end(&task);
    return r;
}

// One look: the monitor first, since it could bring processes to life, but not the other way round.
static int ct_is_gone(struct ct_task *task, bool *ret_gone, struct error *err)
{
    struct ct_cgroup_scan payload;
    struct ct_cgroup_scan monitor;
    int r = ct_scan(task, CT_CGROUP_MONITOR, &monitor, err);
    if (r == 0) {
        r = ct_scan(task, CT_CGROUP_PAYLOAD, &payload, err);
    }
    if (r == 0) {
        *ret_gone = !monitor.populated && !payload.populated;
    }
    return r;
}

// INV-5: gone, with the lock in hand, so that nobody is starting it either.
static int ct_kill_until(struct ct_task *task, int64_t until_ms, struct error *err)
{
    bool gone = false;
    for (;;) {
        int64_t left_ms = until_ms - service_now_ms();
        int64_t wait_ms = left_ms > 0 ? left_ms : 0;
        // Whoever starts it keeps its lock as long as the processes live that are killed here.
        int r = ct_cgroup_kill(&task->places, CT_CGROUP_MONITOR, task->id, wait_ms, err);
        if (r == 0) {
            r = ct_cgroup_kill(&task->places, CT_CGROUP_PAYLOAD, task->id, wait_ms, err);
        }
        if (r == 0 && task->lock_fd < 0) {
            r = ct_task_lock(task, 0, err);
            left_ms = until_ms - service_now_ms();
            if (r == -EBUSY && left_ms > 0) {
                error_clear(err);
                host_sleep_ms(SERVICE_POLL_MS);
                continue;
            }
        }
        if (r == 0) {
            r = ct_is_gone(task, &gone, err);
        }
        if (r < 0 || gone) {
            return r;
        }
        if (left_ms <= 0) {
            return error_set(err, -ETIMEDOUT, "it started again while it was killed");
        }
    }
}

static int ct_kill(struct agent *agent, const char *sid, int64_t timeout_ms, struct error *err)
{
    const struct guest guest = {.sid = sid};
    struct ct_task task;
    int64_t until_ms = service_now_ms() + timeout_ms;
    int r = ct_task_begin(&task, agent, &guest, err);
    if (r == 0) {
        r = ct_kill_until(&task, until_ms, err);
    }
    if (r == 0) {
        ct_cgroup_remove(&task.places, CT_CGROUP_PAYLOAD, task.id);
        ct_cgroup_remove(&task.places, CT_CGROUP_MONITOR, task.id);
        r = ct_setup_settle(&task.setup, err);
        ct_drop_claim(&task, ct_setup_find_rootfs(&task.setup));
    }
    ct_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot kill '%s'", sid) : 0;
}

// Clears the way for a start. 1: it runs already; 0: nothing of it is left.
static int ct_prepare(struct ct_task *task, struct error *err)
{
    struct ct_cgroup_scan payload;
    struct ct_cgroup_scan monitor;
    int r = ct_scan(task, CT_CGROUP_MONITOR, &monitor, err);
    if (r < 0) {
        return r;
    }
    r = ct_scan(task, CT_CGROUP_PAYLOAD, &payload, err);
    if (r < 0) {
        return r;
    }
    if (payload.populated && ct_cgroup_init_pid(&payload) > 0) {
        return 1;
    }
    // A start whose worker died may still be under way in its monitor.
    int64_t until_ms = service_now_ms() + CT_MONITOR_WAIT_MS;
    while (monitor.populated && service_now_ms() < until_ms) {
        host_sleep_ms(SERVICE_POLL_MS);
        r = ct_scan(task, CT_CGROUP_PAYLOAD, &payload, err);
        if (r == 0) {
            r = ct_scan(task, CT_CGROUP_MONITOR, &monitor, err);
        }
        if (r < 0) {
            return r;
        }
        if (payload.populated && ct_cgroup_init_pid(&payload) > 0) {
            return 1;
        }
    }
    return ct_end_all(task, err);
}

// LXC said that it started it: believed only when its processes are where we can watch them.
static int ct_prove_started(struct ct_task *task, struct error *err)
{
    struct ct_cgroup_scan scan;
    int r = ct_scan(task, CT_CGROUP_PAYLOAD, &scan, err);
    if (r < 0) {
        return r;
    }
    if (scan.populated) {
        return 0;
    }
    if (ct_lxc_is_running(task->lxc_path, task->id)) {
        ct_lxc_kill(task->lxc_path, task->id);
        return error_set(err, -ENOTSUP,
                         "LXC started it without control groups, where nothing can be proved");
    }
    return error_set(err, -EIO, "it ended at once");
}

// INV-1, the second line: what runs elsewhere against all rules is found here.
static int ct_claim(struct ct_task *task, struct error *err)
{
    const struct volume_claim claim = {
        .path = task->shared,
        .node = task->agent->node,
        .is_gone = task->agent->is_gone,
        .wait = ct_wait,
        .userdata = task->agent->is_gone_userdata,
    };
    return task->shared != NULL ? volume_claim_take(task->arena, &claim, err) : 0;
}

// Nobody else writes to its files now.
static int ct_write_names(struct ct_task *task, struct error *err)
{
    const struct map *config = &task->guest->config;
    return ct_setup_write_names(ct_setup_find_rootfs(&task->setup), map_find(config, "hostname"),
                                map_find(config, "nameserver"), map_find(config, "searchdomain"),
                                err);
}

static int ct_start_locked(struct ct_task *task, struct error *err)
{
    const char *log_file = arena_printf(task->arena, "%s/%s/lxc.log", task->lxc_path, task->id);
    int r = ct_prepare(task, err);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    r = ct_setup_write(&task->setup, task->guest, log_file, &task->shared, err);
    if (r == 0) {
        r = ct_claim(task, err);
    }
    if (r < 0) {
        return r;
    }
    ct_lxc_await_end(task->lxc_path, task->id, CT_MONITOR_WAIT_MS);
    r = ct_write_names(task, err);
    if (r == 0) {
        r = ct_lxc_start(task->lxc_path, task->id, log_file, err);
    }
    if (r == 0) {
        r = ct_prove_started(task, err);
    }
    if (r < 0) {
        struct error end_err = {0};
        // A failed start leaves nothing behind.
        if (ct_end_all(task, &end_err) < 0) {
            return error_set(err, end_err.code, "a failed start left something: %s", end_err.text);
        }
        ct_drop_claim(task, task->shared);
    }
    return r;
}

static int ct_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct ct_task task;
    int r = ct_task_begin(&task, agent, guest, err);
    if (r == 0) {
        r = service_check_place(guest, task.agent->node, err);
    }
    if (r == 0) {
        r = ct_config_check(guest, err);
    }
    if (r == 0) {
        r = ct_task_lock(&task, SERVICE_LOCK_WAIT_MS, err);
    }
    if (r == 0) {
        r = ct_start_locked(&task, err);
    }
    ct_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot start '%s'", guest->sid) : 0;
}

// Containers cannot move while they run: `online` is the same as offline.
static int ct_move(struct agent *agent, const struct guest *guest, const char *target, bool online,
                   struct error *err)
{
    struct ct_task task;
    (void)online;
    int r = ct_task_begin(&task, agent, guest, err);
    if (r == 0) {
        r = service_check_place(guest, task.agent->node, err);
    }
    if (r == 0) {
        r = ct_config_check(guest, err);
    }
    const struct service_move move = service_agent_move(task.agent, guest->sid, target);
    if (r == 0) {
        r = service_check_movable(&move, err);
    }
    if (r == 0) {
        r = ct_setup_check_shared(task.arena, task.agent->store, guest, err);
    }
    if (r == 0) {
        r = ct_task_lock(&task, SERVICE_LOCK_WAIT_MS, err);
    }
    if (r == 0) {
        r = ct_stop_locked(&task, task.agent->stop_timeout_s, err);
    }
    // INV-1: the place changes after the proof that nothing of it is left here, never before.
    if (r == 0) {
        r = service_hand_over(task.arena, &move, err);
    }
    ct_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot move '%s' to '%s'", guest->sid, target) : 0;
}

static const struct agent_ops ct_agent_ops = {.check = ct_check,
                                              .start = ct_start,
                                              .stop = ct_stop,
                                              .ask = ct_ask,
                                              .kill = ct_kill,
                                              .move = ct_move};

struct agent *ct_agent_new(const struct agent_context *context)
{
    return service_agent_new(&ct_agent_ops, context);
}

pid_t ct_agent_init_pid(const char *sid)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ct_cgroup_places places;
    struct ct_cgroup_scan scan;
    if (ct_cgroup_find(arena, &places, NULL) < 0 ||
        ct_cgroup_scan(arena, &places, CT_CGROUP_PAYLOAD, sid_name(sid), &scan, NULL) < 0) {
        return 0;
    }
    return ct_cgroup_init_pid(&scan);
}
