// SPDX-License-Identifier: Apache-2.0
// One function a call: ask, perhaps let it take effect, answer.
#include "common/port/fault.h"

#include <errno.h>

#include "common/base/error.h"

// What a call answers when it fails, and when only its answer is lost (0: has no effect that could
// be left open).
static const struct {
    const char *name;
    int fail_code, lose_code;
    bool acts; // on the world
} fault_calls[FAULT_CALL_MAX] = {
    [FAULT_CALL_STORE_REFRESH] = {"store-refresh", -ENOTCONN, 0, false},
    [FAULT_CALL_STORE_READ] = {"store-read", -EIO, 0, false},
    [FAULT_CALL_STORE_COMMIT] = {"store-commit", -ENOTCONN, -ETIMEDOUT, true},
    [FAULT_CALL_WORKER_REFRESH] = {"worker-refresh", -ENOTCONN, 0, false},
    [FAULT_CALL_WORKER_READ] = {"worker-read", -EIO, 0, false},
    [FAULT_CALL_WORKER_COMMIT] = {"worker-commit", -ENOTCONN, -ETIMEDOUT, true},
    [FAULT_CALL_LEASE_ACQUIRE] = {"lease-acquire", -ENOTCONN, -ENOTCONN, true},
    [FAULT_CALL_LEASE_RELEASE] = {"lease-release", -ENOTCONN, -ENOTCONN, true},
    [FAULT_CALL_MEMBERSHIP_GET] = {"membership-get", -ENOTCONN, 0, false},
    [FAULT_CALL_WATCHDOG_ARM] = {"watchdog-arm", -ENOTCONN, -ENOTCONN, true},
    [FAULT_CALL_WATCHDOG_DISARM] = {"watchdog-disarm", -ENOTCONN, -ENOTCONN, true},
    [FAULT_CALL_STATS_GET] = {"stats-get", -EIO, 0, false},
    [FAULT_CALL_FENCE_START] = {"fence-start", -EIO, 0, true},
    [FAULT_CALL_FENCE_CANCEL] = {"fence-cancel", 0, 0, true},
    [FAULT_CALL_WORKERS_SPAWN] = {"workers-spawn", -EAGAIN, 0, true},
    [FAULT_CALL_WORKERS_COLLECT] = {"workers-collect", 0, 0, true},
    [FAULT_CALL_WORKERS_KILL] = {"workers-kill", -EIO, 0, true},
    [FAULT_CALL_WORKERS_NOTE] = {"workers-note", -EIO, -EIO, true},
};

const char *fault_call_name(enum fault_call call)
{
    return call < FAULT_CALL_MAX ? fault_calls[call].name : "?";
}

const char *fault_verdict_name(enum fault_verdict verdict)
{
    static const char *const names[FAULT_VERDICT_MAX] = {"none", "fail", "lose", "crash"};
    return verdict < FAULT_VERDICT_MAX ? names[verdict] : "?";
}

bool fault_verdict_fits(enum fault_verdict verdict, enum fault_call call)
{
    switch (verdict) {
    case FAULT_VERDICT_NONE:
        return true;
    case FAULT_VERDICT_FAIL:
        return fault_calls[call].fail_code != 0;
    case FAULT_VERDICT_LOSE:
        return fault_calls[call].lose_code != 0;
    case FAULT_VERDICT_CRASH:
        return fault_calls[call].acts;
    case FAULT_VERDICT_MAX:
        break;
    }
    return false;
}

// Whether the call is to take effect.
static bool fault_begin(struct fault_ports *ports, enum fault_call call, const char *what,
                        enum fault_verdict *ret_verdict)
{
    *ret_verdict = FAULT_VERDICT_NONE;
    if (ports->is_crashed) {
        return false;
    }
    *ret_verdict = ports->hook(ports->userdata, call, what);
    return *ret_verdict != FAULT_VERDICT_FAIL;
}

// The answer, after it took effect or did not. `r`: what the port itself said.
static int fault_end(struct fault_ports *ports, enum fault_call call, enum fault_verdict verdict,
                     int r, struct error *err)
{
    if (ports->is_crashed) { // in a call within this one, perhaps
        return error_set(err, -ECANCELED, "the process has ended");
    }
    switch (verdict) {
    case FAULT_VERDICT_NONE:
        return r;
    case FAULT_VERDICT_CRASH:
        ports->is_crashed = true;
        return error_set(err, -ECANCELED, "the process has ended");
    case FAULT_VERDICT_FAIL:
        return error_set(err, fault_calls[call].fail_code, "planned: %s fails",
                         fault_calls[call].name);
    case FAULT_VERDICT_LOSE:
        return error_set(err, fault_calls[call].lose_code, "planned: no answer to %s",
                         fault_calls[call].name);
    case FAULT_VERDICT_MAX:
        break;
    }
    return r;
}

