// SPDX-License-Identifier: Apache-2.0
// Start, stop, move and check of a container on this node, and the proofs around them. Whether it
// may run here was decided before: by the LRM's core, or by ha-guest for one that is not under HA.
#include "lrm/agents/ct.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/agent.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/ct_cgroup.h"
#include "lrm/agents/ct_config.h"
#include "lrm/agents/ct_lxc.h"
#include "lrm/agents/ct_setup.h"
#include "lrm/agents/volume_claim.h"

enum {
    CT_LOCK_WAIT_MS = 10000,
    CT_LOCK_HARD_WAIT_MS = 2000,
    CT_LOCK_POLL_MS = 10,
    CT_KILL_WAIT_MS = 10000,   // for killed processes to vanish
    CT_MONITOR_WAIT_MS = 3000, // for the monitor to clean up by itself
    CT_HARD_ROUNDS_MAX = 3,
    CT_ASK_AGAIN_MS = 500,
};

struct ct_agent {
    struct agent agent; // first, so that the port's pointer is ours
    char *node;
    struct store *store;
    uint64_t lease_term;
    int64_t stop_timeout_s;
    int (*is_gone)(void *userdata, const char *node, bool *ret, struct error *err);
    void *is_gone_userdata;
};

// One verb at work.
struct ct_task {
    struct ct_agent *agent;
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

static int64_t ct_now_ms(void)
{
    struct clock clock;
    host_clock_init(&clock);
    return clock_now_ms(&clock);
}

static void ct_sleep_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL); // waking up early only means to look again earlier
}

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
    ct_sleep_ms(ms);
}

