// SPDX-License-Identifier: Apache-2.0
// The state on disk. The only user of SQLite.
#include "cluster/storage/store_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cluster/replica/replica.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"

enum {
    APPLICATION_ID = 0x68616d67, // "hamg": tells our files from others
    SCHEMA_VERSION = 1,
    SCHEMA_VERSION_MAX = 1000, // a greater number is not one that we will ever give
    FILE_MODE = 0600,
    BUSY_TIMEOUT_MS = 2000, // a predecessor that is just ending
};

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_CLEAR,
    STATEMENT_MARK,
    STATEMENT_PUT,
    STATEMENT_LABEL_READ,
    STATEMENT_LABEL_WRITE,
    STATEMENT_MAX
};

static const char *const statement_texts[STATEMENT_MAX] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_CLEAR] = "DELETE FROM entry",
    [STATEMENT_MARK] = "SELECT mark FROM entry WHERE key = ?1",
    [STATEMENT_PUT] = "INSERT OR REPLACE INTO entry (key, value, version, mark) "
                      "VALUES (?1, ?2, ?3, ?4)",
    [STATEMENT_LABEL_READ] = "SELECT epoch, last_version, history, count, sum, mark "
                             "FROM label WHERE id = 1",
    [STATEMENT_LABEL_WRITE] = "INSERT OR REPLACE INTO label "
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

// The label as it is in the file.
struct label {
    uint64_t epoch, last_version;
    char *history;
    uint64_t count; // of rows
    uint64_t sum;   // the marks of all rows, by exclusive or
};

struct store_file {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_MAX];
    struct label label;   // committed
    struct label pending; // of the open batch; its history is label.history
    bool in_batch;
};

static int code_of(int rc)
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

static int file_failed(const struct store_file *file, struct error *err, int rc, const char *what)
{
    int code = code_of(rc);
    assert(code < 0);
    if (code == -EBUSY) {
        return error_set(err, code, "another process uses the database");
    }
    return error_set(err, code, "cannot %s the database: %s", what, sqlite3_errmsg(file->db));
}

// FNV-1a, 64 bits. Each step can be undone, so a change of any one byte changes the result.
static uint64_t mark_add(uint64_t mark, const void *data, size_t size_bytes)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size_bytes; i++) {
        mark = (mark ^ bytes[i]) * 0x100000001b3U;
    }
    return mark;
}

static uint64_t mark_add_number(uint64_t mark, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(number >> (8 * i) & 0xff);
    }
    return mark_add(mark, bytes, sizeof(bytes));
}

static const uint64_t mark_start = 0xcbf29ce484222325U;

static uint64_t row_mark(const struct replica_row *row)
{
    uint64_t mark = mark_add(mark_start, row->key, strlen(row->key) + 1);
    mark = mark_add_number(mark, row->version);
    mark = mark_add_number(mark, row->value != NULL ? row->size_bytes : UINT64_MAX);
    return row->value != NULL ? mark_add(mark, row->value, row->size_bytes) : mark;
}

static uint64_t label_mark(const struct label *label)
{
    uint64_t mark = mark_add(mark_start, label->history, strlen(label->history) + 1);
    mark = mark_add_number(mark, label->epoch);
    mark = mark_add_number(mark, label->last_version);
    mark = mark_add_number(mark, label->count);
    return mark_add_number(mark, label->sum);
}

static int statement_run(struct store_file *file, enum statement which)
{
    sqlite3_stmt *statement = file->statements[which];
    int rc = sqlite3_step(statement);
    int reset = sqlite3_reset(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? reset : rc;
}

// A bind fails only for a wrong index or want of memory.
static void must_bind(int rc)
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
        r = file_failed(file, err, rc == SQLITE_DONE ? SQLITE_CORRUPT : rc, "check");
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
    for (size_t i = 0; i < STATEMENT_MAX; i++) {
        int rc = sqlite3_prepare_v3(file->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &file->statements[i], NULL);
        if (rc != SQLITE_OK) {
            return file_failed(file, err, rc, "use"); // our tables are missing or different
        }
    }
    return 0;
}

