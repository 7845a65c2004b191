// SPDX-License-Identifier: Apache-2.0
// Reading and changing a machine's record. INV-1: giving and keeping expect the same version, so
// that only one of them takes effect, whatever becomes of the messages.
#include "lrm/agents/vm_record.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/guest.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "lrm/agents/service_task.h"
#include "lrm/agents/vm_task.h"

// Somebody else may edit the definition at the same moment.
enum { VM_RECORD_TRIES = 5 };

int vm_record_read(struct vm_task *task, struct guest **ret, uint64_t *ret_version,
                   struct error *err)
{
    return service_read(task->arena, task->agent->store, task->guest->sid, ret, ret_version, err);
}

static int record_write(struct vm_task *task, const struct guest *guest, uint64_t version,
                        struct error *err)
{
    const struct service_agent *agent = task->agent;
    const char *value = guest_format(task->arena, guest);
    struct store_op op = {.key = arena_printf(task->arena, STORE_PREFIX_GUEST "%s", guest->sid),
                          .value = value,
                          .size_bytes = strlen(value),
                          .expect = version};
    struct store_txn txn = {.ops = &op, .count = 1};
    // Without a lease it is not under HA, and the operator's own tool is at work.
    if (agent->lease_term != 0) {
        txn.lease = arena_printf(task->arena, LEASE_AGENT_FORMAT, agent->node);
        txn.owner = agent->node;
        txn.term = agent->lease_term;
    }
    return store_commit(agent->store, &txn, NULL, err);
}

int vm_record_give(struct vm_task *task, const char *target, const char *arrival, struct error *err)
{
    for (int i = 1;; i++) {
        struct guest *guest = NULL;
        uint64_t version = 0;
        int r = vm_record_read(task, &guest, &version, err);
        if (r == 0) {
            r = service_check_place(guest, task->agent->node, err);
        }
        if (r < 0) {
            return r;
        }
        guest->node = target;
        guest->arrival = arrival;
        r = record_write(task, guest, version, err);
        if (r != -EAGAIN || i == VM_RECORD_TRIES) {
            return r;
        }
        error_clear(err);
    }
}

int vm_record_keep(struct vm_task *task, struct error *err)
{
    for (int i = 1;; i++) {
        struct guest *guest = NULL;
        uint64_t version = 0;
        int r = vm_record_read(task, &guest, &version, err);
        if (r < 0) {
            return r;
        }
        if (strcmp(guest->node, task->agent->node) != 0) {
            return error_set(err, -EXDEV, "it belongs to node '%s' now", guest->node);
        }
        guest->arrival = NULL;
        r = record_write(task, guest, version, err);
        if (r != -EAGAIN || i == VM_RECORD_TRIES) {
            return r;
        }
        error_clear(err);
    }
}
