// SPDX-License-Identifier: Apache-2.0
// The socket below qmp.h.
#include "lrm/agents/qmp_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/port/clock.h"
#include "lrm/agents/qmp.h"

enum { QMP_READ_BYTES = 16 * 1024, QMP_EVENTS_MAX = 64 };

struct qmp_client {
    int fd;
    struct qmp_lines lines;
    char *events[QMP_EVENTS_MAX]; // names that were not asked for yet, a ring
    size_t events_first;
    size_t events_count;
};

static int64_t now_ms(void)
{
    struct clock clock;
    host_clock_init(&clock);
    return clock_now_ms(&clock);
}

static void keep_event(struct qmp_client *client, const char *name)
{
    if (client->events_count == QMP_EVENTS_MAX) {
        free(client->events[client->events_first]); // the oldest is the least news
        client->events_first = (client->events_first + 1) % QMP_EVENTS_MAX;
        client->events_count--;
    }
    size_t at = (client->events_first + client->events_count) % QMP_EVENTS_MAX;
    client->events[at] = alloc_strdup(name);
    client->events_count++;
}

// Waits for the socket. 0, -ETIMEDOUT, or -errno.
static int wait_for(const struct qmp_client *client, short what, int64_t until_ms,
                    struct error *err)
{
    for (;;) {
        struct pollfd item = {.fd = client->fd, .events = what};
        int64_t left_ms = until_ms - now_ms();
        left_ms = left_ms < 0 ? 0 : left_ms > INT32_MAX ? INT32_MAX : left_ms;
        int count = poll(&item, 1, (int)left_ms);
        if (count > 0) {
            return 0;
        }
        if (count == 0) {
            return error_set(err, -ETIMEDOUT, "QEMU does not answer");
        }
        if (errno != EINTR) {
            return error_set_errno(err, -errno, "cannot wait for QEMU");
        }
    }
}

static int next_line(struct qmp_client *client, int64_t until_ms, struct arena *arena,
                     const char **ret, size_t *ret_size, struct error *err)
{
    for (;;) {
        const char *line = qmp_lines_next(&client->lines, arena, ret_size);
        if (line != NULL) {
            *ret = line;
            return 0;
        }
        int r = wait_for(client, POLLIN, until_ms, err);
        if (r < 0) {
            return r;
        }
        char bytes[QMP_READ_BYTES];
        ssize_t count = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) {
            return error_set(err, -ECONNRESET, "QEMU has closed the connection");
        }
        if (count > 0 && qmp_lines_add(&client->lines, bytes, (size_t)count) < 0) {
            return error_set(err, -EBADMSG, "QEMU's message is too long");
        }
    }
}

// The next message of whatever kind.
static int next_message(struct qmp_client *client, int64_t until_ms, struct arena *arena,
                        struct qmp_message *ret, struct error *err)
{
    const char *line = NULL;
    size_t size = 0;
    int r = next_line(client, until_ms, arena, &line, &size, err);
    return r < 0 ? r : qmp_parse(arena, line, size, ret, err);
}

static int send_all(struct qmp_client *client, const char *text, int64_t until_ms,
                    struct error *err)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t count = send(client->fd, text, left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            text += count;
            left -= (size_t)count;
        } else if (errno == EAGAIN) {
            int r = wait_for(client, POLLOUT, until_ms, err);
            if (r < 0) {
                return r;
            }
        } else if (errno != EINTR) {
            return error_set(err, -ECONNRESET, "QEMU has closed the connection");
        }
    }
    return 0;
}

int qmp_client_execute(struct qmp_client *client, const char *command, const struct json *arguments,
                       int64_t timeout_ms, struct arena *arena, const struct json **ret,
                       struct error *err)
{
    int64_t until_ms = now_ms() + timeout_ms;
    struct qmp_message message = {0};
    int r = send_all(client, qmp_format_command(arena, command, arguments), until_ms, err);
    while (r == 0 && message.kind != QMP_RETURN && message.kind != QMP_ERROR) {
        r = next_message(client, until_ms, arena, &message, err);
        if (r == 0 && message.kind == QMP_EVENT) {
            keep_event(client, message.event);
        }
    }
    if (r == 0 && message.kind == QMP_ERROR) {
        r = error_set(err, -EPROTO, "%s", message.error);
    }
    if (r < 0) {
        return error_prefix(err, "%s", command);
    }
    if (ret != NULL) {
        *ret = message.result;
    }
    return 0;
}

