// SPDX-License-Identifier: Apache-2.0
// How a node finds the storages that it should have: the JSON value under "live/storage/<node>".
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;

enum storage_condition {
    STORAGE_CONDITION_READY,
    STORAGE_CONDITION_MISSING, // no such folder, nothing mounted, or something else
    STORAGE_CONDITION_STALLED, // it does not answer in time
    STORAGE_CONDITION_MAX
};
ENUM_TABLE_DECLARE(storage_condition);

struct storage_state {
    enum storage_condition condition;
    const char *reason;                   // words when it is not ready, else NULL
    int64_t total_bytes, available_bytes; // of the file system; 0: not known
};

// {"<storage>":{"condition":…,"reason":…,"total":…,"available":…}} → map of struct storage_state *,
// in the arena. -EINVAL names the key.
int storage_states_parse(struct arena *arena, const char *text, size_t size_bytes,
                         struct map *ret_states, struct error *err) WARN_UNUSED;
char *storage_states_format(struct arena *arena, const struct map *states) WARN_UNUSED;
