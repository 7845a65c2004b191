// SPDX-License-Identifier: Apache-2.0
// The agent for virtual machines ("vm"): QEMU, spoken to by its control protocol. A machine runs or
// does not run by what its control group says, never by QEMU's word alone.
//
// INV-1, on this node: all verbs of one machine exclude each other by a lock file, and QEMU is
// started only when no process of it is left. Between nodes, a live move: the memory is in two
// processes at its end, and which of them may run is said by the guest's record in the store alone
// (vm_move.h). INV-2: stop and offline move report success only after the group is proved empty.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct agent;
struct agent_context;
struct error;

// The agent for one worker process or tool; service_agent_free() ends it. Never NULL.
struct agent *vm_agent_new(const struct agent_context *context) WARN_UNUSED;

// QEMU's process, for watching its end; 0 when it does not run here.
pid_t vm_agent_init_pid(const char *sid) WARN_UNUSED;
// What it uses, by its control group.
int vm_agent_load(const char *sid, bool *ret_running, int64_t *ret_cpu_us, int64_t *ret_mem_bytes,
                  struct error *err) WARN_UNUSED;
