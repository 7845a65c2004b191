// SPDX-License-Identifier: Apache-2.0
// Notifications by the real ha-execd: to a program, to a mail program of ours, to a web server.
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "ha_config.h"
#include "tests/lib/execd_fixture.h"
#include "tests/lib/test.h"

enum {
    WAIT_TRIES = 1000,
    WAIT_STEP_MS = 20,
    FILE_MAX = 1024 * 1024,
    PROGRAM_MAX = 64 * 1024 * 1024
};

#define NEED(fixture)                                                                              \
    do {                                                                                           \
        if ((fixture)->skipped) {                                                                  \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static const char *path_of(struct execd_fixture *fixture, const char *name)
{
    return arena_printf(fixture->arena, "%s/%s", fixture->clusterd->folder, name);
}

// A script that anybody may run, and a folder "out" that anybody may write to.
static const char *script_make(struct execd_fixture *fixture, const char *name, const char *lines)
{
    const char *path = path_of(fixture, name);
    const char *out = path_of(fixture, "out");
    (void)mkdir(out, 0777);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\ncd '%s'\n%s\n", out, lines);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(out, 0777), 0);
    assert_int_equal(chmod(fixture->clusterd->folder, 0711), 0);
    return path;
}

static const char *text_of(struct execd_fixture *fixture, const char *name)
{
    char *text = NULL;
    size_t size_bytes;
    if (file_read(fixture->arena, path_of(fixture, name), FILE_MAX, &text, &size_bytes, NULL) < 0) {
        return "";
    }
    return text;
}

static const char *wait_text(struct execd_fixture *fixture, const char *name, const char *words)
{
    for (int i = 0; i < WAIT_TRIES; i++) {
        const char *text = text_of(fixture, name);
        if (strstr(text, words) != NULL) {
            return text;
        }
        (void)poll(NULL, 0, WAIT_STEP_MS); // to let time pass
    }
    fail_msg("'%s' never has '%s' but '%s'", name, words, text_of(fixture, name));
    return NULL;
}

static void master_set(struct execd_fixture *fixture)
{
    execd_fixture_put(fixture, "live/master", "{\"node\":\"n1\",\"timestamp\":1}");
}

// An entry of the history as of now.
static void happen(struct execd_fixture *fixture, const char *event, const char *level,
                   const char *node)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t wall_ms = clock_wall_ms(&clock);
    execd_fixture_put(fixture, arena_printf(fixture->arena, "history/%016" PRId64, wall_ms * 1000),
                      arena_printf(fixture->arena,
                                   "{\"time_ms\":%" PRId64
                                   ",\"at\":\"n1/crm\",\"level\":\"%s\",\"event\":"
                                   "\"%s\",\"fields\":{\"node\":\"%s\"}}",
                                   wall_ms, level, event, node));
    (void)poll(NULL, 0, 2); // another millisecond, another number
}

static const char page[] = "echo \"$HA_EVENT $HA_NODE $HA_LEVEL $(id -un)\" >>told\ncat >>json";

static void program_is_told_of_what_it_wants_in_order(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *program = script_make(fixture, "page", page);
    happen(fixture, "fence-begin", "warning", "n0");
    // Told from what is old in the history on: the position is not known yet.
    execd_fixture_put(fixture, "config/notifications",
                      arena_printf(fixture->arena,
                                   "exec: page\n\tprogram %s\n\tuser root\n\trate 6000\n"
                                   "\trule.1 event=fence-*\n",
                                   program));
    master_set(fixture);
    happen(fixture, "node-state", "notice", "n1");
    happen(fixture, "fence-begin", "warning", "n2");
    happen(fixture, "fence-proof", "notice", "n3");
    assert_string_equal(wait_text(fixture, "out/told", "n3"),
                        "fence-begin n0 warning root\nfence-begin n2 warning root\n"
                        "fence-proof n3 notice root\n");
    const char *json = text_of(fixture, "out/json");
    assert_non_null(strstr(json, "\"text\":\"fence-begin: node=n2\""));
    assert_non_null(strstr(json, "\"level\":\"warning\""));
}

static void next_one_goes_on_where_the_last_one_was(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *program = script_make(fixture, "page", page);
    execd_fixture_put(
        fixture, "config/notifications",
        arena_printf(fixture->arena, "exec: page\n\tprogram %s\n\trate 6000\n", program));
    master_set(fixture);
    happen(fixture, "fence-begin", "warning", "n2");
    wait_text(fixture, "out/told", "n2");
    execd_fixture_wait_for(fixture, "live/notify/page", " ");
    execd_fixture_kill(fixture, SIGKILL);
    happen(fixture, "fence-begin", "warning", "n3");
    execd_fixture_start(fixture);
    const char *told = wait_text(fixture, "out/told", "n3");
    assert_ptr_equal(strstr(strstr(told, "n2") + 1, "n2"), NULL);
    assert_null(strstr(told, "root")); // without another order it has no privileges
}

static void nobody_is_told_by_who_is_not_the_master(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *program = script_make(fixture, "page", page);
    // The target begins after what was before it.
    happen(fixture, "fence-begin", "warning", "n2");
    struct clock clock;
    host_clock_init(&clock);
    execd_fixture_put(fixture, "config/notifications",
                      arena_printf(fixture->arena,
                                   "exec: page\n\tprogram %s\n\trate 6000\n\tsince %" PRId64 "\n",
                                   program, clock_wall_ms(&clock) * 1000));
    (void)poll(NULL, 0, 2); // another millisecond, another number
    happen(fixture, "fence-begin", "warning", "n3");
    wait_text(fixture, "out/told", "n3"); // no master is known: the first node does it
    assert_null(strstr(text_of(fixture, "out/told"), "n2"));
}

static void what_fails_is_tried_again(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *program = script_make(fixture, "page",
                                      "echo try >>told\n[ -e again ] || { touch again; echo why; "
                                      "exit 3; }\necho done >>told");
    execd_fixture_put(
        fixture, "config/notifications",
        arena_printf(fixture->arena, "exec: page\n\tprogram %s\n\trate 6000\n", program));
    master_set(fixture);
    happen(fixture, "fence-begin", "warning", "n2");
    assert_string_equal(wait_text(fixture, "out/told", "done"), "try\ntry\ndone\n");
}

static void mail_has_headers_and_all_that_waits(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *program = script_make(fixture, "sendmail",
                                      "echo \"$* $(id -un)\" >>told\ncat >>told\necho end >>told");
    execd_fixture_kill(fixture, SIGTERM);
    assert_int_equal(setenv("HA_MANAGER_SENDMAIL", program, 1), 0);
    happen(fixture, "fence-begin", "warning", "n2");
    happen(fixture, "fence-proof", "notice", "n2");
    execd_fixture_put(fixture, "config/notifications",
                      "mail: ops\n\tto a@example.org,b@example.org\n\tfrom ha@example.org\n");
    master_set(fixture);
    execd_fixture_start(fixture);
    const char *told = wait_text(fixture, "out/told", "end\n");
    assert_int_equal(unsetenv("HA_MANAGER_SENDMAIL"), 0);
    assert_int_equal(strncmp(told, "-t -i ", 6), 0);
    assert_null(strstr(told, " root\n"));
    assert_non_null(strstr(told, "\nFrom: ha@example.org\nTo: a@example.org,b@example.org\n"
                                 "Subject: [ha-manager] fence-begin: node=n2 (and 1 more)\n"));
    assert_non_null(strstr(told, "  fence-proof: node=n2\n"));
}

static pid_t server_start(struct execd_fixture *fixture)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execlp("python3", "python3", getenv("HA_WEBHOOK"), fixture->clusterd->folder, NULL);
        _exit(EXIT_FAILURE);
    }
    return pid;
}

