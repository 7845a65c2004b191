// SPDX-License-Identifier: Apache-2.0
// The life of a client's connection. One request is under way at a time; the next is read when the
// answer has been written, so a client that does not read cannot make us keep more.
#include "api/http/http_connection.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http/compression.h"
#include "api/http/net_event.h"
#include "api/http/parse/http_head.h"
#include "api/http/parse/http_response.h"
#include "api/http/tls_context.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/port/clock.h"

enum state {
    STATE_PEEK, // the first byte tells whether it is TLS
    STATE_HEAD, // waits for a request, or reads its head
    STATE_BODY,
    STATE_CALL, // the answer is being made
    STATE_STREAM,
    STATE_WRITE,  // the answer is being written
    STATE_LINGER, // all is said; the client has time to read it
};

enum {
    READ_AHEAD_MAX = 64 * 1024,
    HEAD_LOOK_BYTES = HTTP_HEAD_MAX + 16,
    COMPRESS_MIN = 1024,
    LINGER_BYTES_MAX = 8 * 1024 * 1024,
    TLS_HANDSHAKE_RECORD = 0x16,
};

struct http_connection {
    struct http_server *server;
    struct http_connection *previous, *next;
    enum state state;
    int fd;
    bool plain;
    bool closing;       // after the answer
    struct event *peek; // STATE_PEEK
    struct event *deadline;
    struct bufferevent *bev;
    struct arena *arena;
    char *address;
    struct http_head head;
    struct strbuf body;
    enum http_encoding encoding;
    bool begun;        // the next request
    bool without_body; // answers to HEAD
    bool chunked;
    size_t lingered_bytes;
    http_gone gone;
    void *gone_userdata;
};

static void process(struct http_connection *connection);

// --- the end -------------------------------------------------------------------------------------

static void body_release(struct http_connection *connection)
{
    if (connection->head.body_bytes > 0) {
        connection->server->bodies_bytes -= connection->head.body_bytes;
        connection->head.body_bytes = 0;
    }
    strbuf_done(&connection->body);
    connection->body = (struct strbuf){0};
}

static void connection_free(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (connection->gone != NULL) {
        http_gone gone = connection->gone;
        connection->gone = NULL;
        gone(connection->gone_userdata);
    }
    body_release(connection);
    if (connection->bev != NULL) {
        bufferevent_setcb(connection->bev, NULL, NULL, NULL, NULL);
        bufferevent_free(connection->bev); // closes the descriptor, too
    } else {
        event_free(connection->peek);
        (void)close(connection->fd);
    }
    event_free(connection->deadline);
    *(connection->previous != NULL ? &connection->previous->next : &server->first) =
        connection->next;
    *(connection->next != NULL ? &connection->next->previous : &server->last) =
        connection->previous;
    server->count--;
    arena_free(connection->arena);
    free(connection->address);
    free(connection);
}

static void deadline_set(struct http_connection *connection, int seconds)
{
    struct timeval time = {.tv_sec = seconds};
    (void)evtimer_add(connection->deadline, &time);
}

static void on_deadline(evutil_socket_t fd, short what, void *userdata)
{
    (void)fd;
    (void)what;
    connection_free(userdata);
}

static void lingering_read(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    connection->lingered_bytes += evbuffer_get_length(input);
    (void)evbuffer_drain(input, evbuffer_get_length(input));
    if (connection->lingered_bytes > LINGER_BYTES_MAX) {
        deadline_set(connection, 0);
    }
}

// Closing with unread bytes would reset the connection, and the client would lose the answer.
static void linger(struct http_connection *connection)
{
    SSL *ssl = connection->plain ? NULL : bufferevent_openssl_get_ssl(connection->bev);
    if (ssl != NULL) {
        (void)SSL_shutdown(ssl); // its success changes nothing
    }
    (void)shutdown(connection->fd, SHUT_WR);
    body_release(connection);
    connection->state = STATE_LINGER;
    deadline_set(connection, HTTP_LINGER_S);
    lingering_read(connection);
}

// --- answers -------------------------------------------------------------------------------------

static void next_begin(struct http_connection *connection)
{
    body_release(connection);
    arena_clear(connection->arena);
    connection->head = (struct http_head){.minor = 1};
    connection->begun = false;
    connection->state = STATE_HEAD;
    deadline_set(connection, HTTP_IDLE_S);
    process(connection);
}

