// SPDX-License-Identifier: Apache-2.0
// Connections of ha-apid: accepting, reading, writing, cutting. What a connection sends or does not
// read can hold up nobody but itself.
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/exec/execd.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/ipc.h"
#include "common/host/loop.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"

enum { CONNECTIONS_MAX = 64, REQUESTS_PER_TURN = 8, SOCKET_MODE = 0660 };

struct exec_connection {
    struct exec_connection *next;
    struct exec_server *server;
    struct ipc_stream *stream;
    struct loop_source *io;
    pid_t pid;
    size_t in_flight;
    bool ended;  // cut or closed: freed by the reaper
    bool closed; // by its peer: ends when all it has sent is handled
    bool more;   // requests are waiting for the next turn
};

struct exec_server {
    struct execd *daemon;
    char *path;
    bool has_group;
    gid_t group;
    int fd;
    struct loop_source *listener;
    struct loop_source *resume; // due when a connection has more requests
    struct loop_source *reaper;
    struct exec_connection *connections;
    size_t count;
};

static void connection_tell(const struct exec_server *server, const char *name, const char *reason,
                            pid_t pid)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_WARNING, name);
    event_int(event, "pid", pid);
    event_emit(server->daemon->events, event_text(arena, event, "reason", reason));
}

static void connection_end(struct exec_connection *connection)
{
    if (!connection->ended) {
        connection->ended = true;
        loop_source_free(connection->io);
        connection->io = NULL;
        loop_idle_request(connection->server->reaper);
    }
}

static void connection_cut(struct exec_connection *connection, const char *reason)
{
    if (!connection->ended) {
        connection_tell(connection->server, "client-cut", reason, connection->pid);
        connection_end(connection);
    }
}

static void connections_reap(void *userdata)
{
    struct exec_server *server = userdata;
    struct exec_connection **at = &server->connections;
    while (*at != NULL) {
        struct exec_connection *connection = *at;
        if (!connection->ended) {
            at = &connection->next;
            continue;
        }
        *at = connection->next;
        server->count--;
        call_queue_forget(server->daemon->calls, connection);
        watch_list_forget(server->daemon->watches, connection);
        ipc_stream_free(connection->stream);
        free(connection);
    }
}

static bool connection_is_full(const struct exec_connection *connection)
{
    return connection->in_flight >= EXEC_IN_FLIGHT_MAX;
}

static void connection_wait(struct exec_connection *connection)
{
    uint32_t events = connection->more || connection_is_full(connection) ? 0 : EPOLLIN;
    if (connection->ended) {
        return;
    }
    if (ipc_stream_is_pending(connection->stream)) {
        events |= EPOLLOUT;
    }
    loop_io_set_events(connection->io, events);
}

void exec_connection_send(struct exec_connection *connection, const struct json *message)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    if (connection->ended) {
        return;
    }
    json_format(message, JSON_STYLE_COMPACT, &text);
    int r = ipc_stream_send(connection->stream, text.text, text.size_bytes);
    if (r == -EMSGSIZE && json_find(message, "message") == NULL) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct json *refusal = json_new_object(arena);
        json_put(refusal, "id", json_find(message, "id"));
        json_put_int(refusal, "status", CALL_STATUS_FAILED);
        json_put_string(refusal, "message", "the answer is too large");
        exec_connection_send(connection, refusal); // once: this one has a message
    } else if (r == -ENOBUFS) {
        connection_cut(connection, "it does not read what it is sent");
    } else if (r < 0) {
        connection_end(connection); // gone
    } else {
        connection_wait(connection);
    }
}

bool exec_connection_is_clear(const struct exec_connection *connection)
{
    return !connection->ended && !ipc_stream_is_pending(connection->stream);
}

void exec_connection_begin(struct exec_connection *connection)
{
    connection->in_flight++;
}

void exec_connection_finish(struct exec_connection *connection)
{
    bool was_full = connection_is_full(connection);
    connection->in_flight--;
    if (was_full) {
        connection->more = true; // frames may have come in already
        loop_timer_set(connection->server->resume, 0);
    }
}

