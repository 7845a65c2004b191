// SPDX-License-Identifier: Apache-2.0
// The simulated replicated store: one copy of everything, versions from a counter. Whether a node
// may read or write is decided by its port (sim_ports.c).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct sim_leases;
struct store_entries;
struct store_txn;

struct sim_change;

struct sim_store {
    struct map rows; // key → struct sim_row *; deleted ones stay, so that readers hear of it
    uint64_t version;
    bool keeps_history; // for readers that are cut off and see the past
    // Each write, ascending by version: what changed since is found without a look at all rows.
    struct sim_change *changes;
    size_t changes_count, changes_capacity;
};

void sim_store_init(struct sim_store *store);
void sim_store_done(struct sim_store *store);
// The value, or NULL. Valid until the key is written.
const char *sim_store_find(const struct sim_store *store, const char *key) WARN_UNUSED;
// Writes without any condition: the operator's hand, or a scenario's start.
void sim_store_put(struct sim_store *store, const char *key, const char *value);
// As store_read() and store_commit(), for a node that can reach the store. `as_of` is the version
// whose view is read; an older one than the newest needs the history. With history nothing is
// copied: values live as long as the store.
void sim_store_read(const struct sim_store *store, const char *prefix, uint64_t since,
                    uint64_t as_of, struct arena *arena, struct store_entries *ret);
int sim_store_commit(struct sim_store *store, const struct sim_leases *leases,
                     const struct store_txn *txn, uint64_t *ret_version,
                     struct error *err) WARN_UNUSED;
