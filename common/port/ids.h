// SPDX-License-Identifier: Apache-2.0
// Port: identifiers that never repeat.
#pragma once

#include "common/base/macros.h"

struct arena;
struct ids;

struct ids_ops {
    const char *(*next)(struct ids *ids, struct arena *arena);
};

struct ids {
    const struct ids_ops *ops;
};

// A new identifier, in the arena.
WARN_UNUSED static inline const char *ids_next(struct ids *ids, struct arena *arena)
{
    return ids->ops->next(ids, arena);
}
