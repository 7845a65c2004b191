// SPDX-License-Identifier: Apache-2.0
// Connections and timer of ha-watchdogd. Each callback begins with feeder_check(): nothing is
// answered before the deadlines were looked at.
#include "watchdog/mux_server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/loop.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"
#include "watchdog/feeder.h"

struct connection {
    struct mux_server *server;
    int fd; // -1: free
    struct loop_source *source;
    char client[FEEDER_CLIENT_NAME_MAX + 1];
};

struct mux_server {
    struct loop *loop;
    struct feeder *feeder;
    struct event_sink *events;
    uid_t allowed_uid;
    int fd;
    struct loop_source *source;
    struct loop_source *timer;
    struct connection connections[MUX_SERVER_CONNECTIONS_MAX];
};

static void timer_renew(struct mux_server *server)
{
    int64_t wake_ms = feeder_wake_ms(server->feeder);
    if (wake_ms == INT64_MAX) {
        loop_timer_clear(server->timer);
    } else {
        loop_timer_set(server->timer, wake_ms);
    }
}

static void timer_fired(void *userdata)
{
    struct mux_server *server = userdata;
    feeder_check(server->feeder);
    timer_renew(server);
}

static void connection_close(struct connection *connection)
{
    if (connection->fd < 0) {
        return;
    }
    feeder_forget(connection->server->feeder, connection->client);
    loop_source_free(connection->source);
    (void)close(connection->fd);
    *connection = (struct connection){.server = connection->server, .fd = -1};
}

// The newest connection of a name speaks for it: a daemon that was restarted must not be held up by
// its dead process.
static void others_close(struct connection *connection)
{
    struct mux_server *server = connection->server;
    for (size_t i = 0; i < MUX_SERVER_CONNECTIONS_MAX; i++) {
        struct connection *other = &server->connections[i];
        if (other != connection && other->fd >= 0 && connection->client[0] != '\0' &&
            strcmp(other->client, connection->client) == 0) {
            other->client[0] = '\0'; // its name lives on here: nothing is lost with it
            connection_close(other);
        }
    }
}

// Takes one message. False when there is none; the connection may be closed afterwards.
static bool connection_step(struct connection *connection)
{
    char line[FEEDER_LINE_MAX + 2];
    ssize_t n = recv(connection->fd, line, sizeof(line) - 1, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) {
        return true;
    }
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n <= 0) {
        connection_close(connection);
        return false;
    }
    line[n] = '\0';
    struct strbuf answer CLEANUP(strbuf_done) = {0};
    if (n > FEEDER_LINE_MAX || strlen(line) != (size_t)n) {
        strbuf_append(&answer, "error the message is too long or not a text");
    } else {
        feeder_handle(connection->server->feeder, connection->client, line, &answer);
        others_close(connection);
    }
    // The answer fits the empty buffer of one who waits for it; who does not read is dropped, and
    // stays armed.
    ssize_t sent =
        send(connection->fd, answer.text, answer.size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        connection_close(connection);
        return false;
    }
    return true;
}

static void connection_ready(void *userdata, uint32_t events)
{
    (void)events; // a hang-up reads as the end
    struct connection *connection = userdata;
    struct mux_server *server = connection->server;
    feeder_check(server->feeder);
    // One message a turn: the loop serves the timer and the others in between.
    (void)connection_step(connection);
    timer_renew(server);
}

static void connection_refuse(struct mux_server *server, int fd, const char *reason, int64_t uid)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_WARNING, "connection-refused");
    event_text(arena, event, "reason", reason);
    event_emit(server->events, event_int(event, "uid", uid));
    (void)close(fd);
}

static void server_ready(void *userdata, uint32_t events)
{
    (void)events;
    struct mux_server *server = userdata;
    feeder_check(server->feeder);
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return; // gone again; a lack of descriptors shows itself at the client, which is not armed
    }
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
        peer.uid != server->allowed_uid) {
        connection_refuse(server, fd, "only root may use the watchdog", (int64_t)peer.uid);
        return;
    }
    for (size_t i = 0; i < MUX_SERVER_CONNECTIONS_MAX; i++) {
        struct connection *connection = &server->connections[i];
        if (connection->fd < 0) {
            connection->fd = fd;
            connection->source =
                loop_add_io(server->loop, fd, EPOLLIN, connection_ready, connection);
            return;
        }
    }
    connection_refuse(server, fd, "too many connections", (int64_t)peer.uid);
}

static int server_listen(const char *path, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return error_set(err, -ENAMETOOLONG, "the socket's path '%s' is too long", path);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot make a socket");
    }
    (void)unlink(path); // left by an earlier process; the caller holds the daemon's lock
    mode_t mask = umask(0177);
    int r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
    (void)umask(mask);
    if (r == 0 && listen(fd, MUX_SERVER_CONNECTIONS_MAX) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)close(fd);
        return error_set_errno(err, r, "cannot listen on '%s'", path);
    }
    return fd;
}

int mux_server_new(struct loop *loop, struct feeder *feeder, struct event_sink *events,
                   const char *path, uid_t allowed_uid, struct mux_server **ret, struct error *err)
{
    int fd = server_listen(path, err);
    if (fd < 0) {
        return fd;
    }
    struct mux_server *server = alloc_zero(sizeof(*server));
    server->loop = loop;
    server->feeder = feeder;
    server->events = events;
    server->allowed_uid = allowed_uid;
    server->fd = fd;
    for (size_t i = 0; i < MUX_SERVER_CONNECTIONS_MAX; i++) {
        server->connections[i] = (struct connection){.server = server, .fd = -1};
    }
    server->source = loop_add_io(loop, fd, EPOLLIN, server_ready, server);
    server->timer = loop_add_timer(loop, timer_fired, server);
    timer_renew(server);
    *ret = server;
    return 0;
}

void mux_server_free(struct mux_server *server)
{
    if (server == NULL) {
        return;
    }
    for (size_t i = 0; i < MUX_SERVER_CONNECTIONS_MAX; i++) {
        connection_close(&server->connections[i]);
    }
    loop_source_free(server->source);
    loop_source_free(server->timer);
    (void)close(server->fd);
    free(server);
}

void mux_server_freep(struct mux_server **server)
{
    mux_server_free(*server);
}
