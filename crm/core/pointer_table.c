// SPDX-License-Identifier: Apache-2.0
// Open addressing; at most half of the slots are taken, so that a search ends soon.
#include "crm/core/pointer_table.h"

#include <assert.h>
#include <stdint.h>

#include "common/base/arena.h"

void pointer_table_init(struct arena *arena, struct pointer_table *table, size_t count)
{
    *table = (struct pointer_table){.mask = 1, .capacity = count};
    while (table->mask < 2 * count) {
        table->mask = table->mask * 2 + 1;
    }
    table->slots = arena_array_of(arena, struct pointer_table_slot, table->mask + 1);
}

// The key's slot, or the free one where it belongs.
static struct pointer_table_slot *pointer_table_slot_of(const struct pointer_table *table,
                                                        const void *key)
{
    size_t position = (((uintptr_t)key >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & table->mask;
    while (table->slots[position].key != NULL && table->slots[position].key != key) {
        position = (position + 1) & table->mask;
    }
    return &table->slots[position];
}

void *pointer_table_find(const struct pointer_table *table, const void *key)
{
    return pointer_table_slot_of(table, key)->value;
}

void pointer_table_add(struct pointer_table *table, const void *key, void *value)
{
    assert(key != NULL);
    assert(table->count < table->capacity);
    struct pointer_table_slot *slot = pointer_table_slot_of(table, key);
    assert(slot->key == NULL);
    *slot = (struct pointer_table_slot){.key = key, .value = value};
    table->count++;
}
