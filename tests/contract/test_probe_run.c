// SPDX-License-Identifier: Apache-2.0
// Probes with real programs and real sockets on this machine.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/probe.h"
#include "lrm/probe_run.h"
#include "tests/lib/fixture.h"

enum { TIMEOUT_MS = 5000, SHORT_MS = 100 };

static int run(struct arena *arena, const char *text, int64_t timeout_ms, struct error *err)
{
    struct probe probe;
    assert_int_equal(probe_parse(arena, text, &probe, err), 0);
    return probe_run(arena, &probe, "ct:100", timeout_ms, err);
}

static void program_that_ends_well_is_good(void **state)
{
    struct error err = {0};
    assert_int_equal(run(*state, "exec:/bin/true", TIMEOUT_MS, &err), 0);
    assert_int_equal(run(*state, "exec:/usr/bin/printenv HA_SERVICE", TIMEOUT_MS, &err), 0);
}

static void program_that_fails_gives_its_last_words(void **state)
{
    struct error err = {0};
    assert_int_equal(run(*state, "exec:/bin/cat /none", TIMEOUT_MS, &err), -EIO);
    assert_string_equal(err.text,
                        "'/bin/cat' ended with 1: /bin/cat: /none: No such file or directory");
    assert_int_equal(run(*state, "exec:/none", TIMEOUT_MS, &err), -EIO);
}

static void program_that_hangs_is_ended(void **state)
{
    struct error err = {0};
    assert_int_equal(run(*state, "exec:/bin/sleep 1000", SHORT_MS, &err), -ETIMEDOUT);
    assert_string_equal(err.text, "'/bin/sleep' did not end in time");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

// A server of one connection that gives the answer, or none and waits; returns its port.
static int serve(const char *answer, pid_t *ret_pid)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, size), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    *ret_pid = fork();
    if (*ret_pid == 0) {
        char buffer[1024];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        int client = accept(fd, NULL, NULL);
        while (answer == NULL && pause() < 0) {
        }
        ssize_t n = read(client, buffer, sizeof(buffer));
        n = n > 0 ? write(client, answer, strlen(answer)) : n;
        _exit(n > 0 ? 0 : 1);
    }
    (void)close(fd);
    return ntohs(name.sin_port);
}

static void end(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void port_that_takes_connections_is_good(void **state)
{
    struct error err = {0};
    pid_t pid = 0;
    int port = serve(NULL, &pid);
    const char *text = arena_printf(*state, "tcp:127.0.0.1:%d", port);
    assert_int_equal(run(*state, text, TIMEOUT_MS, &err), 0);
    end(pid);
    assert_int_equal(run(*state, text, TIMEOUT_MS, &err), -ECONNREFUSED);
    assert_non_null(strstr(err.text, "127.0.0.1 port"));
}

static void page_is_judged_by_its_status(void **state)
{
    static const struct {
        const char *answer;
        int code;
        const char *words;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello", 0, ""},
        {"HTTP/1.0 302 Found\r\n\r\n", 0, ""},
        {"HTTP/1.1 503 Busy\r\n\r\n", -EIO, "/status answers 503"},
        {"hello\n", -EBADMSG, "the answer is no page"},
        {NULL, -ETIMEDOUT, "no answer in time"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = {0};
        pid_t pid = 0;
        int port = serve(rows[i].answer, &pid);
        const char *text = arena_printf(*state, "http://127.0.0.1:%d/status", port);
        int r = run(*state, text, rows[i].answer != NULL ? TIMEOUT_MS : SHORT_MS, &err);
        end(pid);
        if (r != rows[i].code || strstr(err.text, rows[i].words) == NULL) {
            fail_msg("row %zu: %d '%s'", i, r, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(program_that_ends_well_is_good),
        fixture_test(program_that_fails_gives_its_last_words),
        fixture_test(program_that_hangs_is_ended),
        fixture_test(port_that_takes_connections_is_good),
        fixture_test(page_is_judged_by_its_status),
    };
    return cmocka_run_group_tests_name("probe_run", tests, NULL, NULL);
}