static void request_refuse(struct exec_connection *connection, struct arena *arena, int64_t id,
                           int status, const char *words)
{
    struct json *answer = json_new_object(arena);
    json_put_int(answer, "id", id);
    json_put_int(answer, "status", status);
    json_put_string(answer, "message", words);
    exec_connection_send(connection, answer);
}

static void certificate_take(struct exec_connection *connection, struct arena *arena,
                             const struct exec_request *request)
{
    struct json *answer = json_new_object(arena);
    announcer_set_certificate(connection->server->daemon->announcer, request->fingerprint,
                              request->port);
    json_put_int(answer, "id", request->id);
    json_put_int(answer, "status", CALL_STATUS_OK);
    exec_connection_send(connection, answer);
}

static void connection_frame(struct exec_connection *connection, const char *frame,
                             size_t size_bytes)
{
    struct execd *daemon = connection->server->daemon;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct exec_request request;
    struct error err = {0};
    int64_t id;
    if (exec_request_parse(arena, frame, size_bytes, &id, &request, &err) < 0) {
        if (id == 0) {
            connection_cut(connection, arena_printf(arena, "bad request: %s", err.text));
        } else {
            request_refuse(connection, arena, id, CALL_STATUS_BAD, err.text);
        }
        return;
    }
    switch (request.op) {
    case EXEC_OP_CALL:
        call_queue_take(daemon->calls, connection, steal_ptr(arena), &request);
        break;
    case EXEC_OP_WATCH:
        watch_list_add(daemon->watches, connection, &request);
        break;
    case EXEC_OP_UNWATCH:
        watch_list_remove(daemon->watches, connection, request.id);
        break;
    case EXEC_OP_METRICS:
        call_queue_metrics(daemon->calls, connection, arena, &request);
        break;
    case EXEC_OP_CERTIFICATE:
        certificate_take(connection, arena, &request);
        break;
    case EXEC_OP_MAX:
        break;
    }
}

static void connection_handle(struct exec_connection *connection)
{
    struct error err = {0};
    const char *frame;
    size_t size_bytes;
    int r = 1;
    for (int i = 0; i < REQUESTS_PER_TURN && r > 0 && !connection->ended; i++) {
        if (connection_is_full(connection)) {
            break;
        }
        r = ipc_stream_next(connection->stream, &frame, &size_bytes, &err);
        if (r > 0) {
            connection_frame(connection, frame, size_bytes);
        }
    }
    if (r < 0) {
        connection_cut(connection, err.text);
    }
    if (connection->ended) {
        return;
    }
    connection->more = r > 0 && !connection_is_full(connection);
    if (connection->more) {
        loop_timer_set(connection->server->resume, 0);
    } else if (connection->closed) {
        connection_end(connection);
        return;
    }
    connection_wait(connection);
}

static void resume_due(void *userdata)
{
    struct exec_server *server = userdata;
    for (struct exec_connection *c = server->connections; c != NULL; c = c->next) {
        if (c->more && !c->ended) {
            connection_handle(c);
        }
    }
}

static void connection_ready(void *userdata, uint32_t events)
{
    struct exec_connection *connection = userdata;
    if ((events & EPOLLOUT) != 0) {
        if (ipc_stream_flush(connection->stream) < 0) {
            connection_end(connection);
            return;
        }
        connection_wait(connection);
    }
    if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (events & EPOLLIN) == 0) {
        connection_end(connection);
    } else if (!connection->more && (events & EPOLLIN) != 0) {
        connection->closed = ipc_stream_fill(connection->stream) < 0;
        connection_handle(connection);
    }
}

// One line, so that whoever tries by hand sees why.
static void connection_refuse(struct exec_server *server, int fd, pid_t pid, const char *words)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ipc_stream *stream = ipc_stream_new(fd);
    struct json *message = json_new_object(arena);
    json_put_int(message, "status", CALL_STATUS_FORBIDDEN);
    json_put_string(message, "message", words);
    struct strbuf text CLEANUP(strbuf_done) = {0};
    json_format(message, JSON_STYLE_COMPACT, &text);
    ignore_result(ipc_stream_send(stream, text.text, text.size_bytes)); // or it does not hear it
    ipc_stream_free(stream);
    connection_tell(server, "connection-refused", words, pid);
}

