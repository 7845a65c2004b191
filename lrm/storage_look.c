// SPDX-License-Identifier: Apache-2.0
// Looking at a storage, and mounting it.
#include "lrm/storage_look.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/model/storage.h"

static const char MOUNT_TABLE[] = "/proc/self/mounts";

enum { MOUNT_WORDS_MAX = 300, MOUNT_LINE_MAX = 16 * 1024, MOUNT_NOT_RUN = 127 };

// Without slashes at the end.
static bool is_same_path(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    while (a_length > 1 && a[a_length - 1] == '/') {
        a_length--;
    }
    while (b_length > 1 && b[b_length - 1] == '/') {
        b_length--;
    }
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

int storage_mount_find(struct arena *arena, const char *table, const char *path,
                       struct storage_mount *ret, struct error *err)
{
    FILE *file = setmntent(table, "re");
    bool is_found = false;
    if (file == NULL) {
        return error_set_errno(err, -errno, "cannot read '%s'", table);
    }
    char *line = arena_alloc(arena, MOUNT_LINE_MAX);
    struct mntent entry;
    while (getmntent_r(file, &entry, line, MOUNT_LINE_MAX) != NULL) {
        if (is_same_path(entry.mnt_dir, path)) { // a later one lies above
            is_found = true;
            ret->type = arena_strdup(arena, entry.mnt_type);
            ret->source = arena_strdup(arena, entry.mnt_fsname);
        }
    }
    (void)endmntent(file); // was only read
    return is_found ? 0 : -ENOENT;
}

static void say(struct storage_state *state, const char *reason)
{
    state->condition = STORAGE_CONDITION_MISSING;
    state->reason = reason;
}

// Runs the system's mount program. NULL, or why it failed: its first words.
static const char *mount_run(struct arena *arena, char *const *argv)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return strerror(errno);
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO); // what fails here shows in the exit status
        (void)dup2(fds[1], STDERR_FILENO);
        execvp(argv[0], argv);
        _exit(MOUNT_NOT_RUN);
    }
    (void)close(fds[1]); // the child's
    char *words = arena_alloc(arena, MOUNT_WORDS_MAX + 1);
    ssize_t length = pid < 0 ? 0 : read(fds[0], words, MOUNT_WORDS_MAX);
    words[length > 0 ? length : 0] = '\0';
    words[strcspn(words, "\n")] = '\0';
    int status = 0;
    bool is_done = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
    (void)close(fds[0]); // after its end: it never dies of our going away
    if (is_done) {
        return NULL;
    }
    return words[0] != '\0' ? words : arena_printf(arena, "'%s' failed", argv[0]);
}

// The folder with those above it.
static int folders_make(struct arena *arena, const char *path, struct error *err)
{
    int r = 0;
    for (const char *end = strchr(path + 1, '/'); r == 0 && end != NULL;
         end = strchr(end + 1, '/')) {
        r = file_make_directory(arena_memdup(arena, path, (size_t)(end - path)), 0755, err);
    }
    return r == 0 ? file_make_directory(path, 0755, err) : r;
}

// NULL when the network storage is mounted where it should be, mounted now if nothing is there.
static const char *nfs_mount(struct arena *arena, const struct storage *storage)
{
    struct storage_mount mount;
    struct error err = {0};
    const char *source = arena_printf(arena, "%s:%s", storage->server, storage->export);
    int r = storage_mount_find(arena, MOUNT_TABLE, storage->path, &mount, &err);
    if (r == 0) {
        bool is_ours = strncmp(mount.type, "nfs", 3) == 0 && is_same_path(mount.source, source);
        return is_ours ? NULL
                       : arena_printf(arena, "'%s' has something else mounted: %s (%s)",
                                      storage->path, mount.source, mount.type);
    }
    if (r == -ENOENT) {
        r = folders_make(arena, storage->path, &err);
    }
    if (r < 0) {
        return arena_strdup(arena, err.text);
    }
    // The program of the network file system waits for its server, for minutes if it must.
    char *argv[] = {arena_strdup(arena, "mount"),
                    arena_strdup(arena, "-t"),
                    arena_strdup(arena, "nfs"),
                    arena_strdup(arena, source),
                    arena_strdup(arena, storage->path),
                    storage->options != NULL ? arena_strdup(arena, "-o") : NULL,
                    arena_strdup(arena, storage->options),
                    NULL};
    return mount_run(arena, argv);
}

static const char *folder_check(struct arena *arena, const struct storage *storage)
{
    struct storage_mount mount;
    struct error err = {0};
    struct stat st;
    if (storage->is_mount) {
        int r = storage_mount_find(arena, MOUNT_TABLE, storage->path, &mount, &err);
        if (r < 0) {
            return r == -ENOENT ? arena_printf(arena, "nothing is mounted on '%s'", storage->path)
                                : arena_strdup(arena, err.text);
        }
    }
    if (stat(storage->path, &st) < 0) {
        return arena_printf(arena, "'%s': %s", storage->path, strerror(errno));
    }
    return S_ISDIR(st.st_mode) ? NULL : arena_printf(arena, "'%s' is not a folder", storage->path);
}

void storage_look(struct arena *arena, const struct storage *storage, struct storage_state *ret)
{
    struct storage_state state = {.condition = STORAGE_CONDITION_READY};
    struct statvfs fs;
    const char *problem = storage->type == STORAGE_TYPE_NFS ? nfs_mount(arena, storage)
                                                            : folder_check(arena, storage);
    if (problem == NULL) {
        int r = file_try_directory(storage->path); // one that hangs does so here
        problem = r < 0 ? arena_printf(arena, "'%s': %s", storage->path, strerror(-r)) : NULL;
    }
    if (problem == NULL && statvfs(storage->path, &fs) < 0) {
        problem = arena_printf(arena, "'%s': %s", storage->path, strerror(errno));
    }
    if (problem != NULL) {
        say(&state, problem);
    } else {
        state.total_bytes = (int64_t)(fs.f_blocks * fs.f_frsize);
        state.available_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
    }
    *ret = state;
}
