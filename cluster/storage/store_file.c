// SPDX-License-Identifier: Apache-2.0
// Opening and making the file, and the checks that let it be used.
#include "cluster/storage/store_file.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/storage/store_file_internal.h"
#include "cluster/storage/store_folder.h"
#include "cluster/storage/store_sum.h"
#include "cluster/storage/store_witness.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"

enum {
    APPLICATION_ID = 0x68616d67, // "hamg": tells our files from others
    SCHEMA_VERSION = 1,
    SCHEMA_VERSION_MAX = 1000, // a greater number is not one that we will ever give
    BUSY_TIMEOUT_MS = 2000,    // a predecessor that is just ending
};

static const char *const statement_texts[STORE_STATEMENT_MAX] = {
    [STORE_STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_STATEMENT_COMMIT] = "COMMIT",
    [STORE_STATEMENT_ROLLBACK] = "ROLLBACK",
    [STORE_STATEMENT_CLEAR] = "DELETE FROM entry",
    [STORE_STATEMENT_MARK] = "SELECT mark FROM entry WHERE key = ?1",
    [STORE_STATEMENT_PUT] = "INSERT OR REPLACE INTO entry (key, value, version, mark) "
                            "VALUES (?1, ?2, ?3, ?4)",
    [STORE_STATEMENT_LABEL_READ] = "SELECT epoch, last_version, history, count, sum, mark "
                                   "FROM label WHERE id = 1",
    [STORE_STATEMENT_LABEL_WRITE] = "INSERT OR REPLACE INTO label "
                                    "(id, epoch, last_version, history, count, sum, mark) "
                                    "VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)",
};

