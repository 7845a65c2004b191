// SPDX-License-Identifier: Apache-2.0
// A client of another node's ha-apid, for one call.
#include "api/http/node_forward.h"

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

#include "api/http/net_event.h"
#include "api/http/tls_context.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"

struct node_forward {
    struct event_base *base;
    struct arena *arena;
    SSL_CTX *tls;
    struct node_pool *pool;
    struct node_call call;
    node_forward_done done;
    void *userdata;
    int fd;
    struct event *connecting;
    struct event *timer;
    struct bufferevent *bev;
    struct http_reply reply; // of our own when something failed
    bool has_head;
    bool failed;
    bool reused; // the connection had another call before
};

static void forward_free(struct node_forward *forward)
{
    if (forward->connecting != NULL) {
        event_free(forward->connecting);
    }
    event_free(forward->timer);
    if (forward->bev != NULL) {
        bufferevent_setcb(forward->bev, NULL, NULL, NULL, NULL);
        bufferevent_free(forward->bev); // closes the descriptor, too
    } else if (forward->fd >= 0) {
        (void)close(forward->fd);
    }
    arena_free(forward->arena);
    free(forward);
}

static void finish(struct node_forward *forward, const char *body, size_t body_bytes)
{
    forward->done(forward->userdata, &forward->reply, body, body_bytes);
    forward_free(forward);
}

static void set_failure(struct node_forward *forward, int status, const char *reason)
{
    forward->failed = true;
    forward->reply = (struct http_reply){.status = status, .reason = reason};
}

static void fail(struct node_forward *forward, int status, const char *reason)
{
    set_failure(forward, status, reason);
    finish(forward, NULL, 0);
}

static void on_timer(evutil_socket_t fd, short what, void *userdata)
{
    (void)fd;
    (void)what;
    struct node_forward *forward = userdata;
    if (!forward->failed) {
        set_failure(forward,
                    forward->bev == NULL ? FORWARD_STATUS_UNREACHED : FORWARD_STATUS_BROKEN,
                    "Connection timed out");
    }
    finish(forward, NULL, 0);
}

static void timer_set(struct node_forward *forward, int seconds)
{
    struct timeval time = {.tv_sec = seconds};
    (void)evtimer_add(forward->timer, &time);
}

// --- the answer ----------------------------------------------------------------------------------

static bool body_is_whole(const struct node_forward *forward, size_t bytes)
{
    return forward->reply.length >= 0 && bytes >= (size_t)forward->reply.length;
}

// Of a whole answer that nothing else follows.
static void connection_keep(struct node_forward *forward, size_t body_bytes)
{
    struct evbuffer *input = bufferevent_get_input(forward->bev);
    if (forward->reply.keep_alive && forward->reply.length >= 0 &&
        evbuffer_get_length(input) == body_bytes) {
        (void)evbuffer_drain(input, body_bytes);
        node_pool_give(forward->pool, &forward->call.peer, forward->bev);
        forward->bev = NULL;
        forward->fd = -1;
    }
}

static void body_finish(struct node_forward *forward)
{
    struct evbuffer *input = bufferevent_get_input(forward->bev);
    size_t bytes = evbuffer_get_length(input);
    if (forward->reply.length >= 0) {
        bytes = (size_t)forward->reply.length;
    }
    const char *body = bytes > 0 ? (const char *)evbuffer_pullup(input, (ev_ssize_t)bytes) : "";
    body = arena_memdup(forward->arena, body, bytes);
    connection_keep(forward, bytes);
    finish(forward, body, bytes);
}

static void on_read(struct bufferevent *bev, void *userdata)
{
    struct node_forward *forward = userdata;
    struct evbuffer *input = bufferevent_get_input(bev);
    struct error err = {0};
    if (!forward->has_head) {
        size_t size = evbuffer_get_length(input);
        if (size == 0) {
            return; // of the call before, on a kept connection
        }
        size = size < HTTP_RESPONSE_HEAD_MAX * 2 ? size : HTTP_RESPONSE_HEAD_MAX * 2;
        const char *bytes = (const char *)evbuffer_pullup(input, (ev_ssize_t)size);
        int r = http_reply_read(forward->arena, bytes, size, &forward->reply, &err);
        if (r < 0) {
            fail(forward, FORWARD_STATUS_BROKEN, "the other node's answer cannot be read");
            return;
        }
        if (r == 0) {
            return;
        }
        forward->has_head = true;
        (void)evbuffer_drain(input, forward->reply.head_bytes);
    }
    size_t bytes = evbuffer_get_length(input);
    if (bytes > HTTP_RESPONSE_BODY_MAX) {
        fail(forward, FORWARD_STATUS_BROKEN, "the other node's answer is too long");
    } else if (body_is_whole(forward, bytes)) {
        body_finish(forward);
    }
}

static void request_write(struct node_forward *forward)
{
    const struct node_call *call = &forward->call;
    struct evbuffer *output = bufferevent_get_output(forward->bev);
    bool v6 = strchr(call->peer.address, ':') != NULL;
    (void)evbuffer_add_printf(output,
                              "%s %s HTTP/1.1\r\nHost: %s%s%s:%d\r\n"
                              "PVEDisableProxy: 1\r\n%sContent-Length: %zu\r\n\r\n",
                              call->method, call->target, v6 ? "[" : "", call->peer.address,
                              v6 ? "]" : "", call->peer.port, call->headers, call->body_bytes);
    (void)evbuffer_add(output, call->body, call->body_bytes);
    (void)bufferevent_enable(forward->bev, EV_READ | EV_WRITE);
}

