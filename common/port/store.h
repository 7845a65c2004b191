// SPDX-License-Identifier: Apache-2.0
// Port: the replicated store as a daemon sees it. A local view that refresh() brings up to date,
// and transactions that take effect on all nodes or nowhere.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct store;

struct store_entry {
    const char *key;
    const char *value; // NUL-terminated; NULL: the key was deleted
    size_t size_bytes;
    uint64_t version; // index of the transaction that wrote it; grows over the whole store
};

struct store_entries {
    const struct store_entry *entries; // ascending by key
    size_t count;
    uint64_t version; // of the view they were read from: what to give as `since` next time
};

enum { STORE_VALUE_MAX = 1024 * 1024, STORE_KEY_MAX = 512, STORE_TXN_OPS_MAX = 100000 };

// A write with condition. `expect` is the version the key must have, STORE_ABSENT (it must not
// exist) or STORE_ANY.
#define STORE_ANY    UINT64_MAX
#define STORE_ABSENT ((uint64_t)0)

struct store_op {
    const char *key;
    const char *value; // NULL: delete
    size_t size_bytes;
    uint64_t expect;
};

struct store_txn {
    // The lease under which this is written: the transaction is refused with -EPERM unless `owner`
    // holds it with `term`. This is the fencing token: a manager that lost its lease cannot write,
    // however late its message comes. NULL: none.
    const char *lease;
    const char *owner;
    uint64_t term;
    const struct store_op *ops;
    size_t count;
};

struct store_ops {
    int (*refresh)(struct store *store, struct error *err);
    int (*read)(struct store *store, const char *prefix, uint64_t since, struct arena *arena,
                struct store_entries *ret, struct error *err);
    int (*commit)(struct store *store, const struct store_txn *txn, uint64_t *ret_version,
                  struct error *err);
};

struct store {
    const struct store_ops *ops;
};

// Brings the local view up to the newest committed state known here. -ENOTCONN: ha-clusterd is not
// reachable; -EHOSTDOWN: no quorum, the view may be old (it can still be read).
WARN_UNUSED static inline int store_refresh(struct store *store, struct error *err)
{
    return store->ops->refresh(store, err);
}

// All entries whose key starts with `prefix` and that changed after version `since`, deleted ones
// included; with 0 all that exist. Entries and values are in the arena or live until the next
// refresh. -EIO, -ENOTCONN when not readable.
WARN_UNUSED static inline int store_read(struct store *store, const char *prefix, uint64_t since,
                                         struct arena *arena, struct store_entries *ret,
                                         struct error *err)
{
    return store->ops->read(store, prefix, since, arena, ret, err);
}

// The entry of this key among those that were read; NULL: it does not exist. A prefix that is a
// whole key finds those that go on after it, too.
const struct store_entry *store_entries_find(const struct store_entries *entries,
                                             const char *key) WARN_UNUSED;
// Reads this one key: as store_read(), and *ret is NULL when it does not exist.
int store_read_key(struct store *store, const char *key, struct arena *arena,
                   const struct store_entry **ret, struct error *err) WARN_UNUSED;

// Writes all or nothing and returns once it is committed; the local view then includes it.
// ret_version may be NULL. -EAGAIN: a key did not have the expected version; -EPERM: lease or term
// not held; -EHOSTDOWN: no quorum; -ETIMEDOUT: the outcome is not known (it may still take effect:
// read again); -ENOSPC, -EBUSY: the disks of a quorum have no room or are too slow, nothing was
// changed; -ENOTCONN; -EIO; -E2BIG.
WARN_UNUSED static inline int store_commit(struct store *store, const struct store_txn *txn,
                                           uint64_t *ret_version, struct error *err)
{
    return store->ops->commit(store, txn, ret_version, err);
}