// Most ports are asked so. `r` is evaluated only when the call is to take effect.
#define FAULT_CALL(ports, call, what, err, r)                                                      \
    do {                                                                                           \
        enum fault_verdict fault_verdict = FAULT_VERDICT_NONE;                                     \
        bool fault_acts = fault_begin(ports, call, what, &fault_verdict);                          \
        int fault_result = fault_acts ? (r) : 0;                                                   \
        return fault_end(ports, call, fault_verdict, fault_result, err);                           \
    } while (0)

static int fault_store_refresh(struct store *store, struct error *err)
{
    struct fault_store *port = (struct fault_store *)store;
    FAULT_CALL(port->ports, port->refresh, "", err, store_refresh(port->inner, err));
}

static int fault_store_read(struct store *store, const char *prefix, uint64_t since,
                            struct arena *arena, struct store_entries *ret, struct error *err)
{
    struct fault_store *port = (struct fault_store *)store;
    FAULT_CALL(port->ports, port->read, prefix, err,
               store_read(port->inner, prefix, since, arena, ret, err));
}

static int fault_store_commit(struct store *store, const struct store_txn *txn,
                              uint64_t *ret_version, struct error *err)
{
    struct fault_store *port = (struct fault_store *)store;
    const char *what = txn->count > 0 ? txn->ops[0].key : "";
    FAULT_CALL(port->ports, port->commit, what, err,
               store_commit(port->inner, txn, ret_version, err));
}

static int fault_lease_acquire(struct lease *lease, const char *name, struct lease_grant *ret,
                               struct error *err)
{
    struct fault_lease *port = (struct fault_lease *)lease;
    FAULT_CALL(port->ports, FAULT_CALL_LEASE_ACQUIRE, name, err,
               lease_acquire(port->inner, name, ret, err));
}

static int fault_lease_release(struct lease *lease, const char *name, struct error *err)
{
    struct fault_lease *port = (struct fault_lease *)lease;
    FAULT_CALL(port->ports, FAULT_CALL_LEASE_RELEASE, name, err,
               lease_release(port->inner, name, err));
}

static int fault_membership_get(struct membership *membership, struct arena *arena,
                                struct member_list *ret, struct error *err)
{
    struct fault_membership *port = (struct fault_membership *)membership;
    FAULT_CALL(port->ports, FAULT_CALL_MEMBERSHIP_GET, "", err,
               membership_get(port->inner, arena, ret, err));
}

static int fault_watchdog_arm(struct watchdog *watchdog, int64_t deadline_ms, struct error *err)
{
    struct fault_watchdog *port = (struct fault_watchdog *)watchdog;
    FAULT_CALL(port->ports, FAULT_CALL_WATCHDOG_ARM, "", err,
               watchdog_arm(port->inner, deadline_ms, err));
}

static int fault_watchdog_disarm(struct watchdog *watchdog, struct error *err)
{
    struct fault_watchdog *port = (struct fault_watchdog *)watchdog;
    FAULT_CALL(port->ports, FAULT_CALL_WATCHDOG_DISARM, "", err, watchdog_disarm(port->inner, err));
}

static int fault_stats_static(struct stats *stats, struct arena *arena, struct stats_view *ret,
                              struct error *err)
{
    struct fault_stats *port = (struct fault_stats *)stats;
    FAULT_CALL(port->ports, FAULT_CALL_STATS_GET, "static", err,
               port->inner->ops->get_static(port->inner, arena, ret, err));
}

static int fault_stats_dynamic(struct stats *stats, struct arena *arena, struct stats_view *ret,
                               struct error *err)
{
    struct fault_stats *port = (struct fault_stats *)stats;
    FAULT_CALL(port->ports, FAULT_CALL_STATS_GET, "dynamic", err,
               port->inner->ops->get_dynamic(port->inner, arena, ret, err));
}

static int fault_fence_start(struct fence *fence, const struct fence_device *device,
                             const char *node, struct error *err)
{
    struct fault_fence *port = (struct fault_fence *)fence;
    FAULT_CALL(port->ports, FAULT_CALL_FENCE_START, node, err,
               fence_start(port->inner, device, node, err));
}

static void fault_fence_collect(struct fence *fence, struct arena *arena, struct fence_results *ret)
{
    struct fault_fence *port = (struct fault_fence *)fence;
    *ret = (struct fence_results){0};
    if (!port->ports->is_crashed) {
        fence_collect(port->inner, arena, ret);
    }
}

