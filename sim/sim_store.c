// SPDX-License-Identifier: Apache-2.0
// Rows with versions, and transactions that take effect whole or not at all.
#include "sim/sim_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "sim/sim_lease.h"

struct sim_value {
    char *text; // NULL: deleted
    uint64_t version;
};

struct sim_row {
    struct sim_value
        *values; // ascending by version; the last one holds now, without history it is the only one
    size_t count, capacity;
};

struct sim_change {
    uint64_t version;
    const char *key; // the map's, which removes none
    const struct sim_row *row;
};

static void sim_row_free(void *value)
{
    struct sim_row *row = value;
    for (size_t i = 0; i < row->count; i++) {
        free(row->values[i].text);
    }
    free(row->values);
    free(row);
}

static const struct sim_value *sim_row_now(const struct sim_row *row)
{
    return row != NULL ? &row->values[row->count - 1] : NULL;
}

// What a reader sees whose view ends at the version; NULL: nothing yet.
static const struct sim_value *sim_row_as_of(const struct sim_row *row, uint64_t version)
{
    for (size_t i = row->count; i > 0; i--) {
        if (row->values[i - 1].version <= version) {
            return &row->values[i - 1];
        }
    }
    return NULL;
}

void sim_store_init(struct sim_store *store)
{
    *store = (struct sim_store){0};
    map_init(&store->rows, sim_row_free);
}

void sim_store_done(struct sim_store *store)
{
    map_done(&store->rows);
    free(store->changes);
}

const char *sim_store_find(const struct sim_store *store, const char *key)
{
    const struct sim_value *value = sim_row_now(map_find(&store->rows, key));
    return value != NULL ? value->text : NULL;
}

static void sim_store_note(struct sim_store *store, const char *key, const struct sim_row *row)
{
    if (store->changes_count == store->changes_capacity) {
        store->changes_capacity = store->changes_capacity > 0 ? 2 * store->changes_capacity : 64;
        store->changes =
            alloc_resize(store->changes, store->changes_capacity * sizeof(*store->changes));
    }
    store->changes[store->changes_count++] = (struct sim_change){store->version, key, row};
}

static void sim_store_write(struct sim_store *store, const char *key, const char *text)
{
    size_t at = map_lower_bound(&store->rows, key);
    if (at == store->rows.count || strcmp(store->rows.entries[at].key, key) != 0) {
        map_put(&store->rows, key, alloc_zero(sizeof(struct sim_row)));
    }
    struct sim_row *row = store->rows.entries[at].value;
    sim_store_note(store, store->rows.entries[at].key, row);
    if (row->count > 0 && !store->keeps_history) {
        free(row->values[--row->count].text);
    }
    if (row->count == row->capacity) {
        row->capacity = row->capacity > 0 ? 2 * row->capacity : 1;
        row->values = alloc_resize(row->values, row->capacity * sizeof(*row->values));
    }
    row->values[row->count++] =
        (struct sim_value){text != NULL ? alloc_strdup(text) : NULL, store->version};
}

void sim_store_put(struct sim_store *store, const char *key, const char *value)
{
    store->version++;
    sim_store_write(store, key, value);
}

static void sim_store_add(const struct sim_store *store, const char *key,
                          const struct sim_value *value, struct arena *arena,
                          struct store_entry *ret)
{
    bool lends = store->keeps_history;
    *ret = (struct store_entry){.key = lends ? key : arena_strdup(arena, key),
                                .value = lends ? value->text : arena_strdup(arena, value->text),
                                .size_bytes = value->text != NULL ? strlen(value->text) : 0,
                                .version = value->version};
}

static void sim_store_read_all(const struct sim_store *store, const char *prefix, uint64_t as_of,
                               struct arena *arena, struct store_entries *entries)
{
    size_t first = map_lower_bound(&store->rows, prefix);
    size_t end = first;
    size_t prefix_bytes = strlen(prefix);
    while (end < store->rows.count &&
           strncmp(store->rows.entries[end].key, prefix, prefix_bytes) == 0) {
        end++;
    }
    struct store_entry *list = arena_array_of(arena, struct store_entry, end - first);
    for (size_t i = first; i < end; i++) {
        const struct sim_value *value = sim_row_as_of(store->rows.entries[i].value, as_of);
        if (value != NULL && value->text != NULL) {
            sim_store_add(store, store->rows.entries[i].key, value, arena, &list[entries->count++]);
        }
    }
    entries->entries = list;
}

