// SPDX-License-Identifier: Apache-2.0
// A map from text to pointer that is always iterated in ascending bytewise order of its keys, so
// that every decision made over it is the same on each machine. A sorted array: finding is O(log
// n), adding in ascending order O(1) amortised, adding elsewhere O(n).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;

typedef void (*map_value_free)(void *value);

struct map_entry {
    const char *key; // owned by the map
    void *value;
};

// All zero is a valid empty heap map that does not own its values.
struct map {
    struct map_entry *entries;
    size_t count;
    size_t capacity;
    map_value_free value_free;
    struct arena *arena;
};

// A map on the heap; `value_free` releases values that are removed or replaced (NULL: values are
// borrowed).
void map_init(struct map *map, map_value_free value_free);
// A map whose memory and keys are in the arena; needs no map_done(). Values are borrowed.
void map_init_arena(struct map *map, struct arena *arena);
void map_done(struct map *map);
void map_clear(struct map *map);

// The value, or NULL when the key is absent.
void *map_find(const struct map *map, const char *key) WARN_UNUSED;
bool map_has(const struct map *map, const char *key) WARN_UNUSED;
// Sets or replaces. The key is copied.
void map_put(struct map *map, const char *key, void *value);
// True when the key was there. The value is released.
bool map_remove(struct map *map, const char *key);
// Takes the value out without releasing it; NULL when absent.
void *map_take(struct map *map, const char *key) WARN_UNUSED;
// Position of the first entry whose key is not less than `key`; `count` when there is none.
size_t map_lower_bound(const struct map *map, const char *key) WARN_UNUSED;

// for (const struct map_entry *e …): do not add or remove inside.
#define map_each(e, map)                                                                           \
    for (const struct map_entry *e = (map)->entries;                                               \
         e != NULL && e < (map)->entries + (map)->count; e++)
