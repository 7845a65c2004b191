// SPDX-License-Identifier: Apache-2.0
// What is done about the state on disk before it is used: whether it is sound, and whose it is.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/storage/store_file.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct event_sink;

struct database_spec {
    const char *path;
    const char *history; // the cluster's name; "": standalone
    size_t nodes_count;  // of the cluster's configuration
    int64_t wall_s;
    struct event_sink *events;
};

struct database {
    struct store_label label;
    const struct replica_row *rows;
    size_t rows_count;
};

// Opens the file or makes it, reads it and closes it. In the arena. docs/store.md, "The database",
// has the rules: damaged or another cluster's: set aside with an event, and empty; on a standalone
// node -EUCLEAN and -ESTALE. A standalone node's own state goes into the cluster that it creates; a
// cluster of more nodes has its own state already, and it is set aside.
int database_prepare(const struct database_spec *spec, struct arena *arena, struct database *ret,
                     struct error *err) WARN_UNUSED;

// Rows of this node that the history which it adopts now does not contain, although they may have
// been confirmed and shown: those of a quorum that was forced (docs/store.md, "Two histories").
struct database_overridden {
    const char *path;             // of the database; the file is made beside it
    const char *history;          // label of both
    int64_t wall_s;               // for the file's name
    uint64_t epoch, last_version; // where these rows end
    const struct replica_row *rows;
    size_t rows_count;
};

// Writes the rows as "set-aside/store-TIME-EPOCH.json" in the folder of the database (mode 0600,
// never over an existing file; the form is that of `ha-cluster backup`, which shows it), durable
// when it returns; its path is in the arena. The database itself, which another process has open,
// is not touched. On failure (-ENOSPC, -EIO …) nothing is left behind; the caller goes on without
// adopting and tries again later. Of such files the newest 16 are kept.
int database_set_aside(const struct database_overridden *overridden, struct arena *arena,
                       const char **ret_kept, struct error *err) WARN_UNUSED;
