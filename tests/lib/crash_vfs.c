// SPDX-License-Identifier: Apache-2.0
// Recording what SQLite does to its files. The files themselves are real ones and hold what the
// system's cache would; the record says which part of it the disk has. The system's VFS syncs the
// folder with the first sync of a new file, so a file counts as there from then on.
#include "tests/lib/crash_vfs.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/prng.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "tests/lib/test.h"

enum { FILES_MAX = 16, SECTOR_BYTES = 512, FILE_BYTES_MAX = 1 << 26 };

enum op_kind { OP_WRITE, OP_TRUNCATE, OP_DELETE };

struct op {
    enum op_kind kind;
    size_t offset;      // or the new size
    struct strbuf data; // OP_WRITE
};

struct disk_file {
    char *path;
    bool exists; // on the disk
    struct strbuf synced;
    struct op *ops; // since then
    size_t count, capacity;
};

struct crash_vfs {
    sqlite3_vfs vfs; // first: SQLite gives it back to us
    sqlite3_vfs *real;
    struct disk_file files[FILES_MAX];
    size_t files_count;
    size_t operations, stop_at, fail_at;
    int fail_result;
    bool stopped;
};

struct crash_file {
    sqlite3_file base;
    struct crash_vfs *vfs;
    struct disk_file *disk;
    sqlite3_file *real;
};

// ---- The record.

static struct disk_file *disk_find(struct crash_vfs *vfs, const char *path)
{
    for (size_t i = 0; i < vfs->files_count; i++) {
        if (strcmp(vfs->files[i].path, path) == 0) {
            return &vfs->files[i];
        }
    }
    assert_true(vfs->files_count < FILES_MAX);
    struct disk_file *file = &vfs->files[vfs->files_count++];
    file->path = alloc_strdup(path);
    return file;
}

static void disk_add(struct disk_file *file, enum op_kind kind, size_t offset, const void *data,
                     size_t size_bytes)
{
    if (file->count == file->capacity) {
        file->capacity = file->capacity == 0 ? 64 : file->capacity * 2;
        file->ops = alloc_resize(file->ops, file->capacity * sizeof(*file->ops));
    }
    struct op *op = &file->ops[file->count++];
    *op = (struct op){.kind = kind, .offset = offset};
    if (size_bytes > 0) {
        strbuf_append_bytes(&op->data, data, size_bytes);
    }
}

static void bytes_resize(struct strbuf *bytes, size_t size_bytes)
{
    while (bytes->size_bytes < size_bytes) {
        strbuf_append_char(bytes, '\0');
    }
    bytes->size_bytes = size_bytes;
}

static void bytes_write(struct strbuf *bytes, size_t offset, const char *data, size_t size_bytes)
{
    if (bytes->size_bytes < offset + size_bytes) {
        bytes_resize(bytes, offset + size_bytes);
    }
    memcpy(bytes->text + offset, data, size_bytes);
}

static void op_apply(const struct op *op, struct strbuf *bytes)
{
    switch (op->kind) {
    case OP_WRITE:
        bytes_write(bytes, op->offset, op->data.text, op->data.size_bytes);
        break;
    case OP_TRUNCATE:
        bytes_resize(bytes, op->offset);
        break;
    case OP_DELETE:
        bytes_resize(bytes, 0);
        break;
    }
}

static void disk_sync(struct disk_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        op_apply(&file->ops[i], &file->synced);
        strbuf_done(&file->ops[i].data);
    }
    file->count = 0;
    file->exists = true;
}

// Counts an operation: SQLITE_OK when it is to be carried out.
static int op_begin(struct crash_vfs *vfs)
{
    if (vfs->stopped) {
        return SQLITE_IOERR;
    }
    vfs->operations++;
    if (vfs->operations == vfs->fail_at) {
        return vfs->fail_result;
    }
    if (vfs->operations == vfs->stop_at) {
        vfs->stopped = true;
    }
    return SQLITE_OK; // the operation at which it stops has begun: it may reach the disk
}

static int op_end(const struct crash_vfs *vfs, int rc)
{
    return vfs->stopped ? SQLITE_IOERR : rc;
}

// ---- Files.

static struct crash_file *cast(sqlite3_file *file)
{
    return (struct crash_file *)file;
}

static int file_close(sqlite3_file *base)
{
    struct crash_file *file = cast(base);
    int rc = file->real->pMethods->xClose(file->real);
    free(file->real);
    return rc;
}

static int file_read_at(sqlite3_file *base, void *to, int n, sqlite3_int64 offset)
{
    struct crash_file *file = cast(base);
    return file->vfs->stopped ? SQLITE_IOERR_READ
                              : file->real->pMethods->xRead(file->real, to, n, offset);
}