static int sim_change_compare(const void *a, const void *b)
{
    return strcmp((*(const struct sim_change *const *)a)->key,
                  (*(const struct sim_change *const *)b)->key);
}

// The first change after the version.
static size_t sim_store_find_change(const struct sim_store *store, uint64_t version)
{
    size_t low = 0;
    size_t high = store->changes_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->changes[middle].version <= version) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void sim_store_read_changed(const struct sim_store *store, const char *prefix,
                                   uint64_t since, uint64_t as_of, struct arena *arena,
                                   struct store_entries *entries)
{
    size_t first = sim_store_find_change(store, since);
    size_t end = sim_store_find_change(store, as_of);
    size_t prefix_bytes = strlen(prefix);
    const struct sim_change **found =
        arena_array_of(arena, const struct sim_change *, end > first ? end - first : 0);
    size_t count = 0;
    bool sorted = true; // as transactions mostly are
    for (size_t i = first; i < end; i++) {
        const struct sim_change *change = &store->changes[i];
        if (strncmp(change->key, prefix, prefix_bytes) == 0) {
            sorted = sorted && (count == 0 || strcmp(found[count - 1]->key, change->key) < 0);
            found[count++] = change;
        }
    }
    if (!sorted) {
        qsort(found, count, sizeof(*found), sim_change_compare);
    }
    struct store_entry *list = arena_array_of(arena, struct store_entry, count);
    for (size_t i = 0; i < count; i++) {
        const struct sim_value *value = sim_row_as_of(found[i]->row, as_of);
        if (value != NULL && (i == 0 || found[i - 1]->row != found[i]->row)) {
            sim_store_add(store, found[i]->key, value, arena, &list[entries->count++]);
        }
    }
    entries->entries = list;
}

void sim_store_read(const struct sim_store *store, const char *prefix, uint64_t since,
                    uint64_t as_of, struct arena *arena, struct store_entries *ret)
{
    struct store_entries entries = {.version = as_of};
    if (since == 0) {
        sim_store_read_all(store, prefix, as_of, arena, &entries);
    } else if (since < as_of) {
        sim_store_read_changed(store, prefix, since, as_of, arena, &entries);
    }
    *ret = entries;
}

static bool sim_store_is_volatile(const char *key)
{
    return strncmp(key, STORE_PREFIX_VOLATILE, strlen(STORE_PREFIX_VOLATILE)) == 0;
}

// What the real store refuses, this one refuses too.
static int sim_store_check(const struct sim_store *store, const struct sim_leases *leases,
                           const struct store_txn *txn, struct error *err)
{
    if (txn->lease != NULL && !sim_leases_is_held(leases, txn->lease, txn->owner, txn->term)) {
        return error_set(err, -EPERM, "the lease '%s' is not held by '%s' with this term",
                         txn->lease, txn->owner);
    }
    for (size_t i = 0; i < txn->count; i++) {
        const struct store_op *op = &txn->ops[i];
        if (sim_store_is_volatile(op->key) != sim_store_is_volatile(txn->ops[0].key)) {
            return error_set(err, -EINVAL,
                             "a transaction touches keys of one class only: '%s', '%s'",
                             txn->ops[0].key, op->key);
        }
        if (strlen(op->key) > STORE_KEY_MAX || op->size_bytes > STORE_VALUE_MAX) {
            return error_set(err, -E2BIG, "key '%s': too long", op->key);
        }
        const struct sim_value *value = sim_row_now(map_find(&store->rows, op->key));
        uint64_t version = value != NULL && value->text != NULL ? value->version : STORE_ABSENT;
        if (op->expect != STORE_ANY && op->expect != version) {
            return error_set(err, -EAGAIN, "key '%s' has changed", op->key);
        }
    }
    return 0;
}

int sim_store_commit(struct sim_store *store, const struct sim_leases *leases,
                     const struct store_txn *txn, uint64_t *ret_version, struct error *err)
{
    int r = sim_store_check(store, leases, txn, err);
    if (r < 0) {
        return r;
    }
    store->version++;
    for (size_t i = 0; i < txn->count; i++) {
        sim_store_write(store, txn->ops[i].key, txn->ops[i].value);
    }
    if (ret_version != NULL) {
        *ret_version = store->version;
    }
    return 0;
}
