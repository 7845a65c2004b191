// SPDX-License-Identifier: Apache-2.0
// Carries a probe out: asks whether a service works. For worker processes: blocks until it is
// answered or the time is over.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct probe;

// 0: it works. -errno with words: it does not, or did not answer in time. A program gets the
// service's id as HA_SERVICE, and what it prints last becomes part of the words.
int probe_run(struct arena *arena, const struct probe *probe, const char *sid, int64_t timeout_ms,
              struct error *err) WARN_UNUSED;
