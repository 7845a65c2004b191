// SPDX-License-Identifier: Apache-2.0
// Reading one key of the store.
#include "common/port/store.h"

#include <string.h>

const struct store_entry *store_entries_find(const struct store_entries *entries, const char *key)
{
    for (size_t i = 0; i < entries->count; i++) {
        const struct store_entry *entry = &entries->entries[i];
        if (strcmp(entry->key, key) == 0 && entry->value != NULL) {
            return entry;
        }
    }
    return NULL;
}

int store_read_key(struct store *store, const char *key, struct arena *arena,
                   const struct store_entry **ret, struct error *err)
{
    struct store_entries entries;
    int r = store_read(store, key, 0, arena, &entries, err);
    if (r == 0) {
        *ret = store_entries_find(&entries, key);
    }
    return r;
}
