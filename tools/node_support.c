// SPDX-License-Identifier: Apache-2.0
// The two files of the kernel that more than one of the test nodes' programs reads or writes.
#include "tools/node_support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int process_stat_read(pid_t pid, char *ret_state, unsigned long long *ret_start_time)
{
    char path[64];
    char line[2048];
    char state;
    unsigned long long start_time;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return -1;
    }
    const char *text = fgets(line, sizeof(line), file);
    (void)fclose(file);
    const char *rest = text ? strrchr(text, ')') : NULL; // the name before it may hold anything
    if (!rest ||
        sscanf(rest,
               ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &state, &start_time) != 2) {
        errno = ESRCH; // it ended between open and read
        return -1;
    }
    *ret_state = state;
    *ret_start_time = start_time;
    return 0;
}

int cgroup_join(const char *folder)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/cgroup.procs", folder) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int r = write(fd, "0", 1) == 1 ? 0 : -1;
    (void)close(fd);
    return r;
}
