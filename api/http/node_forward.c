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

static void body_finish(struct node_forward *forward)
{
    struct evbuffer *input = bufferevent_get_input(forward->bev);
    size_t bytes = evbuffer_get_length(input);
    if (forward->reply.length >= 0) {
        bytes = (size_t)forward->reply.length;
    }
    const char *body = bytes > 0 ? (const char *)evbuffer_pullup(input, (ev_ssize_t)bytes) : "";
    finish(forward, body, bytes);
}

static void on_read(struct bufferevent *bev, void *userdata)
{
    struct node_forward *forward = userdata;
    struct evbuffer *input = bufferevent_get_input(bev);
    struct error err = {0};
    if (!forward->has_head) {
        size_t size = evbuffer_get_length(input);
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
    bool v6 = strchr(call->address, ':') != NULL;
    (void)evbuffer_add_printf(output,
                              "%s %s HTTP/1.1\r\nHost: %s%s%s:%d\r\nConnection: close\r\n"
                              "PVEDisableProxy: 1\r\n%sContent-Length: %zu\r\n\r\n",
                              call->method, call->target, v6 ? "[" : "", call->address,
                              v6 ? "]" : "", call->port, call->headers, call->body_bytes);
    (void)evbuffer_add(output, call->body, call->body_bytes);
    (void)bufferevent_enable(forward->bev, EV_READ | EV_WRITE);
}

static void on_event(struct bufferevent *bev, short what, void *userdata)
{
    struct node_forward *forward = userdata;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        if (!tls_peer_is(bufferevent_openssl_get_ssl(bev), forward->call.fingerprint)) {
            fail(forward, FORWARD_STATUS_BROKEN, "fingerprint of the other node does not match");
            return;
        }
        timer_set(forward, FORWARD_ANSWER_S);
        request_write(forward);
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
    bool v6 = strchr(forward->call.address, ':') != NULL;
    char *text = arena_printf(forward->arena, "%s%s%s:%d", v6 ? "[" : "", forward->call.address,
                              v6 ? "]" : "", forward->call.port);
    if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&address, &length) < 0) {
        return -EADDRNOTAVAIL;
    }
    forward->fd =
        socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (forward->fd < 0) {
        return -errno;
    }
    (void)setsockopt(forward->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); // for speed
    if (connect(forward->fd, (struct sockaddr *)&address, (socklen_t)length) < 0 &&
        errno != EINPROGRESS) {
        return -errno;
    }
    forward->connecting =
        net_event_new(forward->base, forward->fd, EV_WRITE, on_connected, forward);
    (void)event_add(forward->connecting, NULL);
    return 0;
}

struct node_forward *node_forward_begin(struct event_base *base, SSL_CTX *tls,
                                        const struct node_call *call, node_forward_done done,
                                        void *userdata)
{
    struct node_forward *forward = alloc_zero(sizeof(*forward));
    *forward = (struct node_forward){
        .base = base,
        .arena = arena_new(),
        .tls = tls,
        .call = *call,
        .done = done,
        .userdata = userdata,
        .fd = -1,
    };
    forward->timer = net_timer_new(base, on_timer, forward);
    int r = connect_begin(forward);
    if (r < 0) {
        // Told from the loop, as everything else is.
        set_failure(forward, FORWARD_STATUS_UNREACHED, strerrordesc_np(-r));
    }
    timer_set(forward, r < 0 ? 0 : FORWARD_CONNECT_S);
    return forward;
}

void node_forward_cancel(struct node_forward *forward)
{
    if (forward != NULL) {
        forward_free(forward);
    }
}
