// SPDX-License-Identifier: Apache-2.0
// Connections of clients: TLS, requests one after the other, time limits, answers. Who speaks
// plainly is sent to https. What a request means is decided behind `http_server.request`, which
// answers each exactly once, at once or later, with http_connection_answer() or _stream().
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http/parse/http_head.h"
#include "common/base/macros.h"

struct arena;
struct clock;
struct event_base;
struct evbuffer;
struct http_connection;
struct tls_server;

enum {
    HTTP_CONNECTIONS_MAX = 1000,
    HTTP_BODIES_MAX = 64 * 1024 * 1024, // bytes of request bodies, of all connections together
    HTTP_HANDSHAKE_S = 10,
    HTTP_HEAD_S = 10,                        // from its first byte to its end
    HTTP_BODY_S = 30,                        // likewise
    HTTP_IDLE_S = 60,                        // between two requests
    HTTP_STALL_S = 30,                       // of a client that takes no byte of its answer
    HTTP_WRITE_S = 120,                      // for a whole answer
    HTTP_LINGER_S = 2,                       // for the client to read the last answer
    HTTP_STREAM_QUEUE_MAX = 2 * 1024 * 1024, // bytes that a client of a stream has not taken
};

typedef void (*http_request)(void *userdata, struct http_connection *connection,
                             const struct http_head *head, const char *body, size_t body_bytes);
// The head or frame of a request cannot be accepted: answer it, the connection ends then.
typedef void (*http_refused)(void *userdata, struct http_connection *connection,
                             const struct http_refusal *refusal);
typedef void (*http_gone)(void *userdata);

struct http_server {
    struct event_base *base;
    struct clock *clock;
    const struct tls_server *tls;
    const char *authority; // "node1:8006": where a plain request without a host is sent
    size_t count_max;      // connections, at most HTTP_CONNECTIONS_MAX
    http_request request;
    http_refused refused;
    void *userdata;
    // All connections, the oldest first.
    struct http_connection *first, *last;
    size_t count;
    size_t bodies_bytes;
};

// Takes over the descriptor. When there are too many, the oldest one that waits for a request is
// closed for it; when all are busy, the new one is.
void http_connection_accept(struct http_server *server, int fd, const char *address);
void http_server_close(struct http_server *server); // all connections, at once

// Memory of the request under way; it lasts until the answer.
struct arena *http_connection_arena(struct http_connection *connection) WARN_UNUSED;
// The client's address without port.
const char *http_connection_address(const struct http_connection *connection) WARN_UNUSED;
// In which its answer may be.
enum http_encoding http_connection_encoding(const struct http_connection *connection) WARN_UNUSED;
// Called when the client is gone before its answer, or before the end of its stream. NULL: nobody.
void http_connection_watch(struct http_connection *connection, http_gone gone, void *userdata);

struct http_answer {
    int status;
    const char *reason;       // http_reason()
    const char *content_type; // NULL: no body either
    const char *extra;        // headers with their ends of lines, or NULL
    const char *body;         // copied, unless `release` is there
    size_t body_bytes;
    void (*release)(void *userdata); // called when the body is not used any more
    void *release_userdata;
    bool compress; // when the client accepts it and it is worth it
};
// Every answer from 400 on, and all to HTTP/1.0 without keep-alive, close the connection.
void http_connection_answer(struct http_connection *connection, const struct http_answer *answer);

// Begins an answer without end; status 200.
void http_connection_stream(struct http_connection *connection, const char *content_type);
// -ENOBUFS: the client does not read; end the stream.
int http_connection_write(struct http_connection *connection, const char *text,
                          size_t size_bytes) WARN_UNUSED;
void http_connection_end(struct http_connection *connection);