static const char schema_text[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE entry (key TEXT PRIMARY KEY NOT NULL, value BLOB, version INTEGER NOT NULL, "
    "mark INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE label (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, "
    "last_version INTEGER NOT NULL, history TEXT NOT NULL, "
    "count INTEGER NOT NULL, sum INTEGER NOT NULL, mark INTEGER NOT NULL);"
    "PRAGMA application_id = 1751215463;"
    "PRAGMA user_version = 1;";

int store_file_code(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_ERROR: // our statements are right, so the file is not
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return -EACCES;
    default:
        return -EIO;
    }
}

int store_file_failed(const struct store_file *file, struct error *err, int rc, const char *what)
{
    int code = store_file_code(rc);
    assert(code < 0);
    if (code == -EBUSY) {
        return error_set(err, code, "another process uses the database");
    }
    return error_set(err, code, "cannot %s the database: %s", what, sqlite3_errmsg(file->db));
}

static uint64_t label_mark(const struct store_file_label *label)
{
    uint64_t mark = store_sum_add(store_sum_start(), label->history, strlen(label->history) + 1);
    mark = store_sum_add_number(mark, label->epoch);
    mark = store_sum_add_number(mark, label->last_version);
    mark = store_sum_add_number(mark, label->count);
    return store_sum_add_number(mark, label->sum);
}

int store_file_run(struct store_file *file, enum store_statement which)
{
    sqlite3_stmt *statement = file->statements[which];
    int rc = sqlite3_step(statement);
    int reset = sqlite3_reset(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? reset : rc;
}

void store_file_bound(int rc)
{
    assert(rc == SQLITE_OK);
}

static int pragma_number(struct store_file *file, const char *text, int64_t *ret)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(file->db, text, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc == SQLITE_ROW) {
        *ret = sqlite3_column_int64(statement, 0);
        rc = SQLITE_OK;
    }
    int end = sqlite3_finalize(statement);
    return rc == SQLITE_OK ? end : rc;
}

// What SQLite itself finds wrong with the structure of the file.
static int file_check(struct store_file *file, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(file->db, "PRAGMA integrity_check(1)", -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    int r = 0;
    if (rc != SQLITE_ROW) {
        r = store_file_failed(file, err, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "check");
    } else {
        const char *verdict = (const char *)sqlite3_column_text(statement, 0);
        if (verdict == NULL || strcmp(verdict, "ok") != 0) {
            // The reason is the last line; words for the operator have but one.
            const char *line = verdict != NULL ? verdict : "it fails its check";
            const char *end = strrchr(line, '\n');
            r = error_set(err, -EUCLEAN, "the database is damaged: %s",
                          end != NULL ? end + 1 : line);
        }
    }
    (void)sqlite3_finalize(statement); // its result is that of the step
    return r;
}

static int file_prepare(struct store_file *file, struct error *err)
{
    for (size_t i = 0; i < STORE_STATEMENT_MAX; i++) {
        int rc = sqlite3_prepare_v3(file->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &file->statements[i], NULL);
        if (rc != SQLITE_OK) {
            return store_file_failed(file, err, rc, "use"); // our tables are missing or different
        }
    }
    return 0;
}

int store_file_write_label(struct store_file *file, const struct store_file_label *label)
{
    sqlite3_stmt *statement = file->statements[STORE_STATEMENT_LABEL_WRITE];
    store_file_bound(sqlite3_bind_int64(statement, 1, (sqlite3_int64)label->epoch));
    store_file_bound(sqlite3_bind_int64(statement, 2, (sqlite3_int64)label->last_version));
    store_file_bound(sqlite3_bind_text(statement, 3, label->history, -1, SQLITE_STATIC));
    store_file_bound(sqlite3_bind_int64(statement, 4, (sqlite3_int64)label->count));
    store_file_bound(sqlite3_bind_int64(statement, 5, (sqlite3_int64)label->sum));
    store_file_bound(sqlite3_bind_int64(statement, 6, (sqlite3_int64)label_mark(label)));
    return store_file_run(file, STORE_STATEMENT_LABEL_WRITE);
}

static int label_read(struct store_file *file, struct error *err)
{
    sqlite3_stmt *statement = file->statements[STORE_STATEMENT_LABEL_READ];
    int rc = sqlite3_step(statement);
    int r = 0;
    if (rc != SQLITE_ROW) {
        r = rc == SQLITE_DONE ? error_set(err, -EUCLEAN, "the database is damaged: no label")
                              : store_file_failed(file, err, rc, "read");
    } else {
        const char *history = (const char *)sqlite3_column_text(statement, 2);
        struct store_file_label label = {
            .epoch = (uint64_t)sqlite3_column_int64(statement, 0),
            .last_version = (uint64_t)sqlite3_column_int64(statement, 1),
            .history = alloc_strdup(history != NULL ? history : ""),
            .count = (uint64_t)sqlite3_column_int64(statement, 3),
            .sum = (uint64_t)sqlite3_column_int64(statement, 4),
        };
        if ((uint64_t)sqlite3_column_int64(statement, 5) != label_mark(&label)) {
            free(label.history);
            r = error_set(err, -EUCLEAN, "the database is damaged: its label was changed");
        } else {
            free(file->label.history);
            file->label = label;
        }
    }
    (void)sqlite3_reset(statement); // its result is that of the step
    return r;
}

static int file_create(struct store_file *file, struct error *err)
{
    int rc = sqlite3_exec(file->db, schema_text, NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        return store_file_failed(file, err, rc, "create");
    }
    int r = file_prepare(file, err);
    if (r < 0) {
        return r;
    }
    file->label.history = alloc_strdup("");
    rc = store_file_write_label(file, &file->label);
    if (rc == SQLITE_OK) {
        rc = store_file_run(file, STORE_STATEMENT_COMMIT);
    }
    return rc == SQLITE_OK ? 0 : store_file_failed(file, err, rc, "create");
}

static int file_configure(struct store_file *file, struct error *err)
{
    // Exclusive locking: nobody else may write, and the index of the log needs no shared memory.
    // The journal mode is set first, since that is what takes the lock.
    static const char *const texts[] = {
        "PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",       "PRAGMA cell_size_check = ON",
        "PRAGMA trusted_schema = OFF",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        int rc = sqlite3_exec(file->db, texts[i], NULL, NULL, NULL);
        if (rc != SQLITE_OK) {
            return store_file_failed(file, err, rc, "open");
        }
    }
    return 0;
}

static int file_setup(struct store_file *file, struct error *err)
{
    int r = file_configure(file, err);
    if (r < 0) {
        return r;
    }
    int64_t application = 0;
    int64_t version = 0;
    int rc = pragma_number(file, "PRAGMA application_id", &application);
    if (rc == SQLITE_OK) {
        rc = pragma_number(file, "PRAGMA user_version", &version);
    }
    if (rc != SQLITE_OK) {
        return store_file_failed(file, err, rc, "read");
    }
    if (application != APPLICATION_ID || version < 1 || version > SCHEMA_VERSION_MAX) {
        return error_set(err, -EUCLEAN, "the database is damaged, or not one of ours");
    }
    if (version != SCHEMA_VERSION) {
        return error_set(err, -ENOTSUP,
                         "the database has form %lld, this version knows only %d: install the "
                         "version that wrote it",
                         (long long)version, SCHEMA_VERSION);
    }
    r = file_check(file, err);
    if (r == 0) {
        r = file_prepare(file, err);
    }
    return r == 0 ? label_read(file, err) : r;
}

// The log has all that was confirmed, and what it has is on the disk: a process that was killed
// while it wrote leaves changes there that are read now and would be gone after a power cut.
static int file_settle(struct store_file *file, const char *path, struct error *err)
{
    file->witness = store_witness_open(path);
    const struct store_file_label *label = &file->label;
    if (!store_witness_agrees(file->witness, label->epoch, label->last_version)) {
        return error_set(err, -EUCLEAN,
                         "the database is damaged: it ends with version %llu, but %llu was "
                         "confirmed (or it is an old copy: then remove '%s" STORE_WITNESS_ENDING
                         "')",
                         (unsigned long long)label->last_version,
                         (unsigned long long)store_witness_version(file->witness), path);
    }
    // On a full disk it cannot be merged, but it has been synced before that was tried.
    int rc = sqlite3_wal_checkpoint_v2(file->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc != SQLITE_OK && store_file_code(rc) != -ENOSPC) {
        return store_file_failed(file, err, rc, "sync");
    }
    return 0;
}

static int file_connect(const char *path, int flags, struct store_file **ret, struct error *err)
{
    struct store_file *file CLEANUP(store_file_closep) = alloc_zero(sizeof(*file));
    int rc = sqlite3_open_v2(path, &file->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        return error_set(err, store_file_code(rc), "cannot open: %s",
                         file->db != NULL ? sqlite3_errmsg(file->db) : sqlite3_errstr(rc));
    }
    rc = sqlite3_busy_timeout(file->db, BUSY_TIMEOUT_MS);
    assert(rc == SQLITE_OK);
    *ret = steal_ptr(file);
    return 0;
}

// A new file gets its name when it is complete: one that is empty or cut is always damage.
static int file_make(const char *path, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *fresh = arena_printf(arena, "%s.new", path);
    int r = store_file_remove(fresh, err);
    if (r == 0) {
        r = store_file_remove(path, err); // a log that a renaming left behind
    }
    if (r < 0) {
        return r;
    }
    struct store_file *file = NULL;
    r = file_connect(fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &file, err);
    if (r == 0) {
        r = file_configure(file, err);
    }
    if (r == 0) {
        r = file_create(file, err);
    }
    store_file_close(file); // merges its log
    if (r < 0) {
        return r;
    }
    return store_folder_name(fresh, path, err);
}

int store_file_open(const char *path, struct store_file **ret, struct error *err)
{
    struct store_file *file CLEANUP(store_file_closep) = NULL;
    int r = store_folder_look(path, err);
    if (r == -ENOENT) {
        r = file_make(path, err);
    }
    if (r == 0) {
        r = file_connect(path, SQLITE_OPEN_READWRITE, &file, err);
    }
    if (r == 0) {
        r = file_setup(file, err);
    }
    if (r == 0) {
        r = file_settle(file, path, err);
    }
    if (r < 0) {
        if (file != NULL) {
            // What is damaged stays as it was found, with its log.
            (void)sqlite3_db_config(file->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        }
        return error_prefix(err, "%s", path);
    }
    *ret = steal_ptr(file);
    return 0;
}

void store_file_close(struct store_file *file)
{
    if (file == NULL) {
        return;
    }
    for (size_t i = 0; i < STORE_STATEMENT_MAX; i++) {
        (void)sqlite3_finalize(file->statements[i]); // tells of an error that was handled before
    }
    (void)sqlite3_close_v2(file->db); // committed is committed
    store_witness_close(file->witness);
    free(file->label.history);
    free(file);
}

void store_file_closep(struct store_file **file)
{
    store_file_close(*file);
}
