// SPDX-License-Identifier: Apache-2.0
// Asking all nodes to examine themselves (cluster/self_report.h).
#pragma once

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct session;

// Asks, and waits some seconds for those who are online. `ret`: node → struct json *, only those
// that answered. Needs quorum.
int inquiry_make(struct arena *arena, const struct session *session, struct map *ret,
                 struct error *err) WARN_UNUSED;
