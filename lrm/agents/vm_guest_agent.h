// SPDX-License-Identifier: Apache-2.0
// QEMU's guest agent: the program inside a machine that answers from there.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct vm_task;

// Whether it answers within the time. -ENOTSUP: the definition says that there is none; -EAGAIN: it
// has not answered since this QEMU was started, so that the machine may still be booting.
int vm_guest_agent_ping(struct vm_task *task, int64_t timeout_ms, struct error *err) WARN_UNUSED;
// Asks it to switch the machine off; false: it did not hear.
bool vm_guest_agent_power_down(struct vm_task *task) WARN_UNUSED;
