// SPDX-License-Identifier: Apache-2.0
// Takes connections. When descriptors run out it waits a moment instead of asking again and again.
#include "api/http/http_listener.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http/http_connection.h"
#include "api/http/net_event.h"
#include "common/base/alloc.h"
#include "common/base/error.h"

enum { BACKLOG = 512, PAUSE_MS = 100 };

struct http_listener {
    int fd;
    struct http_server *server;
    struct evconnlistener *connections;
    struct event *resume;
};

static int bind_to(const struct sockaddr *address, socklen_t length, int *ret_fd)
{
    int on = 1;
    int off = 0;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0) {
        return -errno;
    }
    bool good = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
    if (good && address->sa_family == AF_INET6) {
        good = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0;
    }
    if (!good || bind(fd, address, length) < 0 || listen(fd, BACKLOG) < 0) {
        int r = -errno;
        (void)close(fd); // r tells what was wrong
        return r;
    }
    *ret_fd = fd;
    return 0;
}

static int bind_v4(const char *address, int port, int *ret_fd)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (address != NULL && inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        return -EINVAL;
    }
    return bind_to((const struct sockaddr *)&to, sizeof(to), ret_fd);
}

static int bind_v6(const char *address, int port, int *ret_fd)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (address != NULL && inet_pton(AF_INET6, address, &to.sin6_addr) != 1) {
        return -EINVAL;
    }
    return bind_to((const struct sockaddr *)&to, sizeof(to), ret_fd);
}

int http_listener_new(const char *address, int port, struct http_listener **ret, struct error *err)
{
    int fd = -1;
    bool v4 = address != NULL && strchr(address, ':') == NULL;
    int r = v4 ? bind_v4(address, port, &fd) : bind_v6(address, port, &fd);
    if (address == NULL && (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)) {
        r = bind_v4(NULL, port, &fd); // a kernel without IPv6
    }
    if (r < 0) {
        return error_set_errno(err, r, "cannot listen at port %d of %s", port,
                               address != NULL ? address : "this machine");
    }
    struct http_listener *listener = alloc_zero(sizeof(*listener));
    listener->fd = fd;
    *ret = listener;
    return 0;
}

// An IPv4 client of a socket for both kinds is told by its IPv4 address.
static void address_format(const struct sockaddr *from, char text[INET6_ADDRSTRLEN])
{
    text[0] = '\0';
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)from;
        (void)inet_ntop(AF_INET, &v4->sin_addr, text, INET6_ADDRSTRLEN);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)from;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            (void)inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, INET6_ADDRSTRLEN);
        } else {
            (void)inet_ntop(AF_INET6, &v6->sin6_addr, text, INET6_ADDRSTRLEN);
        }
    }
}

static void on_connection(struct evconnlistener *connections, evutil_socket_t fd,
                          struct sockaddr *from, int length, void *userdata)
{
    (void)connections;
    (void)length;
    struct http_listener *listener = userdata;
    char address[INET6_ADDRSTRLEN];
    address_format(from, address);
    http_connection_accept(listener->server, fd, address);
}

static void on_error(struct evconnlistener *connections, void *userdata)
{
    struct http_listener *listener = userdata;
    struct timeval pause = {.tv_usec = PAUSE_MS * 1000};
    (void)evconnlistener_disable(connections);
    (void)evtimer_add(listener->resume, &pause);
}

static void on_resume(evutil_socket_t fd, short what, void *userdata)
{
    (void)fd;
    (void)what;
    struct http_listener *listener = userdata;
    (void)evconnlistener_enable(listener->connections);
}

void http_listener_start(struct http_listener *listener, struct event_base *base,
                         struct http_server *server)
{
    listener->server = server;
    listener->resume = net_timer_new(base, on_resume, listener);
    listener->connections =
        evconnlistener_new(base, on_connection, listener,
                           LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, listener->fd);
    assert(listener->connections != NULL);
    evconnlistener_set_error_cb(listener->connections, on_error);
}

void http_listener_free(struct http_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    if (listener->connections != NULL) {
        evconnlistener_free(listener->connections);
        event_free(listener->resume);
    } else {
        (void)close(listener->fd);
    }
    free(listener);
}
