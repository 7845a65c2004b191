// SPDX-License-Identifier: Apache-2.0
// Reading and writing small files. What is in them is decided elsewhere.
#include "common/host/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"

enum { READ_CHUNK_BYTES = 4096 };

static int descriptor_read(int fd, size_t size_max, struct strbuf *out)
{
    char chunk[READ_CHUNK_BYTES];
    // Each turn adds at least one byte or ends, and size_max bounds the bytes.
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            return 0;
        }
        if ((size_t)n > size_max - out->size_bytes) {
            return -EFBIG;
        }
        strbuf_append_bytes(out, chunk, (size_t)n);
    }
}

int file_read(struct arena *arena, const char *path, size_t size_max, char **ret_text,
              size_t *ret_size_bytes, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot open '%s'", path);
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    int r = descriptor_read(fd, size_max, &text);
    (void)close(fd); // only read from
    if (r < 0) {
        return error_set_errno(err, r, "cannot read '%s'", path);
    }
    *ret_size_bytes = text.size_bytes;
    *ret_text = arena_memdup(arena, strbuf_text(&text), text.size_bytes);
    return 0;
}

int file_write_all(int fd, const void *data, size_t size_bytes)
{
    const char *at = data;
    size_t left = size_bytes;
    while (left > 0) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        at += n;
        left -= (size_t)n;
    }
    return 0;
}

// Makes the folder of the path forget nothing of a rename when the power goes.
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct strbuf folder CLEANUP(strbuf_done) = {0};
    strbuf_append_bytes(&folder, path, slash == NULL ? 0 : (size_t)(slash - path));
    int fd = open(slash == NULL   ? "."
                  : slash == path ? "/"
                                  : strbuf_text(&folder),
                  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd); // only read from
    return r;
}

static int file_put(const char *path, const void *data, size_t size_bytes, mode_t mode, bool sync,
                    struct error *err)
{
    struct strbuf name CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&name, "%s.new", path);
    const char *beside = strbuf_text(&name);
    // What a crash left must not lend its mode to what may be a key.
    (void)unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot create '%s'", beside);
    }
    int r = file_write_all(fd, data, size_bytes);
    if (r == 0 && sync && fsync(fd) < 0) {
        r = -errno;
    }
    if (close(fd) < 0 && r == 0) {
        r = -errno;
    }
    if (r == 0 && rename(beside, path) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)unlink(beside); // the failure that counts is the one before
    } else if (sync) {
        r = sync_folder(path);
    }
    return r < 0 ? error_set_errno(err, r, "cannot write '%s'", path) : 0;
}

int file_replace(const char *path, const char *text, size_t size_bytes, mode_t mode,
                 struct error *err)
{
    return file_put(path, text, size_bytes, mode, false, err);
}

int file_install(const char *path, const void *data, size_t size_bytes, mode_t mode,
                 struct error *err)
{
    return file_put(path, data, size_bytes, mode, true, err);
}

int file_write_value(const char *path, const char *text, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot open '%s'", path);
    }
    ssize_t n = write(fd, text, strlen(text));
    int r = n < 0 ? -errno : 0;
    if (close(fd) < 0 && r == 0) {
        r = -errno;
    }
    if (r < 0) {
        return error_set_errno(err, r, "cannot write '%s'", path);
    }
    return 0;
}

int file_make_directory(const char *path, mode_t mode, struct error *err)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST) {
        return error_set_errno(err, -errno, "cannot make directory '%s'", path);
    }
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
        return error_set(err, -ENOTDIR, "'%s' is not a directory", path);
    }
    return 0;
}

int file_try_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return -errno;
    }
    errno = 0;
    int r = readdir(directory) == NULL ? -errno : 0; // 0 also at its end
    (void)closedir(directory);                       // was only read
    return r;
}
