// SPDX-License-Identifier: Apache-2.0
// Writing: batches, each one transaction, and the label.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_file_internal.h"
#include "cluster/storage/store_sum.h"
#include "cluster/storage/store_witness.h"
#include "common/base/alloc.h"

int store_file_label(struct store_file *file, const char *history, struct error *err)
{
    assert(!file->in_batch);
    char *copy = alloc_strdup(history);
    struct store_file_label label = file->label;
    label.history = copy;
    int rc = store_file_write_label(file, &label); // a transaction of its own
    if (rc != SQLITE_OK) {
        free(copy);
        return store_file_failed(file, err, rc, "write to");
    }
    free(file->label.history);
    file->label = label;
    return 0;
}

static int batch_failed(struct store_file *file, int rc, struct error *err)
{
    int r = store_file_failed(file, err, rc, "write to");
    file->in_batch = false;
    if (sqlite3_get_autocommit(file->db) == 0) {
        // When even this fails, the process that reopens the file finds the transaction undone.
        ignore_result(store_file_run(file, STORE_STATEMENT_ROLLBACK));
    }
    return r;
}

int store_file_begin(struct store_file *file, bool replace_all, struct error *err)
{
    assert(!file->in_batch);
    int rc = store_file_run(file, STORE_STATEMENT_BEGIN);
    file->pending = file->label;
    if (rc == SQLITE_OK && replace_all) {
        rc = store_file_run(file, STORE_STATEMENT_CLEAR);
        file->pending.count = 0;
        file->pending.sum = 0;
    }
    if (rc != SQLITE_OK) {
        return batch_failed(file, rc, err);
    }
    file->in_batch = true;
    return 0;
}

int store_file_put(struct store_file *file, const struct replica_row *row, struct error *err)
{
    assert(file->in_batch);
    sqlite3_stmt *old = file->statements[STORE_STATEMENT_MARK];
    store_file_bound(sqlite3_bind_text(old, 1, row->key, -1, SQLITE_STATIC));
    int rc = sqlite3_step(old);
    if (rc == SQLITE_ROW) {
        file->pending.sum ^= (uint64_t)sqlite3_column_int64(old, 0);
        file->pending.count--;
    }
    (void)sqlite3_reset(old); // its result is that of the step
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return batch_failed(file, rc, err);
    }
    uint64_t mark = store_sum_row(row);
    sqlite3_stmt *put = file->statements[STORE_STATEMENT_PUT];
    store_file_bound(sqlite3_bind_text(put, 1, row->key, -1, SQLITE_STATIC));
    if (row->value == NULL) {
        store_file_bound(sqlite3_bind_null(put, 2));
    } else {
        store_file_bound(sqlite3_bind_blob64(put, 2, row->value, row->size_bytes, SQLITE_STATIC));
    }
    store_file_bound(sqlite3_bind_int64(put, 3, (sqlite3_int64)row->version));
    store_file_bound(sqlite3_bind_int64(put, 4, (sqlite3_int64)mark));
    rc = store_file_run(file, STORE_STATEMENT_PUT);
    if (rc != SQLITE_OK) {
        return batch_failed(file, rc, err);
    }
    file->pending.sum ^= mark;
    file->pending.count++;
    return 0;
}

int store_file_commit(struct store_file *file, uint64_t epoch, uint64_t last_version,
                      struct error *err)
{
    assert(file->in_batch);
    file->pending.epoch = epoch;
    file->pending.last_version = last_version;
    int r = store_witness_prepare(file->witness, epoch, last_version);
    if (r < 0) {
        return batch_failed(file, SQLITE_IOERR_WRITE, err);
    }
    int rc = store_file_write_label(file, &file->pending);
    if (rc == SQLITE_OK) {
        rc = store_file_run(file, STORE_STATEMENT_COMMIT);
    }
    if (rc != SQLITE_OK) {
        return batch_failed(file, rc, err);
    }
    file->label = file->pending;
    file->in_batch = false;
    store_witness_write(file->witness, epoch, last_version);
    return 0;
}

void store_file_rest(struct store_file *file)
{
    store_witness_sync(file->witness);
}
