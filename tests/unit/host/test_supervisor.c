// SPDX-License-Identifier: Apache-2.0
// Companions that are kept running: what they say, how they end, and that they come again. No time
// is waited for but a companion's own and the short pause before it is started anew.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/ipc.h"
#include "common/host/loop.h"
#include "common/host/supervisor.h"
#include "tests/lib/test.h"

enum { RESTART_MS = 30, STEPS_MAX = 1000 };

struct fixture {
    struct loop *loop;
    struct clock clock;
    struct supervisor *supervisor;
    struct strbuf said; // frames, each followed by '|'; or bytes
    int begun, ended;
    int64_t ended_ms, paused_ms; // of the last end; from it to the next start
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
    supervisor_free(f->supervisor);
    loop_free(f->loop);
    strbuf_done(&f->said);
    free(f);
    return 0;
}

static void on_frame(void *userdata, const char *frame, size_t size_bytes)
{
    struct fixture *f = userdata;
    strbuf_append_bytes(&f->said, frame, size_bytes);
    strbuf_append_char(&f->said, '|');
}

// Bytes with a '!' are refused.
static bool on_bytes(void *userdata, const char *bytes, size_t size_bytes)
{
    struct fixture *f = userdata;
    strbuf_append_bytes(&f->said, bytes, size_bytes);
    return memchr(bytes, '!', size_bytes) == NULL;
}

static void on_begun(void *userdata)
{
    struct fixture *f = userdata;
    f->begun++;
    f->paused_ms = clock_now_ms(&f->clock) - f->ended_ms;
}

static void on_ended(void *userdata)
{
    struct fixture *f = userdata;
    f->ended++;
    f->ended_ms = clock_now_ms(&f->clock);
}

static void begin(struct fixture *f, struct supervisor_spec spec)
{
    spec.loop = f->loop;
    spec.name = "ha-test";
    spec.restart_ms = RESTART_MS;
    spec.begun = on_begun;
    spec.ended = on_ended;
    spec.userdata = f;
    f->supervisor = supervisor_new(&spec);
    assert_false(supervisor_is_running(f->supervisor));
    supervisor_start(f->supervisor);
    assert_true(supervisor_is_running(f->supervisor));
    assert_int_equal(f->begun, 1);
}

static void run_until(struct fixture *f, const int *counter, int value)
{
    for (int i = 0; *counter < value; i++) {
        assert_true(i < STEPS_MAX);
        assert_int_equal(loop_step(f->loop, NULL), 0);
    }
}

static void run_until_said(struct fixture *f, const char *text)
{
    for (int i = 0; strcmp(strbuf_text(&f->said), text) != 0; i++) {
        assert_true(i < STEPS_MAX);
        assert_int_equal(loop_step(f->loop, NULL), 0);
    }
}

static void wait_for_parent(int fd)
{
    struct pollfd p = {.fd = fd, .events = 0}; // its side closed
    while (poll(&p, 1, -1) < 0) {
        continue;
    }
}

static int main_short(int fd, void *userdata)
{
    (void)fd;
    (void)userdata;
    return 3;
}

static int main_line(int fd, void *userdata)
{
    const char *text = userdata;
    if (file_write_all(fd, text, strlen(text)) < 0) {
        return 1;
    }
    wait_for_parent(fd);
    return 0;
}

// Says the text, then gives back each frame that it gets.
static int main_echo(int fd, void *userdata)
{
    struct ipc_stream *stream = ipc_stream_new(fd);
    const char *text = userdata;
    const char *frame;
    size_t size_bytes;
    int r = ipc_stream_send(stream, text, strlen(text));
    while (r == 0) {
        r = ipc_stream_wait(stream, -1) < 0 ? -EPIPE : ipc_stream_fill(stream);
        while (r == 0 && ipc_stream_next(stream, &frame, &size_bytes, NULL) == 1) {
            r = ipc_stream_send(stream, frame, size_bytes);
        }
    }
    ipc_stream_free(stream);
    return 0;
}

static void companion_that_ends_is_started_anew_after_a_pause(void **state)
{
    struct fixture *f = *state;
    begin(f, (struct supervisor_spec){.main = main_short});
    run_until(f, &f->ended, 1);
    assert_false(supervisor_is_running(f->supervisor));
    assert_int_equal(f->begun, 1);
    run_until(f, &f->begun, 2);
    assert_true(f->paused_ms >= RESTART_MS);
    run_until(f, &f->ended, 2);
}

static void companion_with_frames_is_heard_and_sent_to(void **state)
{
    struct fixture *f = *state;
    char text[] = "hello";
    begin(f, (struct supervisor_spec){.main = main_echo, .main_userdata = text, .frame = on_frame});
    supervisor_send(f->supervisor, "one", 3);
    supervisor_send(f->supervisor, "two", 3);
    run_until_said(f, "hello|one|two|");
    assert_int_equal(f->ended, 0);
}

