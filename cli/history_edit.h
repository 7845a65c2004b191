// SPDX-License-Identifier: Apache-2.0
// What an operator changed with a tool, for the history: the same event as of the API, written with
// the change or not at all.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct event;
struct session;
struct store_op;

// The operations that keep the event, told by this node's tools; in the arena. What store_read()
// fails with.
int history_edit_ops(struct arena *arena, const struct session *session, const struct event *event,
                     int64_t now_s, const struct store_op **ret_ops, size_t *ret_count,
                     struct error *err) WARN_UNUSED;
