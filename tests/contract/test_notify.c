// SPDX-License-Identifier: Apache-2.0
// Notifications by the real ha-execd: to a program, to a mail program of ours, to a web server.
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
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "tests/lib/execd_fixture.h"
#include "tests/lib/test.h"

enum { WAIT_TRIES = 1000, WAIT_STEP_MS = 20, FILE_MAX = 1024 * 1024 };

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

static void webhook_is_posted_to_until_it_takes(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    pid_t server = server_start(fixture);
    const char *port = wait_text(fixture, "port", "");
    for (int i = 0; i < WAIT_TRIES && port[0] == '\0'; i++) {
        (void)poll(NULL, 0, WAIT_STEP_MS); // to let time pass
        port = text_of(fixture, "port");
    }
    execd_fixture_put(fixture, "secret/notify/chat", "hunter2");
    execd_fixture_put(fixture, "config/notifications",
                      arena_printf(fixture->arena,
                                   "webhook: chat\n\turl http://127.0.0.1:%s/x\n\trate 6000\n",
                                   port));
    master_set(fixture);
    happen(fixture, "fence-begin", "warning", "n2");
    happen(fixture, "fence-proof", "notice", "n3");
    const char *got = wait_text(fixture, "got", "fence-proof");
    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(waitpid(server, NULL, 0), server);
    assert_int_equal(strncmp(got, "500 Bearer hunter2 application/json {", 37), 0);
    const char *second = strchr(got, '\n') + 1;
    assert_int_equal(strncmp(second, "204 Bearer hunter2 application/json {", 37), 0);
    assert_non_null(strstr(second, "\"event\":\"fence-begin\""));
    assert_non_null(strstr(second, "\n204 "));
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
