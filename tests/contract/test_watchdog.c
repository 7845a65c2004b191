// SPDX-License-Identifier: Apache-2.0
// The watchdog port against the server of ha-watchdogd over its real socket. The server runs in a
// child process with a device that writes what it is told to a pipe, and on a clock that the test
// can push forward, so that a stall takes no time here. What the port says is held to
// common/port/watchdog.h.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/host_watchdog.h"
#include "common/host/loop.h"
#include "common/model/event.h"
#include "common/model/timing.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "tests/lib/test.h"
#include "watchdog/device.h"
#include "watchdog/feeder.h"
#include "watchdog/mux_server.h"

struct fixture {
    char folder[40];
    struct arena *arena;
    char *socket_path;
    char *state_path;
    struct timing timing;
    int64_t *shift_ms; // shared with the server: how far its clock, and the test's, is ahead
    struct clock clock;
    int acts; // reading end of the device's pipe
    pid_t server;
    struct host_watchdog *watchdog;
    struct watchdog *port;
};

// --- The server's process. ---

struct fake_device {
    struct device device; // first
    int fd;
};

static void device_say(struct device *device, const char *act)
{
    if (file_write_all(((struct fake_device *)device)->fd, act, strlen(act)) < 0) {
        _exit(3);
    }
}

static int fake_arm(struct device *device, struct error *err)
{
    (void)err;
    device_say(device, "A");
    return 0;
}

static int fake_feed(struct device *device, struct error *err)
{
    (void)device; // how often is a matter of time, and not asked here
    (void)err;
    return 0;
}

static int fake_disarm(struct device *device, bool *ret_counting, struct error *err)
{
    (void)err;
    device_say(device, "S");
    *ret_counting = false;
    return 0;
}

static void fake_expire(struct device *device)
{
    device_say(device, "X");
}

static void fake_overdue(struct device *device)
{
    (void)device;
    _exit(4); // the machine's end
}

static const struct device_ops fake_device_ops = {
    .arm = fake_arm,
    .feed = fake_feed,
    .disarm = fake_disarm,
    .expire = fake_expire,
    .overdue = fake_overdue,
};

struct shifted_clock {
    struct clock clock; // first
    const int64_t *shift_ms;
};

static int64_t shifted_now(struct clock *clock)
{
    struct clock real;
    host_clock_init(&real);
    const volatile int64_t *shift_ms = ((struct shifted_clock *)clock)->shift_ms;
    return clock_now_ms(&real) + *shift_ms;
}

static const struct clock_ops shifted_ops = {.now_ms = shifted_now};

static void drop_event(struct event_sink *sink, const struct event *event)
{
    (void)sink;
    (void)event;
}

static const struct event_sink_ops drop_ops = {.emit = drop_event};

NORETURN static void server_main(struct fixture *f, int device_fd, int ready_fd, uid_t uid)
{
    struct shifted_clock clock = {.clock = {.ops = &shifted_ops}, .shift_ms = f->shift_ms};
    struct fake_device device = {.device = {.ops = &fake_device_ops, .name = "fake"},
                                 .fd = device_fd};
    struct event_sink sink = {.ops = &drop_ops};
    struct feeder_ports ports = {.clock = &clock.clock, .device = &device.device, .events = &sink};
    struct loop *loop;
    struct mux_server *server;
    struct error err = {0};
    struct feeder *feeder = feeder_new(&ports, &f->timing, f->state_path, "boot");
    if (feeder_start(feeder, &err) < 0 || loop_new(&loop, &err) < 0 ||
        mux_server_new(loop, feeder, &sink, f->socket_path, uid, &server, &err) < 0 ||
        file_write_all(ready_fd, "R", 1) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        _exit(2);
    }
    _exit(loop_run(loop, &err));
}

static void server_start(struct fixture *f, uid_t uid)
{
    int acts[2];
    int ready[2];
    assert_int_equal(pipe(acts), 0);
    assert_int_equal(pipe(ready), 0);
    f->server = fork();
    assert_true(f->server >= 0);
    if (f->server == 0) {
        server_main(f, acts[1], ready[1], uid);
    }
    (void)close(acts[1]);
    (void)close(ready[1]);
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    if (f->acts >= 0) {
        (void)close(f->acts);
    }
    f->acts = acts[0];
}

static void server_kill(struct fixture *f)
{
    if (f->server > 0) {
        (void)kill(f->server, SIGKILL);
        (void)waitpid(f->server, NULL, 0);
        f->server = 0;
    }
}

// Waits for the device's next acts, in this order.
static void assert_acts(struct fixture *f, const char *want)
{
    for (const char *c = want; *c != '\0'; c++) {
        char got = '?';
        assert_int_equal(read(f->acts, &got, 1), 1);
        assert_int_equal(got, *c);
    }
}

