// SPDX-License-Identifier: Apache-2.0
// The socket of ha-clusterd against clients that are not ours: the wrong user, nonsense, and those
// that do not read. Each is refused or cut alone.
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/ipc.h"
#include "common/port/store.h"
#include "tests/lib/clusterd_fixture.h"
#include "tests/lib/test.h"

enum { PATIENCE_MS = 5000, CUT_PATIENCE_MS = 120000 };

struct peer {
    struct arena *arena;
    struct ipc_stream *stream;
};

static void peer_open(struct peer *peer, struct clusterd_fixture *fixture)
{
    peer->arena = fixture->arena;
    peer->stream = ipc_stream_new(clusterd_fixture_connect(fixture));
}

static void peer_say(struct peer *peer, const char *text)
{
    assert_int_equal(ipc_stream_send(peer->stream, text, strlen(text)), 0);
}

// The next frame; NULL when the connection is closed.
static struct json *peer_hear(struct peer *peer)
{
    const char *frame;
    size_t size_bytes;
    int end = 0;
    int r = ipc_stream_next(peer->stream, &frame, &size_bytes, NULL);
    while (r == 0 && end == 0) {
        assert_int_equal(ipc_stream_wait(peer->stream, PATIENCE_MS), 1);
        end = ipc_stream_fill(peer->stream);
        r = ipc_stream_next(peer->stream, &frame, &size_bytes, NULL);
    }
    assert_true(r >= 0);
    struct json *json = NULL;
    if (r == 1) {
        assert_int_equal(json_parse(peer->arena, frame, size_bytes, &json, NULL), 0);
    }
    return json;
}

static void peer_hears(struct peer *peer, const char *say, const char *code)
{
    peer_say(peer, say);
    const struct json *answer = peer_hear(peer);
    assert_non_null(answer);
    const char *got = json_find_string(answer, "code");
    if (code == NULL ? got != NULL : got == NULL || strcmp(got, code) != 0) {
        fail_msg("%s: %s", say, got != NULL ? got : "no error");
    }
}

// Another client, of ours, is served as if nothing had happened.
static void others_are_served(struct clusterd_fixture *fixture)
{
    struct cluster_client *client = NULL;
    struct error err = {0};
    if (cluster_client_connect(&client, &err) < 0) {
        fail_msg("%s", err.text);
    }
    struct store_op op = {.key = "t/x", .value = "y", .size_bytes = 1, .expect = STORE_ANY};
    struct store_txn txn = {.ops = &op, .count = 1};
    assert_int_equal(store_commit(cluster_client_store(client), &txn, NULL, &err), 0);
    assert_string_equal(cluster_client_node(client, fixture->arena), "n1");
    cluster_client_free(client);
}

static void other_user_gets_one_line_and_is_cut(void **state)
{
    struct clusterd_fixture *fixture = *state;
    clusterd_fixture_kill(fixture);
    fixture->allowed_uid = getuid() + 1;
    clusterd_fixture_start(fixture);
    struct peer peer;
    peer_open(&peer, fixture);
    const struct json *refusal = peer_hear(&peer);
    assert_non_null(refusal);
    assert_string_equal(json_find_string(refusal, "code"), "EACCES");
    assert_null(peer_hear(&peer));
    ipc_stream_free(peer.stream);
    struct cluster_client *client = NULL;
    struct error err = {0};
    assert_int_equal(cluster_client_connect(&client, &err), -EACCES);
    assert_non_null(strstr(err.text, "only root may talk to ha-clusterd"));
    assert_null(client);
}

static void absent_daemon_is_named(void **state)
{
    struct clusterd_fixture *fixture = *state;
    clusterd_fixture_kill(fixture);
    struct cluster_client *client = NULL;
    struct error err = {0};
    assert_int_equal(cluster_client_connect(&client, &err), -ECONNREFUSED);
    assert_non_null(strstr(err.text, "ha-clusterd is not running"));
    assert_null(client);
}

static void client_that_sends_nonsense_is_cut_alone(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t size_bytes;
    } rows[] = {
        {"length 0", "\0\0\0\0", 4},      {"length of 4 GiB", "\xff\xff\xff\xff", 4},
        {"not JSON", "\x03\0\0\0{{{", 7}, {"not an object", "\x02\0\0\0[]", 6},
        {"no id", "\x02\0\0\0{}", 6},     {"id is text", "\x0c\0\0\0{\"id\":\"one\"}", 16},
    };
    struct clusterd_fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct peer peer;
        peer_open(&peer, fixture);
        ssize_t n = send(ipc_stream_fd(peer.stream), rows[i].bytes, rows[i].size_bytes, 0);
        assert_int_equal(n, rows[i].size_bytes);
        if (peer_hear(&peer) != NULL) {
            fail_msg("%s: answered", rows[i].name);
        }
        ipc_stream_free(peer.stream);
        others_are_served(fixture);
    }
}

