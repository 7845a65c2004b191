// SPDX-License-Identifier: Apache-2.0
// Reading and emptying a container's control groups. Whether that is wanted is decided by ct.c.
#include "lrm/agents/ct_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/port/clock.h"

enum {
    CT_CGROUP_TEXT_MAX = 4 * 1024 * 1024,
    CT_CGROUP_FOLDERS_MAX = 20000, // of one container, over all hierarchies
    CT_CGROUP_POLL_MS = 5,
};

static const char *ct_cgroup_prefix(enum ct_cgroup_kind kind)
{
    switch (kind) {
    case CT_CGROUP_PAYLOAD:
        return "lxc.payload.";
    case CT_CGROUP_MONITOR:
        return "lxc.monitor.";
    case CT_CGROUP_SERVICE:
        return "ha-manager.";
    }
    abort();
}

// "lxc.payload.100" and "lxc.payload.100-1" are of container 100; "lxc.payload.1000" is not.
static bool ct_cgroup_is_of(const char *name, const char *prefix, const char *id)
{
    size_t prefix_length = strlen(prefix);
    size_t id_length = strlen(id);
    if (strncmp(name, prefix, prefix_length) != 0 ||
        strncmp(name + prefix_length, id, id_length) != 0) {
        return false;
    }
    const char *rest = name + prefix_length + id_length;
    if (*rest == '\0') {
        return true;
    }
    return *rest == '-' && rest[1] != '\0' && strspn(rest + 1, "0123456789") == strlen(rest + 1);
}

// A growing list in an arena.
struct ct_cgroup_list {
    const char **items;
    size_t count;
    size_t capacity;
};

static void ct_cgroup_push(struct arena *arena, struct ct_cgroup_list *list, const char *item)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        const char **items = arena_array_of(arena, const char *, capacity);
        for (size_t i = 0; i < list->count; i++) {
            items[i] = list->items[i];
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
}

struct ct_cgroup_pids {
    pid_t *pids;
    size_t count;
    size_t capacity;
};

static void ct_cgroup_pids_push(struct arena *arena, struct ct_cgroup_pids *list, pid_t pid)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        pid_t *pids = arena_array_of(arena, pid_t, capacity);
        for (size_t i = 0; i < list->count; i++) {
            pids[i] = list->pids[i];
        }
        list->pids = pids;
        list->capacity = capacity;
    }
    list->pids[list->count++] = pid;
}

static int ct_cgroup_pid_compare(const void *left, const void *right)
{
    pid_t a = *(const pid_t *)left;
    pid_t b = *(const pid_t *)right;
    return (a > b) - (a < b);
}

// A line of the group's cgroup.procs each. A group that vanished meanwhile has no processes.
static int ct_cgroup_read_procs(struct arena *arena, const char *folder,
                                struct ct_cgroup_pids *pids, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    const char *path = arena_printf(arena, "%s/cgroup.procs", folder);
    int r = file_read(arena, path, CT_CGROUP_TEXT_MAX, &text, &size, err);
    if (r == -ENOENT || r == -ENODEV) {
        return 0;
    }
    if (r == -EOPNOTSUPP) {
        return 0; // a threaded group: its processes are listed by its parent
    }
    if (r < 0) {
        return r;
    }
    struct parse_words lines = parse_list(arena, text);
    for (size_t i = 0; i < lines.count; i++) {
        int64_t pid = 0;
        if (parse_int64(lines.words[i], 0, INT32_MAX, &pid) < 0) {
            return error_set(err, -EIO, "'%s' holds '%s', which is no process number", path,
                             lines.words[i]);
        }
        ct_cgroup_pids_push(arena, pids, (pid_t)pid);
    }
    return 0;
}

