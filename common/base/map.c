// SPDX-License-Identifier: Apache-2.0
// The sorted map: one array, binary search.
#include "common/base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"

enum { MAP_CAPACITY_MIN = 8 };

void map_init(struct map *map, map_value_free value_free)
{
    *map = (struct map){.value_free = value_free};
}

void map_init_arena(struct map *map, struct arena *arena)
{
    *map = (struct map){.arena = arena};
}

static void map_release_value(struct map *map, void *value)
{
    if (map->value_free != NULL && value != NULL) {
        map->value_free(value);
    }
}

static void map_release_key(struct map *map, const char *key)
{
    if (map->arena == NULL) {
        alloc_freep(&key);
    }
}

void map_clear(struct map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        map_release_key(map, map->entries[i].key);
        map_release_value(map, map->entries[i].value);
    }
    map->count = 0;
}

void map_done(struct map *map)
{
    map_clear(map);
    if (map->arena == NULL) {
        free(map->entries);
    }
    map->entries = NULL;
    map->capacity = 0;
}

size_t map_lower_bound(const struct map *map, const char *key)
{
    // Adding in ascending order is the common case of building a map.
    if (map->count > 0 && strcmp(map->entries[map->count - 1].key, key) < 0) {
        return map->count;
    }
    size_t low = 0;
    size_t high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(map->entries[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool map_is_at(const struct map *map, size_t position, const char *key)
{
    return position < map->count && strcmp(map->entries[position].key, key) == 0;
}

void *map_find(const struct map *map, const char *key)
{
    size_t position = map_lower_bound(map, key);
    return map_is_at(map, position, key) ? map->entries[position].value : NULL;
}

bool map_has(const struct map *map, const char *key)
{
    return map_is_at(map, map_lower_bound(map, key), key);
}

static void map_grow(struct map *map)
{
    if (map->count < map->capacity) {
        return;
    }
    size_t capacity = map->capacity > 0 ? 2 * map->capacity : MAP_CAPACITY_MIN;
    if (map->arena != NULL) {
        struct map_entry *entries = arena_array_of(map->arena, struct map_entry, capacity);
        if (map->count > 0) {
            memcpy(entries, map->entries, map->count * sizeof(*entries));
        }
        map->entries = entries;
    } else {
        map->entries = alloc_resize(map->entries, capacity * sizeof(*map->entries));
    }
    map->capacity = capacity;
}

void map_put(struct map *map, const char *key, void *value)
{
    size_t position = map_lower_bound(map, key);
    if (map_is_at(map, position, key)) {
        struct map_entry *entry = &map->entries[position];
        if (entry->value != value) {
            map_release_value(map, entry->value);
            entry->value = value;
        }
        return;
    }
    map_grow(map);
    struct map_entry *entry = &map->entries[position];
    memmove(entry + 1, entry, (map->count - position) * sizeof(*entry));
    entry->key = map->arena != NULL ? arena_strdup(map->arena, key) : alloc_strdup(key);
    entry->value = value;
    map->count++;
}

void *map_take(struct map *map, const char *key)
{
    size_t position = map_lower_bound(map, key);
    if (!map_is_at(map, position, key)) {
        return NULL;
    }
    struct map_entry *entry = &map->entries[position];
    void *value = entry->value;
    // The caller's key may be the entry's own, so it is released last.
    const char *own_key = entry->key;
    memmove(entry, entry + 1, (map->count - position - 1) * sizeof(*entry));
    map->count--;
    map_release_key(map, own_key);
    return value;
}

bool map_remove(struct map *map, const char *key)
{
    if (!map_has(map, key)) {
        return false;
    }
    map_release_value(map, map_take(map, key));
    return true;
}
