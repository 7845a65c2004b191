// SPDX-License-Identifier: Apache-2.0
// Connections of clients: accepting, reading, writing, notifying, cutting. A client that sends
// nonsense or does not read is cut alone; nothing it does can hold up the others or the daemon.
#include "cluster/server.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cluster/server_internal.h"
#include "cluster/server_ops_cluster.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/host_clock.h"
#include "common/host/ipc.h"
#include "common/host/latency_page.h"
#include "common/host/loop.h"
#include "common/host/protocol.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"

enum {
    CLIENTS_MAX = 512,
    SOCKET_MODE = 0600,
    REQUESTS_PER_TURN = 1, // of one client: then it is the others' turn
};

static void client_event(struct server *server, const char *name, const char *reason, pid_t pid)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_WARNING, name);
    event_int(event, "pid", pid);
    event_emit(server->spec.events, event_text(arena, event, "reason", reason));
}

// ---- Clients.

static void client_free(struct server_client *client)
{
    loop_source_free(client->io);
    ipc_stream_free(client->stream);
    for (size_t i = 0; i < client->prefixes_count; i++) {
        free(client->prefixes[i]);
    }
    free(client->prefixes);
    map_done(&client->waits);
    free(client);
}

// Frees the clients that ended. Called where nobody holds one.
static void clients_reap(struct server *server)
{
    struct server_client **at = &server->clients;
    while (*at != NULL) {
        struct server_client *client = *at;
        if (!client->ended) {
            at = &client->next;
            continue;
        }
        *at = client->next;
        server->clients_count--;
        for (struct server_pending *p = server->pending; p != NULL; p = p->next) {
            if (p->client == client) {
                p->client = NULL; // what it asked for takes its course; nobody hears of it
            }
        }
        client_free(client);
    }
}

static void client_end(struct server_client *client)
{
    client->ended = true;
    loop_source_free(client->io);
    client->io = NULL;
}

void server_cut(struct server_client *client, const char *reason)
{
    if (!client->ended) {
        client_event(client->server, "client-cut", reason, client->pid);
        client_end(client);
    }
}

static void client_watch_output(struct server_client *client)
{
    uint32_t events = client->more ? 0 : EPOLLIN;
    if (ipc_stream_is_pending(client->stream)) {
        events |= EPOLLOUT;
    }
    loop_io_set_events(client->io, events);
}

