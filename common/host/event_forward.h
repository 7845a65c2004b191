// SPDX-License-Identifier: Apache-2.0
// Events on their way between processes of ours: one JSON object a line,
// {"event":{"name","level","fields"}}. A worker writes them to its parent, which puts them into its
// own sink, so that one process numbers and prints them.
#pragma once

#include "common/base/macros.h"
#include "common/port/event_sink.h"

struct arena;
struct error;
struct event;
struct json;

struct event_forward {
    struct event_sink sink; // first
    int fd;
};

// `fd` is borrowed. An event that cannot be written whole at once (a full non-blocking pipe) is
// dropped.
void event_forward_init(struct event_forward *forward, int fd);
// The event of a line that was parsed; NULL when the object has no "event". All in the arena.
// -EINVAL when malformed.
int event_forward_parse(struct arena *arena, const struct json *line, struct event **ret,
                        struct error *err) WARN_UNUSED;