static int label_write(struct store_file *file, const struct label *label)
{
    sqlite3_stmt *statement = file->statements[STATEMENT_LABEL_WRITE];
    must_bind(sqlite3_bind_int64(statement, 1, (sqlite3_int64)label->epoch));
    must_bind(sqlite3_bind_int64(statement, 2, (sqlite3_int64)label->last_version));
    must_bind(sqlite3_bind_text(statement, 3, label->history, -1, SQLITE_STATIC));
    must_bind(sqlite3_bind_int64(statement, 4, (sqlite3_int64)label->count));
    must_bind(sqlite3_bind_int64(statement, 5, (sqlite3_int64)label->sum));
    must_bind(sqlite3_bind_int64(statement, 6, (sqlite3_int64)label_mark(label)));
    return statement_run(file, STATEMENT_LABEL_WRITE);
}

static int label_read(struct store_file *file, struct error *err)
{
    sqlite3_stmt *statement = file->statements[STATEMENT_LABEL_READ];
    int rc = sqlite3_step(statement);
    int r = 0;
    if (rc != SQLITE_ROW) {
        r = rc == SQLITE_DONE ? error_set(err, -EUCLEAN, "the database is damaged: no label")
                              : file_failed(file, err, rc, "read");
    } else {
        const char *history = (const char *)sqlite3_column_text(statement, 2);
        struct label label = {
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
        return file_failed(file, err, rc, "create");
    }
    int r = file_prepare(file, err);
    if (r < 0) {
        return r;
    }
    file->label.history = alloc_strdup("");
    rc = label_write(file, &file->label);
    if (rc == SQLITE_OK) {
        rc = statement_run(file, STATEMENT_COMMIT);
    }
    return rc == SQLITE_OK ? 0 : file_failed(file, err, rc, "create");
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
            return file_failed(file, err, rc, "open");
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
        return file_failed(file, err, rc, "read");
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

// Makes sure that the name of a new or renamed file survives a power cut.
static int folder_sync(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    char *folder CLEANUP(alloc_freep) =
        length == 0 ? alloc_strdup(slash == NULL ? "." : "/") : alloc_memdup(path, length + 1);
    if (length > 0) {
        folder[length] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd); // was only read
    return r;
}

static int file_connect(const char *path, int flags, struct store_file **ret, struct error *err)
{
    struct store_file *file CLEANUP(store_file_closep) = alloc_zero(sizeof(*file));
    int rc = sqlite3_open_v2(path, &file->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        return error_set(err, code_of(rc), "cannot open: %s",
                         file->db != NULL ? sqlite3_errmsg(file->db) : sqlite3_errstr(rc));
    }
    rc = sqlite3_busy_timeout(file->db, BUSY_TIMEOUT_MS);
    assert(rc == SQLITE_OK);
    *ret = steal_ptr(file);
    return 0;
}

// The file and what SQLite keeps beside it.
static const char *const file_endings[] = {"", "-wal", "-shm", "-journal"};

int store_file_remove(const char *path, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (size_t i = 0; i < ARRAY_SIZE(file_endings); i++) {
        const char *name = arena_printf(arena, "%s%s", path, file_endings[i]);
        if (unlink(name) < 0 && errno != ENOENT) {
            return error_set_errno(err, -errno, "cannot remove '%s'", name);
        }
    }
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
    if (chmod(fresh, FILE_MODE) < 0 || rename(fresh, path) < 0) {
        return error_set_errno(err, -errno, "cannot name '%s'", fresh);
    }
    r = folder_sync(path);
    return r < 0 ? error_set_errno(err, r, "cannot sync the folder") : 0;
}

// SQLite takes a file that is too short for a header for a new one.
static int file_look(const char *path, struct error *err)
{
    char head[16] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? file_make(path, err) : error_set_errno(err, -errno, "cannot open");
    }
    ssize_t n = read(fd, head, sizeof(head));
    (void)close(fd); // was only read
    if (n != sizeof(head) || memcmp(head, "SQLite format 3", sizeof(head)) != 0) {
        return error_set(err, -EUCLEAN, "the database is damaged: no header");
    }
    return 0;
}

int store_file_open(const char *path, struct store_file **ret, struct error *err)
{
    struct store_file *file CLEANUP(store_file_closep) = NULL;
    int r = file_look(path, err);
    if (r == 0) {
        r = file_connect(path, SQLITE_OPEN_READWRITE, &file, err);
    }
    if (r == 0) {
        r = file_setup(file, err);
    }
    if (r < 0) {
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
    for (size_t i = 0; i < STATEMENT_MAX; i++) {
        (void)sqlite3_finalize(file->statements[i]); // tells of an error that was handled before
    }
    (void)sqlite3_close_v2(file->db); // committed is committed
    free(file->label.history);
    free(file);
}

void store_file_closep(struct store_file **file)
{
    store_file_close(*file);
}

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
    if (mark != row_mark(&row)) {
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
        sum ^= row_mark(&rows[count]);
        count++;
    }
    if (rc != SQLITE_DONE) {
        return file_failed(file, err, rc, "read");
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
        return file_failed(file, err, rc, "read");
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

int store_file_label(struct store_file *file, const char *history, struct error *err)
{
    assert(!file->in_batch);
    char *copy = alloc_strdup(history);
    struct label label = file->label;
    label.history = copy;
    int rc = label_write(file, &label); // a transaction of its own
    if (rc != SQLITE_OK) {
        free(copy);
        return file_failed(file, err, rc, "write to");
    }
    free(file->label.history);
    file->label = label;
    return 0;
}

static int batch_failed(struct store_file *file, int rc, struct error *err)
{
    int r = file_failed(file, err, rc, "write to");
    file->in_batch = false;
    if (sqlite3_get_autocommit(file->db) == 0) {
        // When even this fails, the process that reopens the file finds the transaction undone.
        (void)statement_run(file, STATEMENT_ROLLBACK);
    }
    return r;
}

int store_file_begin(struct store_file *file, bool replace_all, struct error *err)
{
    assert(!file->in_batch);
    int rc = statement_run(file, STATEMENT_BEGIN);
    file->pending = file->label;
    if (rc == SQLITE_OK && replace_all) {
        rc = statement_run(file, STATEMENT_CLEAR);
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
    sqlite3_stmt *old = file->statements[STATEMENT_MARK];
    must_bind(sqlite3_bind_text(old, 1, row->key, -1, SQLITE_STATIC));
    int rc = sqlite3_step(old);
    if (rc == SQLITE_ROW) {
        file->pending.sum ^= (uint64_t)sqlite3_column_int64(old, 0);
        file->pending.count--;
    }
    (void)sqlite3_reset(old); // its result is that of the step
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return batch_failed(file, rc, err);
    }
    uint64_t mark = row_mark(row);
    sqlite3_stmt *put = file->statements[STATEMENT_PUT];
    must_bind(sqlite3_bind_text(put, 1, row->key, -1, SQLITE_STATIC));
    if (row->value == NULL) {
        must_bind(sqlite3_bind_null(put, 2));
    } else {
        must_bind(sqlite3_bind_blob64(put, 2, row->value, row->size_bytes, SQLITE_STATIC));
    }
    must_bind(sqlite3_bind_int64(put, 3, (sqlite3_int64)row->version));
    must_bind(sqlite3_bind_int64(put, 4, (sqlite3_int64)mark));
    rc = statement_run(file, STATEMENT_PUT);
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
    int rc = label_write(file, &file->pending);
    if (rc == SQLITE_OK) {
        rc = statement_run(file, STATEMENT_COMMIT);
    }
    if (rc != SQLITE_OK) {
        return batch_failed(file, rc, err);
    }
    file->label = file->pending;
    file->in_batch = false;
    return 0;
}

int store_file_set_aside(const char *path, const char *why, int64_t wall_s, struct arena *arena,
                         char **ret_path, struct error *err)
{
    time_t seconds = (time_t)wall_s;
    struct tm tm;
    char stamp[32];
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0) {
        return error_set(err, -EINVAL, "the clock is not set");
    }
    char *to = arena_printf(arena, "%s.%s-%s", path, why, stamp);
    for (int i = 1; access(to, F_OK) == 0 && i < 1000; i++) {
        to = arena_printf(arena, "%s.%s-%s.%d", path, why, stamp, i);
    }
    // The file goes first: without its log it would be a sound file of a former state. A log that
    // is left behind by a power cut is removed when a new file is made under the name.
    for (size_t i = 0; i < ARRAY_SIZE(file_endings); i++) {
        const char *old = arena_printf(arena, "%s%s", path, file_endings[i]);
        const char *new = arena_printf(arena, "%s%s", to, file_endings[i]);
        if (rename(old, new) < 0 && errno != ENOENT) {
            return error_set_errno(err, -errno, "cannot rename '%s'", old);
        }
    }
    int r = folder_sync(path);
    if (r < 0) {
        return error_set_errno(err, r, "cannot sync the folder of '%s'", path);
    }
    *ret_path = to;
    return 0;
}