static void on_written(struct bufferevent *bev, void *userdata)
{
    struct http_connection *connection = userdata;
    if (connection->state != STATE_WRITE || evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
        return;
    }
    if (connection->closing) {
        linger(connection);
    } else {
        next_begin(connection);
    }
}

static void head_write(struct http_connection *connection, const struct http_response *response)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    http_response_format(response, &text);
    (void)evbuffer_add(bufferevent_get_output(connection->bev), text.text, text.size_bytes);
}

static void answer_release(const void *data, size_t size_bytes, void *userdata)
{
    (void)data;
    (void)size_bytes;
    struct http_answer *answer = userdata;
    answer->release(answer->release_userdata);
    free(answer);
}

static void body_write(struct http_connection *connection, const struct http_answer *answer,
                       const char *body, size_t body_bytes)
{
    struct evbuffer *output = bufferevent_get_output(connection->bev);
    if (answer->release != NULL && body == answer->body) {
        struct http_answer *kept = alloc_memdup(answer, sizeof(*answer));
        if (evbuffer_add_reference(output, body, body_bytes, answer_release, kept) == 0) {
            return;
        }
        free(kept);
    }
    (void)evbuffer_add(output, body, body_bytes);
    if (answer->release != NULL) {
        answer->release(answer->release_userdata);
    }
}

void http_connection_answer(struct http_connection *connection, const struct http_answer *answer)
{
    assert(connection->state == STATE_CALL);
    const char *body = answer->body;
    size_t size = answer->content_type != NULL ? answer->body_bytes : 0;
    const char *extra = answer->extra != NULL ? answer->extra : "";
    if (answer->compress && size > COMPRESS_MIN && connection->encoding != HTTP_ENCODING_NONE) {
        bool gzip = connection->encoding == HTTP_ENCODING_GZIP;
        body = compression_run(connection->arena, gzip, body, size, &size);
        extra =
            arena_printf(connection->arena, "Content-Encoding: %s\r\nVary: Accept-Encoding\r\n%s",
                         gzip ? "gzip" : "deflate", extra);
    }
    connection->closing =
        connection->closing || answer->status >= 400 || !connection->head.keep_alive;
    struct http_response response = {
        .status = answer->status,
        .reason = answer->reason,
        .minor = connection->head.minor,
        .keep_alive = !connection->closing,
        .content_type = answer->content_type,
        .extra = extra,
        .length = answer->status == 304 ? -1 : (int64_t)size,
        .date_s = clock_wall_s(connection->server->clock),
    };
    connection->gone = NULL;
    connection->state = STATE_WRITE;
    deadline_set(connection, HTTP_WRITE_S);
    head_write(connection, &response);
    body_write(connection, answer, connection->without_body ? "" : body,
               connection->without_body ? 0 : size);
}

void http_connection_stream(struct http_connection *connection, const char *content_type)
{
    assert(connection->state == STATE_CALL);
    connection->chunked = connection->head.minor > 0;
    connection->closing = true;
    struct http_response response = {
        .status = 200,
        .reason = "OK",
        .minor = connection->head.minor,
        .content_type = content_type,
        .extra = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
        .length = -1,
        .chunked = connection->chunked,
        .date_s = clock_wall_s(connection->server->clock),
    };
    connection->state = STATE_STREAM;
    (void)evtimer_del(connection->deadline);
    head_write(connection, &response);
}

int http_connection_write(struct http_connection *connection, const char *text, size_t size_bytes)
{
    assert(connection->state == STATE_STREAM);
    struct evbuffer *output = bufferevent_get_output(connection->bev);
    if (evbuffer_get_length(output) > HTTP_STREAM_QUEUE_MAX) {
        return -ENOBUFS;
    }
    if (size_bytes == 0) {
        return 0; // an empty chunk would be the end
    }
    if (connection->chunked) {
        (void)evbuffer_add_printf(output, "%zx\r\n", size_bytes);
    }
    (void)evbuffer_add(output, text, size_bytes);
    if (connection->chunked) {
        (void)evbuffer_add(output, "\r\n", 2);
    }
    return 0;
}

