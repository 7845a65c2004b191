// SPDX-License-Identifier: Apache-2.0
// What GET /metrics shows, in the text form of Prometheus. Pure: what is known comes in, text goes
// out. docs/grafana-dashboard.json is made for these names.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct cluster_view;
struct exec_totals;
struct json;
struct latency_figures;
struct task_entries;
struct timing;

struct metrics_source {
    const struct cluster_view *view;
    const struct exec_totals *totals;
    const struct task_entries *tasks; // of this node
    const struct json *status;        // of ha-clusterd (cluster/status.h); NULL: it did not answer
    const struct timing *timing;      // as measured here
    // What daemons of this node have counted; NULL: nothing that can be seen.
    const struct latency_figures *clusterd, *crm, *lrm;
    const char *version; // of the software
    int64_t answer_ms;   // how long ha-clusterd took for its status
    int64_t now_s;
    size_t calls_busy; // that are under way in children, or wait for one
};

// In the arena.
char *metrics_text(struct arena *arena, const struct metrics_source *source) WARN_UNUSED;
