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
