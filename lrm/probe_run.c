// SPDX-License-Identifier: Apache-2.0
// Programs, connections and pages as probes. What a failure means is decided by the LRM's core.
#include "lrm/probe_run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/model/probe.h"
#include "lrm/agents/service_process.h"
#include "lrm/agents/service_task.h"

enum { PROBE_WORDS_MAX = 300, PROBE_ANSWER_MAX = 1024 };

static int probe_exec(struct arena *arena, const struct probe *probe, const char *sid,
                      int64_t timeout_ms, struct error *err)
{
    const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
        "HOME=/root", arena_printf(arena, "HA_SERVICE=%s", sid), NULL};
    const struct service_process_spec spec = {
        .argv = probe->argv, .environment = environment, .timeout_ms = timeout_ms};
    struct service_process_end end;
    int r = service_process_run(arena, &spec, &end, err);
    if (r < 0) {
        return r;
    }
    if (end.timed_out) {
        return error_set(err, -ETIMEDOUT, "'%s' did not end in time", probe->argv[0]);
    }
    if (end.exit_status != 0) {
        const char *text = service_process_tail(arena, end.text, NULL, PROBE_WORDS_MAX);
        const char *last = strrchr(text, '\n');
        return error_set(err, -EIO, "'%s' ended with %d%s%s", probe->argv[0], end.exit_status,
                         text[0] != '\0' ? ": " : "", last != NULL ? last + 1 : text);
    }
    return 0;
}

// Waits until the socket can be read or written; false when the time is over.
static bool probe_wait(int fd, short events, int64_t until_ms)
{
    for (;;) {
        struct pollfd item = {.fd = fd, .events = events};
        int64_t left_ms = until_ms - service_now_ms();
        if (left_ms <= 0) {
            return false;
        }
        int n = poll(&item, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
        if (n > 0) {
            return true;
        }
    }
}

static int probe_connect_to(const struct addrinfo *address, int64_t until_ms)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    int code = 0;
    socklen_t size = sizeof(code);
    int r = connect(fd, address->ai_addr, address->ai_addrlen) < 0 ? -errno : 0;
    if (r == -EINPROGRESS) {
        r = !probe_wait(fd, POLLOUT, until_ms)                       ? -ETIMEDOUT
            : getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 ? -errno
                                                                     : -code;
    }
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

static int probe_connect(struct arena *arena, const struct probe *probe, int64_t until_ms,
                         struct error *err)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    const char *port = arena_printf(arena, "%lld", (long long)probe->port);
    int found = getaddrinfo(probe->host, port, &wanted, &addresses);
    if (found != 0) {
        return error_set(err, -EHOSTUNREACH, "host '%s': %s", probe->host, gai_strerror(found));
    }
    int fd = -EHOSTUNREACH;
    for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
        fd = probe_connect_to(a, until_ms);
    }
    freeaddrinfo(addresses);
    return fd < 0 ? error_set_errno(err, fd, "%s port %lld", probe->host, (long long)probe->port)
                  : fd;
}

// Reads until the status line is there.
static int probe_read_status(struct arena *arena, int fd, int64_t until_ms, int64_t *ret_status,
                             struct error *err)
{
    struct strbuf answer CLEANUP(strbuf_done) = {0};
    while (answer.size_bytes < PROBE_ANSWER_MAX && strchr(strbuf_text(&answer), '\n') == NULL) {
        char chunk[PROBE_ANSWER_MAX];
        if (!probe_wait(fd, POLLIN, until_ms)) {
            return error_set(err, -ETIMEDOUT, "no answer in time");
        }
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        strbuf_append_bytes(&answer, chunk, (size_t)n);
    }
    const char *text = strbuf_text(&answer);
    const char *blank = strncmp(text, "HTTP/", 5) == 0 ? strchr(text, ' ') : NULL;
    const char *number =
        blank != NULL ? arena_memdup(arena, blank + 1, strcspn(blank + 1, " \r\n")) : "";
    if (parse_int64(number, 100, 999, ret_status) < 0) {
        return error_set(err, -EBADMSG, "the answer is no page");
    }
    return 0;
}

static int probe_http(struct arena *arena, const struct probe *probe, int fd, int64_t until_ms,
                      struct error *err)
{
    bool bare6 = strchr(probe->host, ':') != NULL;
    const char *request = arena_printf(
        arena,
        "GET %s HTTP/1.0\r\nHost: %s%s%s:%lld\r\nUser-Agent: ha-lrm\r\nConnection: close\r\n\r\n",
        probe->path, bare6 ? "[" : "", probe->host, bare6 ? "]" : "", (long long)probe->port);
    int64_t status = 0;
    int r = file_write_all(fd, request, strlen(request)); // shorter than any socket's buffer
    if (r < 0) {
        return error_set_errno(err, r, "cannot ask %s", probe->host);
    }
    r = probe_read_status(arena, fd, until_ms, &status, err);
    if (r == 0 && (status < 200 || status >= 400)) {
        r = error_set(err, -EIO, "http://%s:%lld%s answers %lld", probe->host,
                      (long long)probe->port, probe->path, (long long)status);
    }
    return r;
}

int probe_run(struct arena *arena, const struct probe *probe, const char *sid, int64_t timeout_ms,
              struct error *err)
{
    int64_t until_ms = service_now_ms() + timeout_ms;
    if (probe->kind == PROBE_EXEC) {
        return probe_exec(arena, probe, sid, timeout_ms, err);
    }
    assert(probe->kind != PROBE_AGENT); // asked by the service's own agent
    int fd = probe_connect(arena, probe, until_ms, err);
    if (fd < 0) {
        return fd;
    }
    int r = probe->kind == PROBE_HTTP ? probe_http(arena, probe, fd, until_ms, err) : 0;
    (void)close(fd);
    return r;
}
