// SPDX-License-Identifier: Apache-2.0
// The first process of a test node: starts Corosync and the daemons, starts them again when they
// end (after 0.2 s, then with growing delay up to 2 s) and reaps orphans. It mounts nothing and
// configures nothing (tools/node_boot does). It stands where systemd stands on a real machine, so
// the daemons must not notice the difference.
//
// Corosync runs only while /etc/corosync/corosync.conf exists, the API's programs only where the
// node was made with them (tools/node up N --api). Each program writes to
// /var/log/NAME.log; what this process did is in /var/log/node_init.log. A test keeps a program
// down by /run/node_init/hold-NAME: while that file exists it is not started again.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ha_config.h"
#include "tools/node_support.h"

#define COROSYNC_FOLDER "/etc/corosync"
#define COROSYNC_CONF   COROSYNC_FOLDER "/corosync.conf"
#define API_WANTED      "/run/node/disk/api"

enum { DELAY_FIRST_MS = 200, DELAY_MAX_MS = 2000, STEADY_MS = 10000, ARGUMENTS_MAX = 4 };

// What is a description is const by use; what is a state changes while it runs.
struct service {
    const char *name;
    const char *arguments[ARGUMENTS_MAX];
    const char *condition; // runs only while this file exists, or NULL
    bool real_time;        // gets its turn first when a paused node is resumed
    pid_t pid;             // 0: not running
    int64_t started_ms;
    int64_t start_at_ms; // when not running
    int64_t delay_ms;
};

enum { SERVICES_MAX = 7 };

struct supervisor {
    struct service services[SERVICES_MAX];
    // Where the real-time services' cgroups are below the node's roots, one in each hierarchy.
    char **real_time_cgroups;
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    struct timespec now;
    struct tm parts;
    char date[32];
    va_list args;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)localtime_r(&now.tv_sec, &parts);
    (void)strftime(date, sizeof(date), "%H:%M:%S", &parts);
    printf("%s.%03d ", date, (int)(now.tv_nsec / 1000000));
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
    (void)fflush(stdout);
}

static int log_open(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "/var/log/%s.log", name);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

static void service_exec(const struct service *service, char **real_time_cgroups)
{
    sigset_t none;
    int output = log_open(service->name);
    int input = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (output < 0 || input < 0 || dup2(input, STDIN_FILENO) < 0 ||
        dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0) {
        _exit(126);
    }
    if (service->real_time) {
        for (char **folder = real_time_cgroups; *folder; folder++) {
            char own[PATH_MAX];
            (void)snprintf(own, sizeof(own), "%s/%s", *folder, service->name);
            if (cgroup_join(own) != 0) {
                fprintf(stderr, "node_init: %s: %s\n", own, strerror(errno));
            }
        }
    }
    (void)setsid();
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    // execv() does not write to its strings; its type is older than const.
    char *arguments[ARGUMENTS_MAX + 1] = {NULL};
    for (size_t i = 0; i < ARGUMENTS_MAX && service->arguments[i]; i++) {
        arguments[i] = strdup(service->arguments[i]);
    }
    (void)execv(arguments[0], arguments);
    fprintf(stderr, "node_init: %s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

static void service_start(struct service *service, char **real_time_cgroups)
{
    pid_t pid = fork();

    if (pid == 0) {
        service_exec(service, real_time_cgroups);
    }
    if (pid < 0) {
        note("cannot fork for %s: %s", service->name, strerror(errno));
        service->start_at_ms = now_ms() + DELAY_MAX_MS;
        return;
    }
    service->pid = pid;
    service->started_ms = now_ms();
    note("%s started as %d", service->name, (int)pid);
}

static void service_ended(struct service *service, int status)
{
    int64_t now = now_ms();

    if (WIFSIGNALED(status)) {
        note("%s ended by signal %d", service->name, WTERMSIG(status));
    } else {
        note("%s ended with status %d", service->name, WEXITSTATUS(status));
    }
    bool steady = now - service->started_ms >= STEADY_MS;
    service->delay_ms = steady || service->delay_ms == 0 ? DELAY_FIRST_MS : service->delay_ms * 2;
    if (service->delay_ms > DELAY_MAX_MS) {
        service->delay_ms = DELAY_MAX_MS;
    }
    service->pid = 0;
    service->start_at_ms = now + service->delay_ms;
}

static void children_reap(struct supervisor *supervisor)
{
    int status;

    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
        for (size_t i = 0; i < SERVICES_MAX; i++) {
            if (supervisor->services[i].pid == pid) {
                service_ended(&supervisor->services[i], status);
            }
        }
    }
}

static bool service_is_held(const struct service *service)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "/run/node_init/hold-%s", service->name);
    return access(path, F_OK) == 0;
}

