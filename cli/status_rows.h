// SPDX-License-Identifier: Apache-2.0
// What `ha-manager status` shows, as rows; pure. The same rows are meant for other interfaces.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct cluster_view;
struct json;

struct status_clock {
    int64_t now_s;   // wall clock
    int64_t stale_s; // a sign of life older than this is shown as such
};

// An array of objects with id, type, status, node and what belongs to the type: quorum, master
// (when known), fencing, one lrm a node, services by id.
struct json *status_rows(struct arena *arena, const struct cluster_view *view,
                         const struct status_clock *clock) WARN_UNUSED;
// The documents behind them: {manager_status, quorum, lrm_status}.
struct json *status_documents(struct arena *arena, const struct cluster_view *view) WARN_UNUSED;
// The state of a service as people are told: from what is requested and what the manager knows.
const char *status_shown_state(const struct cluster_view *view, const char *sid) WARN_UNUSED;