// --- The test's process. ---

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/test_watchdog.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->arena = arena_new();
    f->socket_path = arena_printf(f->arena, "%s/socket", f->folder);
    f->state_path = arena_printf(f->arena, "%s/state", f->folder);
    timing_get(TIMING_PROFILE_PATIENT, &f->timing); // A is a minute: no test is that slow
    f->shift_ms =
        mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(f->shift_ms != MAP_FAILED);
    host_clock_init(&f->clock);
    f->acts = -1;
    struct host_watchdog_spec spec = {
        .socket_path = f->socket_path, .name = "ha-lrm", .clock = &f->clock, .timing = &f->timing};
    f->watchdog = host_watchdog_new(&spec);
    f->port = host_watchdog_port(f->watchdog);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    server_kill(f);
    host_watchdog_free(f->watchdog);
    (void)close(f->acts);
    (void)unlink(f->socket_path);
    (void)unlink(f->state_path);
    (void)rmdir(f->folder);
    (void)munmap(f->shift_ms, sizeof(int64_t));
    arena_free(f->arena);
    free(f);
    return 0;
}

static int arm(struct fixture *f, int64_t in_ms)
{
    struct error err = {0};
    return watchdog_arm(f->port, clock_now_ms(&f->clock) + *f->shift_ms + in_ms, &err);
}

static int disarm(struct fixture *f)
{
    struct error err = {0};
    return watchdog_disarm(f->port, &err);
}

static void arm_then_disarm_starts_and_stops_the_device(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    assert_acts(f, "AS"); // the trial at its start
    assert_int_equal(arm(f, 30000), 0);
    assert_acts(f, "A");
    assert_int_equal(arm(f, 40000), 0);
    assert_int_equal(disarm(f), 0);
    assert_acts(f, "S");
}

static void disarm_when_not_armed_is_fine(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    assert_int_equal(disarm(f), 0);
}

static void arm_without_a_daemon_is_not_connected(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(arm(f, 30000), -ENOTCONN);
    assert_int_equal(disarm(f), -ENOTCONN);
    server_start(f, getuid());
    assert_int_equal(arm(f, 30000), 0); // and connects when there is one
}

static void arm_after_a_stall_past_the_deadline_says_so_and_the_device_expires(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    assert_int_equal(arm(f, 30000), 0);
    assert_acts(f, "ASA");
    *f->shift_ms = 30001; // everybody slept
    assert_int_equal(arm(f, 30000), -ETIME);
    assert_acts(f, "X");
    assert_int_equal(disarm(f), -ETIME); // too late for a goodbye
}

static void arm_with_a_deadline_that_is_over_is_refused_and_harmless(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    assert_int_equal(arm(f, -1), -ETIME);
    assert_int_equal(arm(f, 30000), 0);
}

static void arm_further_than_authority_reaches_is_refused(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    assert_int_equal(arm(f, f->timing.authority_ms + 60000), -EPROTO);
}

static void daemon_restarted_keeps_the_deadline_and_takes_the_next(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    assert_int_equal(arm(f, 30000), 0);
    server_kill(f);
    server_start(f, getuid());
    assert_acts(f, "A");                // armed at its start, and not stopped
    assert_int_equal(arm(f, 40000), 0); // the port connects again by itself
    *f->shift_ms = 30001;
    assert_int_equal(arm(f, 30000), 0); // it was moved
}

static void daemon_restarted_after_the_deadline_expires_at_once(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    assert_int_equal(arm(f, 30000), 0);
    server_kill(f);
    *f->shift_ms = 30001;
    server_start(f, getuid());
    assert_acts(f, "X");
    assert_int_equal(arm(f, 30000), -ETIME);
}

static void client_restarted_finds_its_deadline(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    int64_t deadline_ms = clock_now_ms(&f->clock) + 30000;
    struct error err = {0};
    assert_int_equal(watchdog_arm(f->port, deadline_ms, &err), 0);
    struct host_watchdog_spec spec = {
        .socket_path = f->socket_path, .name = "ha-lrm", .clock = &f->clock, .timing = &f->timing};
    host_watchdog_free(f->watchdog); // without a goodbye
    f->watchdog = host_watchdog_new(&spec);
    f->port = host_watchdog_port(f->watchdog);
    int64_t found_ms = -7;
    assert_int_equal(host_watchdog_connect(f->watchdog, &found_ms, &err), 0);
    assert_int_equal(found_ms, deadline_ms);
    assert_int_equal(disarm(f), 0);
    assert_acts(f, "ASAS");
}

static void peer_of_another_user_is_refused(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid() + 1);
    assert_int_equal(arm(f, 30000), -ENOTCONN);
}

