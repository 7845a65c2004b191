// SPDX-License-Identifier: Apache-2.0
// Frames over stream sockets. Reading and writing never block; only ipc_stream_wait() waits, for as
// long as it is told.
#include "common/host/ipc.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

enum {
    READ_CHUNK_BYTES = 64 * 1024,
    READ_CHUNKS_MAX = 32, // of one fill
    BACKLOG = 64,
};

struct ipc_stream {
    int fd;
    struct ipc_decoder decoder;
    unsigned char *queue; // unsent bytes are queue[queue_start … queue_bytes)
    size_t queue_start, queue_bytes, queue_capacity;
    bool unbounded;
};

void ipc_decoder_done(struct ipc_decoder *decoder)
{
    free(decoder->bytes);
    *decoder = (struct ipc_decoder){0};
}

// Makes room for `more` bytes at the end of a buffer whose used part is [*start, *end).
static unsigned char *buffer_reserve(unsigned char *bytes, size_t *start, size_t *end,
                                     size_t *capacity, size_t more)
{
    if (*start > 0) {
        memmove(bytes, bytes + *start, *end - *start);
        *end -= *start;
        *start = 0;
    }
    if (*capacity - *end >= more) {
        return bytes;
    }
    size_t wanted = *capacity == 0 ? 4096 : *capacity;
    while (wanted - *end < more) {
        assert(wanted <= SIZE_MAX / 2);
        wanted *= 2;
    }
    *capacity = wanted;
    return alloc_resize(bytes, wanted);
}

void ipc_decoder_append(struct ipc_decoder *decoder, const void *bytes, size_t size_bytes)
{
    if (size_bytes == 0) {
        return;
    }
    decoder->bytes = buffer_reserve(decoder->bytes, &decoder->start, &decoder->size_bytes,
                                    &decoder->capacity_bytes, size_bytes);
    memcpy(decoder->bytes + decoder->size_bytes, bytes, size_bytes);
    decoder->size_bytes += size_bytes;
}

bool ipc_decoder_is_empty(const struct ipc_decoder *decoder)
{
    return decoder->start == decoder->size_bytes;
}

