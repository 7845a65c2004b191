// SPDX-License-Identifier: Apache-2.0
// What a live move that was interrupted has left on this node, taken back or forward as the
// machine's record says (docs/guests.md has the whole protocol).
#pragma once

#include "common/base/macros.h"

struct error;
struct qmp_client;
struct vm_task;

enum vm_settled {
    VM_SETTLED_RUNS = 1, // the machine is here, and goes on if it can
    VM_SETTLED_GONE,     // what was there was of no use and was ended: nothing of it is here
};

// The caller holds the lock, knows that the record names this node, and has seen processes of the
// machine. Returns an enum vm_settled or -errno.
int vm_settle(struct vm_task *task, struct error *err) WARN_UNUSED;
// On the side that sends, after the move has failed or is not wanted any more: the machine goes on
// here. Only when the record was written anew, so that the other side never does (INV-1).
int vm_settle_take_back(struct vm_task *task, struct qmp_client *qmp,
                        struct error *err) WARN_UNUSED;
// On the side that has received everything: goes on with it, since the record names this very move.
int vm_settle_go_on(struct vm_task *task, struct qmp_client *qmp, struct error *err) WARN_UNUSED;
