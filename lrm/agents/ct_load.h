// SPDX-License-Identifier: Apache-2.0
// What a container uses, by the counters of its control group.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "lrm/agents/ct_cgroup.h"

struct error;

// `ret_running` false: it does not run here, and the rest is 0. The processor time counts from the
// start of the container.
int ct_load_read(const char *sid, bool *ret_running, int64_t *ret_cpu_us, int64_t *ret_mem_bytes,
                 struct error *err) WARN_UNUSED;
// The same of whatever has groups of that kind and id.
int ct_load_read_group(enum ct_cgroup_kind kind, const char *id, bool *ret_running,
                       int64_t *ret_cpu_us, int64_t *ret_mem_bytes, struct error *err) WARN_UNUSED;
