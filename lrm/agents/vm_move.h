// SPDX-License-Identifier: Apache-2.0
// Moves of a machine to another node. The protocol of a live move, and what each side does when the
// other, the network or the store goes away, is described in docs/guests.md.
//
// INV-1: both sides have the machine for a moment, and at most one of them runs it. The sending
// side's QEMU stops it before the last of it is sent. From then on the one goes on whom the record
// in the store names: the receiving side by naming its node and this move, the sending side by
// having written itself anew (vm_record.h). The two writes exclude each other.
#pragma once

#include "common/base/macros.h"

struct error;
struct vm_task;

// -EPERM: this node may not give anything away; -EXDEV: a disk is not on a shared storage.
int vm_move_check(struct vm_task *task, struct error *err) WARN_UNUSED;
// Nothing of it runs here: gives it to the target, to be started there.
int vm_move_offline(struct vm_task *task, const char *target, struct error *err) WARN_UNUSED;
// It runs here: sends it to the target while it runs on, and ends with nothing of it here. On
// failure it goes on here, if that can be proved to be right.
int vm_move_live(struct vm_task *task, const char *target, struct error *err) WARN_UNUSED;
// The other side of it: receives what is offered to this node, and goes on with it. 0 when it runs
// here.
int vm_move_receive(struct vm_task *task, struct error *err) WARN_UNUSED;