static int main_last_words(int fd, void *userdata)
{
    (void)userdata;
    struct ipc_stream *stream = ipc_stream_new(fd);
    int r = ipc_stream_send(stream, "last words", 10);
    ipc_stream_free(stream);
    return r < 0 ? 1 : 0;
}

static void companion_that_speaks_and_ends_is_heard_first(void **state)
{
    struct fixture *f = *state;
    siginfo_t info;
    begin(f, (struct supervisor_spec){.main = main_last_words, .frame = on_frame});
    // Its words and its end are read together.
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    run_until(f, &f->ended, 1);
    assert_string_equal(strbuf_text(&f->said), "last words|");
    supervisor_send(f->supervisor, "lost", 4); // nobody is there
    run_until(f, &f->begun, 2);
}

static void companion_with_bytes_is_heard(void **state)
{
    struct fixture *f = *state;
    char text[] = "a\nb\n";
    begin(f, (struct supervisor_spec){.main = main_line, .main_userdata = text, .bytes = on_bytes});
    run_until_said(f, text);
    assert_int_equal(f->ended, 0);
}

static void companion_whose_bytes_are_refused_is_ended(void **state)
{
    struct fixture *f = *state;
    char text[] = "!";
    begin(f, (struct supervisor_spec){.main = main_line, .main_userdata = text, .bytes = on_bytes});
    run_until(f, &f->ended, 1);
    run_until(f, &f->begun, 2);
}

static void companion_that_is_to_be_silent_and_speaks_is_ended(void **state)
{
    struct fixture *f = *state;
    char text[] = "oh";
    begin(f, (struct supervisor_spec){.main = main_line, .main_userdata = text});
    run_until(f, &f->ended, 1);
    run_until(f, &f->begun, 2);
}

static void companion_that_is_restarted_ends_at_once_and_comes_again(void **state)
{
    struct fixture *f = *state;
    char text[] = "x";
    begin(f, (struct supervisor_spec){.main = main_echo, .main_userdata = text, .frame = on_frame});
    run_until_said(f, "x|");
    supervisor_restart(f->supervisor);
    assert_false(supervisor_is_running(f->supervisor));
    assert_int_equal(f->ended, 1);
    run_until_said(f, "x|x|");
    assert_int_equal(f->begun, 2);
    assert_true(f->paused_ms >= RESTART_MS);
}

static bool on_pid(void *userdata, const char *bytes, size_t size_bytes)
{
    struct fixture *f = userdata;
    strbuf_append_bytes(&f->said, bytes, size_bytes);
    return true;
}

static int main_pid(int fd, void *userdata)
{
    (void)userdata;
    pid_t pid = getpid();
    if (file_write_all(fd, (const char *)&pid, sizeof(pid)) < 0) {
        return 1;
    }
    wait_for_parent(fd);
    return 0;
}

static void companion_is_gone_with_its_supervisor(void **state)
{
    struct fixture *f = *state;
    pid_t pid = 0;
    begin(f, (struct supervisor_spec){.main = main_pid, .bytes = on_pid});
    while (f->said.size_bytes < sizeof(pid)) {
        assert_int_equal(loop_step(f->loop, NULL), 0);
    }
    memcpy(&pid, f->said.text, sizeof(pid));
    assert_int_equal(kill(pid, 0), 0);
    supervisor_free(f->supervisor);
    f->supervisor = NULL;
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(f->ended, 0);
}

static void on_frame_restart(void *userdata, const char *frame, size_t size_bytes)
{
    struct fixture *f = userdata;
    on_frame(userdata, frame, size_bytes);
    supervisor_restart(f->supervisor);
}

static int main_twice(int fd, void *userdata)
{
    (void)userdata;
    static const char frames[] = "\1\0\0\0a\1\0\0\0b"; // in one write: they are read together
    if (file_write_all(fd, frames, sizeof(frames) - 1) < 0) {
        return 1;
    }
    wait_for_parent(fd);
    return 0;
}

static void companion_that_is_restarted_by_its_frame_says_no_more(void **state)
{
    struct fixture *f = *state;
    begin(f, (struct supervisor_spec){.main = main_twice, .frame = on_frame_restart});
    run_until(f, &f->ended, 1);
    assert_string_equal(strbuf_text(&f->said), "a|");
    assert_int_equal(f->ended, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(companion_that_ends_is_started_anew_after_a_pause),
        TEST(companion_with_frames_is_heard_and_sent_to),
        TEST(companion_that_speaks_and_ends_is_heard_first),
        TEST(companion_with_bytes_is_heard),
        TEST(companion_whose_bytes_are_refused_is_ended),
        TEST(companion_that_is_to_be_silent_and_speaks_is_ended),
        TEST(companion_that_is_restarted_ends_at_once_and_comes_again),
        TEST(companion_is_gone_with_its_supervisor),
        TEST(companion_that_is_restarted_by_its_frame_says_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
