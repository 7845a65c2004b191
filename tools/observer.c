// SPDX-License-Identifier: Apache-2.0
// Looks at test nodes from outside and tells which containers run where, by the kernel's process
// tables alone: a container runs where a process is number 1 of a process namespace in a cgroup
// lxc.payload.ID of that node. A stopped or frozen process does not run. It knows nothing of what
// the nodes' daemons believe.
//
//   observer [--interval MS] FOLDER   FOLDER is the cgroup with the nodes: 'tools/node cgroup'
//   observer --once FOLDER            prints "NODE ID PID" for each running container and ends
//
// Without --once it samples every 20 ms (or MS) until SIGTERM or SIGINT and prints each change:
//
//   MS start NODE ID PID | MS end NODE ID PID | MS violation ID NODE PID NODE PID
//
// MS: milliseconds of CLOCK_BOOTTIME. The last line is "MS summary SAMPLES WORST_GAP_MS
// VIOLATIONS". Exit status 1 when one container ran twice at the same time.
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/node_support.h"

enum { INTERVAL_MS = 20, RUNNING_MAX = 4096, NAME_SIZE = 256, FOLDER_SIZE = 1024 };

#define PAYLOAD "lxc.payload."

struct running {
    char node[NAME_SIZE];
    char id[NAME_SIZE];
    char folder[FOLDER_SIZE]; // its cgroup
    int pid;
    unsigned long long start_time;
};

struct sample {
    struct running running[RUNNING_MAX];
    size_t count;
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// One line of "FOLDER/NAME" that starts with `key`, behind the key; false when there is none.
static bool file_find_line(const char *folder, const char *name, const char *key, char *ret_text,
                           size_t size)
{
    char path[FOLDER_SIZE + NAME_SIZE];
    char line[1024];
    bool found = false;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
        return false;
    }
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    while (!found && fgets(line, sizeof(line), file)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(ret_text, size, "%s", line + strlen(key));
            found = true;
        }
    }
    (void)fclose(file);
    return found;
}

// Both versions tell whether the group or one above it is frozen.
static bool cgroup_is_frozen(const char *folder)
{
    char text[NAME_SIZE];

    if (file_find_line(folder, "freezer.state", "", text, sizeof(text))) {
        return strcmp(text, "FROZEN") == 0;
    }
    return file_find_line(folder, "cgroup.events", "frozen ", text, sizeof(text)) &&
           strcmp(text, "1") == 0;
}

// A process for which SIGKILL is pending executes nothing of its own any more.
static bool process_is_doomed(int pid)
{
    static const char *const keys[] = {"SigPnd:", "ShdPnd:"};
    char folder[NAME_SIZE];
    char text[NAME_SIZE];
    unsigned long long pending;

    (void)snprintf(folder, sizeof(folder), "/proc/%d", pid);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (file_find_line(folder, "status", keys[i], text, sizeof(text)) &&
            sscanf(text, "%llx", &pending) == 1 && (pending & (1ULL << (SIGKILL - 1))) != 0) {
            return true;
        }
    }
    return false;
}

// Does the process run, and when was it started? Neither zombies nor stopped ones run.
static bool process_runs(int pid, unsigned long long *ret_start_time)
{
    char state;

    return process_stat_read(pid, &state, ret_start_time) == 0 && !strchr("ZXTt", state) &&
           !process_is_doomed(pid);
}

// The first process of a namespace below the node's own.
static bool process_is_init(int pid)
{
    char folder[NAME_SIZE];
    char text[256];

    (void)snprintf(folder, sizeof(folder), "/proc/%d", pid);
    if (!file_find_line(folder, "status", "NSpid:", text, sizeof(text))) {
        return false;
    }
    const char *last = strrchr(text, '\t');
    return last && strcmp(last, "\t1") == 0;
}

// The running inits of one container's cgroup.
static void payload_read(struct sample *sample, const char *node, const char *folder,
                         const char *name)
{
    char path[FOLDER_SIZE + NAME_SIZE];
    int pid;

    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
    FILE *file = fopen(path, "re");
    if (!file) {
        return;
    }
    while (fscanf(file, "%d", &pid) == 1) {
        unsigned long long start_time;
        if (!process_is_init(pid) || !process_runs(pid, &start_time) || cgroup_is_frozen(folder)) {
            continue;
        }
        assert(sample->count < RUNNING_MAX);
        struct running *running = &sample->running[sample->count++];
        running->pid = pid;
        running->start_time = start_time;
        (void)snprintf(running->node, sizeof(running->node), "%s", node);
        (void)snprintf(running->folder, sizeof(running->folder), "%s", folder);
        // A second instance on one node has the group "lxc.payload.ID-1".
        (void)snprintf(running->id, sizeof(running->id), "%.*s", (int)strcspn(name, "-"), name);
    }
    (void)fclose(file);
}

