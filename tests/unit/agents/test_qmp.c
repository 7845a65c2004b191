// SPDX-License-Identifier: Apache-2.0
// QEMU's control protocol: messages, lines, and the client against a peer of this test's own.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "lrm/agents/qmp.h"
#include "lrm/agents/qmp_client.h"
#include "tests/lib/test.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n"
#define EMPTY    "{\"return\": {}}\r\n"

enum { WAIT_MS = 5000 };

static void command_without_arguments_is_a_line(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    (void)state;
    assert_string_equal(qmp_format_command(arena, "cont", NULL), "{\"execute\":\"cont\"}\n");
}

static void command_with_arguments_has_them(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *arguments = json_new_object(arena);
    (void)state;
    json_put_string(arguments, "uri", "tcp:[::1]:5\n");
    assert_string_equal(qmp_format_command(arena, "migrate", arguments),
                        "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"tcp:[::1]:5\\n\"}}\n");
}

struct message_row {
    const char *text;
    int want; // kind or -errno
};

static const struct message_row message_rows[] = {
    {"{\"QMP\":{}}", QMP_GREETING},
    {"{\"return\":{\"status\":\"running\"}}", QMP_RETURN},
    {"{\"return\":[]}", QMP_RETURN},
    {"{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\"}}", QMP_ERROR},
    {"{\"error\":{}}", QMP_ERROR},
    {"{\"timestamp\":{\"seconds\":1,\"microseconds\":2},\"event\":\"STOP\"}", QMP_EVENT},
    {"{}", -EBADMSG},
    {"[]", -EBADMSG},
    {"{\"return\"", -EBADMSG},
    {"", -EBADMSG},
    {"\xff", -EBADMSG},
};

static void message_kinds_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(message_rows); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct qmp_message message = {0};
        const char *text = message_rows[i].text;
        int r = qmp_parse(arena, text, strlen(text), &message, NULL);
        if ((r < 0 ? r : (int)message.kind) != message_rows[i].want) {
            print_error("'%s': %d\n", text, r);
        }
        assert_int_equal(r < 0 ? r : (int)message.kind, message_rows[i].want);
    }
}

static void lines_come_whole_however_they_are_cut(void **state)
{
    static const char text[] = "{\"a\":1}\r\n\r\n{\"b\":2}\n{\"c\"";
    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct qmp_lines lines = {0};
        const char *got[2] = {NULL, NULL};
        size_t count = 0;
        size_t size = 0;
        for (size_t at = 0; at < strlen(text); at += step) {
            size_t left = strlen(text) - at;
            assert_int_equal(qmp_lines_add(&lines, text + at, left < step ? left : step), 0);
            for (const char *line; (line = qmp_lines_next(&lines, arena, &size)) != NULL;) {
                assert_true(count < ARRAY_SIZE(got));
                got[count++] = line;
            }
        }
        assert_int_equal(count, 2);
        assert_string_equal(got[0], "{\"a\":1}");
        assert_string_equal(got[1], "{\"b\":2}");
        qmp_lines_done(&lines);
    }
}

static void line_without_end_is_refused(void **state)
{
    static char bytes[64 * 1024];
    struct qmp_lines lines = {0};
    int r = 0;
    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    for (size_t sent = 0; r == 0 && sent <= QMP_LINE_MAX; sent += sizeof(bytes)) {
        r = qmp_lines_add(&lines, bytes, sizeof(bytes));
    }
    assert_int_equal(r, -EMSGSIZE);
    qmp_lines_done(&lines);
}

// --- The client. What the peer says is in the socket before the client looks. ---

struct peer {
    int fd;
    struct qmp_client *client;
    struct arena *arena;
    struct error err;
};

