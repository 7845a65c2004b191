// SPDX-License-Identifier: Apache-2.0
// Children: their result, their output, what they inherit, their end. No time is waited for but a
// child's own.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/process.h"
#include "common/port/clock.h"
#include "tests/lib/test.h"

struct fixture {
    struct loop *loop;
    struct clock clock;
    struct process *process;
    struct strbuf lines; // each followed by '|'
    struct strbuf rest;
    int ended;
    int wait_status;
    bool timed_out;
    bool output_cut;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct error err = {0};
    assert_non_null(f);
    assert_int_equal(loop_new(&f->loop, &err), 0);
    host_clock_init(&f->clock);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    process_free(f->process);
    loop_free(f->loop);
    strbuf_done(&f->lines);
    strbuf_done(&f->rest);
    free(f);
    return 0;
}

static void on_line(void *userdata, const char *line, size_t size_bytes)
{
    struct fixture *f = userdata;
    assert_int_equal(strlen(line), size_bytes);
    strbuf_appendf(&f->lines, "%s|", line);
}

static void on_end(void *userdata, const struct process_end *end)
{
    struct fixture *f = userdata;
    f->ended++;
    f->wait_status = end->wait_status;
    f->timed_out = end->timed_out;
    f->output_cut = end->output_cut;
    strbuf_append_bytes(&f->rest, end->output, end->output_bytes);
    loop_quit(f->loop, 0);
}

static void run(struct fixture *f, struct process_spec spec)
{
    struct error err = {0};
    spec.ended = on_end;
    spec.userdata = f;
    if (spec.output_max_bytes == 0) {
        spec.output_max_bytes = 4096;
    }
    assert_int_equal(process_spawn(f->loop, &f->clock, &spec, &f->process, &err), 0);
    assert_int_equal(loop_run(f->loop, &err), 0);
    assert_int_equal(f->ended, 1);
}

static int main_lines(void *userdata, int output_fd)
{
    static const char text[] = "one\ntwo\n\nhalf";
    (void)userdata;
    return file_write_all(output_fd, text, strlen(text)) < 0 ? 1 : 7;
}

static void function_with_output_gives_lines_rest_and_status(void **state)
{
    struct fixture *f = *state;
    run(f, (struct process_spec){.main = main_lines, .line = on_line});
    assert_true(WIFEXITED(f->wait_status));
    assert_int_equal(WEXITSTATUS(f->wait_status), 7);
    assert_string_equal(strbuf_text(&f->lines), "one|two||");
    assert_string_equal(strbuf_text(&f->rest), "half");
    assert_false(f->timed_out);
    assert_false(f->output_cut);
}

static void program_with_input_gives_its_output(void **state)
{
    struct fixture *f = *state;
    static const char *const argv[] = {"/bin/cat", NULL};
    run(f, (struct process_spec){.argv = argv, .input = "action=off\nport=3\n"});
    assert_int_equal(f->wait_status, 0);
    assert_string_equal(strbuf_text(&f->rest), "action=off\nport=3\n");
}

static void program_missing_ends_with_127(void **state)
{
    struct fixture *f = *state;
    static const char *const argv[] = {"/nonexistent/program", NULL};
    run(f, (struct process_spec){.argv = argv});
    assert_true(WIFEXITED(f->wait_status));
    assert_int_equal(WEXITSTATUS(f->wait_status), 127);
}

static void output_beyond_the_limit_is_cut_and_the_child_ends(void **state)
{
    struct fixture *f = *state;
    static const char *const argv[] = {"/bin/sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x",
                                       NULL};
    run(f, (struct process_spec){.argv = argv, .output_max_bytes = 100});
    assert_int_equal(f->wait_status, 0);
    assert_int_equal(f->rest.size_bytes, 100);
    assert_true(f->output_cut);
}

static int main_for_ever(void *userdata, int output_fd)
{
    (void)userdata;
    (void)output_fd;
    while (pause() < 0) {
    }
    return 0; // not reached: pause() only ever fails
}

static void child_that_takes_too_long_is_killed(void **state)
{
    struct fixture *f = *state;
    run(f, (struct process_spec){.main = main_for_ever, .timeout_ms = 1});
    assert_true(WIFSIGNALED(f->wait_status));
    assert_int_equal(WTERMSIG(f->wait_status), SIGKILL);
    assert_true(f->timed_out);
}

static int main_inspect(void *userdata, int output_fd)
{
    const int *foreign = userdata;
    char text[512];
    int death_signal = 0;
    sigset_t blocked;
    (void)prctl(PR_GET_PDEATHSIG, &death_signal);
    (void)sigprocmask(SIG_SETMASK, NULL, &blocked);
    struct sigaction action;
    (void)sigaction(SIGUSR1, NULL, &action);
    int n = snprintf(text, sizeof(text),
                     "death=%d term_blocked=%d usr1_default=%d foreign=%d output=%d group=%d",
                     death_signal == SIGKILL, sigismember(&blocked, SIGTERM),
                     action.sa_handler == SIG_DFL, fcntl(*foreign, F_GETFD) >= 0,
                     fcntl(output_fd, F_GETFD) >= 0, getpgrp() == getpid());
    return file_write_all(output_fd, text, (size_t)n) < 0 ? 1 : 0;
}

static void child_inherits_nothing_and_is_tied_to_its_parent(void **state)
{
    struct fixture *f = *state;
    int foreign = fcntl(STDERR_FILENO, F_DUPFD, 100); // without close-on-exec
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGUSR1, SIG_IGN);
    run(f, (struct process_spec){.main = main_inspect, .main_userdata = &foreign});
    assert_string_equal(strbuf_text(&f->rest),
                        "death=1 term_blocked=0 usr1_default=1 foreign=0 output=1 group=1");
    (void)close(foreign);
}

static int main_leave_child(void *userdata, int output_fd)
{
    (void)userdata;
    pid_t pid = fork();
    if (pid == 0) {
        (void)main_for_ever(NULL, output_fd); // keeps the pipe open
    }
    char text[32];
    int n = snprintf(text, sizeof(text), "%d\n", (int)pid);
    return file_write_all(output_fd, text, (size_t)n) < 0 ? 1 : 0;
}

static void child_whose_child_keeps_the_pipe_ends_with_its_own_end(void **state)
{
    struct fixture *f = *state;
    run(f, (struct process_spec){.main = main_leave_child});
    assert_int_equal(f->wait_status, 0);
    long pid = strtol(strbuf_text(&f->rest), NULL, 10);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0); // it was left alone
}

static void process_freed_while_it_runs_is_killed_without_a_word(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct process_spec spec = {
        .main = main_for_ever, .output_max_bytes = 10, .ended = on_end, .userdata = f};
    assert_int_equal(process_spawn(f->loop, &f->clock, &spec, &f->process, &err), 0);
    pid_t pid = process_pid(f->process);
    process_free(f->process);
    f->process = NULL;
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH); // ended and reaped
    assert_int_equal(f->ended, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(function_with_output_gives_lines_rest_and_status),
        TEST(program_with_input_gives_its_output),
        TEST(program_missing_ends_with_127),
        TEST(output_beyond_the_limit_is_cut_and_the_child_ends),
        TEST(child_that_takes_too_long_is_killed),
        TEST(child_inherits_nothing_and_is_tied_to_its_parent),
        TEST(child_whose_child_keeps_the_pipe_ends_with_its_own_end),
        TEST(process_freed_while_it_runs_is_killed_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