static void server_end(pid_t server)
{
    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(waitpid(server, NULL, 0), server);
}

static const char *port_of(struct execd_fixture *fixture)
{
    const char *port = text_of(fixture, "port");
    for (int i = 0; i < WAIT_TRIES && port[0] == '\0'; i++) {
        (void)poll(NULL, 0, WAIT_STEP_MS); // to let time pass
        port = text_of(fixture, "port");
    }
    return port;
}

// Where one without privileges gets at it, wherever it was built.
static void poster_install(struct execd_fixture *fixture)
{
    char *program = NULL;
    size_t size_bytes = 0;
    const char *copy = path_of(fixture, "ha-notify-send");
    execd_fixture_kill(fixture, SIGTERM);
    assert_int_equal(file_read(fixture->arena, getenv("HA_NOTIFY_SEND"), PROGRAM_MAX, &program,
                               &size_bytes, NULL),
                     0);
    assert_int_equal(file_replace(copy, program, size_bytes, 0711, NULL), 0);
    assert_int_equal(chmod(fixture->clusterd->folder, 0711), 0);
    assert_int_equal(setenv("HA_MANAGER_NOTIFY_SEND", copy, 1), 0);
    execd_fixture_start(fixture);
}

static void webhook_is_posted_to_until_it_takes(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    poster_install(fixture);
    pid_t server = server_start(fixture);
    const char *port = port_of(fixture);
    execd_fixture_put(fixture, "secret/notify/chat", "hunter2");
    execd_fixture_put(fixture, "config/notifications",
                      arena_printf(fixture->arena,
                                   "webhook: chat\n\turl http://127.0.0.1:%s/x\n\trate 6000\n",
                                   port));
    master_set(fixture);
    happen(fixture, "fence-begin", "warning", "n2");
    happen(fixture, "fence-proof", "notice", "n3");
    const char *got = wait_text(fixture, "got", "fence-proof");
    server_end(server);
    assert_int_equal(strncmp(got, "500 Bearer hunter2 application/json {", 37), 0);
    const char *second = strchr(got, '\n') + 1;
    assert_int_equal(strncmp(second, "204 Bearer hunter2 application/json {", 37), 0);
    assert_non_null(strstr(second, "\"event\":\"fence-begin\""));
    assert_non_null(strstr(second, "\n204 "));
}