// Starts what is due; returns how long nothing is, in milliseconds, -1 for ever.
static int services_check(struct supervisor *supervisor)
{
    int64_t now = now_ms();
    int64_t wait_ms = -1;

    for (size_t i = 0; i < SERVICES_MAX; i++) {
        struct service *service = &supervisor->services[i];
        bool wanted = !service->condition || access(service->condition, F_OK) == 0;
        if (service->pid == 0 && service_is_held(service)) {
            service->start_at_ms = now + DELAY_FIRST_MS; // then it is looked at again
        }
        if (service->pid != 0 && !wanted) {
            note("%s is not wanted any more", service->name);
            (void)kill(service->pid, SIGTERM);
        }
        if (service->pid != 0 || !wanted) {
            continue;
        }
        if (service->start_at_ms <= now) {
            service_start(service, supervisor->real_time_cgroups);
        }
        if (service->pid == 0 && (wait_ms < 0 || service->start_at_ms - now < wait_ms)) {
            wait_ms = service->start_at_ms - now;
        }
    }
    return (int)wait_ms;
}

int main(int argc, char **argv)
{
    char buffer[4096];
    sigset_t blocked;
    struct supervisor supervisor = {
        .real_time_cgroups = argv + 1,
        .services =
            {
                {.name = "ha-watchdogd",
                 .arguments = {HA_SBINDIR "/ha-watchdogd"},
                 .real_time = true},
                {.name = "corosync",
                 .arguments = {"/usr/sbin/corosync", "-f"},
                 .condition = COROSYNC_CONF,
                 .real_time = true},
                {.name = "ha-clusterd", .arguments = {HA_SBINDIR "/ha-clusterd"}},
                {.name = "ha-crm", .arguments = {HA_SBINDIR "/ha-crm"}},
                {.name = "ha-lrm", .arguments = {HA_SBINDIR "/ha-lrm"}},
                {.name = "ha-execd",
                 .arguments = {HA_SBINDIR "/ha-execd"},
                 .condition = API_WANTED},
                {.name = "ha-apid", .arguments = {HA_SBINDIR "/ha-apid"}, .condition = API_WANTED},
            },
    };
    int log = log_open("node_init");

    (void)argc;
    if (getpid() != 1) {
        fprintf(stderr,
                "node_init: runs as the first process of a test node only; see tools/node\n");
        return 2;
    }
    if (log >= 0) {
        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
    }
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
    struct pollfd fds[2] = {
        {.fd = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN},
        {.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .events = POLLIN},
    };
    if (fds[0].fd < 0 || fds[1].fd < 0 ||
        inotify_add_watch(fds[1].fd, COROSYNC_FOLDER,
                          IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0) {
        fprintf(stderr, "node_init: %s\n", strerror(errno));
        return 1;
    }
    note("node is up");
    for (;;) {
        int wait_ms = services_check(&supervisor);
        (void)poll(fds, 2, wait_ms);
        for (size_t i = 0; i < 2; i++) {
            while (read(fds[i].fd, buffer, sizeof(buffer)) > 0) {
            }
        }
        children_reap(&supervisor);
    }
}
