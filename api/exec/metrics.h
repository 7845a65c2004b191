// SPDX-License-Identifier: Apache-2.0
// What GET /metrics shows, in the text form of Prometheus.
#pragma once

#include "common/base/macros.h"

struct arena;
struct call_host;

// In the arena.
char *metrics_text(struct arena *arena, const struct call_host *host) WARN_UNUSED;
