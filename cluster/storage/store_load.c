// SPDX-License-Identifier: Apache-2.0
// Reading all rows, with each check that they are what was written.
#include <errno.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_file_internal.h"
#include "cluster/storage/store_sum.h"
#include "common/base/arena.h"
#include "common/base/error.h"

static int load_row(sqlite3_stmt *statement, struct arena *arena, struct replica_row *ret,
                    struct error *err)
{
    const char *key = (const char *)sqlite3_column_text(statement, 0);
    const void *value = sqlite3_column_blob(statement, 1);
    size_t size_bytes = (size_t)sqlite3_column_bytes(statement, 1);
    bool deleted = sqlite3_column_type(statement, 1) == SQLITE_NULL;
    struct replica_row row = {
        .key = arena_strdup(arena, key != NULL ? key : ""),
        .size_bytes = deleted ? 0 : size_bytes,
        .version = (uint64_t)sqlite3_column_int64(statement, 2),
    };
    if (!deleted) {
        row.value = arena_memdup(arena, size_bytes > 0 ? value : "", size_bytes);
    }
    uint64_t mark = (uint64_t)sqlite3_column_int64(statement, 3);
    if (mark != store_sum_row(&row)) {
        return error_set(err, -EUCLEAN, "the database is damaged: the row of '%.64s' was changed",
                         row.key);
    }
    *ret = row;
    return 0;
}

static int load_rows(struct store_file *file, sqlite3_stmt *statement, struct arena *arena,
                     const struct replica_row **ret_rows, struct error *err)
{
    size_t count = 0;
    uint64_t sum = 0;
    // The label says how many rows there are, and has a check number of its own; still, no more is
    // believed of it than that it bounds the loop.
    size_t capacity = 0;
    struct replica_row *rows = NULL;
    int rc;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        if (count == capacity) {
            capacity = capacity == 0 ? 256 : capacity * 2;
            struct replica_row *more = arena_array_of(arena, struct replica_row, capacity);
            if (count > 0) {
                memcpy(more, rows, count * sizeof(*rows));
            }
            rows = more;
        }
        int r = load_row(statement, arena, &rows[count], err);
        if (r < 0) {
            return r;
        }
        sum ^= store_sum_row(&rows[count]);
        count++;
    }
    if (rc != SQLITE_DONE) {
        return store_file_failed(file, err, rc, "read");
    }
    if (count != file->label.count || sum != file->label.sum) {
        return error_set(err, -EUCLEAN, "the database is damaged: rows are missing or not ours");
    }
    *ret_rows = rows;
    return 0;
}

int store_file_load(struct store_file *file, struct arena *arena, struct store_label *ret_label,
                    const struct replica_row **ret_rows, size_t *ret_count, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(file->db, "SELECT key, value, version, mark FROM entry", -1,
                                &statement, NULL);
    if (rc != SQLITE_OK) {
        return store_file_failed(file, err, rc, "read");
    }
    const struct replica_row *rows = NULL;
    int r = load_rows(file, statement, arena, &rows, err);
    (void)sqlite3_finalize(statement); // its result is that of the last step
    if (r < 0) {
        return r;
    }
    *ret_label = (struct store_label){
        .epoch = file->label.epoch,
        .last_version = file->label.last_version,
        .history = arena_strdup(arena, file->label.history),
    };
    *ret_rows = rows;
    *ret_count = (size_t)file->label.count;
    return 0;
}