// Adds the child groups of a folder: all of them, or those of the container.
static int ct_cgroup_children(struct arena *arena, const char *folder, const char *prefix,
                              const char *id, struct ct_cgroup_list *list, struct error *err)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        int code = errno;
        return code == ENOENT && prefix == NULL
                   ? 0
                   : error_set_errno(err, -code, "cannot look into control group '%s'", folder);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            break;
        }
        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (prefix == NULL || ct_cgroup_is_of(entry->d_name, prefix, id)) {
            ct_cgroup_push(arena, list, arena_printf(arena, "%s/%s", folder, entry->d_name));
        }
    }
    int code = errno;
    (void)closedir(dir); // only read
    // A group removed while it is read ends the listing with ENOENT or ENODEV: nothing is in it.
    if (code != 0 && code != ENOENT && code != ENODEV) {
        return error_set_errno(err, -code, "cannot look into control group '%s'", folder);
    }
    return 0;
}

// The kernel's own word for a group and all below it, in one reading: "populated 1".
static bool ct_cgroup_says_populated(struct arena *arena, const char *folder)
{
    char *text = NULL;
    size_t size = 0;
    const char *path = arena_printf(arena, "%s/cgroup.events", folder);
    return file_read(arena, path, CT_CGROUP_TEXT_MAX, &text, &size, NULL) == 0 &&
           strstr(text, "populated 1") != NULL;
}

// Adds all groups below those in the list, and reads the processes of all.
static int ct_cgroup_walk(struct arena *arena, const char *id, struct ct_cgroup_list *folders,
                          bool populated, struct ct_cgroup_scan *ret, struct error *err)
{
    struct ct_cgroup_pids pids = {0};
    // The list grows while it is walked: each group's children are added behind it.
    for (size_t f = 0; f < folders->count; f++) {
        int r = ct_cgroup_read_procs(arena, folders->items[f], &pids, err);
        if (r == 0) {
            r = ct_cgroup_children(arena, folders->items[f], NULL, NULL, folders, err);
        }
        if (r == 0 && folders->count > CT_CGROUP_FOLDERS_MAX) {
            r = error_set(err, -E2BIG, "'%s' has more than %d control groups", id,
                          CT_CGROUP_FOLDERS_MAX);
        }
        if (r < 0) {
            return r;
        }
    }
    size_t unique = 0;
    if (pids.count > 0) {
        qsort(pids.pids, pids.count, sizeof(pids.pids[0]), ct_cgroup_pid_compare);
    }
    for (size_t i = 0; i < pids.count; i++) {
        if (unique == 0 || pids.pids[unique - 1] != pids.pids[i]) {
            pids.pids[unique++] = pids.pids[i];
        }
    }
    *ret = (struct ct_cgroup_scan){.pids = pids.pids,
                                   .pids_count = unique,
                                   .folders = folders->items,
                                   .folders_count = folders->count,
                                   .populated = populated || unique > 0};
    return 0;
}

int ct_cgroup_scan(struct arena *arena, const struct ct_cgroup_places *places,
                   enum ct_cgroup_kind kind, const char *id, struct ct_cgroup_scan *ret,
                   struct error *err)
{
    struct ct_cgroup_list folders = {0};
    bool populated = false;
    for (size_t i = 0; i < places->count; i++) {
        size_t first = folders.count;
        int r = ct_cgroup_children(arena, places->places[i].folder, ct_cgroup_prefix(kind), id,
                                   &folders, err);
        if (r < 0) {
            return r;
        }
        for (size_t f = first; places->places[i].unified && f < folders.count; f++) {
            populated = populated || ct_cgroup_says_populated(arena, folders.items[f]);
        }
    }
    return ct_cgroup_walk(arena, id, &folders, populated, ret, err);
}

int ct_cgroup_scan_path(struct arena *arena, const struct ct_cgroup_places *places,
                        const char *path, struct ct_cgroup_scan *ret, struct error *err)
{
    struct ct_cgroup_list folders = {0};
    for (size_t i = 0; i < places->count; i++) {
        const char *folder = arena_printf(arena, "%s%s", places->places[i].folder, path);
        if (access(folder, F_OK) == 0) {
            ct_cgroup_push(arena, &folders, folder);
        }
    }
    return ct_cgroup_walk(arena, path, &folders, false, ret, err);
}

