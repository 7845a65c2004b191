// SPDX-License-Identifier: Apache-2.0
// Tells the other nodes what this one can carry and, while the scheduler goes by it, what it
// carries: a process beside the daemon, since reading counters and writing to the store may block,
// and the daemon's rounds must not. What it publishes is a hint for placement and nothing else
// depends on it: when it ends or hangs, services go on.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct load_meter;
struct loop;

// What a running guest has used: processor time since its start, memory now. A guest of another
// type or one that does not run here: `ret_running` is false.
typedef int (*load_meter_guest)(const char *sid, bool *ret_running, int64_t *ret_cpu_us,
                                int64_t *ret_mem_bytes, struct error *err);

struct load_meter_spec {
    struct loop *loop;
    const char *node;
    load_meter_guest guest;
};

// Starts the process, and starts it again some time after it has ended. The specification is
// copied, what it points to borrowed.
struct load_meter *load_meter_new(const struct load_meter_spec *spec) WARN_UNUSED;
void load_meter_free(struct load_meter *load_meter);