static void fault_fence_cancel(struct fence *fence, const char *node)
{
    struct fault_fence *port = (struct fault_fence *)fence;
    enum fault_verdict verdict = FAULT_VERDICT_NONE;
    if (fault_begin(port->ports, FAULT_CALL_FENCE_CANCEL, node, &verdict)) {
        fence_cancel(port->inner, node);
    }
    // Nobody is told.
    (void)fault_end(port->ports, FAULT_CALL_FENCE_CANCEL, verdict, 0, NULL);
}

static int fault_workers_spawn(struct workers *workers, const struct job *job, struct error *err)
{
    struct fault_workers *port = (struct fault_workers *)workers;
    port->ports->kill_failed = false;
    FAULT_CALL(port->ports, FAULT_CALL_WORKERS_SPAWN, job->sid, err,
               workers_spawn(port->inner, job, err));
}

static void fault_workers_collect(struct workers *workers, struct arena *arena,
                                  struct job_results *ret)
{
    struct fault_workers *port = (struct fault_workers *)workers;
    enum fault_verdict verdict = FAULT_VERDICT_NONE;
    struct job_results results = {0};
    if (fault_begin(port->ports, FAULT_CALL_WORKERS_COLLECT, "", &verdict)) {
        workers_collect(port->inner, arena, &results);
    }
    // Nobody is told.
    (void)fault_end(port->ports, FAULT_CALL_WORKERS_COLLECT, verdict, 0, NULL);
    *ret = port->ports->is_crashed ? (struct job_results){0} : results;
}

static void fault_workers_kill(struct workers *workers, const struct workers_guests *guests,
                               int64_t until_ms)
{
    struct fault_workers *port = (struct fault_workers *)workers;
    enum fault_verdict verdict = FAULT_VERDICT_NONE;
    if (fault_begin(port->ports, FAULT_CALL_WORKERS_KILL, "", &verdict)) {
        workers_kill(port->inner, guests, until_ms);
    }
    port->ports->kill_failed =
        fault_end(port->ports, FAULT_CALL_WORKERS_KILL, verdict, 0, NULL) < 0;
}

static enum workers_killed fault_workers_look(struct workers *workers, struct arena *arena,
                                              const char **ret_reason)
{
    struct fault_workers *port = (struct fault_workers *)workers;
    if (port->ports->kill_failed) {
        *ret_reason = "planned: it cannot be killed";
        return WORKERS_KILLED_FAILED;
    }
    return workers_look(port->inner, arena, ret_reason);
}

static int fault_workers_note(struct workers *workers, const struct workers_guests *guests,
                              uint64_t term, struct error *err)
{
    struct fault_workers *port = (struct fault_workers *)workers;
    FAULT_CALL(port->ports, FAULT_CALL_WORKERS_NOTE, "", err,
               workers_note(port->inner, guests, term, err));
}

void fault_ports_init(struct fault_ports *ports, const struct fault_inner *inner, fault_hook hook,
                      void *userdata)
{
    static const struct store_ops store = {fault_store_refresh, fault_store_read,
                                           fault_store_commit};
    static const struct lease_ops lease = {fault_lease_acquire, fault_lease_release};
    static const struct membership_ops membership = {fault_membership_get};
    static const struct watchdog_ops watchdog = {fault_watchdog_arm, fault_watchdog_disarm};
    static const struct stats_ops stats = {fault_stats_static, fault_stats_dynamic};
    static const struct fence_ops fence = {fault_fence_start, fault_fence_collect,
                                           fault_fence_cancel};
    static const struct workers_ops workers = {.spawn = fault_workers_spawn,
                                               .collect = fault_workers_collect,
                                               .kill = fault_workers_kill,
                                               .look = fault_workers_look,
                                               .note = fault_workers_note};
    *ports = (struct fault_ports){
        .hook = hook,
        .userdata = userdata,
        .store = {{&store},
                  inner->store,
                  ports,
                  FAULT_CALL_STORE_REFRESH,
                  FAULT_CALL_STORE_READ,
                  FAULT_CALL_STORE_COMMIT},
        .worker_store = {{&store},
                         inner->worker_store,
                         ports,
                         FAULT_CALL_WORKER_REFRESH,
                         FAULT_CALL_WORKER_READ,
                         FAULT_CALL_WORKER_COMMIT},
        .lease = {{&lease}, inner->lease, ports},
        .membership = {{&membership}, inner->membership, ports},
        .watchdog = {{&watchdog}, inner->watchdog, ports},
        .stats = {{&stats}, inner->stats, ports},
        .fence = {{&fence}, inner->fence, ports},
        .workers = {{&workers}, inner->workers, ports},
    };
}