static void tell(const struct peer *peer, const char *text)
{
    assert_int_equal(send(peer->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void heard(const struct peer *peer, const char *want)
{
    char bytes[512] = {0};
    ssize_t count = recv(peer->fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
    assert_true(count > 0);
    assert_string_equal(bytes, want);
}

static int open_with(struct peer *peer, const char *greeting, int64_t wait_ms)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    peer->fd = fds[0];
    tell(peer, greeting);
    return qmp_client_open(fds[1], wait_ms, &peer->client, &peer->err);
}

static int setup(void **state)
{
    static struct peer peer;
    peer = (struct peer){.arena = arena_new()};
    assert_int_equal(open_with(&peer, GREETING EMPTY, WAIT_MS), 0);
    heard(&peer, "{\"execute\":\"qmp_capabilities\"}\n");
    *state = &peer;
    return 0;
}

static int teardown(void **state)
{
    struct peer *peer = *state;
    qmp_client_free(peer->client);
    (void)close(peer->fd);
    arena_free(peer->arena);
    return 0;
}

static void client_execute_returns_the_answer(void **state)
{
    struct peer *peer = *state;
    const struct json *answer = NULL;
    tell(peer, "{\"return\":{\"status\":\"running\"}}\n");
    assert_int_equal(qmp_client_execute(peer->client, "query-status", NULL, WAIT_MS, peer->arena,
                                        &answer, &peer->err),
                     0);
    assert_string_equal(json_find_string(answer, "status"), "running");
    heard(peer, "{\"execute\":\"query-status\"}\n");
}

static void client_execute_refused_has_the_words(void **state)
{
    struct peer *peer = *state;
    tell(peer, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"No such thing\"}}\n");
    assert_int_equal(
        qmp_client_execute(peer->client, "x", NULL, WAIT_MS, peer->arena, NULL, &peer->err),
        -EPROTO);
    assert_string_equal(peer->err.text, "x: No such thing");
}

static void client_events_in_between_are_kept_in_order(void **state)
{
    struct peer *peer = *state;
    const char *event = NULL;
    tell(peer, "{\"event\":\"STOP\"}\n{\"event\":\"RESUME\"}\n" EMPTY "{\"event\":\"SHUTDOWN\"}\n");
    assert_int_equal(
        qmp_client_execute(peer->client, "x", NULL, WAIT_MS, peer->arena, NULL, &peer->err), 0);
    static const char *const want[] = {"STOP", "RESUME", "SHUTDOWN"};
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        assert_int_equal(qmp_client_wait(peer->client, WAIT_MS, peer->arena, &event, &peer->err),
                         0);
        assert_string_equal(event, want[i]);
    }
    assert_int_equal(qmp_client_wait(peer->client, 0, peer->arena, &event, &peer->err), 0);
    assert_null(event);
}

static void client_events_beyond_the_room_lose_the_oldest(void **state)
{
    struct peer *peer = *state;
    const char *event = NULL;
    for (int i = 0; i < 70; i++) {
        tell(peer, arena_printf(peer->arena, "{\"event\":\"E%d\"}\n", i));
    }
    tell(peer, EMPTY);
    assert_int_equal(
        qmp_client_execute(peer->client, "x", NULL, WAIT_MS, peer->arena, NULL, &peer->err), 0);
    assert_int_equal(qmp_client_wait(peer->client, 0, peer->arena, &event, &peer->err), 0);
    assert_string_equal(event, "E6");
}

static void client_closed_by_the_peer_is_an_error(void **state)
{
    struct peer *peer = *state;
    assert_int_equal(shutdown(peer->fd, SHUT_RDWR), 0);
    assert_int_equal(
        qmp_client_execute(peer->client, "x", NULL, WAIT_MS, peer->arena, NULL, &peer->err),
        -ECONNRESET);
}

static void client_without_answer_times_out(void **state)
{
    struct peer *peer = *state;
    assert_int_equal(qmp_client_execute(peer->client, "x", NULL, 0, peer->arena, NULL, &peer->err),
                     -ETIMEDOUT);
}

static void client_chatter_is_an_error(void **state)
{
    struct peer *peer = *state;
    tell(peer, "hello\n");
    assert_int_equal(
        qmp_client_execute(peer->client, "x", NULL, WAIT_MS, peer->arena, NULL, &peer->err),
        -EBADMSG);
}

static void client_without_greeting_is_refused(void **state)
{
    struct peer peer = {.arena = arena_new()};
    (void)state;
    assert_int_equal(open_with(&peer, EMPTY, WAIT_MS), -EBADMSG);
    (void)close(peer.fd);
    assert_int_equal(open_with(&peer, "", 0), -ETIMEDOUT);
    (void)close(peer.fd);
    arena_free(peer.arena);
}

static void client_of_a_missing_socket_says_so(void **state)
{
    struct qmp_client *client = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(qmp_client_connect("/nowhere/qmp", WAIT_MS, &client, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere/qmp"));
}

#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_without_arguments_is_a_line),
        cmocka_unit_test(command_with_arguments_has_them),
        cmocka_unit_test(message_kinds_are_told_apart),
        cmocka_unit_test(lines_come_whole_however_they_are_cut),
        cmocka_unit_test(line_without_end_is_refused),
        WITH_PEER(client_execute_returns_the_answer),
        WITH_PEER(client_execute_refused_has_the_words),
        WITH_PEER(client_events_in_between_are_kept_in_order),
        WITH_PEER(client_events_beyond_the_room_lose_the_oldest),
        WITH_PEER(client_closed_by_the_peer_is_an_error),
        WITH_PEER(client_without_answer_times_out),
        WITH_PEER(client_chatter_is_an_error),
        cmocka_unit_test(client_without_greeting_is_refused),
        cmocka_unit_test(client_of_a_missing_socket_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
