// SPDX-License-Identifier: Apache-2.0
// The ends of live moves. QEMU by itself lets the sending side go on after a failure that it knows
// of, and never lets the receiving side go on (-S).
#include "lrm/agents/vm_settle.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/model/guest.h"
#include "lrm/agents/qmp_client.h"
#include "lrm/agents/service_task.h"
#include "lrm/agents/vm_record.h"
#include "lrm/agents/vm_task.h"

enum { SETTLE_CANCEL_WAIT_MS = 10000 };

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(text, *list) == 0) {
            return true;
        }
    }
    return false;
}

// Whether QEMU is sending the machine somewhere right now.
static int settle_is_moving(struct vm_task *task, struct qmp_client *qmp, bool *ret,
                            struct error *err)
{
    static const char *const at_work[] = {"setup",      "active",      "device", "pre-switchover",
                                          "cancelling", "wait-unplug", NULL};
    const struct json *answer = NULL;
    int r =
        qmp_client_execute(qmp, "query-migrate", NULL, VM_QMP_WAIT_MS, task->arena, &answer, err);
    if (r == 0) {
        const char *status = json_find_string(answer, "status");
        *ret = status != NULL && is_one_of(status, at_work);
    }
    return r;
}

static int settle_cancel(struct vm_task *task, struct qmp_client *qmp, struct error *err)
{
    int64_t until_ms = service_now_ms() + SETTLE_CANCEL_WAIT_MS;
    bool moving = false;
    int r = settle_is_moving(task, qmp, &moving, err);
    if (r == 0 && moving) {
        r = qmp_client_execute(qmp, "migrate_cancel", NULL, VM_QMP_WAIT_MS, task->arena, NULL, err);
    }
    while (r == 0 && moving) {
        host_sleep_ms(VM_POLL_MS);
        r = settle_is_moving(task, qmp, &moving, err);
        if (r == 0 && moving && service_now_ms() >= until_ms) {
            r = error_set(err, -ETIMEDOUT, "QEMU does not end the move");
        }
    }
    return r;
}

// Lets it run, and lets the switches learn where it is now.
static int settle_run(struct vm_task *task, struct qmp_client *qmp, struct error *err)
{
    struct json *times = json_new_object(task->arena);
    json_put_int(times, "initial", 50);
    json_put_int(times, "max", 550);
    json_put_int(times, "rounds", 5);
    json_put_int(times, "step", 100);
    int r = qmp_client_execute(qmp, "cont", NULL, VM_QMP_WAIT_MS, task->arena, NULL, err);
    if (r == 0) {
        // Without it they learn it with the next thing that the machine sends.
        ignore_result(qmp_client_execute(qmp, "announce-self", times, VM_QMP_WAIT_MS, task->arena,
                                         NULL, NULL));
    }
    return r;
}

int vm_settle_take_back(struct vm_task *task, struct qmp_client *qmp, struct error *err)
{
    static const char *const waits[] = {"postmigrate", "finish-migrate", "paused", NULL};
    const char *status = NULL;
    int r = settle_cancel(task, qmp, err);
    if (r == 0) {
        r = vm_task_status(task, qmp, &status, err);
    }
    if (r < 0 || !is_one_of(status, waits)) {
        return r;
    }
    // INV-1: the other side may have everything and only wait for the record to name it.
    r = vm_record_keep(task, err);
    if (r == 0) {
        r = settle_run(task, qmp, err);
    }
    return r;
}

int vm_settle_go_on(struct vm_task *task, struct qmp_client *qmp, struct error *err)
{
    struct vm_note note;
    int r = settle_run(task, qmp, err);
    if (r == 0) {
        r = vm_task_read_note(task, &note, err);
    }
    if (r == 0) {
        note.incoming = NULL; // it is a machine like any other from now on
        r = vm_task_write_note(task, &note, err);
    }
    return r;
}

static int settle_end(struct vm_task *task, struct error *err)
{
    int r = vm_task_end_all(task, VM_KILL_WAIT_MS, err);
    return r < 0 ? r : VM_SETTLED_GONE;
}

// It has received all of the machine and waits.
static int settle_arrived(struct vm_task *task, struct qmp_client *qmp, const struct vm_note *note,
                          struct error *err)
{
    struct guest *guest = NULL;
    uint64_t version = 0;
    int r = vm_record_read(task, &guest, &version, err);
    if (r < 0) {
        return r;
    }
    bool ours = strcmp(guest->node, task->agent->node) == 0 && guest->arrival != NULL &&
                strcmp(guest->arrival, note->incoming) == 0;
    if (!ours) {
        // INV-1: its memory is of the past; the disks have moved on since.
        return settle_end(task, err);
    }
    r = vm_settle_go_on(task, qmp, err);
    return r < 0 ? r : VM_SETTLED_RUNS;
}

int vm_settle(struct vm_task *task, struct error *err)
{
    static const char *const arrived[] = {"paused", "prelaunch", NULL};
    static const char *const sent[] = {"postmigrate", "finish-migrate", "running", NULL};
    struct qmp_client *qmp CLEANUP(qmp_client_freep) = NULL;
    struct vm_note note = {0};
    const char *status = NULL;
    if (vm_task_connect(task, &qmp, NULL) < 0 || vm_task_status(task, qmp, &status, NULL) < 0) {
        return VM_SETTLED_RUNS; // it is there, and that it does not answer is not ours to judge
    }
    int r = vm_task_read_note(task, &note, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(status, "inmigrate") == 0) {
        return settle_end(task, err); // what sent it sends no more
    }
    if (note.incoming != NULL && is_one_of(status, arrived)) {
        return settle_arrived(task, qmp, &note, err);
    }
    if (is_one_of(status, sent)) {
        r = vm_settle_take_back(task, qmp, err);
    }
    return r < 0 ? r : VM_SETTLED_RUNS;
}
