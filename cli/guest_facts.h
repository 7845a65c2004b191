// SPDX-License-Identifier: Apache-2.0
// Whether a guest runs and what it uses: of one on this node by its processes, of others as the
// manager knows.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct cluster_view;
struct error;
struct guest;
struct guest_figures;

struct guest_facts {
    bool running;
    int64_t cpu_us;    // processor time since its start
    int64_t mem_bytes; // in use
    pid_t pid;         // its first process; 0: not known
    int64_t uptime_s;  // of that process
};

// On this node. `now_ms`: of the clock that counts from the machine's start. -ENOTSUP: this build
// knows no guests of the type.
int guest_facts_read(const char *sid, int64_t now_ms, struct guest_facts *ret,
                     struct error *err) WARN_UNUSED;
// Likewise, what it has read, written, received and sent: puts these into *ret alone.
int guest_facts_traffic(const char *sid, struct guest_figures *ret, struct error *err) WARN_UNUSED;
// "running", "stopped" or "unknown", by the manager's record of the guest.
const char *guest_known_state(const struct cluster_view *view,
                              const struct guest *guest) WARN_UNUSED;
