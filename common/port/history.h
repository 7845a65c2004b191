// SPDX-License-Identifier: Apache-2.0
// The history: what was decided and why, and who changed what, kept in the store for people and
// programs to look back. One entry is one event under "history/<number>". The master writes its
// events in the same transaction as the decisions they tell of, so that neither is there without
// the other; who serves operators adds what they changed.
//
// Numbers are microseconds since 1970, made to grow: each is above all that its writer has seen.
// So they order the entries even when clocks differ, and they fit into a double.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct event;
struct json;
struct store_entries;
struct store_op;

enum {
    HISTORY_KEEP = 2000,      // entries; older ones are removed as new ones come
    HISTORY_BATCH_MAX = 200,  // entries of one transaction; the rest is counted in the last one
    HISTORY_REMOVE_MAX = 400, // likewise
};

// The numbers that are in the store, as one writer knows them.
struct history {
    uint64_t *numbers; // ascending
    size_t count, capacity;
};

void history_done(struct history *history);
// Takes over what changed below "history/".
void history_update(struct history *history, const struct store_entries *entries);
// The operations that add these events, as of this time, and remove what is too old; in the arena.
// They are conditional on nobody else having taken the same number. Nothing is taken over before
// the next update.
void history_write(const struct history *history, struct arena *arena, const char *at,
                   int64_t wall_ms, const struct event *const *events, size_t events_count,
                   const struct store_op **ret_ops, size_t *ret_count);

// What an entry is shown as: {number, time: seconds with fraction, at, level, event, fields: {…}}.
// -EINVAL when it is not one.
int history_show(struct arena *arena, const char *key, const char *value, size_t size_bytes,
                 struct json **ret, struct error *err) WARN_UNUSED;