void server_send(struct server_client *client, const struct json *message)
{
    if (client->ended) {
        return;
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    json_format(message, JSON_STYLE_COMPACT, &text);
    int r = ipc_stream_send(client->stream, text.text, text.size_bytes);
    if (r == -ENOBUFS) {
        server_cut(client, "it does not read what it is sent");
    } else if (r == -EMSGSIZE) {
        server_cut(client, "what it asked for is too large");
    } else if (r < 0) {
        client_end(client); // gone
    } else {
        client_watch_output(client);
    }
}

void server_answer(struct server_client *client, struct arena *arena, int64_t id,
                   struct json *answer)
{
    if (answer == NULL) {
        answer = json_new_object(arena);
    }
    json_put_int(answer, "id", id);
    server_send(client, answer);
}

void server_refuse(struct server_client *client, struct arena *arena, int64_t id, int code,
                   const char *words)
{
    struct json *answer = json_new_object(arena);
    json_put_string(answer, "error", words);
    json_put_string(answer, "code", protocol_code_to_string(code));
    server_answer(client, arena, id, answer);
}

static void client_frame(struct server_client *client, const char *frame, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *request;
    struct error err = {0};
    int64_t id = 0;
    int r = json_parse(arena, frame, size_bytes, &request, &err);
    if (r == 0) {
        r = json_get_int(request, "id", 1, INT64_MAX, &id, &err);
    }
    if (r < 0) {
        server_cut(client, arena_printf(arena, "bad request: %s", err.text));
        return;
    }
    struct server_call call = {
        .server = client->server,
        .client = client,
        .arena = arena,
        .request = request,
        .id = id,
    };
    server_ops_run(&call);
}

static void client_handle(struct server_client *client)
{
    struct error err = {0};
    const char *frame;
    size_t size_bytes;
    int r = 1;
    for (int i = 0; i < REQUESTS_PER_TURN && r > 0 && !client->ended; i++) {
        r = ipc_stream_next(client->stream, &frame, &size_bytes, &err);
        if (r > 0) {
            client_frame(client, frame, size_bytes);
        }
    }
    if (r < 0) {
        server_cut(client, err.text);
    }
    if (client->ended) {
        return;
    }
    client->more = r > 0; // perhaps: the next turn finds out
    if (client->more) {
        loop_timer_set(client->server->resume, 0);
    } else if (client->closed) {
        client_end(client);
        return;
    }
    client_watch_output(client);
}

static void client_read(struct server_client *client)
{
    if (ipc_stream_fill(client->stream) < 0) {
        client->closed = true; // what it has sent before is still handled
    }
    client_handle(client);
}

static void resume_due(void *userdata)
{
    struct server *server = userdata;
    engine_wake(server->engine);
    for (struct server_client *c = server->clients; c != NULL; c = c->next) {
        if (c->more && !c->ended) {
            client_handle(c);
        }
    }
    engine_turn(server->engine);
}

static void client_ready(void *userdata, uint32_t events)
{
    struct server_client *client = userdata;
    struct server *server = client->server;
    engine_wake(server->engine);
    if ((events & EPOLLOUT) != 0) {
        if (ipc_stream_flush(client->stream) < 0) {
            client_end(client);
        } else {
            client_watch_output(client);
        }
    }
    if (!client->ended && !client->more && (events & ~(uint32_t)EPOLLOUT) != 0) {
        client_read(client);
    }
    engine_turn(server->engine); // frees the client when it has ended
}

// ---- Accepting.

// One line, so that whoever tries by hand sees why.
static void connection_refuse(struct server *server, int fd, pid_t pid, const char *words)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ipc_stream *stream = ipc_stream_new(fd);
    struct json *message = json_new_object(arena);
    json_put_string(message, "error", words);
    json_put_string(message, "code", protocol_code_to_string(-EACCES));
    struct strbuf text CLEANUP(strbuf_done) = {0};
    json_format(message, JSON_STYLE_COMPACT, &text);
    ignore_result(ipc_stream_send(stream, text.text, text.size_bytes)); // or it does not hear it
    ipc_stream_free(stream);
    client_event(server, "connection-refused", words, pid);
}

static void connection_add(struct server *server, int fd, pid_t pid)
{
    struct server_client *client = alloc_zero(sizeof(*client));
    client->server = server;
    client->stream = ipc_stream_new(fd);
    client->pid = pid;
    map_init(&client->waits, NULL);
    client->io = loop_add_io(server->spec.loop, fd, EPOLLIN, client_ready, client);
    client->next = server->clients;
    server->clients = client;
    server->clients_count++;
}

static void listener_ready(void *userdata, uint32_t events)
{
    (void)events; // there is but one reason
    struct server *server = userdata;
    engine_wake(server->engine);
    int fd;
    uid_t uid;
    pid_t pid;
    while (ipc_accept(server->listen_fd, &fd, &uid, &pid) == 0) {
        if (uid != server->spec.allowed_uid) {
            connection_refuse(server, fd, pid, "only root may talk to ha-clusterd");
        } else if (server->clients_count >= CLIENTS_MAX) {
            connection_refuse(server, fd, pid, "ha-clusterd has too many clients");
        } else {
            connection_add(server, fd, pid);
        }
    }
}

int server_new(const struct server_spec *spec, struct server **ret, struct error *err)
{
    int fd;
    int r = ipc_listen(spec->path, SOCKET_MODE, &fd, err);
    if (r < 0) {
        return r;
    }
    struct server *server = alloc_zero(sizeof(*server));
    server->spec = *spec;
    server->listen_fd = fd;
    *ret = server;
    return 0;
}

void server_set_engine(struct server *server, struct engine *engine)
{
    server->engine = engine;
    server->resume = loop_add_timer(server->spec.loop, resume_due, server);
    server->listener =
        loop_add_io(server->spec.loop, server->listen_fd, EPOLLIN, listener_ready, server);
}

static void pending_free(struct server_pending *pending)
{
    free(pending->lease);
    free(pending);
}

