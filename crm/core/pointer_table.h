// SPDX-License-Identifier: Apache-2.0
// A table from pointer to pointer in an arena, for finding by identity what was made earlier in the
// same round. It is never iterated, so that addresses have no influence on anything.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;

struct pointer_table_slot {
    const void *key; // NULL: free
    void *value;
};

struct pointer_table {
    struct pointer_table_slot *slots;
    size_t mask;
    size_t count;
    size_t capacity;
};

// For at most `count` keys.
void pointer_table_init(struct arena *arena, struct pointer_table *table, size_t count);
// The value, or NULL.
void *pointer_table_find(const struct pointer_table *table, const void *key) WARN_UNUSED;
// The key must be new.
void pointer_table_add(struct pointer_table *table, const void *key, void *value);
