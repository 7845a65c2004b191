// SPDX-License-Identifier: Apache-2.0
// Control groups through their file system, both of its versions. Which groups there are is decided
// elsewhere.
#include "common/host/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/file.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

enum {
    PROC_FILE_MAX = 64 * 1024,
    PROCS_FILE_MAX = 1024 * 1024,
    KILL_TRIES = 40,
    KILL_PAUSE_MS = 5
};

// The group of the line "N:NAMES:GROUP" when NAMES has the controller, or is empty for controller
// "".
static const char *line_group(struct arena *arena, const char *line, const char *controller)
{
    const char *names = strchr(line, ':');
    const char *group = names != NULL ? strchr(names + 1, ':') : NULL;
    if (group == NULL) {
        return NULL;
    }
    char *list = arena_memdup(arena, names + 1, (size_t)(group - names - 1));
    if (controller[0] == '\0') {
        return list[0] == '\0' ? group + 1 : NULL;
    }
    struct parse_words words = parse_list(arena, list);
    for (size_t i = 0; i < words.count; i++) {
        if (strcmp(words.words[i], controller) == 0) {
            return group + 1;
        }
    }
    return NULL;
}

static const char *own_group(struct arena *arena, const char *text, const char *controller)
{
    const char *found = NULL;
    for (const char *at = text; *at != '\0' && found == NULL;) {
        size_t length = strcspn(at, "\n");
        found = line_group(arena, arena_memdup(arena, at, length), controller);
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    return found;
}

// The folder of this process's own group, without a slash at its end.
static int own_path(struct arena *arena, char **ret_path, struct error *err)
{
    char *text;
    size_t size;
    int r = file_read(arena, "/proc/self/cgroup", PROC_FILE_MAX, &text, &size, err);
    if (r < 0) {
        return r;
    }
    const char *root = CGROUP_ROOT "/pids";
    const char *group = own_group(arena, text, "pids");
    if (group == NULL) {
        root = CGROUP_ROOT;
        group = own_group(arena, text, "");
    }
    // In a cgroup namespace a group outside it reads as "/.."; nothing of that can be seen from
    // here.
    if (group == NULL || strncmp(group, "/..", 3) == 0) {
        return error_set(err, -ENOTSUP, "this process has no control group that it can see");
    }
    char *path = arena_printf(arena, "%s%s", root, strcmp(group, "/") == 0 ? "" : group);
    if (access(arena_printf(arena, "%s/cgroup.procs", path), W_OK) < 0) {
        return error_set(err, -ENOTSUP, "'%s' is not a control group that can be written", path);
    }
    *ret_path = path;
    return 0;
}

int cgroup_make(struct arena *arena, const char *name, char **ret_path, struct error *err)
{
    char *own;
    int r = own_path(arena, &own, err);
    if (r < 0) {
        return r;
    }
    char *path = arena_printf(arena, "%s/%s", own, name);
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        r = errno == EROFS || errno == EACCES || errno == EPERM ? -ENOTSUP : -errno;
        return error_set_errno(err, r, "cannot make control group '%s'", path);
    }
    *ret_path = path;
    return 0;
}

int cgroup_enter(const char *path, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    return file_write_value(arena_printf(arena, "%s/cgroup.procs", path), "0", err);
}

// Sends SIGKILL to each process of the group. Returns how many there were, or -errno.
static int group_kill_once(const char *path, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *text;
    size_t size;
    int r = file_read(arena, arena_printf(arena, "%s/cgroup.procs", path), PROCS_FILE_MAX, &text,
                      &size, err);
    if (r < 0) {
        return r;
    }
    struct parse_words pids = parse_list(arena, text);
    for (size_t i = 0; i < pids.count; i++) {
        int64_t pid;
        if (parse_int64(pids.words[i], 1, INT32_MAX, &pid) == 0) {
            (void)kill((pid_t)pid, SIGKILL); // gone already is what we want
        }
    }
    return (int)pids.count;
}

int cgroup_kill(const char *path, struct error *err)
{
    for (int i = 0; i < KILL_TRIES; i++) {
        int count = group_kill_once(path, err);
        if (count <= 0) {
            return count == -ENOENT ? 0 : count;
        }
        struct timespec pause = {.tv_nsec = KILL_PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL); // woken early it only looks earlier
    }
    return error_set(err, -EBUSY, "processes of control group '%s' do not die", path);
}

void cgroup_remove(const char *path)
{
    (void)rmdir(path); // fails while somebody is in there, which is what the callers want
}

int cgroup_sweep(const char *prefix, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *own;
    int r = own_path(arena, &own, err);
    if (r < 0) {
        return r;
    }
    DIR *folder = opendir(own);
    if (folder == NULL) {
        return error_set_errno(err, -errno, "cannot list '%s'", own);
    }
    int used = 0;
    struct dirent *entry;
    while (r >= 0 && (entry = readdir(folder)) != NULL) {
        if (entry->d_type != DT_DIR || strncmp(entry->d_name, prefix, strlen(prefix)) != 0) {
            continue;
        }
        char *path = arena_printf(arena, "%s/%s", own, entry->d_name);
        int before = group_kill_once(path, err);
        r = before > 0 ? cgroup_kill(path, err) : before;
        used += before > 0 ? 1 : 0;
        cgroup_remove(path);
    }
    (void)closedir(folder); // only read from
    return r < 0 ? r : used;
}
