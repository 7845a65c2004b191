// SPDX-License-Identifier: Apache-2.0
// What an order to move a service means for others: who moves along, and who keeps it away.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct cluster_view;
struct error;
struct session;

struct move_effects {
    const char **along; // services that belong to the same node and are known to the master
    size_t along_count;
    const char **blocking; // services that must be on another node, and are on that one or going
    size_t blocking_count;
};

// By the rules in force. In the arena.
int move_effects_find(struct arena *arena, const struct session *session,
                      const struct cluster_view *view, const char *sid, const char *node,
                      struct move_effects *ret, struct error *err) WARN_UNUSED;