// ---- What the process that posts has.

static const char *proc_text(struct execd_fixture *fixture, pid_t pid, const char *name)
{
    char *text = NULL;
    size_t size_bytes;
    const char *path = arena_printf(fixture->arena, "/proc/%d/%s", (int)pid, name);
    return file_read(fixture->arena, path, FILE_MAX, &text, &size_bytes, NULL) == 0 ? text : "";
}

// The child of ha-execd with this name, or 0.
static pid_t child_find(struct execd_fixture *fixture, const char *name)
{
    pid_t found = 0;
    DIR *folder = opendir("/proc");
    assert_non_null(folder);
    const char *parent = arena_printf(fixture->arena, "\nPPid:\t%d\n", (int)fixture->pid);
    const char *wanted = arena_printf(fixture->arena, "Name:\t%s\n", name);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        int64_t pid = 0;
        if (parse_int64(entry->d_name, 1, INT32_MAX, &pid) < 0) {
            continue;
        }
        const char *status = proc_text(fixture, (pid_t)pid, "status");
        found =
            strstr(status, wanted) == status && strstr(status, parent) != NULL ? (pid_t)pid : found;
    }
    (void)closedir(folder); // it was only read
    return found;
}

static bool region_has(int fd, size_t begin, size_t end, const char *text)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *bytes = arena_alloc(arena, end - begin);
    ssize_t size = pread(fd, bytes, end - begin, (off_t)begin);
    return size > 0 && memmem(bytes, (size_t)size, text, strlen(text)) != NULL;
}

// Anywhere in the process's memory.
static bool memory_has(struct execd_fixture *fixture, pid_t pid, const char *text)
{
    bool found = false;
    size_t regions = 0;
    int fd = open(arena_printf(fixture->arena, "/proc/%d/mem", (int)pid), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (const char *line = proc_text(fixture, pid, "maps"); *line != '\0'; regions++) {
        size_t begin = 0;
        size_t end = 0;
        char mode = '-';
        assert_int_equal(sscanf(line, "%zx-%zx %c", &begin, &end, &mode), 3);
        found = (mode == 'r' && region_has(fd, begin, end, text)) || found;
        line = strchr(line, '\n') + 1;
    }
    (void)close(fd); // it was only read
    assert_true(regions > 5);
    return found;
}

// Standard streams and sockets of its own.
static void descriptors_are_few(struct execd_fixture *fixture, pid_t pid)
{
    DIR *folder = opendir(arena_printf(fixture->arena, "/proc/%d/fd", (int)pid));
    assert_non_null(folder);
    size_t count = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char goal[256] = "";
        int64_t fd = 0;
        if (parse_int64(entry->d_name, 0, INT32_MAX, &fd) < 0) {
            continue;
        }
        assert_true(readlinkat(dirfd(folder), entry->d_name, goal, sizeof(goal) - 1) > 0);
        const char *kind = fd == 0 ? "/memfd:notification" : fd <= 2 ? "pipe:" : "socket:";
        if (strncmp(goal, kind, strlen(kind)) != 0) {
            fail_msg("descriptor %d is '%s'", (int)fd, goal);
        }
        // Whatever its parent holds, it is not the same.
        for (int other = 3; fd > 2 && other < 100; other++) {
            char held[256] = "";
            const char *path =
                arena_printf(fixture->arena, "/proc/%d/fd/%d", (int)fixture->pid, other);
            if (readlink(path, held, sizeof(held) - 1) > 0) {
                assert_string_not_equal(held, goal);
            }
        }
        count++;
    }
    (void)closedir(folder);  // it was only read
    assert_true(count >= 4); // with its connection
}