int qmp_client_synchronize(struct qmp_client *client, int64_t timeout_ms, struct arena *arena,
                           struct error *err)
{
    int64_t until_ms = now_ms() + timeout_ms;
    int64_t id = now_ms() & INT32_MAX; // who asked before asked earlier
    struct json *arguments = json_new_object(arena);
    json_put_int(arguments, "id", id);
    // The first byte is in no message: the other side forgets a question that was cut off.
    const char *question =
        arena_printf(arena, "\xff%s", qmp_format_command(arena, "guest-sync-delimited", arguments));
    int r = send_all(client, question, until_ms, err);
    for (bool done = false; r == 0 && !done;) {
        const char *line = NULL;
        size_t size = 0;
        r = next_line(client, until_ms, arena, &line, &size, err);
        if (r == 0) {
            done = qmp_is_synchronous(arena, line, size, id);
        }
    }
    return r < 0 ? error_prefix(err, "guest-sync-delimited") : 0;
}

int qmp_client_wait(struct qmp_client *client, int64_t timeout_ms, struct arena *arena,
                    const char **ret_event, struct error *err)
{
    int64_t until_ms = now_ms() + timeout_ms;
    if (client->events_count > 0) {
        char *name = client->events[client->events_first];
        client->events_first = (client->events_first + 1) % QMP_EVENTS_MAX;
        client->events_count--;
        *ret_event = arena_strdup(arena, name);
        free(name);
        return 0;
    }
    struct qmp_message message = {0};
    while (message.kind != QMP_EVENT) {
        struct error problem = {0};
        int r = next_message(client, until_ms, arena, &message, &problem);
        if (r == -ETIMEDOUT) {
            *ret_event = NULL;
            return 0;
        }
        if (r < 0) {
            return error_set(err, r, "%s", problem.text);
        }
    }
    *ret_event = message.event;
    return 0;
}

static int greet(struct qmp_client *client, int64_t timeout_ms, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int64_t until_ms = now_ms() + timeout_ms;
    struct qmp_message message = {0};
    int r = next_message(client, until_ms, arena, &message, err);
    if (r == 0 && message.kind != QMP_GREETING) {
        r = error_set(err, -EBADMSG, "QEMU does not greet");
    }
    return r < 0
               ? r
               : qmp_client_execute(client, "qmp_capabilities", NULL, timeout_ms, arena, NULL, err);
}

static struct qmp_client *client_new(int fd)
{
    struct qmp_client *client = alloc_zero(sizeof(*client));
    client->fd = fd;
    return client;
}

int qmp_client_open(int fd, int64_t timeout_ms, struct qmp_client **ret, struct error *err)
{
    struct qmp_client *client = client_new(fd);
    int r = greet(client, timeout_ms, err);
    if (r < 0) {
        qmp_client_free(client);
        return r;
    }
    *ret = client;
    return 0;
}

static int connect_to(const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return error_set(err, -ENAMETOOLONG, "the path of the socket '%s' is too long", path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot make a socket");
    }
    // A full queue of waiting connections is as good as nobody listening.
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int code = errno;
        (void)close(fd);
        return error_set_errno(err, -code, "cannot connect to '%s'", path);
    }
    return fd;
}

int qmp_client_connect(const char *path, int64_t timeout_ms, struct qmp_client **ret,
                       struct error *err)
{
    int fd = connect_to(path, err);
    return fd < 0 ? fd : qmp_client_open(fd, timeout_ms, ret, err);
}

int qmp_client_open_silent(const char *path, struct qmp_client **ret, struct error *err)
{
    int fd = connect_to(path, err);
    if (fd < 0) {
        return fd;
    }
    *ret = client_new(fd);
    return 0;
}

void qmp_client_free(struct qmp_client *client)
{
    if (client == NULL) {
        return;
    }
    (void)close(client->fd); // nothing is lost with it
    qmp_lines_done(&client->lines);
    for (size_t i = 0; i < client->events_count; i++) {
        free(client->events[(client->events_first + i) % QMP_EVENTS_MAX]);
    }
    free(client);
}

void qmp_client_freep(struct qmp_client **client)
{
    qmp_client_free(*client);
}