static void node_read(struct sample *sample, const char *node, const char *folder)
{
    char path[FOLDER_SIZE];
    DIR *dir = opendir(folder);

    if (!dir) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (strncmp(entry->d_name, PAYLOAD, strlen(PAYLOAD)) != 0) {
            continue;
        }
        if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path)) {
            payload_read(sample, node, path, entry->d_name + strlen(PAYLOAD));
        }
    }
    (void)closedir(dir);
}

static void sample_take(struct sample *sample, const char *folder)
{
    char path[FOLDER_SIZE];
    DIR *dir = opendir(folder);

    sample->count = 0;
    if (!dir) {
        return; // no node is on
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (strncmp(entry->d_name, "node", 4) == 0 &&
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path)) {
            node_read(sample, entry->d_name, path);
        }
    }
    (void)closedir(dir);
}

static bool running_equal(const struct running *a, const struct running *b)
{
    return a->pid == b->pid && a->start_time == b->start_time && strcmp(a->node, b->node) == 0;
}

static bool sample_has(const struct sample *sample, const struct running *running)
{
    for (size_t i = 0; i < sample->count; i++) {
        if (running_equal(&sample->running[i], running)) {
            return true;
        }
    }
    return false;
}

static void print_change(const char *what, const struct running *running)
{
    printf("%lld %s %s %s %d\n", (long long)now_ms(), what, running->node, running->id,
           running->pid);
}

static void sample_compare(const struct sample *before, const struct sample *now)
{
    for (size_t i = 0; i < before->count; i++) {
        if (!sample_has(now, &before->running[i])) {
            print_change("end", &before->running[i]);
        }
    }
    for (size_t i = 0; i < now->count; i++) {
        if (!sample_has(before, &now->running[i])) {
            print_change("start", &now->running[i]);
        }
    }
}

static bool running_still(const struct running *running)
{
    unsigned long long start_time;

    return process_runs(running->pid, &start_time) && start_time == running->start_time &&
           !cgroup_is_frozen(running->folder);
}

// The nodes are read one after the other, so a container that moved fast may show up twice without
// having run twice. It did when the one that was read first runs still, after the other was seen.
static size_t sample_find_violations(const struct sample *sample)
{
    size_t count = 0;

    for (size_t i = 0; i < sample->count; i++) {
        for (size_t k = i + 1; k < sample->count; k++) {
            const struct running *first = &sample->running[i];
            const struct running *second = &sample->running[k];
            if (strcmp(first->id, second->id) != 0 || !running_still(first)) {
                continue;
            }
            printf("%lld violation %s %s %d %s %d\n", (long long)now_ms(), first->id, first->node,
                   first->pid, second->node, second->pid);
            count++;
        }
    }
    return count;
}

// Until SIGTERM or SIGINT, which the caller has blocked.
static size_t observe(struct sample *before, struct sample *now, const char *folder,
                      const sigset_t *ends, int interval_ms)
{
    const struct timespec interval = {.tv_nsec = interval_ms * 1000000L};
    int64_t last_ms = now_ms();
    int64_t worst_gap_ms = 0;
    size_t violations = 0;
    long long taken = 0;

    before->count = 0;
    while (sigtimedwait(ends, NULL, &interval) < 0) {
        sample_take(now, folder);
        sample_compare(before, now);
        violations += sample_find_violations(now);
        (void)fflush(stdout);
        int64_t gap_ms = now_ms() - last_ms;
        worst_gap_ms = gap_ms > worst_gap_ms ? gap_ms : worst_gap_ms;
        last_ms += gap_ms;
        taken++;
        struct sample *swap = before;
        before = now;
        now = swap;
    }
    printf("%lld summary %lld %lld %zu\n", (long long)now_ms(), taken, (long long)worst_gap_ms,
           violations);
    return violations;
}

static void print_once(struct sample *sample, const char *folder)
{
    sample_take(sample, folder);
    for (size_t i = 0; i < sample->count; i++) {
        printf("%s %s %d\n", sample->running[i].node, sample->running[i].id,
               sample->running[i].pid);
    }
}

int main(int argc, char **argv)
{
    sigset_t ends;
    bool once = argc == 3 && strcmp(argv[1], "--once") == 0;
    bool paced = argc == 4 && strcmp(argv[1], "--interval") == 0;
    int interval_ms = INTERVAL_MS;

    if ((!once && !paced && (argc != 2 || argv[1][0] == '-')) ||
        (paced && (sscanf(argv[2], "%3d", &interval_ms) != 1 || interval_ms < 1))) {
        fprintf(stderr, "usage: observer [--once | --interval MS] FOLDER\n");
        return 2;
    }
    struct sample *samples = calloc(2, sizeof(*samples));
    if (!samples) {
        perror("observer");
        return 2;
    }
    size_t violations = 0;
    if (once) {
        print_once(samples, argv[2]);
    } else {
        (void)sigemptyset(&ends);
        (void)sigaddset(&ends, SIGTERM);
        (void)sigaddset(&ends, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &ends, NULL);
        violations = observe(&samples[0], &samples[1], argv[argc - 1], &ends, interval_ms);
    }
    free(samples);
    return violations > 0 ? 1 : 0;
}