static const char *limit_of(struct execd_fixture *fixture, pid_t pid, const char *name)
{
    const char *line = strstr(proc_text(fixture, pid, "limits"), name);
    assert_non_null(line);
    line += strlen(name);
    line += strspn(line, " ");
    return arena_memdup(fixture->arena, line, strcspn(line, " "));
}

static void poster_has_nothing_of_its_parent(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    poster_install(fixture);
    pid_t server = server_start(fixture);
    execd_fixture_put(fixture, "secret/user/a@pve", "a-secret-of-another");
    execd_fixture_put(fixture, "secret/notify/chat", "hunter2-and-more");
    execd_fixture_put(fixture, "config/notifications",
                      arena_printf(fixture->arena,
                                   "webhook: chat\n\turl http://127.0.0.1:%s/slow\n\trate 6000\n",
                                   port_of(fixture)));
    master_set(fixture);
    happen(fixture, "fence-begin", "warning", "n2");
    wait_text(fixture, "got", "hunter2-and-more"); // and is not answered
    pid_t pid = child_find(fixture, "ha-notify-send");
    assert_true(pid > 0);

    const char *status = proc_text(fixture, pid, "status");
    assert_null(strstr(status, "\nUid:\t0"));
    assert_null(strstr(status, "\nGid:\t0"));
    assert_non_null(strstr(status, "\nCapEff:\t0000000000000000\n"));
    assert_non_null(strstr(status, "\nNoNewPrivs:\t1\n"));
    descriptors_are_few(fixture, pid);
    assert_string_equal(limit_of(fixture, pid, "Max core file size"), "0");
    assert_string_equal(limit_of(fixture, pid, "Max cpu time"), "30");
    assert_string_equal(limit_of(fixture, pid, "Max file size"), "0");
    assert_string_equal(limit_of(fixture, pid, "Max data size"),
                        HA_SANITIZED ? "unlimited" : "134217728");
    assert_string_equal(proc_text(fixture, pid, "cmdline"), path_of(fixture, "ha-notify-send"));
    const char *environment = proc_text(fixture, pid, "environ");
    assert_int_equal(strncmp(environment, "PATH=", 5), 0);
    assert_string_equal(environment + strlen(environment) + 1, "");
    if (!HA_SANITIZED) { // a sanitizer's shadow has terabytes
        assert_true(memory_has(fixture, fixture->pid, "a-secret-of-another"));
        assert_true(memory_has(fixture, pid, "hunter2-and-more"));
        assert_false(memory_has(fixture, pid, "a-secret-of-another"));
    }
    server_end(server);
}

static void program_has_limits_and_no_descriptors(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *program = script_make(
        fixture, "page", "echo $(ulimit -c) $(ulimit -t) $(ulimit -d) $(ls /proc/self/fd) >>told");
    execd_fixture_put(
        fixture, "config/notifications",
        arena_printf(fixture->arena, "exec: page\n\tprogram %s\n\trate 6000\n", program));
    master_set(fixture);
    happen(fixture, "fence-begin", "warning", "n2");
    // The last one is what reads the folder.
    assert_string_equal(wait_text(fixture, "out/told", "\n"), "0 30 1048576 0 1 2 3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        execd_fixture_test(program_is_told_of_what_it_wants_in_order),
        execd_fixture_test(next_one_goes_on_where_the_last_one_was),
        execd_fixture_test(nobody_is_told_by_who_is_not_the_master),
        execd_fixture_test(what_fails_is_tried_again),
        execd_fixture_test(mail_has_headers_and_all_that_waits),
        execd_fixture_test(webhook_is_posted_to_until_it_takes),
        execd_fixture_test(poster_has_nothing_of_its_parent),
        execd_fixture_test(program_has_limits_and_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
