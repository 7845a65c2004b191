// SPDX-License-Identifier: Apache-2.0
// The client's side of ha-watchdogd's protocol, and the last resort when ha-watchdogd fails. Which
// deadline is right is decided by the daemons' rounds.
#include "common/host/host_watchdog.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/loop.h"
#include "common/model/timing.h"
#include "common/port/clock.h"

enum { LINE_MAX_BYTES = 256 };

struct host_watchdog {
    struct watchdog port; // first
    struct host_watchdog_spec spec;
    char *socket_path;
    char *name;
    int fd;              // -1: not connected
    int64_t deadline_ms; // the last one that was taken; 0: not armed
    struct loop_source *timer;
};

static void watchdog_disconnect(struct host_watchdog *watchdog)
{
    if (watchdog->fd >= 0) {
        (void)close(watchdog->fd);
        watchdog->fd = -1;
    }
}

static int64_t overdue_ms(const struct host_watchdog *watchdog)
{
    return watchdog->deadline_ms + watchdog->spec.timing->watchdog_ms +
           watchdog->spec.timing->granularity_ms;
}

static void deadline_note(struct host_watchdog *watchdog, int64_t deadline_ms)
{
    // It only moves on, as with ha-watchdogd, and a goodbye clears it.
    if (deadline_ms != 0 && deadline_ms <= watchdog->deadline_ms) {
        return;
    }
    watchdog->deadline_ms = deadline_ms;
    if (watchdog->timer == NULL) {
        return;
    }
    if (deadline_ms == 0) {
        loop_timer_clear(watchdog->timer);
    } else {
        loop_timer_set(watchdog->timer, overdue_ms(watchdog));
    }
}

static void overdue_fired(void *userdata)
{
    struct host_watchdog *watchdog = userdata;
    if (clock_now_ms(watchdog->spec.clock) >= overdue_ms(watchdog)) {
        watchdog->spec.overdue(watchdog->spec.userdata);
    } else {
        loop_timer_set(watchdog->timer, overdue_ms(watchdog)); // the timer was early
    }
}

static int connection_lost(struct host_watchdog *watchdog, const char *what, int code,
                           struct error *err)
{
    watchdog_disconnect(watchdog);
    return error_set(err, -ENOTCONN, "ha-watchdogd is not reachable: %s: %s", what,
                     strerror(-code));
}

// One message and its answer, which is written with a NUL behind it.
static int watchdog_ask(struct host_watchdog *watchdog, const char *line,
                        char answer[LINE_MAX_BYTES], struct error *err)
{
    ssize_t n = send(watchdog->fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        return connection_lost(watchdog, "cannot send", -errno, err);
    }
    struct pollfd ready = {.fd = watchdog->fd, .events = POLLIN};
    int r;
    do {
        // Interrupted by a signal it waits a little longer than it should, which hurts nobody.
        r = poll(&ready, 1, HOST_WATCHDOG_WAIT_MS);
    } while (r < 0 && errno == EINTR);
    if (r <= 0) {
        return connection_lost(watchdog, "no answer", r == 0 ? -ETIMEDOUT : -errno, err);
    }
    n = recv(watchdog->fd, answer, LINE_MAX_BYTES - 1, MSG_DONTWAIT);
    if (n <= 0) {
        return connection_lost(watchdog, "cannot receive", n == 0 ? -ECONNRESET : -errno, err);
    }
    answer[n] = '\0';
    if (strncmp(answer, "ok", 2) == 0) {
        return 0;
    }
    if (strncmp(answer, "error expired", 13) == 0 || strncmp(answer, "error stale", 11) == 0) {
        return error_set(err, -ETIME, "ha-watchdogd: %s", answer);
    }
    return error_set(err, -EPROTO, "ha-watchdogd: %s", answer);
}