static void connect_anew(struct node_forward *forward);

static void on_event(struct bufferevent *bev, short what, void *userdata)
{
    struct node_forward *forward = userdata;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        if (!tls_peer_is(bufferevent_openssl_get_ssl(bev), forward->call.peer.fingerprint)) {
            fail(forward, FORWARD_STATUS_BROKEN, "fingerprint of the other node does not match");
            return;
        }
        timer_set(forward, FORWARD_ANSWER_S);
        request_write(forward);
        return;
    }
    if (forward->reused && !forward->has_head) {
        connect_anew(forward); // closed while nobody used it; what only reads may be asked twice
        return;
    }
    // Its answer may end with the connection.
    if (forward->has_head && forward->reply.length < 0 && (what & BEV_EVENT_EOF) != 0) {
        body_finish(forward);
        return;
    }
    fail(forward, FORWARD_STATUS_BROKEN, "the other node closed the connection");
}

// --- the connection ------------------------------------------------------------------------------

static void on_connected(evutil_socket_t fd, short what, void *userdata)
{
    (void)what;
    struct node_forward *forward = userdata;
    int code = 0;
    socklen_t length = sizeof(code);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) < 0 || code != 0) {
        fail(forward, FORWARD_STATUS_UNREACHED, strerrordesc_np(code));
        return;
    }
    SSL *ssl = SSL_new(forward->tls);
    assert(ssl != NULL);
    event_free(forward->connecting);
    forward->connecting = NULL;
    forward->bev =
        bufferevent_openssl_socket_new(forward->base, fd, ssl, BUFFEREVENT_SSL_CONNECTING,
                                       BEV_OPT_DEFER_CALLBACKS | BEV_OPT_CLOSE_ON_FREE);
    assert(forward->bev != NULL);
    bufferevent_setcb(forward->bev, on_read, NULL, on_event, forward);
    // Until the handshake is done nothing is written, since the output is empty.
    (void)bufferevent_enable(forward->bev, EV_READ | EV_WRITE);
}

static int connect_begin(struct node_forward *forward)
{
    struct sockaddr_storage address;
    int length = sizeof(address);
    int on = 1;
    unsigned patience_ms = FORWARD_CONNECT_S * 1000;
    bool v6 = strchr(forward->call.peer.address, ':') != NULL;
    char *text = arena_printf(forward->arena, "%s%s%s:%d", v6 ? "[" : "",
                              forward->call.peer.address, v6 ? "]" : "", forward->call.peer.port);
    if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&address, &length) < 0) {
        return -EADDRNOTAVAIL;
    }
    forward->fd =
        socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (forward->fd < 0) {
        return -errno;
    }
    (void)setsockopt(forward->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); // for speed
    // A kept connection to a node that has lost its power fails as soon as a new one would.
    (void)setsockopt(forward->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof(patience_ms));
    if (connect(forward->fd, (struct sockaddr *)&address, (socklen_t)length) < 0 &&
        errno != EINPROGRESS) {
        return -errno;
    }
    forward->connecting =
        net_event_new(forward->base, forward->fd, EV_WRITE, on_connected, forward);
    (void)event_add(forward->connecting, NULL);
    return 0;
}

static void connect_start(struct node_forward *forward)
{
    int r = connect_begin(forward);
    if (r < 0) {
        // Told from the loop, as everything else is.
        set_failure(forward, FORWARD_STATUS_UNREACHED, strerrordesc_np(-r));
    }
    timer_set(forward, r < 0 ? 0 : FORWARD_CONNECT_S);
}

static void connect_anew(struct node_forward *forward)
{
    bufferevent_setcb(forward->bev, NULL, NULL, NULL, NULL);
    bufferevent_free(forward->bev);
    forward->bev = NULL;
    forward->fd = -1;
    forward->reused = false;
    connect_start(forward);
}

static bool call_only_reads(const struct node_call *call)
{
    return strcmp(call->method, "GET") == 0;
}

struct node_forward *node_forward_begin(struct event_base *base, SSL_CTX *tls,
                                        struct node_pool *pool, const struct node_call *call,
                                        node_forward_done done, void *userdata)
{
    struct node_forward *forward = alloc_zero(sizeof(*forward));
    *forward = (struct node_forward){
        .base = base,
        .arena = arena_new(),
        .tls = tls,
        .pool = pool,
        .call = *call,
        .done = done,
        .userdata = userdata,
        .fd = -1,
    };
    forward->timer = net_timer_new(base, on_timer, forward);
    forward->bev = call_only_reads(call) ? node_pool_take(pool, &call->peer) : NULL;
    if (forward->bev == NULL) {
        connect_start(forward);
        return forward;
    }
    forward->reused = true;
    bufferevent_setcb(forward->bev, on_read, NULL, on_event, forward);
    timer_set(forward, FORWARD_ANSWER_S);
    request_write(forward);
    return forward;
}

void node_forward_cancel(struct node_forward *forward)
{
    if (forward != NULL) {
        forward_free(forward);
    }
}
