// SPDX-License-Identifier: Apache-2.0
// What the files behind store_file.h share: the open file, its statements, and its label.
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/storage/store_file.h"

struct error;
struct store_witness;

enum store_statement {
    STORE_STATEMENT_BEGIN,
    STORE_STATEMENT_COMMIT,
    STORE_STATEMENT_ROLLBACK,
    STORE_STATEMENT_CLEAR,
    STORE_STATEMENT_MARK,
    STORE_STATEMENT_PUT,
    STORE_STATEMENT_LABEL_READ,
    STORE_STATEMENT_LABEL_WRITE,
    STORE_STATEMENT_MAX
};

// The label as it is in the file.
struct store_file_label {
    uint64_t epoch, last_version;
    char *history;
    uint64_t count; // of rows
    uint64_t sum;   // the marks of all rows, by exclusive or
};

struct store_file {
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_STATEMENT_MAX];
    struct store_file_label label;   // committed
    struct store_file_label pending; // of the open batch; its history is label.history
    bool in_batch;
    struct store_witness *witness;
};

// -errno for a result of SQLite, 0 for one that is no failure.
int store_file_code(int rc) WARN_UNUSED;
// The same with words, "cannot <what> the database: …"; for failures only.
int store_file_failed(const struct store_file *file, struct error *err, int rc, const char *what);
// Runs a statement without result to its end; a result of SQLite.
int store_file_run(struct store_file *file, enum store_statement which) WARN_UNUSED;
// Likewise.
int store_file_write_label(struct store_file *file,
                           const struct store_file_label *label) WARN_UNUSED;
// A bind fails only for a wrong index or want of memory.
void store_file_bound(int rc);
