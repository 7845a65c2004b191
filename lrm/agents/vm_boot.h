// SPDX-License-Identifier: Apache-2.0
// Bringing QEMU up for a machine on this node. The caller holds the machine's lock and has proved
// that nothing of it runs here.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct error;
struct guest;
struct vm_task;

// Starts it from its definition and returns when it runs. What a failed start leaves is ended.
int vm_boot(struct vm_task *task, struct error *err) WARN_UNUSED;
// Starts a QEMU that receives the machine which another node started from `definition`: by the same
// means, and without running it.
int vm_boot_incoming(struct vm_task *task, const struct guest *definition, bool kvm,
                     const char *move_id, struct error *err) WARN_UNUSED;