// A raw client, for what the port would never send.
static int raw_connect(struct fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, f->socket_path, strlen(f->socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void assert_answer(int fd, const void *message, size_t size_bytes, const char *want)
{
    char answer[256];
    assert_int_equal(send(fd, message, size_bytes, 0), size_bytes);
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
    assert_true(n >= 0);
    answer[n] = '\0';
    assert_string_equal(answer, want);
}

static void message_too_long_or_binary_is_refused_and_others_live_on(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    int fd = raw_connect(f);
    char text[1000];
    memset(text, 'x', sizeof(text));
    assert_answer(fd, text, sizeof(text), "error the message is too long or not a text");
    assert_answer(fd, "hello\0x", 7, "error the message is too long or not a text");
    assert_answer(fd, "hello x", 7, "ok");
    assert_int_equal(arm(f, 30000), 0);
    (void)close(fd);
}

static void connection_newer_of_a_name_replaces_the_older(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    int older = raw_connect(f);
    assert_answer(older, "hello x", 7, "ok");
    int newer = raw_connect(f);
    assert_answer(newer, "hello x", 7, "ok");
    char byte;
    assert_int_equal(recv(older, &byte, 1, 0), 0); // closed
    assert_answer(newer, "goodbye", 7, "ok");
    (void)close(older);
    (void)close(newer);
}

static void connections_too_many_are_closed_and_then_taken_again(void **state)
{
    struct fixture *f = *state;
    server_start(f, getuid());
    int fds[MUX_SERVER_CONNECTIONS_MAX + 1];
    for (size_t i = 0; i < MUX_SERVER_CONNECTIONS_MAX; i++) {
        fds[i] = raw_connect(f);
        assert_answer(fds[i], "x", 1, "error say 'hello NAME' first");
    }
    fds[MUX_SERVER_CONNECTIONS_MAX] = raw_connect(f);
    char byte;
    assert_int_equal(recv(fds[MUX_SERVER_CONNECTIONS_MAX], &byte, 1, 0), 0);
    for (size_t i = 0; i <= MUX_SERVER_CONNECTIONS_MAX; i++) {
        (void)close(fds[i]);
    }
    int r = -ENOTCONN;
    for (int i = 0; i < 1000 && r == -ENOTCONN; i++) {
        r = arm(f, 30000); // the server sees the ends in its own order
    }
    assert_int_equal(r, 0);
}

// --- The last resort. ---

struct last_resort {
    struct loop *loop;
    int64_t called_ms;
    struct clock *clock;
};

static void on_overdue(void *userdata)
{
    struct last_resort *last = userdata;
    last->called_ms = clock_now_ms(last->clock);
    loop_quit(last->loop, 0);
}

// The one thing here that waits for the real clock, for a moment.
static void overdue_after_the_daemon_is_gone_for_good_is_called(void **state)
{
    struct fixture *f = *state;
    struct last_resort last = {.clock = &f->clock};
    struct error err = {0};
    assert_int_equal(loop_new(&last.loop, &err), 0);
    f->timing.watchdog_ms = 2;
    f->timing.granularity_ms = 1;
    server_start(f, getuid());
    struct host_watchdog_spec spec = {.socket_path = f->socket_path,
                                      .name = "ha-lrm",
                                      .clock = &f->clock,
                                      .timing = &f->timing,
                                      .loop = last.loop,
                                      .overdue = on_overdue,
                                      .userdata = &last};
    struct host_watchdog *watchdog = host_watchdog_new(&spec);
    int64_t deadline_ms;
    int r;
    do {
        // Too late already on a machine that is busy: then nothing was armed.
        deadline_ms = clock_now_ms(&f->clock) + 30;
        r = watchdog_arm(host_watchdog_port(watchdog), deadline_ms, &err);
    } while (r == -ETIME);
    assert_int_equal(r, 0);
    server_kill(f);
    assert_int_equal(watchdog_arm(host_watchdog_port(watchdog), deadline_ms + 60000, &err),
                     -ENOTCONN); // not taken, so it does not count
    assert_int_equal(loop_run(last.loop, &err), 0);
    assert_true(last.called_ms >= deadline_ms + 3);
    host_watchdog_free(watchdog);
    loop_free(last.loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arm_then_disarm_starts_and_stops_the_device),
        TEST(disarm_when_not_armed_is_fine),
        TEST(arm_without_a_daemon_is_not_connected),
        TEST(arm_after_a_stall_past_the_deadline_says_so_and_the_device_expires),
        TEST(arm_with_a_deadline_that_is_over_is_refused_and_harmless),
        TEST(arm_further_than_authority_reaches_is_refused),
        TEST(daemon_restarted_keeps_the_deadline_and_takes_the_next),
        TEST(daemon_restarted_after_the_deadline_expires_at_once),
        TEST(client_restarted_finds_its_deadline),
        TEST(peer_of_another_user_is_refused),
        TEST(message_too_long_or_binary_is_refused_and_others_live_on),
        TEST(connection_newer_of_a_name_replaces_the_older),
        TEST(connections_too_many_are_closed_and_then_taken_again),
        TEST(overdue_after_the_daemon_is_gone_for_good_is_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
