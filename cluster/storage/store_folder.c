// SPDX-License-Identifier: Apache-2.0
// Names of the database's files: looking, giving, renaming, removing.
#include "cluster/storage/store_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cluster/storage/store_file.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"

enum { FILE_MODE = 0600 };

// The file, and what SQLite and we keep beside it.
static const char *const file_endings[] = {"", "-wal", "-shm", "-journal", STORE_WITNESS_ENDING};

int store_folder_sync(const char *path)
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

// SQLite takes a file that is too short for a header for a new one.
int store_folder_look(const char *path, struct error *err)
{
    char head[16] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? -ENOENT : error_set_errno(err, -errno, "cannot open");
    }
    ssize_t n = read(fd, head, sizeof(head));
    (void)close(fd); // was only read
    if (n != sizeof(head) || memcmp(head, "SQLite format 3", sizeof(head)) != 0) {
        return error_set(err, -EUCLEAN, "the database is damaged: no header");
    }
    return 0;
}

int store_folder_name(const char *fresh, const char *path, struct error *err)
{
    if (chmod(fresh, FILE_MODE) < 0 || rename(fresh, path) < 0) {
        return error_set_errno(err, -errno, "cannot name '%s'", fresh);
    }
    int r = store_folder_sync(path);
    return r < 0 ? error_set_errno(err, r, "cannot sync the folder") : 0;
}

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
    int r = store_folder_sync(path);
    if (r < 0) {
        return error_set_errno(err, r, "cannot sync the folder of '%s'", path);
    }
    *ret_path = to;
    return 0;
}
