// SPDX-License-Identifier: Apache-2.0
// The store port in memory.
#include "tests/lib/fake_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/port/store.h"

struct fake_row {
    char *value; // NULL: deleted
    uint64_t version;
};

struct fake_store {
    struct store store; // first: the port's pointer is ours
    struct map rows;    // key → struct fake_row *
    uint64_t version;
    uint64_t commits;
    char *lease;
    char *owner;
    uint64_t term;
    int fail_refresh, fail_read, fail_commit;
};

static void fake_row_free(void *value)
{
    struct fake_row *row = value;
    free(row->value);
    free(row);
}

static int fake_refresh(struct store *store, struct error *err)
{
    const struct fake_store *fake = (const struct fake_store *)store;
    return fake->fail_refresh < 0 ? error_set(err, fake->fail_refresh, "refresh fails") : 0;
}

static int fake_read(struct store *store, const char *prefix, uint64_t since, struct arena *arena,
                     struct store_entries *ret, struct error *err)
{
    const struct fake_store *fake = (const struct fake_store *)store;
    if (fake->fail_read < 0) {
        return error_set(err, fake->fail_read, "read fails");
    }
    struct store_entry *entries = arena_array_of(arena, struct store_entry, fake->rows.count);
    size_t count = 0;
    map_each (e, &fake->rows) {
        const struct fake_row *row = e->value;
        bool wanted = since > 0 ? row->version > since : row->value != NULL;
        if (wanted && strncmp(e->key, prefix, strlen(prefix)) == 0) {
            entries[count++] =
                (struct store_entry){.key = arena_strdup(arena, e->key),
                                     .value = arena_strdup(arena, row->value),
                                     .size_bytes = row->value != NULL ? strlen(row->value) : 0,
                                     .version = row->version};
        }
    }
    *ret = (struct store_entries){.entries = entries, .count = count, .version = fake->version};
    return 0;
}

static void fake_write(struct fake_store *fake, const char *key, const char *value,
                       size_t size_bytes)
{
    struct fake_row *row = alloc_zero(sizeof(*row));
    if (value != NULL) {
        row->value = alloc_zero(size_bytes + 1);
        memcpy(row->value, value, size_bytes);
    }
    row->version = fake->version;
    map_put(&fake->rows, key, row);
}

static bool fake_guard_holds(const struct fake_store *fake, const struct store_txn *txn)
{
    return fake->lease != NULL && strcmp(fake->lease, txn->lease) == 0 &&
           strcmp(fake->owner, txn->owner) == 0 && fake->term == txn->term;
}

static int fake_commit(struct store *store, const struct store_txn *txn, uint64_t *ret_version,
                       struct error *err)
{
    struct fake_store *fake = (struct fake_store *)store;
    if (fake->fail_commit < 0) {
        return error_set(err, fake->fail_commit, "commit fails");
    }
    if (txn->lease != NULL && !fake_guard_holds(fake, txn)) {
        return error_set(err, -EPERM, "lease '%s' is not held with this term", txn->lease);
    }
    for (size_t i = 0; i < txn->count; i++) {
        const struct store_op *op = &txn->ops[i];
        const struct fake_row *row = map_find(&fake->rows, op->key);
        uint64_t version = row != NULL && row->value != NULL ? row->version : STORE_ABSENT;
        if (op->expect != STORE_ANY && op->expect != version) {
            return error_set(err, -EAGAIN, "'%s' was changed meanwhile", op->key);
        }
    }
    fake->version++;
    fake->commits++;
    for (size_t i = 0; i < txn->count; i++) {
        fake_write(fake, txn->ops[i].key, txn->ops[i].value, txn->ops[i].size_bytes);
    }
    if (ret_version != NULL) {
        *ret_version = fake->version;
    }
    return 0;
}

static const struct store_ops fake_ops = {
    .refresh = fake_refresh, .read = fake_read, .commit = fake_commit};

struct fake_store *fake_store_new(void)
{
    struct fake_store *fake = alloc_zero(sizeof(*fake));
    fake->store.ops = &fake_ops;
    map_init(&fake->rows, fake_row_free);
    return fake;
}

void fake_store_free(struct fake_store *fake)
{
    map_done(&fake->rows);
    free(fake->lease);
    free(fake->owner);
    free(fake);
}

struct store *fake_store_port(struct fake_store *fake)
{
    return &fake->store;
}

void fake_store_put(struct fake_store *fake, const char *key, const char *value)
{
    fake->version++;
    fake_write(fake, key, value, value != NULL ? strlen(value) : 0);
}

const char *fake_store_get(const struct fake_store *fake, const char *key)
{
    const struct fake_row *row = map_find(&fake->rows, key);
    return row != NULL ? row->value : NULL;
}

uint64_t fake_store_version(const struct fake_store *fake, const char *key)
{
    const struct fake_row *row = map_find(&fake->rows, key);
    return row != NULL ? row->version : STORE_ABSENT;
}

void fake_store_hold(struct fake_store *fake, const char *lease, const char *owner, uint64_t term)
{
    free(fake->lease);
    free(fake->owner);
    fake->lease = alloc_strdup(lease);
    fake->owner = alloc_strdup(owner);
    fake->term = term;
}

void fake_store_fail(struct fake_store *fake, int refresh, int read, int commit)
{
    fake->fail_refresh = refresh;
    fake->fail_read = read;
    fake->fail_commit = commit;
}

uint64_t fake_store_commits(const struct fake_store *fake)
{
    return fake->commits;
}
