// SPDX-License-Identifier: Apache-2.0
// A growing list of pointers in an arena. All zero is an empty list.
#pragma once

#include <stddef.h>
#include <string.h>

#include "common/base/arena.h"

struct pointer_list {
    void **items;
    size_t count;
    size_t capacity;
};

static inline void pointer_list_add(struct arena *arena, struct pointer_list *list, void *item)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        void **items = arena_array_of(arena, void *, capacity);
        if (list->count > 0) {
            memcpy(items, list->items, list->count * sizeof(*items));
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
}
