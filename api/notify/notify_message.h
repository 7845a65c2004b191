// SPDX-License-Identifier: Apache-2.0
// What a notification says: entries of the history, as history_show() shows them, as text for
// people, as JSON and as environment.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct json;
struct notify_target;

// "fence-begin: node=node2", one line.
char *notify_line(struct arena *arena, const struct json *entry) WARN_UNUSED;
// A whole mail with its headers. `node`: who sends it. One of several entries has them all.
char *notify_mail(struct arena *arena, const struct notify_target *target, const char *node,
                  const struct json *const *entries, size_t count) WARN_UNUSED;
// The entry and "text" and "node" (the sender).
char *notify_json(struct arena *arena, const char *node, const struct json *entry) WARN_UNUSED;
// "HA_EVENT=fence-begin", … and one for each field, NULL-terminated.
const char **notify_environment(struct arena *arena, const struct json *entry) WARN_UNUSED;
