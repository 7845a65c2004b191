// SPDX-License-Identifier: Apache-2.0
// The machine's record in the store, which says where it is and, after a live move, who may go on
// with it. All changes are compare-and-swap, under the guard of this node's agent lease.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct guest;
struct vm_task;

// As it is now in the quorate cluster; the version is what a change must expect.
int vm_record_read(struct vm_task *task, struct guest **ret, uint64_t *ret_version,
                   struct error *err) WARN_UNUSED;
// Gives the machine to another node: with `arrival`, to the process that has received that live
// move, else to be started there. -ETIMEDOUT: it may take effect yet.
int vm_record_give(struct vm_task *task, const char *target, const char *arrival,
                   struct error *err) WARN_UNUSED;
// Writes that it is here, anew: when this has succeeded no giving that was begun before can take
// effect any more. -EXDEV: one has.
int vm_record_keep(struct vm_task *task, struct error *err) WARN_UNUSED;
