// SPDX-License-Identifier: Apache-2.0
// Frames over a stream socket, and the few socket calls around them. A frame is a 4-byte
// little-endian length and that many bytes (docs/store.md, "IPC protocol"). What the bytes mean is
// the users' business.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct error;
struct ipc_stream;

enum {
    IPC_HEADER_BYTES = 4,
    IPC_FRAME_MAX = 8 * 1024 * 1024,  // of one frame; answers that may be longer come in pages
    IPC_QUEUE_MAX = 32 * 1024 * 1024, // waiting to be read by a peer before it counts as stalled
};

// Puts bytes together to frames, however they arrive. All zero is a valid empty decoder.
struct ipc_decoder {
    unsigned char *bytes;
    size_t start, size_bytes, capacity_bytes; // unread bytes are bytes[start … size_bytes)
};
void ipc_decoder_done(struct ipc_decoder *decoder);
void ipc_decoder_append(struct ipc_decoder *decoder, const void *bytes, size_t size_bytes);
// 1: *ret_frame is the next frame, valid until the next append; 0: more bytes are needed; -EPROTO
// with words: the length is 0 or above IPC_FRAME_MAX, and nothing that follows can be trusted.
int ipc_decoder_next(struct ipc_decoder *decoder, const char **ret_frame, size_t *ret_size_bytes,
                     struct error *err) WARN_UNUSED;
bool ipc_decoder_is_empty(const struct ipc_decoder *decoder) WARN_UNUSED;

// A connected socket with frames both ways. Owns the descriptor, which is made non-blocking.
struct ipc_stream *ipc_stream_new(int fd) WARN_UNUSED;
void ipc_stream_free(struct ipc_stream *stream);
// For a peer that is a part of ourselves: the queue has no bound any more.
void ipc_stream_set_unbounded(struct ipc_stream *stream);
int ipc_stream_fd(const struct ipc_stream *stream) WARN_UNUSED;
// Reads what is there: 0; -EPIPE: the peer has closed; -errno. At most a few MiB at once, so that
// no peer can hold the caller up: call again when the descriptor is readable.
int ipc_stream_fill(struct ipc_stream *stream) WARN_UNUSED;
// As ipc_decoder_next(); the frame is valid until the next fill.
int ipc_stream_next(struct ipc_stream *stream, const char **ret_frame, size_t *ret_size_bytes,
                    struct error *err) WARN_UNUSED;
// Queues a frame and writes what the socket takes. -ENOBUFS: the peer does not read and the queue
// is full; -EMSGSIZE: longer than IPC_FRAME_MAX, nothing was queued; -EPIPE and others: the
// connection is broken.
int ipc_stream_send(struct ipc_stream *stream, const void *bytes, size_t size_bytes) WARN_UNUSED;
// Writes what the socket takes of the queue: 0 or -errno.
int ipc_stream_flush(struct ipc_stream *stream) WARN_UNUSED;
// Whether something waits in the queue: then ask for EPOLLOUT.
bool ipc_stream_is_pending(const struct ipc_stream *stream) WARN_UNUSED;
// Waits until the descriptor is readable (or writable, when something is pending): 1, or 0 after
// timeout_ms, or -errno.
int ipc_stream_wait(struct ipc_stream *stream, int64_t timeout_ms) WARN_UNUSED;

// A listening socket at `path` with this mode; what is left of a former one is removed. The folder
// is made.
int ipc_listen(const char *path, mode_t mode, int *ret_fd, struct error *err) WARN_UNUSED;
// The next waiting connection with its peer's user and process: 0, -EAGAIN: none waits, or -errno.
int ipc_accept(int listen_fd, int *ret_fd, uid_t *ret_uid, pid_t *ret_pid) WARN_UNUSED;
// The group of a connection's peer, as of its connect(): 0 or -errno.
int ipc_peer_group(int fd, gid_t *ret_gid) WARN_UNUSED;
// Connects to the socket at `path`: 0 or -errno without words, since only the caller knows what it
// means.
int ipc_connect(const char *path, int *ret_fd) WARN_UNUSED;
// Two connected streams, for a process and its child.
int ipc_pair(int ret_fds[2], struct error *err) WARN_UNUSED;