static void connection_add(struct exec_server *server, int fd, pid_t pid)
{
    struct exec_connection *connection = alloc_zero(sizeof(*connection));
    connection->server = server;
    connection->stream = ipc_stream_new(fd);
    connection->pid = pid;
    connection->io = loop_add_io(server->daemon->loop, fd, EPOLLIN, connection_ready, connection);
    connection->next = server->connections;
    server->connections = connection;
    server->count++;
}

static bool peer_is_allowed(const struct exec_server *server, int fd, uid_t uid)
{
    gid_t gid;
    return uid == 0 || uid == geteuid() ||
           (server->has_group && ipc_peer_group(fd, &gid) == 0 && gid == server->group);
}

static void listener_ready(void *userdata, uint32_t events)
{
    (void)events; // there is but one reason
    struct exec_server *server = userdata;
    int fd;
    uid_t uid;
    pid_t pid;
    while (ipc_accept(server->fd, &fd, &uid, &pid) == 0) {
        if (!peer_is_allowed(server, fd, uid)) {
            connection_refuse(server, fd, pid, "only root and ha-apid may talk to ha-execd");
        } else if (server->count >= CONNECTIONS_MAX) {
            connection_refuse(server, fd, pid, "ha-execd has too many connections");
        } else {
            connection_add(server, fd, pid);
        }
    }
}

// Another daemon may have made the folder for root alone. What is in it guards itself; the group
// must only be able to reach its socket.
static void folder_open(const char *path)
{
    struct stat folder;
    const char *slash = strrchr(path, '/');
    char *name CLEANUP(alloc_freep) = alloc_strdup(path);
    if (slash == NULL || slash == path) {
        return;
    }
    name[slash - path] = '\0';
    if (stat(name, &folder) == 0 && (folder.st_mode & S_IXOTH) == 0) {
        (void)chmod(name, (folder.st_mode & 07777) | S_IXGRP | S_IXOTH); // then ha-apid will tell
    }
}

int exec_server_new(const struct exec_server_spec *spec, struct exec_server **ret,
                    struct error *err)
{
    // The group comes with ha-apid's package; without it only root may connect.
    const struct group *group = spec->group != NULL ? getgrnam(spec->group) : NULL;
    int fd;
    int r = ipc_listen(spec->path, group != NULL ? SOCKET_MODE : 0600, &fd, err);
    if (r < 0) {
        return r;
    }
    if (group != NULL && chown(spec->path, (uid_t)-1, group->gr_gid) < 0) {
        r = error_set_errno(err, -errno, "cannot give '%s' to group '%s'", spec->path, spec->group);
        (void)close(fd); // r tells what was wrong
        return r;
    }
    if (group != NULL) {
        folder_open(spec->path);
    }
    struct exec_server *server = alloc_zero(sizeof(*server));
    server->daemon = spec->daemon;
    server->path = alloc_strdup(spec->path);
    server->has_group = group != NULL;
    server->group = group != NULL ? group->gr_gid : 0;
    server->fd = fd;
    server->resume = loop_add_timer(spec->daemon->loop, resume_due, server);
    server->reaper = loop_add_idle(spec->daemon->loop, connections_reap, server);
    server->listener = loop_add_io(spec->daemon->loop, fd, EPOLLIN, listener_ready, server);
    *ret = server;
    return 0;
}

void exec_server_close(struct exec_server *server)
{
    if (server->fd >= 0) {
        loop_source_free(server->listener);
        server->listener = NULL;
        (void)unlink(server->path); // a stale one is removed at the next start too
        (void)close(server->fd);
        server->fd = -1;
    }
}

void exec_server_free(struct exec_server *server)
{
    if (server == NULL) {
        return;
    }
    for (struct exec_connection *c = server->connections; c != NULL; c = c->next) {
        connection_end(c);
    }
    connections_reap(server);
    exec_server_close(server);
    loop_source_free(server->resume);
    loop_source_free(server->reaper);
    free(server->path);
    free(server);
}
