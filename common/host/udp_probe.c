// SPDX-License-Identifier: Apache-2.0
// A connected socket for each: what comes back from the network is its error.
#include "common/host/udp_probe.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/macros.h"
#include "common/host/host_clock.h"
#include "common/port/clock.h"

enum { PORT_TEXT_MAX = 8 };

static enum udp_answer answer_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return UDP_REFUSED;
    case EPERM:
    case EACCES:
        return UDP_FORBIDDEN;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EADDRNOTAVAIL:
        return UDP_UNREACHABLE;
    default:
        return UDP_SILENT;
    }
}

// Returns the socket, or −1 when the answer is known.
static int probe_send(struct udp_probe *probe)
{
    char port[PORT_TEXT_MAX];
    size_t at = sizeof(port) - 1;
    port[at] = '\0';
    for (unsigned left = probe->port; left > 0 && at > 0; left /= 10) {
        port[--at] = (char)('0' + left % 10);
    }
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_DGRAM,
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
    };
    struct addrinfo *list = NULL;
    probe->answer = UDP_UNKNOWN;
    if (getaddrinfo(probe->address, &port[at], &hints, &list) != 0) {
        return -1;
    }
    int fd = socket(list->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    probe->answer = UDP_SILENT;
    // Without it the kernel keeps for itself that nobody has the address.
    int all = 1;
    bool is_six = list->ai_family == AF_INET6;
    bool is_sent = fd >= 0 &&
                   setsockopt(fd, is_six ? IPPROTO_IPV6 : IPPROTO_IP,
                              is_six ? IPV6_RECVERR : IP_RECVERR, &all, sizeof(all)) == 0 &&
                   connect(fd, list->ai_addr, list->ai_addrlen) == 0 &&
                   send(fd, "", 0, MSG_NOSIGNAL) == 0;
    int error = errno;
    freeaddrinfo(list);
    if (is_sent) {
        return fd;
    }
    probe->answer = answer_of(error);
    if (fd >= 0) {
        (void)close(fd); // nothing was written that could be lost
    }
    return -1;
}

// Takes what came back; true when that is an answer.
static bool probe_take(struct udp_probe *probe, int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error == 0) {
        return false;
    }
    probe->answer = answer_of(error);
    return true;
}

void udp_probe_run(struct udp_probe *probes, size_t count, int64_t wait_ms)
{
    struct clock clock;
    struct pollfd *fds = alloc_zero((count + 1) * sizeof(*fds));
    size_t open = 0;
    host_clock_init(&clock);
    for (size_t i = 0; i < count; i++) {
        fds[i].fd = probe_send(&probes[i]);
        open += fds[i].fd >= 0 ? 1 : 0;
    }
    int64_t now_ms = clock_now_ms(&clock);
    int64_t end_ms = now_ms + wait_ms;
    for (; open > 0 && now_ms < end_ms; now_ms = clock_now_ms(&clock)) {
        // Errors are told without being asked for.
        ignore_result(poll(fds, (nfds_t)count, (int)(end_ms - now_ms)));
        for (size_t i = 0; i < count; i++) {
            if (fds[i].fd >= 0 && fds[i].revents != 0 && probe_take(&probes[i], fds[i].fd)) {
                (void)close(fds[i].fd); // likewise
                fds[i].fd = -1;
                open--;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (fds[i].fd >= 0) {
            (void)close(fds[i].fd); // likewise
        }
    }
    free(fds);
}