static int watchdog_hello(struct host_watchdog *watchdog, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(watchdog->socket_path) + 1;
    if (size > sizeof(address.sun_path)) {
        return error_set(err, -ENOTCONN, "the socket's path '%s' is too long",
                         watchdog->socket_path);
    }
    memcpy(address.sun_path, watchdog->socket_path, size);
    watchdog->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (watchdog->fd < 0 ||
        connect(watchdog->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        return connection_lost(watchdog, watchdog->socket_path, -errno, err);
    }
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof(line), "hello %s", watchdog->name);
    assert(n > 0 && (size_t)n < sizeof(line));
    char answer[LINE_MAX_BYTES];
    int r = watchdog_ask(watchdog, line, answer, err);
    if (r < 0) {
        watchdog_disconnect(watchdog);
        return r;
    }
    int64_t deadline_ms;
    if (strncmp(answer, "ok ", 3) == 0 &&
        parse_int64(answer + 3, 0, INT64_MAX, &deadline_ms) == 0) {
        deadline_note(watchdog, deadline_ms);
    }
    return 0;
}

int host_watchdog_connect(struct host_watchdog *watchdog, int64_t *ret_deadline_ms,
                          struct error *err)
{
    int r = watchdog->fd < 0 ? watchdog_hello(watchdog, err) : 0;
    if (r < 0) {
        return r;
    }
    *ret_deadline_ms = watchdog->deadline_ms;
    return 0;
}

// Connects if need be and asks; a connection that died unseen (ha-watchdogd was restarted) is made
// again once.
static int watchdog_talk(struct host_watchdog *watchdog, const char *line, struct error *err)
{
    char answer[LINE_MAX_BYTES];
    bool was_connected = watchdog->fd >= 0;
    int r = was_connected ? 0 : watchdog_hello(watchdog, err);
    if (r == 0) {
        r = watchdog_ask(watchdog, line, answer, err);
    }
    if (r == -ENOTCONN && was_connected) {
        r = watchdog_hello(watchdog, err);
        if (r == 0) {
            r = watchdog_ask(watchdog, line, answer, err);
        }
    }
    return r;
}

static int host_arm(struct watchdog *port, int64_t deadline_ms, struct error *err)
{
    struct host_watchdog *watchdog = (struct host_watchdog *)port;
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof(line), "deadline %" PRId64, deadline_ms);
    assert(n > 0 && (size_t)n < sizeof(line));
    int r = watchdog_talk(watchdog, line, err);
    if (r == 0) {
        deadline_note(watchdog, deadline_ms);
    }
    return r;
}

static int host_disarm(struct watchdog *port, struct error *err)
{
    struct host_watchdog *watchdog = (struct host_watchdog *)port;
    int r = watchdog_talk(watchdog, "goodbye", err);
    if (r == 0) {
        deadline_note(watchdog, 0);
    }
    return r;
}

static const struct watchdog_ops host_watchdog_ops = {.arm = host_arm, .disarm = host_disarm};

struct host_watchdog *host_watchdog_new(const struct host_watchdog_spec *spec)
{
    struct host_watchdog *watchdog = alloc_zero(sizeof(*watchdog));
    watchdog->port.ops = &host_watchdog_ops;
    watchdog->spec = *spec;
    watchdog->socket_path = alloc_strdup(spec->socket_path);
    watchdog->name = alloc_strdup(spec->name);
    watchdog->fd = -1;
    if (spec->overdue != NULL) {
        watchdog->timer = loop_add_timer(spec->loop, overdue_fired, watchdog);
    }
    return watchdog;
}

void host_watchdog_free(struct host_watchdog *watchdog)
{
    if (watchdog != NULL) {
        loop_source_free(watchdog->timer);
        watchdog_disconnect(watchdog);
        free(watchdog->socket_path);
        free(watchdog->name);
        free(watchdog);
    }
}

void host_watchdog_freep(struct host_watchdog **watchdog)
{
    host_watchdog_free(*watchdog);
}

struct watchdog *host_watchdog_port(struct host_watchdog *watchdog)
{
    return &watchdog->port;
}