void http_connection_end(struct http_connection *connection)
{
    assert(connection->state == STATE_STREAM);
    connection->gone = NULL;
    if (evbuffer_get_length(bufferevent_get_output(connection->bev)) > HTTP_STREAM_QUEUE_MAX) {
        connection_free(connection);
        return;
    }
    connection->state = STATE_WRITE;
    deadline_set(connection, HTTP_WRITE_S);
    if (connection->chunked) {
        (void)evbuffer_add(bufferevent_get_output(connection->bev), "0\r\n\r\n", 5);
    } else {
        bufferevent_trigger(connection->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
    }
}

// --- requests ------------------------------------------------------------------------------------

static void refusal_answer(struct http_connection *connection, const struct http_refusal *refusal)
{
    connection->state = STATE_CALL;
    connection->closing = true;
    connection->encoding = HTTP_ENCODING_NONE;
    connection->server->refused(connection->server->userdata, connection, refusal);
}

static bool is_plain_head(const struct http_connection *connection,
                          const struct http_refusal *refusal)
{
    const struct http_head *head = &connection->head;
    return refusal->status == 501 && head->method != NULL && strcmp(head->method, "HEAD") == 0 &&
           head->target != NULL && head->target[0] == '/';
}

// Whoever speaks plainly gets the same place behind TLS, and nothing else.
static void redirect(struct http_connection *connection)
{
    struct arena *arena = connection->arena;
    const char *method = connection->head.method;
    bool looks = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    char *location = http_head_location(arena, &connection->head, connection->server->authority);
    struct http_answer answer = {
        .status = looks ? 301 : 308,
        .reason = http_reason(arena, looks ? 301 : 308, NULL),
        .extra = arena_printf(arena, "Location: %s\r\n", location),
    };
    connection->closing = true;
    connection->state = STATE_CALL;
    http_connection_answer(connection, &answer);
}

static void request_run(struct http_connection *connection)
{
    (void)evtimer_del(connection->deadline);
    connection->state = STATE_CALL;
    connection->encoding = http_head_encoding(&connection->head);
    connection->server->request(connection->server->userdata, connection, &connection->head,
                                strbuf_text(&connection->body), connection->body.size_bytes);
}

static void body_take(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    char bytes[16 * 1024];
    while (connection->body.size_bytes < connection->head.body_bytes) {
        size_t wanted = connection->head.body_bytes - connection->body.size_bytes;
        int n = evbuffer_remove(input, bytes, wanted < sizeof(bytes) ? wanted : sizeof(bytes));
        if (n <= 0) {
            return;
        }
        strbuf_append_bytes(&connection->body, bytes, (size_t)n);
    }
    request_run(connection);
}

static void body_begin(struct http_connection *connection)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http_server *server = connection->server;
    if (connection->plain) {
        connection->head.body_bytes = 0;
        redirect(connection);
        return;
    }
    if (server->bodies_bytes + connection->head.body_bytes > HTTP_BODIES_MAX) {
        connection->head.body_bytes = 0;
        refusal_answer(connection, &(struct http_refusal){503, "too many requests at once"});
        return;
    }
    server->bodies_bytes += connection->head.body_bytes;
    connection->state = STATE_BODY;
    deadline_set(connection, HTTP_BODY_S);
    struct bufferevent *bev = connection->bev;
    if (connection->head.expects_continue && evbuffer_get_length(bufferevent_get_input(bev)) == 0) {
        (void)evbuffer_add(bufferevent_get_output(bev), go_on, strlen(go_on));
    }
    body_take(connection);
}

static void head_take(struct http_connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    size_t length = evbuffer_get_length(input);
    if (length == 0) {
        return;
    }
    if (!connection->begun) {
        connection->begun = true;
        deadline_set(connection, HTTP_HEAD_S);
    }
    size_t look = length < HEAD_LOOK_BYTES ? length : HEAD_LOOK_BYTES;
    const char *bytes = (const char *)evbuffer_pullup(input, (ev_ssize_t)look);
    struct http_refusal refusal = {0};
    enum http_head_result result =
        http_head_read(connection->arena, bytes, look, &connection->head, &refusal);
    if (result == HTTP_HEAD_MORE) {
        return;
    }
    if (result == HTTP_HEAD_READY) {
        (void)evbuffer_drain(input, connection->head.head_bytes);
        body_begin(connection);
        return;
    }
    connection->without_body =
        connection->head.method != NULL && strcmp(connection->head.method, "HEAD") == 0;
    connection->head.body_bytes = 0;
    if (connection->plain && is_plain_head(connection, &refusal)) {
        redirect(connection);
    } else {
        refusal_answer(connection, &refusal);
    }
}