static int ct_task_begin(struct ct_task *task, struct agent *agent, const struct guest *guest,
                         struct error *err)
{
    *task = (struct ct_task){.agent = (struct ct_agent *)agent, .guest = guest, .lock_fd = -1};
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

// Takes the container's lock on this node. -EBUSY when another process keeps it for the whole time.
static int ct_task_lock(struct ct_task *task, int64_t wait_ms, struct error *err)
{
    int r = file_make_directory(paths_run_dir(), 0700, err);
    if (r < 0) {
        return r;
    }
    const char *path = arena_printf(task->arena, "%s/%s.lock", paths_run_dir(), task->guest->sid);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        int code = errno;
        return error_set_errno(err, -code, "cannot open '%s'", path);
    }
    int64_t until_ms = ct_now_ms() + wait_ms;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int code = errno;
        if (code != EWOULDBLOCK && code != EINTR) {
            (void)close(fd);
            return error_set_errno(err, -code, "cannot lock '%s'", path);
        }
        if (ct_now_ms() >= until_ms) {
            (void)close(fd);
            return error_set(err, -EBUSY, "another process is starting or stopping '%s'",
                             task->guest->sid);
        }
        ct_sleep_ms(CT_LOCK_POLL_MS);
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
    int64_t until_ms = ct_now_ms() + timeout_s * 1000;
    bool heard = false;
    int fd = (int)syscall(SYS_pidfd_open, init, 0);
    if (fd < 0) {
        return; // it has ended
    }
    for (int64_t left_ms = timeout_s * 1000; left_ms > 0; left_ms = until_ms - ct_now_ms()) {
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
        return ct_task_lock(task, CT_LOCK_WAIT_MS, err);
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
        int64_t left_ms = until_ms - ct_now_ms();
        int64_t wait_ms = left_ms > 0 ? left_ms : 0;
        // Whoever starts it keeps its lock as long as the processes live that are killed here.
        int r = ct_cgroup_kill(&task->places, CT_CGROUP_MONITOR, task->id, wait_ms, err);
        if (r == 0) {
            r = ct_cgroup_kill(&task->places, CT_CGROUP_PAYLOAD, task->id, wait_ms, err);
        }
        if (r == 0 && task->lock_fd < 0) {
            r = ct_task_lock(task, 0, err);
            left_ms = until_ms - ct_now_ms();
            if (r == -EBUSY && left_ms > 0) {
                error_clear(err);
                ct_sleep_ms(CT_LOCK_POLL_MS);
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
    int64_t until_ms = ct_now_ms() + timeout_ms;
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
    int64_t until_ms = ct_now_ms() + CT_MONITOR_WAIT_MS;
    while (monitor.populated && ct_now_ms() < until_ms) {
        ct_sleep_ms(CT_LOCK_POLL_MS);
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

static int ct_check_place(const struct ct_agent *agent, const struct guest *guest,
                          struct error *err)
{
    if (strcmp(guest->node, agent->node) != 0) {
        return error_set(err, -EXDEV, "it belongs to node '%s', this is '%s'", guest->node,
                         agent->node);
    }
    if (guest->lock != NULL) {
        return error_set(err, -EBUSY, "it is locked: %s", guest->lock);
    }
    return 0;
}

static int ct_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct ct_task task;
    int r = ct_task_begin(&task, agent, guest, err);
    if (r == 0) {
        r = ct_check_place(task.agent, guest, err);
    }
    if (r == 0) {
        r = ct_config_check(guest, err);
    }
    if (r == 0) {
        r = ct_task_lock(&task, CT_LOCK_WAIT_MS, err);
    }
    if (r == 0) {
        r = ct_start_locked(&task, err);
    }
    ct_task_end(&task);
    return r < 0 ? error_prefix(err, "cannot start '%s'", guest->sid) : 0;
}

// Reads the container's record as it is now; the version is what its change must expect.
static int ct_read_guest(struct ct_task *task, struct guest **ret, uint64_t *ret_version,
                         struct error *err)
{
    struct store_entries entries;
    const char *key = arena_printf(task->arena, STORE_PREFIX_GUEST "%s", task->guest->sid);
    int r = store_refresh(task->agent->store, err);
    if (r == 0) {
        r = store_read(task->agent->store, key, 0, task->arena, &entries, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        if (strcmp(entry->key, key) == 0 && entry->value != NULL) {
            *ret_version = entry->version;
            return guest_parse(task->arena, entry->value, entry->size_bytes, ret, err);
        }
    }
    return error_set(err, -ENOENT, "it is not defined any more");
}

// Changes the container's place, under the guard of this node's agent lease: a node that lost its
// lease cannot write, however late its message arrives.
static int ct_hand_over(struct ct_task *task, const char *target, struct error *err)
{
    struct guest *guest = NULL;
    uint64_t version = 0;
    int r = ct_read_guest(task, &guest, &version, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(guest->node, target) == 0) {
        return 0;
    }
    r = ct_check_place(task->agent, guest, err);
    if (r < 0) {
        return r;
    }
    guest->node = target;
    const char *value = guest_format(task->arena, guest);
    struct store_op op = {.key = arena_printf(task->arena, STORE_PREFIX_GUEST "%s", guest->sid),
                          .value = value,
                          .size_bytes = strlen(value),
                          .expect = version};
    struct store_txn txn = {.lease =
                                arena_printf(task->arena, LEASE_AGENT_FORMAT, task->agent->node),
                            .owner = task->agent->node,
                            .term = task->agent->lease_term,
                            .ops = &op,
                            .count = 1};
    return store_commit(task->agent->store, &txn, NULL, err);
}

static int ct_check_movable(struct ct_task *task, struct error *err)
{
    if (task->agent->lease_term == 0) {
        return error_set(err, -EPERM, "this node does not hold its agent lease");
    }
    return ct_setup_check_shared(task->arena, task->agent->store, task->guest, err);
}

// Containers cannot move while they run: `online` is the same as offline.
static int ct_move(struct agent *agent, const struct guest *guest, const char *target, bool online,
                   struct error *err)
{
    struct ct_task task;
    (void)online;
    int r = ct_task_begin(&task, agent, guest, err);
    if (r == 0) {
        r = ct_check_place(task.agent, guest, err);
    }
    if (r == 0) {
        r = ct_config_check(guest, err);
    }
    if (r == 0) {
        r = ct_check_movable(&task, err);
    }
    if (r == 0) {
        r = ct_task_lock(&task, CT_LOCK_WAIT_MS, err);
    }
    if (r == 0) {
        r = ct_stop_locked(&task, task.agent->stop_timeout_s, err);
    }
    // INV-1: the place changes after the proof that nothing of it is left here, never before.
    if (r == 0) {
        r = ct_hand_over(&task, target, err);
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
    struct ct_agent *agent = alloc_zero(sizeof(*agent));
    agent->agent.ops = &ct_agent_ops;
    agent->node = alloc_strdup(context->node);
    agent->store = context->store;
    agent->lease_term = context->lease_term;
    agent->stop_timeout_s = context->stop_timeout_s;
    agent->is_gone = context->is_gone;
    agent->is_gone_userdata = context->is_gone_userdata;
    return &agent->agent;
}

void ct_agent_free(struct agent *agent)
{
    struct ct_agent *ct = (struct ct_agent *)agent;
    if (ct != NULL) {
        free(ct->node);
        free(ct);
    }
}

void ct_agent_freep(struct agent **agent)
{
    ct_agent_free(*agent);
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
