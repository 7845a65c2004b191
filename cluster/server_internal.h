// SPDX-License-Identifier: Apache-2.0
// What server.c and server_ops.c share.
#pragma once

#include "cluster/engine.h"
#include "cluster/server.h"
#include "common/base/map.h"

struct arena;
struct ipc_stream;
struct json;
struct loop_source;
struct server_client;

struct server {
    struct server_spec spec;
    struct engine *engine;
    int listen_fd;
    struct loop_source *listener;
    struct loop_source *resume;    // due when a client has more requests
    struct server_client *clients; // a list
    size_t clients_count;
    struct server_pending *pending; // a list, newest first
};

struct server_client {
    struct server_client *next;
    struct server *server;
    struct ipc_stream *stream;
    struct loop_source *io;
    pid_t pid;
    bool greeted; // said hello
    bool ended;   // cut or closed: freed at the end of the turn
    bool closed;  // by its peer: ends when all it has sent is handled
    bool more;    // requests are waiting for the next turn
    bool watches;
    char **prefixes;
    size_t prefixes_count;
    struct map waits; // leases that were refused as busy, to be told of when they can be had
};

// A request of a client that waits for the store.
struct server_pending {
    struct server_pending *next;
    uint64_t request;
    struct server_client *client; // NULL: gone
    int64_t id;                   // of the client's request
    int64_t since_us;
    char *lease; // NULL: a transaction
    bool release;
    const char *origin; // of what is acquired: how its last holder lost it; a literal, or NULL
};

// One request being handled.
struct server_call {
    struct server *server;
    struct server_client *client;
    struct arena *arena;
    const struct json *request;
    int64_t id;
};

// Handles a well-formed request.
void server_ops_run(const struct server_call *call);
// The answer of the store to a pending request.
void server_ops_answered(const struct server_pending *pending, const struct replica_answer *answer);
// Whether asking for the lease makes sense now; *ret_in_ms: else when.
bool server_ops_can_lease(struct server *server, const char *name, int64_t *ret_in_ms);
struct json *server_ops_membership(struct server *server, struct arena *arena);

// Sends a document to the client; one that does not read is cut.
void server_send(struct server_client *client, const struct json *message);
// Answers with members; `answer` is an object or NULL for an empty one.
void server_answer(struct server_client *client, struct arena *arena, int64_t id,
                   struct json *answer);
void server_refuse(struct server_client *client, struct arena *arena, int64_t id, int code,
                   const char *words);
void server_cut(struct server_client *client, const char *reason);

struct json *server_row(struct arena *arena, const struct replica_row *row);
// Sends those of the rows that the client watches, as notifications of this kind, in pages;
// `always`: also when there are none.
void server_send_rows(struct server_client *client, const char *kind,
                      const struct replica_row *rows, size_t count, bool always);