static int file_write_at(sqlite3_file *base, const void *from, int n, sqlite3_int64 offset)
{
    struct crash_file *file = cast(base);
    int rc = op_begin(file->vfs);
    if (rc != SQLITE_OK) {
        return rc;
    }
    disk_add(file->disk, OP_WRITE, (size_t)offset, from, (size_t)n);
    return op_end(file->vfs, file->real->pMethods->xWrite(file->real, from, n, offset));
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct crash_file *file = cast(base);
    int rc = op_begin(file->vfs);
    if (rc != SQLITE_OK) {
        return rc;
    }
    disk_add(file->disk, OP_TRUNCATE, (size_t)size, NULL, 0);
    return op_end(file->vfs, file->real->pMethods->xTruncate(file->real, size));
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct crash_file *file = cast(base);
    (void)flags; // all are the same here, and none touches the real disk
    int rc = op_begin(file->vfs);
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (!file->vfs->stopped) {
        disk_sync(file->disk);
    }
    return op_end(file->vfs, SQLITE_OK);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    struct crash_file *file = cast(base);
    return file->vfs->stopped ? SQLITE_IOERR : file->real->pMethods->xFileSize(file->real, ret);
}

static int file_lock(sqlite3_file *base, int level)
{
    struct crash_file *file = cast(base);
    return file->real->pMethods->xLock(file->real, level);
}

static int file_unlock(sqlite3_file *base, int level)
{
    struct crash_file *file = cast(base);
    return file->real->pMethods->xUnlock(file->real, level);
}

static int file_check_lock(sqlite3_file *base, int *ret)
{
    struct crash_file *file = cast(base);
    return file->real->pMethods->xCheckReservedLock(file->real, ret);
}

static int file_control(sqlite3_file *base, int op, void *argument)
{
    struct crash_file *file = cast(base);
    if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE) {
        return SQLITE_NOTFOUND; // would change the file past the record
    }
    return file->real->pMethods->xFileControl(file->real, op, argument);
}

static int file_sector(sqlite3_file *base)
{
    struct crash_file *file = cast(base);
    return file->real->pMethods->xSectorSize(file->real);
}

static int file_character(sqlite3_file *base)
{
    struct crash_file *file = cast(base);
    return file->real->pMethods->xDeviceCharacteristics(file->real);
}

// Version 1: no shared memory. The database is locked exclusively and needs none.
static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read_at,
    .xWrite = file_write_at,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_character,
};

// ---- The VFS.

static int vfs_open(sqlite3_vfs *base, const char *name, sqlite3_file *opened, int flags, int *ret)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    struct crash_file *file = cast(opened);
    struct stat st;
    assert_non_null(name);
    *file = (struct crash_file){.vfs = vfs};
    bool makes = (flags & SQLITE_OPEN_CREATE) != 0 && stat(name, &st) < 0;
    int rc = vfs->stopped ? SQLITE_CANTOPEN : makes ? op_begin(vfs) : SQLITE_OK;
    if (rc != SQLITE_OK || vfs->stopped) {
        return rc != SQLITE_OK ? rc : SQLITE_CANTOPEN;
    }
    file->real = alloc_zero((size_t)vfs->real->szOsFile);
    rc = vfs->real->xOpen(vfs->real, name, file->real, flags, ret);
    if (rc != SQLITE_OK) {
        free(file->real);
        return rc;
    }
    file->disk = disk_find(vfs, name);
    file->base.pMethods = &file_methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync_folder)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    int rc = op_begin(vfs);
    if (rc != SQLITE_OK) {
        return rc;
    }
    struct disk_file *file = disk_find(vfs, name);
    disk_add(file, OP_DELETE, 0, NULL, 0);
    if (sync_folder != 0 && !vfs->stopped) {
        disk_sync(file);
        file->exists = false;
    }
    return op_end(vfs, vfs->real->xDelete(vfs->real, name, 0));
}

static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *ret)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    return vfs->real->xAccess(vfs->real, name, flags, ret);
}

static int vfs_full_path(sqlite3_vfs *base, const char *name, int size, char *out)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    return vfs->real->xFullPathname(vfs->real, name, size, out);
}

static char *folder_file(struct arena *arena, const char *folder, const char *path)
{
    const char *name = strrchr(path, '/');
    return arena_printf(arena, "%s/%s", folder, name != NULL ? name + 1 : path);
}

static void folder_record(struct crash_vfs *vfs, const char *folder)
{
    struct arena *arena = arena_new();
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;
        struct error err = {0};
        char *text = NULL;
        size_t size_bytes = 0;
        const char *path = folder_file(arena, folder, entry->d_name);
        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
            continue;
        }
        assert_int_equal(file_read(arena, path, FILE_BYTES_MAX, &text, &size_bytes, &err), 0);
        struct disk_file *file = disk_find(vfs, path);
        file->exists = true;
        strbuf_append_bytes(&file->synced, text, size_bytes);
    }
    (void)closedir(dir); // was only read
    arena_free(arena);
}

