// SPDX-License-Identifier: Apache-2.0
// Frames: however the bytes arrive, the same frames come out; a bad length is the end.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/ipc.h"
#include "tests/lib/test.h"

static void frame_append(struct strbuf *out, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < IPC_HEADER_BYTES; i++) {
        strbuf_append_char(out, (char)(length >> (8 * i) & 0xff));
    }
    strbuf_append(out, text);
}

static void frames_in_pieces_of_any_size_come_out_whole(void **state)
{
    (void)state;
    struct strbuf bytes CLEANUP(strbuf_done) = {0};
    frame_append(&bytes, "one");
    frame_append(&bytes, "second frame");
    frame_append(&bytes, "3");
    for (size_t piece = 1; piece <= bytes.size_bytes; piece++) {
        struct ipc_decoder decoder = {0};
        struct strbuf got CLEANUP(strbuf_done) = {0};
        for (size_t at = 0; at < bytes.size_bytes; at += piece) {
            size_t left = bytes.size_bytes - at;
            ipc_decoder_append(&decoder, bytes.text + at, left < piece ? left : piece);
            const char *frame;
            size_t size_bytes;
            while (ipc_decoder_next(&decoder, &frame, &size_bytes, NULL) == 1) {
                strbuf_append_bytes(&got, frame, size_bytes);
                strbuf_append_char(&got, '|');
            }
        }
        assert_string_equal(strbuf_text(&got), "one|second frame|3|");
        assert_true(ipc_decoder_is_empty(&decoder));
        ipc_decoder_done(&decoder);
    }
}

static void bad_length_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned char head[IPC_HEADER_BYTES];
    } rows[] = {
        {"zero", {0, 0, 0, 0}},
        {"one above the limit", {1, 0, 0x80, 0}},
        {"all ones", {0xff, 0xff, 0xff, 0xff}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ipc_decoder decoder = {0};
        struct error err = {0};
        ipc_decoder_append(&decoder, rows[i].head, sizeof(rows[i].head));
        const char *frame = "unchanged";
        size_t size_bytes = 9;
        int r = ipc_decoder_next(&decoder, &frame, &size_bytes, &err);
        if (r != -EPROTO || strcmp(frame, "unchanged") != 0 || size_bytes != 9) {
            fail_msg("%s: %d", rows[i].name, r);
        }
        ipc_decoder_done(&decoder);
    }
}

static void largest_frame_goes_through_a_socket(void **state)
{
    (void)state;
    int fds[2];
    struct error err = {0};
    assert_int_equal(ipc_pair(fds, &err), 0);
    struct ipc_stream *a = ipc_stream_new(fds[0]);
    struct ipc_stream *b = ipc_stream_new(fds[1]);
    char *big = malloc(IPC_FRAME_MAX);
    assert_non_null(big);
    memset(big, 'x', IPC_FRAME_MAX);
    assert_int_equal(ipc_stream_send(a, big, IPC_FRAME_MAX), 0);
    assert_true(ipc_stream_is_pending(a)); // a socket's buffer is smaller
    const char *frame = NULL;
    size_t size_bytes = 0;
    int got = 0;
    while (got == 0) {
        assert_int_equal(ipc_stream_flush(a), 0);
        assert_int_equal(ipc_stream_fill(b), 0);
        got = ipc_stream_next(b, &frame, &size_bytes, NULL);
    }
    assert_int_equal(got, 1);
    assert_int_equal(size_bytes, IPC_FRAME_MAX);
    assert_memory_equal(frame, big, IPC_FRAME_MAX);
    free(big);
    ipc_stream_free(a);
    assert_int_equal(ipc_stream_fill(b), -EPIPE);
    ipc_stream_free(b);
}

static void peer_that_does_not_read_fills_the_queue(void **state)
{
    (void)state;
    int fds[2];
    struct error err = {0};
    assert_int_equal(ipc_pair(fds, &err), 0);
    struct ipc_stream *a = ipc_stream_new(fds[0]);
    enum { PIECE = 1024 * 1024 };
    char *piece = calloc(1, PIECE);
    assert_non_null(piece);
    int r = 0;
    int sent = 0;
    while (r == 0 && sent <= IPC_QUEUE_MAX / PIECE + 1) {
        r = ipc_stream_send(a, piece, PIECE);
        sent++;
    }
    assert_int_equal(r, -ENOBUFS);
    free(piece);
    ipc_stream_free(a);
    assert_int_equal(close(fds[1]), 0);
}

static void too_large_frame_is_not_queued(void **state)
{
    (void)state;
    int fds[2];
    struct error err = {0};
    assert_int_equal(ipc_pair(fds, &err), 0);
    struct ipc_stream *a = ipc_stream_new(fds[0]);
    char *big = calloc(1, IPC_FRAME_MAX + 1);
    assert_non_null(big);
    assert_int_equal(ipc_stream_send(a, big, IPC_FRAME_MAX + 1), -EMSGSIZE);
    assert_false(ipc_stream_is_pending(a));
    free(big);
    ipc_stream_free(a);
    assert_int_equal(close(fds[1]), 0);
}

static void listening_socket_has_its_mode_and_tells_the_peer(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *base = getenv("TMPDIR");
    char *folder = arena_printf(arena, "%s/ipc.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    char *path = arena_printf(arena, "%s/new/a.sock", folder);
    struct error err = {0};
    int listen_fd = -1;
    for (int i = 0; i < 2; i++) { // the second finds what the first has left
        if (listen_fd >= 0) {
            assert_int_equal(close(listen_fd), 0);
        }
        assert_int_equal(ipc_listen(path, 0600, &listen_fd, &err), 0);
    }
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    int client_fd = -1;
    int fd = -1;
    uid_t uid = 12345;
    pid_t pid = 0;
    assert_int_equal(ipc_accept(listen_fd, &fd, &uid, &pid), -EAGAIN);
    assert_int_equal(ipc_connect(path, &client_fd), 0);
    assert_int_equal(ipc_accept(listen_fd, &fd, &uid, &pid), 0);
    assert_int_equal(uid, getuid());
    assert_int_equal(pid, getpid());
    assert_int_equal(close(fd) + close(client_fd) + close(listen_fd), 0);
    assert_int_equal(ipc_connect(path, &client_fd), -ECONNREFUSED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ipc_connect(path, &client_fd), -ENOENT);
    assert_int_equal(rmdir(arena_printf(arena, "%s/new", folder)), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_in_pieces_of_any_size_come_out_whole),
        cmocka_unit_test(bad_length_is_refused),
        cmocka_unit_test(largest_frame_goes_through_a_socket),
        cmocka_unit_test(peer_that_does_not_read_fills_the_queue),
        cmocka_unit_test(too_large_frame_is_not_queued),
        cmocka_unit_test(listening_socket_has_its_mode_and_tells_the_peer),
    };
    return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