static int64_t ct_cgroup_now_ms(void)
{
    struct clock clock;
    host_clock_init(&clock);
    return clock_now_ms(&clock);
}

static void ct_cgroup_sleep_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL); // waking up early only means to look again earlier
}

// Whether the text of a process's cgroup file names a group of the container.
static bool ct_cgroup_text_names(const char *text, const char *wanted)
{
    size_t length = strlen(wanted);
    for (const char *at = strstr(text, wanted); at != NULL; at = strstr(at + length, wanted)) {
        if (strchr("/-\n", at[length]) != NULL) {
            return true;
        }
    }
    return false;
}

// Kills one process if it still is what was seen: a number may have been given to another process.
static void ct_cgroup_kill_pid(struct arena *arena, pid_t pid, const char *prefix, const char *id)
{
    char *text = NULL;
    size_t size = 0;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        return;
    }
    const char *path = arena_printf(arena, "/proc/%lld/cgroup", (long long)pid);
    const char *wanted = arena_printf(arena, "/%s%s", prefix, id);
    if (file_read(arena, path, CT_CGROUP_TEXT_MAX, &text, &size, NULL) == 0 &&
        ct_cgroup_text_names(text, wanted)) {
        (void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0); // gone already is fine
    }
    (void)close(fd);
}

static void ct_cgroup_tell(struct arena *arena, const char *folder, const char *file,
                           const char *text)
{
    const char *path = arena_printf(arena, "%s/%s", folder, file);
    if (access(path, W_OK) == 0 && file_write_value(path, text, NULL) < 0) {
        return; // the group is gone, or the kernel refuses: what counts is what is seen next
    }
}

// Tells the kernel to kill all in the groups; the caller looks whether it worked.
static void ct_cgroup_kill_once(struct arena *arena, const struct ct_cgroup_scan *scan,
                                enum ct_cgroup_kind kind, const char *id)
{
    for (size_t i = 0; i < scan->folders_count; i++) {
        // Either file exists in one kind of hierarchy only. A frozen process dies when it is
        // thawed.
        ct_cgroup_tell(arena, scan->folders[i], "cgroup.kill", "1");
        ct_cgroup_tell(arena, scan->folders[i], "freezer.state", "THAWED");
    }
    for (size_t i = 0; i < scan->pids_count; i++) {
        if (scan->pids[i] > 0) {
            ct_cgroup_kill_pid(arena, scan->pids[i], ct_cgroup_prefix(kind), id);
        }
    }
}

// Looks again and again until nothing runs, killing each time when that is wanted.
static int ct_cgroup_drain(const struct ct_cgroup_places *places, enum ct_cgroup_kind kind,
                           const char *id, bool kill, int64_t timeout_ms, struct error *err)
{
    int64_t until_ms = ct_cgroup_now_ms() + timeout_ms;
    for (;;) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct ct_cgroup_scan scan;
        int r = ct_cgroup_scan(arena, places, kind, id, &scan, err);
        if (r < 0) {
            return r;
        }
        if (!scan.populated) {
            return 0;
        }
        if (kill) {
            ct_cgroup_kill_once(arena, &scan, kind, id);
        }
        if (ct_cgroup_now_ms() >= until_ms) {
            return error_set(err, -ETIMEDOUT, "%zu processes still run in '%s%s'", scan.pids_count,
                             ct_cgroup_prefix(kind), id);
        }
        ct_cgroup_sleep_ms(CT_CGROUP_POLL_MS);
    }
}

int ct_cgroup_kill(const struct ct_cgroup_places *places, enum ct_cgroup_kind kind, const char *id,
                   int64_t timeout_ms, struct error *err)
{
    return ct_cgroup_drain(places, kind, id, true, timeout_ms, err);
}

int ct_cgroup_wait(const struct ct_cgroup_places *places, enum ct_cgroup_kind kind, const char *id,
                   int64_t timeout_ms, struct error *err)
{
    return ct_cgroup_drain(places, kind, id, false, timeout_ms, err);
}