static void wrong_requests_are_answered_and_change_nothing(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct peer peer;
    peer_open(&peer, fixture);
    peer_hears(&peer, "{\"id\":1,\"op\":\"read\",\"prefix\":\"\"}", "EPROTO"); // before hello
    peer_hears(&peer, "{\"id\":2,\"op\":\"hello\",\"protocol\":99}", "EPROTO");
    peer_hears(&peer, "{\"id\":3,\"op\":\"hello\"}", "EINVAL");
    peer_hears(&peer, "{\"id\":4,\"op\":\"hello\",\"protocol\":1}", NULL);
    peer_hears(&peer, "{\"id\":5}", "EINVAL");
    peer_hears(&peer, "{\"id\":6,\"op\":\"dance\"}", "ENOTSUP");
    peer_hears(&peer, "{\"id\":7,\"op\":\"txn\"}", "EINVAL");
    peer_hears(&peer, "{\"id\":8,\"op\":\"txn\",\"ops\":[]}", "EINVAL");
    peer_hears(&peer, "{\"id\":9,\"op\":\"txn\",\"ops\":[{\"value\":\"x\"}]}", "EINVAL");
    peer_hears(&peer, "{\"id\":10,\"op\":\"txn\",\"ops\":[{\"key\":\"a\",\"value\":1}]}", "EINVAL");
    peer_hears(&peer, "{\"id\":11,\"op\":\"watch\",\"prefixes\":[1]}", "EINVAL");
    peer_hears(&peer,
               "{\"id\":12,\"op\":\"lease\",\"action\":\"steal\",\"name\":\"x\","
               "\"owner\":\"n1\"}",
               "EINVAL");
    peer_hears(&peer, "{\"id\":13,\"op\":\"expected\",\"votes\":1}", "ENOTSUP");
    peer_hears(&peer, "{\"id\":14,\"op\":\"expected\",\"votes\":0}", "EINVAL");
    peer_hears(&peer, "{\"id\":15,\"op\":\"reload\"}", "ENOTSUP");
    peer_hears(&peer,
               "{\"id\":16,\"op\":\"lease\",\"action\":\"release\",\"term\":5,"
               "\"name\":\"ha_manager_lock\",\"owner\":\"n1\"}",
               "EPERM");
    peer_say(&peer, "{\"id\":17,\"op\":\"read\",\"prefix\":\"a\"}");
    assert_int_equal(json_find(peer_hear(&peer), "entries")->count, 0);
    ipc_stream_free(peer.stream);
}

// Asks for more than the queue holds and takes nothing of it.
static void client_that_does_not_read_is_cut_alone(void **state)
{
    enum { VALUE_BYTES = 128 * 1024, VALUES = 3 };
    struct clusterd_fixture *fixture = *state;
    struct cluster_client *client = NULL;
    struct error err = {0};
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    char *big = arena_alloc(fixture->arena, VALUE_BYTES);
    memset(big, 'x', VALUE_BYTES - 1);
    for (int n = 0; n < VALUES; n++) {
        struct store_op op = {
            .key = arena_printf(fixture->arena, "live/%d", n),
            .value = big,
            .size_bytes = VALUE_BYTES - 1,
            .expect = STORE_ANY,
        };
        struct store_txn txn = {.ops = &op, .count = 1};
        assert_int_equal(store_commit(cluster_client_store(client), &txn, NULL, &err), 0);
    }
    cluster_client_free(client);
    struct peer peer;
    peer_open(&peer, fixture);
    peer_hears(&peer, "{\"id\":1,\"op\":\"hello\",\"protocol\":1}", NULL);
    for (int n = 0; n < IPC_QUEUE_MAX / (VALUE_BYTES * VALUES) + 2; n++) {
        peer_say(&peer, "{\"id\":2,\"op\":\"read\",\"prefix\":\"live/\"}");
    }
    int answers = 0;
    others_are_served(fixture); // meanwhile
    struct pollfd hung_up = {.fd = ipc_stream_fd(peer.stream)};
    assert_int_equal(poll(&hung_up, 1, CUT_PATIENCE_MS), 1);
    while (peer_hear(&peer) != NULL) {
        answers++;
    }
    assert_true(answers < IPC_QUEUE_MAX / (VALUE_BYTES * VALUES));
    ipc_stream_free(peer.stream);
    others_are_served(fixture);
}

static void request_in_pieces_and_several_at_once_are_answered(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct peer peer;
    peer_open(&peer, fixture);
    static const char bytes[] = "\x24\0\0\0{\"id\":1,\"op\":\"hello\",\"protocol\":1}  "
                                "\x19\0\0\0{\"id\":2,\"op\":\"status\"}   "
                                "\x19\0\0\0{\"id\":3,\"op\":\"leases\"}   ";
    int fd = ipc_stream_fd(peer.stream);
    size_t half = sizeof(bytes) / 4;
    assert_int_equal(send(fd, bytes, half, 0), half);
    (void)poll(NULL, 0, 20); // for the first part to be read alone
    assert_int_equal(send(fd, bytes + half, sizeof(bytes) - 1 - half, 0), sizeof(bytes) - 1 - half);
    for (int64_t id = 1; id <= 3; id++) {
        int64_t got = 0;
        assert_int_equal(json_get_int(peer_hear(&peer), "id", 1, 9, &got, NULL), 0);
        assert_int_equal(got, id);
    }
    ipc_stream_free(peer.stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clusterd_fixture_test(other_user_gets_one_line_and_is_cut),
        clusterd_fixture_test(absent_daemon_is_named),
        clusterd_fixture_test(client_that_sends_nonsense_is_cut_alone),
        clusterd_fixture_test(wrong_requests_are_answered_and_change_nothing),
        clusterd_fixture_test(client_that_does_not_read_is_cut_alone),
        clusterd_fixture_test(request_in_pieces_and_several_at_once_are_answered),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