struct crash_vfs *crash_vfs_new(const char *folder)
{
    struct crash_vfs *vfs = alloc_zero(sizeof(*vfs));
    vfs->real = sqlite3_vfs_find(NULL);
    vfs->vfs = *vfs->real;
    vfs->vfs.zName = "crash";
    vfs->vfs.szOsFile = (int)sizeof(struct crash_file);
    vfs->vfs.pNext = NULL;
    vfs->vfs.xOpen = vfs_open;
    vfs->vfs.xDelete = vfs_delete;
    vfs->vfs.xAccess = vfs_access;
    vfs->vfs.xFullPathname = vfs_full_path;
    folder_record(vfs, folder);
    assert_int_equal(sqlite3_vfs_register(&vfs->vfs, 1), SQLITE_OK);
    return vfs;
}

void crash_vfs_free(struct crash_vfs *vfs)
{
    (void)sqlite3_vfs_unregister(&vfs->vfs); // was registered
    (void)sqlite3_vfs_register(vfs->real, 1);
    for (size_t i = 0; i < vfs->files_count; i++) {
        struct disk_file *file = &vfs->files[i];
        for (size_t j = 0; j < file->count; j++) {
            strbuf_done(&file->ops[j].data);
        }
        free(file->ops);
        free(file->path);
        strbuf_done(&file->synced);
    }
    free(vfs);
}

void crash_vfs_stop_at(struct crash_vfs *vfs, size_t n)
{
    vfs->stop_at = n;
    vfs->operations = 0;
}

void crash_vfs_fail_at(struct crash_vfs *vfs, size_t n, int result)
{
    vfs->fail_at = n;
    vfs->fail_result = result;
    vfs->operations = 0;
}

bool crash_vfs_has_stopped(const struct crash_vfs *vfs)
{
    return vfs->stopped;
}

size_t crash_vfs_operations(const struct crash_vfs *vfs)
{
    return vfs->operations;
}

void crash_vfs_restart(struct crash_vfs *vfs)
{
    vfs->stopped = false;
    vfs->stop_at = 0;
    vfs->fail_at = 0;
    vfs->operations = 0;
}

// ---- After the power cut.

static void sectors_apply(const struct op *op, struct prng *prng, struct strbuf *bytes)
{
    size_t at = 0;
    while (at < op->data.size_bytes) {
        size_t end = (op->offset + at) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - op->offset;
        end = end < op->data.size_bytes ? end : op->data.size_bytes;
        if ((prng_next(prng) & 1) != 0) {
            bytes_write(bytes, op->offset + at, op->data.text + at, end - at);
        }
        at = end;
    }
}

// Any of the operations; false when the file is not there.
static bool file_select(const struct disk_file *file, struct prng *prng, struct strbuf *bytes)
{
    bool exists = file->exists || (prng_next(prng) & 1) != 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct op *op = &file->ops[i];
        if (op->kind == OP_WRITE) {
            sectors_apply(op, prng, bytes);
        } else if ((prng_next(prng) & 1) != 0) {
            op_apply(op, bytes);
            exists = op->kind != OP_DELETE && exists;
        }
    }
    return exists;
}

static bool file_replay(const struct disk_file *file, bool torn, struct strbuf *bytes)
{
    bool exists = file->exists || file->count > 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct op *op = &file->ops[i];
        if (torn && i + 1 == file->count && op->kind == OP_WRITE) {
            bytes_write(bytes, op->offset, op->data.text, op->data.size_bytes / 2);
        } else {
            op_apply(op, bytes);
        }
        exists = op->kind != OP_DELETE;
    }
    return exists;
}

void crash_vfs_image(const struct crash_vfs *vfs, enum crash_image image, uint64_t seed,
                     const char *folder)
{
    struct arena *arena = arena_new();
    struct prng prng;
    prng_init(&prng, seed);
    for (size_t i = 0; i < vfs->files_count; i++) {
        const struct disk_file *file = &vfs->files[i];
        struct strbuf bytes = {0};
        struct error err = {0};
        bool exists = file->exists;
        strbuf_append_bytes(&bytes, strbuf_text(&file->synced), file->synced.size_bytes);
        if (image == CRASH_IMAGE_SECTORS) {
            exists = file_select(file, &prng, &bytes);
        } else if (image != CRASH_IMAGE_SYNCED) {
            exists = file_replay(file, image == CRASH_IMAGE_TORN, &bytes);
        }
        const char *path = folder_file(arena, folder, file->path);
        if (exists) {
            assert_int_equal(file_replace(path, strbuf_text(&bytes), bytes.size_bytes, 0600, &err),
                             0);
        } else {
            (void)remove(path); // is not there, most often
        }
        strbuf_done(&bytes);
    }
    arena_free(arena);
}