void ct_cgroup_remove(const struct ct_cgroup_places *places, enum ct_cgroup_kind kind,
                      const char *id)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ct_cgroup_scan scan;
    if (ct_cgroup_scan(arena, places, kind, id, &scan, NULL) < 0 || scan.populated) {
        return;
    }
    // Children stand behind their parents. A group that is in use again stays: rmdir refuses it.
    for (size_t i = scan.folders_count; i > 0; i--) {
        (void)rmdir(scan.folders[i - 1]);
    }
}

bool ct_cgroup_parse_nspid(const char *status, size_t *ret_depth, int64_t *ret_inner_pid)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *line = strstr(status, "\nNSpid:");
    int64_t pid = 0;
    if (line == NULL) {
        return false;
    }
    line += strlen("\nNSpid:");
    struct parse_words numbers =
        parse_fields(arena, arena_memdup(arena, line, strcspn(line, "\n")));
    if (numbers.count == 0 ||
        parse_int64(numbers.words[numbers.count - 1], 1, INT32_MAX, &pid) < 0) {
        return false;
    }
    *ret_depth = numbers.count;
    *ret_inner_pid = pid;
    return true;
}

pid_t ct_cgroup_init_pid(const struct ct_cgroup_scan *scan)
{
    size_t best_depth = SIZE_MAX;
    pid_t best = 0;
    for (size_t i = 0; i < scan->pids_count; i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        char *text = NULL;
        size_t size = 0;
        size_t depth = 0;
        int64_t inner = 0;
        const char *path = arena_printf(arena, "/proc/%lld/status", (long long)scan->pids[i]);
        if (file_read(arena, path, CT_CGROUP_TEXT_MAX, &text, &size, NULL) < 0 ||
            !ct_cgroup_parse_nspid(text, &depth, &inner)) {
            continue;
        }
        // Containers inside the container have a number 1 too, but lie deeper.
        if (inner == 1 && depth < best_depth) {
            best = scan->pids[i];
            best_depth = depth;
        }
    }
    return best;
}

bool ct_cgroup_parse_catches(const char *status, int signo)
{
    const char *line = strstr(status, "\nSigCgt:");
    uint64_t mask = 0;
    if (line == NULL) {
        return false;
    }
    for (line += strlen("\nSigCgt:"); *line != '\0' && *line != '\n'; line++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = strchr(digits, *line);
        mask = digit != NULL ? mask << 4 | (uint64_t)(digit - digits) : mask;
    }
    return (mask >> (signo - 1) & 1) != 0;
}

bool ct_cgroup_catches(pid_t pid, int signo)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *text = NULL;
    size_t size = 0;
    const char *path = arena_printf(arena, "/proc/%lld/status", (long long)pid);
    return file_read(arena, path, CT_CGROUP_TEXT_MAX, &text, &size, NULL) == 0 &&
           ct_cgroup_parse_catches(text, signo);
}

enum ct_cgroup_layout ct_cgroup_controller(const struct ct_cgroup_places *places,
                                           const char *file_v1, const char *file_v2)
{
    enum ct_cgroup_layout layout = CT_CGROUP_NONE;
    for (size_t i = 0; i < places->count; i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        const struct ct_cgroup_place *place = &places->places[i];
        char *text = NULL;
        size_t size = 0;
        const char *path = place->unified
                               ? arena_printf(arena, "%s/cgroup.controllers", place->folder)
                               : arena_printf(arena, "%s/%s", place->folder, file_v1);
        if (!place->unified && access(path, F_OK) == 0) {
            layout = CT_CGROUP_V1;
        } else if (place->unified && layout == CT_CGROUP_NONE &&
                   file_read(arena, path, CT_CGROUP_TEXT_MAX, &text, &size, NULL) == 0 &&
                   strstr(text, file_v2) != NULL) {
            layout = CT_CGROUP_V2;
        }
    }
    return layout;
}
