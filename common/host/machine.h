// SPDX-License-Identifier: Apache-2.0
// Facts about this machine, and its end.
#pragma once

#include <sys/types.h>

#include "common/base/macros.h"

struct arena;
struct error;

// This node's name: the host name up to its first dot, in the arena. -EINVAL when it cannot be a
// node's name.
int machine_node_name(struct arena *arena, char **ret_name, struct error *err) WARN_UNUSED;

// A text that differs for each boot, of a machine or of a PID namespace that plays one. In the
// arena.
int machine_boot_id(struct arena *arena, char **ret_id, struct error *err) WARN_UNUSED;

// When the process started, in ticks since the kernel's boot, as text in the arena: with its number
// it names one process for ever, since numbers are used again. -ENOENT: there is no such process.
int machine_process_start(struct arena *arena, pid_t pid, const char **ret,
                          struct error *err) WARN_UNUSED;

// 0, or -EPERM when machine_reset() would not be allowed here.
int machine_may_reset(struct error *err) WARN_UNUSED;

// Resets the machine at once by reboot(2): nothing is written back, no process is asked. In a PID
// namespace it ends that namespace, so a test node dies as a machine would. When the kernel
// refuses, all processes that can be seen are killed.
NORETURN void machine_reset(void);