int ipc_decoder_next(struct ipc_decoder *decoder, const char **ret_frame, size_t *ret_size_bytes,
                     struct error *err)
{
    size_t there = decoder->size_bytes - decoder->start;
    if (there < IPC_HEADER_BYTES) {
        return 0;
    }
    const unsigned char *head = decoder->bytes + decoder->start;
    size_t length =
        (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (length == 0 || length > IPC_FRAME_MAX) {
        return error_set(err, -EPROTO, "bad frame: length %zu is not in 1…%d", length,
                         IPC_FRAME_MAX);
    }
    if (there - IPC_HEADER_BYTES < length) {
        return 0;
    }
    decoder->start += IPC_HEADER_BYTES + length;
    *ret_frame = (const char *)head + IPC_HEADER_BYTES;
    *ret_size_bytes = length;
    return 1;
}

struct ipc_stream *ipc_stream_new(int fd)
{
    struct ipc_stream *stream = alloc_zero(sizeof(*stream));
    stream->fd = fd;
    return stream;
}

void ipc_stream_free(struct ipc_stream *stream)
{
    if (stream != NULL) {
        (void)close(stream->fd); // nothing can be done about it
        ipc_decoder_done(&stream->decoder);
        free(stream->queue);
        free(stream);
    }
}

void ipc_stream_set_unbounded(struct ipc_stream *stream)
{
    stream->unbounded = true;
}

int ipc_stream_fd(const struct ipc_stream *stream)
{
    return stream->fd;
}

int ipc_stream_fill(struct ipc_stream *stream)
{
    unsigned char chunk[READ_CHUNK_BYTES];
    for (int i = 0; i < READ_CHUNKS_MAX; i++) {
        ssize_t n = recv(stream->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n > 0) {
            ipc_decoder_append(&stream->decoder, chunk, (size_t)n);
        } else if (n == 0) {
            return -EPIPE;
        } else if (errno == EAGAIN) {
            return 0;
        } else if (errno == ECONNRESET) {
            return -EPIPE;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int ipc_stream_next(struct ipc_stream *stream, const char **ret_frame, size_t *ret_size_bytes,
                    struct error *err)
{
    return ipc_decoder_next(&stream->decoder, ret_frame, ret_size_bytes, err);
}

bool ipc_stream_is_pending(const struct ipc_stream *stream)
{
    return stream->queue_start < stream->queue_bytes;
}

int ipc_stream_flush(struct ipc_stream *stream)
{
    while (ipc_stream_is_pending(stream)) {
        ssize_t n = send(stream->fd, stream->queue + stream->queue_start,
                         stream->queue_bytes - stream->queue_start, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            stream->queue_start += (size_t)n;
        } else if (errno == EAGAIN) {
            return 0;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int ipc_stream_send(struct ipc_stream *stream, const void *bytes, size_t size_bytes)
{
    assert(size_bytes > 0);
    if (size_bytes > IPC_FRAME_MAX) {
        return -EMSGSIZE;
    }
    size_t waiting = stream->queue_bytes - stream->queue_start;
    if (!stream->unbounded && waiting + IPC_HEADER_BYTES + size_bytes > IPC_QUEUE_MAX) {
        return -ENOBUFS;
    }
    stream->queue = buffer_reserve(stream->queue, &stream->queue_start, &stream->queue_bytes,
                                   &stream->queue_capacity, IPC_HEADER_BYTES + size_bytes);
    unsigned char *at = stream->queue + stream->queue_bytes;
    for (size_t i = 0; i < IPC_HEADER_BYTES; i++) {
        at[i] = (unsigned char)(size_bytes >> (8 * i) & 0xff);
    }
    memcpy(at + IPC_HEADER_BYTES, bytes, size_bytes);
    stream->queue_bytes += IPC_HEADER_BYTES + size_bytes;
    return ipc_stream_flush(stream);
}

int ipc_stream_wait(struct ipc_stream *stream, int64_t timeout_ms)
{
    struct pollfd p = {.fd = stream->fd, .events = POLLIN};
    if (ipc_stream_is_pending(stream)) {
        p.events |= POLLOUT;
    }
    int64_t wait_ms = timeout_ms < 0 ? 0 : timeout_ms;
    int n = poll(&p, 1, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms);
    if (n < 0) {
        return errno == EINTR ? 0 : -errno; // the caller looks at its clock and asks again
    }
    return n > 0 ? 1 : 0;
}

static int address_fill(struct sockaddr_un *address, const char *path)
{
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(address->sun_path)) {
        return -ENAMETOOLONG;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, length + 1);
    return 0;
}

// Makes the folder of `path`, for root only, when its parent is there.
static int folder_make(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        return 0;
    }
    char *folder CLEANUP(alloc_freep) = alloc_memdup(path, (size_t)(slash - path) + 1);
    folder[slash - path] = '\0';
    if (mkdir(folder, 0755) < 0 && errno != EEXIST) {
        return -errno;
    }
    return 0;
}

static int listen_at(int fd, const char *path, mode_t mode)
{
    struct sockaddr_un address;
    int r = address_fill(&address, path);
    if (r == 0) {
        r = folder_make(path);
    }
    if (r < 0) {
        return r;
    }
    if (unlink(path) < 0 && errno != ENOENT) {
        return -errno;
    }
    // The mode of the descriptor is what bind() gives the file, so that it is never open wider.
    if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(path, mode) < 0 || listen(fd, BACKLOG) < 0) {
        return -errno;
    }
    return 0;
}

int ipc_listen(const char *path, mode_t mode, int *ret_fd, struct error *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot make a socket");
    }
    int r = listen_at(fd, path, mode);
    if (r < 0) {
        (void)close(fd); // r tells what was wrong
        return error_set_errno(err, r, "cannot listen at '%s'", path);
    }
    *ret_fd = fd;
    return 0;
}

int ipc_accept(int listen_fd, int *ret_fd, uid_t *ret_uid, pid_t *ret_pid)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return errno == EINTR || errno == ECONNABORTED ? -EAGAIN : -errno;
    }
    struct ucred peer;
    socklen_t length = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
        int r = -errno;
        (void)close(fd); // r tells what was wrong
        return r;
    }
    *ret_fd = fd;
    *ret_uid = peer.uid;
    *ret_pid = peer.pid;
    return 0;
}

int ipc_peer_group(int fd, gid_t *ret_gid)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
        return -errno;
    }
    *ret_gid = peer.gid;
    return 0;
}

int ipc_connect(const char *path, int *ret_fd)
{
    struct sockaddr_un address;
    int r = address_fill(&address, path);
    if (r < 0) {
        return r;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        r = -errno;
        (void)close(fd); // r tells what was wrong
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int ipc_pair(int ret_fds[2], struct error *err)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) < 0) {
        return error_set_errno(err, -errno, "cannot make a socket pair");
    }
    return 0;
}
