// SPDX-License-Identifier: Apache-2.0
// The power supply of one test node, outside of it: makes the node's namespaces and cgroups, starts
// its first process, waits for its end and writes down how it ended. tools/node starts one for each
// power-on and never kills it: it ends with its node.
//
//   node_power FOLDER CGROUP… -- COMMAND…
//
// FOLDER gets `init` ("PID STARTTIME" of the node's first process, as seen from outside) and, after
// the end, `ended` (one word: reset, halt, power or exit). CGROUP are existing cgroup folders, one
// in each hierarchy, which become the node's roots. COMMAND sets the node up from inside and then
// becomes its init.
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/node_support.h"

static void die(const char *what)
{
    fprintf(stderr, "node_power: %s: %s\n", what, strerror(errno));
    exit(1);
}

// Whole or not at all, so that a reader never sees half a line.
static void file_write(const char *folder, const char *name, const char *text)
{
    char path[4096];
    char temporary[4096];

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path) ||
        snprintf(temporary, sizeof(temporary), "%s/%s.new", folder, name) >=
            (int)sizeof(temporary)) {
        errno = ENAMETOOLONG;
        die(folder);
    }
    FILE *file = fopen(temporary, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0 || rename(temporary, path) != 0) {
        die(path);
    }
}

// The first process of the node. The cgroup namespace is made after the cgroups were joined: that
// makes them its roots.
static void node_run(char **cgroups, char **command)
{
    for (; strcmp(*cgroups, "--") != 0; cgroups++) {
        if (cgroup_join(*cgroups) != 0) {
            die(*cgroups);
        }
    }
    if (unshare(CLONE_NEWCGROUP | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) != 0) {
        die("cannot make namespaces");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        die("cannot make mounts private");
    }
    (void)execv(command[0], command);
    die(command[0]);
}

static const char *end_name(int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP) {
        return "reset\n"; // reboot(2) with RESTART inside the namespace
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) {
        return "halt\n"; // reboot(2) with POWER_OFF or HALT
    }
    if (WIFSIGNALED(status)) {
        return "power\n";
    }
    return "exit\n";
}

int main(int argc, char **argv)
{
    char text[64];
    char state;
    unsigned long long start_time;
    int status;
    int separator = 2;

    while (separator < argc && strcmp(argv[separator], "--") != 0) {
        separator++;
    }
    if (separator + 1 >= argc) {
        fprintf(stderr, "usage: node_power FOLDER CGROUP… -- COMMAND…\n");
        return 2;
    }
    if (unshare(CLONE_NEWPID) != 0) {
        die("cannot make a process namespace");
    }
    pid_t pid = fork();
    if (pid < 0) {
        die("cannot fork");
    }
    if (pid == 0) {
        node_run(argv + 2, argv + separator + 1);
    }
    if (process_stat_read(pid, &state, &start_time) != 0) {
        die("the node's first process");
    }
    (void)snprintf(text, sizeof(text), "%d %llu\n", (int)pid, start_time);
    file_write(argv[1], "init", text);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            die("waitpid");
        }
    }
    file_write(argv[1], "ended", end_name(status));
    return 0;
}
