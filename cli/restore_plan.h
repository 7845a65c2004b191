// SPDX-License-Identifier: Apache-2.0
// What a restore changes: the store as it is compared with a backup. No I/O.
//
// Restored is what operators wanted: resources, groups, rules, options, fence devices with their
// secrets, storages, guests. Not restored is what the cluster keeps for itself: records of
// services, the manager's status, commands (they say what ran where, which is not so any more), the
// configuration of Corosync and the timing profile (the cluster of now has its own).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct backup;
struct error;
struct store_entries;
struct store_op;

enum restore_kind {
    RESTORE_KIND_ADD = 1, // the key is not there
    RESTORE_KIND_CHANGE,
    RESTORE_KIND_SAME,
    RESTORE_KIND_EXTRA,  // only the store has it: it stays
    RESTORE_KIND_DELETE, // likewise, and it goes
};

struct restore_change {
    enum restore_kind kind;
    const char *key;
    const char *value; // ADD, CHANGE
    size_t size_bytes;
    uint64_t expect; // version that the store has now, STORE_ABSENT: none
    // Not NULL: of a guest, the node where the backup has it, which is no node of this cluster.
    const char *stray_node;
};

struct restore_spec {
    const struct backup *backup;
    const struct store_entries *now;
    const char *const *nodes; // of this cluster
    size_t nodes_count;
    const char *place; // where guests of other nodes are placed; NULL: they stay as they are
    bool exact;        // what the backup does not have is deleted
    bool stopped;      // resources that are to run are restored as stopped
};

struct restore_plan {
    const struct restore_change *changes; // in the order in which they are written
    size_t count;
};

// In the arena. INV-2: a guest that is known now keeps its place and lock, whatever the backup
// says: it may run there. -EINVAL names what in the backup cannot be read.
int restore_plan_make(const struct restore_spec *spec, struct arena *arena,
                      struct restore_plan *ret, struct error *err) WARN_UNUSED;
// The operations of the next transaction, from change *at on, which is moved on: a part of the plan
// that is well below the store's limits. 0: nothing is left.
size_t restore_plan_next(const struct restore_plan *plan, struct arena *arena, size_t *at,
                         const struct store_op **ret_ops) WARN_UNUSED;
// Services that run, or are on their way, by the records in the store: "ct:1 (started), …"; NULL:
// none.
const char *restore_plan_running(const struct store_entries *now, struct arena *arena) WARN_UNUSED;