void server_free(struct server *server)
{
    if (server == NULL) {
        return;
    }
    for (struct server_client *c = server->clients; c != NULL; c = c->next) {
        client_end(c);
    }
    clients_reap(server);
    while (server->pending != NULL) {
        struct server_pending *next = server->pending->next;
        pending_free(server->pending);
        server->pending = next;
    }
    loop_source_free(server->listener);
    loop_source_free(server->resume);
    (void)unlink(server->spec.path); // a stale one is removed at the next start too
    (void)close(server->listen_fd);
    free(server);
}

// ---- From the engine.

// What took effect; refusals are quick and tell nothing.
static void pending_count(const struct server *server, const struct server_pending *pending,
                          const struct replica_answer *answer)
{
    enum latency_kind kind = pending->lease != NULL ? LATENCY_KIND_LEASE : LATENCY_KIND_COMMIT;
    if (answer->code == 0) {
        latency_page_add(server->spec.times, kind, host_clock_us() - pending->since_us, 0);
    }
}

void server_answered(struct server *server, uint64_t request, const struct replica_answer *answer)
{
    for (struct server_pending **at = &server->pending; *at != NULL; at = &(*at)->next) {
        struct server_pending *pending = *at;
        if (pending->request == request) {
            *at = pending->next;
            pending_count(server, pending, answer);
            if (pending->client != NULL && !pending->client->ended) {
                server_ops_answered(pending, answer);
            }
            pending_free(pending);
            return;
        }
    }
}

static bool row_is_watched(const struct server_client *client, const struct replica_row *row)
{
    for (size_t i = 0; i < client->prefixes_count; i++) {
        if (strncmp(row->key, client->prefixes[i], strlen(client->prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

struct json *server_row(struct arena *arena, const struct replica_row *row)
{
    struct json *entry = json_new_object(arena);
    json_put_string(entry, "key", row->key);
    json_put_int(entry, "version", (int64_t)row->version);
    json_put_string(entry, "value", row->value); // absent: deleted
    return entry;
}

static void page_send(struct server_client *client, struct arena *arena, const char *kind,
                      struct json *entries, bool more)
{
    struct json *message = json_new_object(arena);
    json_put_string(message, "notify", kind);
    json_put(message, "entries", entries);
    json_put_bool(message, "more", more);
    json_put_int(message, "version",
                 (int64_t)replica_version(engine_replica(client->server->engine)));
    server_send(client, message);
}

void server_send_rows(struct server_client *client, const char *kind,
                      const struct replica_row *rows, size_t count, bool always)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *entries = json_new_array(arena);
    size_t page_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (!row_is_watched(client, &rows[i])) {
            continue;
        }
        if (page_bytes > PROTOCOL_PAGE_BYTES) {
            page_send(client, arena, kind, entries, true);
            entries = json_new_array(arena);
            page_bytes = 0;
        }
        json_append(entries, server_row(arena, &rows[i]));
        page_bytes += rows[i].size_bytes + strlen(rows[i].key);
    }
    if (always || entries->count > 0) {
        page_send(client, arena, kind, entries, false);
    }
}

void server_changed(struct server *server, const struct replica_row *rows, size_t count)
{
    for (struct server_client *c = server->clients; c != NULL; c = c->next) {
        if (c->watches && !c->ended) {
            server_send_rows(c, "changes", rows, count, false);
        }
    }
}

void server_membership(struct server *server)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *message = server_ops_membership(server, arena);
    json_put_string(message, "notify", "membership");
    for (struct server_client *c = server->clients; c != NULL; c = c->next) {
        if (c->watches) {
            server_send(c, message);
        }
    }
}

// Tells those who were refused a lease when it can be had.
static void waits_tell(struct server_client *client)
{
    size_t i = 0;
    while (i < client->waits.count) {
        const char *name = client->waits.entries[i].key;
        int64_t in_ms;
        if (!server_ops_can_lease(client->server, name, &in_ms)) {
            i++;
            continue;
        }
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct json *message = json_new_object(arena);
        json_put_string(message, "notify", "lease");
        json_put_string(message, "name", name);
        server_send(client, message);
        (void)map_remove(&client->waits, name);
    }
}

void server_turned(struct server *server)
{
    for (struct server_client *c = server->clients; c != NULL; c = c->next) {
        if (!c->ended) {
            waits_tell(c);
        }
    }
    clients_reap(server);
}
