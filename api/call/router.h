// SPDX-License-Identifier: Apache-2.0
// Which row of the tables a path and a verb mean, and the index of those paths that are folders.
// Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api/call/method.h"
#include "common/base/macros.h"

struct arena;
struct json;
struct router;

// In the arena; the tables are borrowed, NULL-terminated. Two rows with the same verb and the same
// path are a programmer's error.
struct router *router_new(struct arena *arena,
                          const struct method_table *const *tables) WARN_UNUSED;

struct route {
    const struct method *method; // NULL: not implemented
    struct json *path;           // the parts in braces: object of strings
    struct json *index;          // of a folder without a row of its own: array for a GET; else NULL
};

// Where a literal part and a part in braces both fit, the literal one wins. Memory is in the arena.
void router_find(const struct router *router, struct arena *arena, enum method_verb verb,
                 const char *path, struct route *ret);

size_t router_count(const struct router *router) WARN_UNUSED;
// All rows, ascending by path and verb.
const struct method *router_at(const struct router *router, size_t i) WARN_UNUSED;
