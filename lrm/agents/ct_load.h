// SPDX-License-Identifier: Apache-2.0
// What a container uses, by the counters of its control group.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;

// `ret_running` false: it does not run here, and the rest is 0. The processor time counts from the
// start of the container.
int ct_load_read(const char *sid, bool *ret_running, int64_t *ret_cpu_us, int64_t *ret_mem_bytes,
                 struct error *err) WARN_UNUSED;