static void process(struct http_connection *connection)
{
    if (connection->state == STATE_HEAD) {
        head_take(connection);
    } else if (connection->state == STATE_BODY) {
        body_take(connection);
    } else if (connection->state == STATE_LINGER) {
        lingering_read(connection);
    }
}

static void on_read(struct bufferevent *bev, void *userdata)
{
    (void)bev;
    process(userdata);
}

static void on_event(struct bufferevent *bev, short what, void *userdata)
{
    (void)bev;
    struct http_connection *connection = userdata;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        deadline_set(connection, HTTP_HEAD_S);
        return;
    }
    bool half = (what & BEV_EVENT_EOF) != 0 && connection->plain;
    if (half && connection->state == STATE_WRITE) {
        return; // it still listens
    }
    connection_free(connection);
}

// --- the beginning -------------------------------------------------------------------------------

static void transport_begin(struct http_connection *connection, bool plain)
{
    struct http_server *server = connection->server;
    struct timeval stall = {.tv_sec = HTTP_STALL_S};
    int options = BEV_OPT_DEFER_CALLBACKS | BEV_OPT_CLOSE_ON_FREE;
    connection->plain = plain;
    if (plain) {
        connection->bev = bufferevent_socket_new(server->base, connection->fd, options);
    } else {
        SSL *ssl = SSL_new(server->tls->context);
        assert(ssl != NULL);
        connection->bev = bufferevent_openssl_socket_new(server->base, connection->fd, ssl,
                                                         BUFFEREVENT_SSL_ACCEPTING, options);
    }
    assert(connection->bev != NULL);
    connection->state = STATE_HEAD;
    bufferevent_setcb(connection->bev, on_read, on_written, on_event, connection);
    bufferevent_setwatermark(connection->bev, EV_READ, 0, READ_AHEAD_MAX);
    (void)bufferevent_set_timeouts(connection->bev, NULL, &stall);
    (void)bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
}

static void on_first_byte(evutil_socket_t fd, short what, void *userdata)
{
    (void)what;
    struct http_connection *connection = userdata;
    unsigned char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        (void)event_add(connection->peek, NULL);
        return;
    }
    if (n <= 0) {
        connection_free(connection);
        return;
    }
    event_free(connection->peek);
    connection->peek = NULL;
    transport_begin(connection, byte != TLS_HANDSHAKE_RECORD);
}

// Those whose end costs nobody anything that was promised.
static bool is_idle(const struct http_connection *connection, bool begun)
{
    return connection->state == STATE_PEEK || connection->state == STATE_LINGER ||
           (connection->state == STATE_HEAD && connection->begun <= begun);
}

// Makes room: who has waited longest for its next request is asked to connect again, before those
// that are in the middle of one's head.
static bool room_make(struct http_server *server)
{
    for (int begun = 0; begun <= 1; begun++) {
        for (struct http_connection *c = server->first; c != NULL; c = c->next) {
            if (is_idle(c, begun != 0)) {
                connection_free(c);
                return true;
            }
        }
    }
    return false;
}

void http_connection_accept(struct http_server *server, int fd, const char *address)
{
    int on = 1;
    if (server->count >= server->count_max && !room_make(server)) {
        (void)close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); // only speed depends on it
    struct http_connection *connection = alloc_zero(sizeof(*connection));
    *connection = (struct http_connection){
        .server = server,
        .previous = server->last,
        .fd = fd,
        .address = alloc_strdup(address),
        .arena = arena_new(),
        .head = {.minor = 1},
    };
    *(server->last != NULL ? &server->last->next : &server->first) = connection;
    server->last = connection;
    server->count++;
    connection->deadline = net_timer_new(server->base, on_deadline, connection);
    connection->peek = net_event_new(server->base, fd, EV_READ, on_first_byte, connection);
    (void)event_add(connection->peek, NULL);
    deadline_set(connection, HTTP_HANDSHAKE_S);
}

void http_server_close(struct http_server *server)
{
    while (server->first != NULL) {
        connection_free(server->first);
    }
}

struct arena *http_connection_arena(struct http_connection *connection)
{
    return connection->arena;
}

const char *http_connection_address(const struct http_connection *connection)
{
    return connection->address;
}

enum http_encoding http_connection_encoding(const struct http_connection *connection)
{
    return connection->encoding;
}

void http_connection_watch(struct http_connection *connection, http_gone gone, void *userdata)
{
    connection->gone = gone;
    connection->gone_userdata = userdata;
}
