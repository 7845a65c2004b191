// SPDX-License-Identifier: Apache-2.0
// The real ha-execd before a real ha-clusterd, spoken to as ha-apid does.
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/auth/ticket.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/host/ipc.h"
#include "tests/lib/execd_fixture.h"
#include "tests/lib/test.h"

enum { WAIT_TRIES = 500, WAIT_STEP_MS = 20 };

#define NEED(fixture)                                                                              \
    do {                                                                                           \
        if ((fixture)->skipped) {                                                                  \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static const char guest[] =
    "{\"config\":{\"hostname\":\"web\"},\"node\":\"n1\",\"sid\":\"ct:100\"}";

static const char *message_of(const struct json *answer)
{
    const char *message = json_find_string(answer, "message");
    return message != NULL ? message : "";
}

static void expect_status(const struct json *answer, int64_t status, const char *message)
{
    if (execd_fixture_status(answer) != status ||
        (message != NULL && strcmp(message_of(answer), message) != 0)) {
        fail_msg("not %d '%s' but %s", (int)status, message != NULL ? message : "",
                 json_to_text(answer->arena, answer));
    }
}

static void stranger_is_refused_after_three_seconds(void **state)
{
    struct execd_fixture *fixture = *state;
    struct clock clock;
    NEED(fixture);
    host_clock_init(&clock);
    int64_t before_ms = clock_now_ms(&clock);
    int64_t slow =
        execd_fixture_send(fixture, "{\"op\":\"call\",\"method\":\"GET\",\"path\":\"/version\"}");
    // Others are answered meanwhile.
    int64_t quick = execd_fixture_send(
        fixture, "{\"op\":\"call\",\"method\":\"GET\",\"path\":\"/access/domains\"}");
    const struct json *answer = execd_fixture_next(fixture);
    int64_t id = 0;
    assert_int_equal(json_get_int(answer, "id", 1, INT64_MAX, &id, NULL), 0);
    assert_int_equal(id, quick);
    expect_status(answer, 200, NULL);
    answer = execd_fixture_answer(fixture, slow);
    expect_status(answer, 401, "No ticket");
    assert_true(json_find(answer, "bare")->boolean);
    assert_true(clock_now_ms(&clock) - before_ms >= 2900);
}

static void calls_are_checked_in_order(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    const char *user = execd_fixture_token(fixture, "user@pve");
    expect_status(execd_fixture_call(fixture, root, "GET", "/version", NULL), 200, NULL);
    expect_status(execd_fixture_call(fixture, root, "GET", "/nothing", NULL), 501,
                  "Method 'GET /nothing' not implemented");
    expect_status(execd_fixture_call(fixture, root, "HEAD", "/version", NULL), 501,
                  "Method 'HEAD /version' not implemented");
    expect_status(execd_fixture_call(fixture, root, "GET", "/nodes/-/tasks", NULL), 400,
                  "Parameter verification failed.");
    const struct json *answer = execd_fixture_call(fixture, root, "GET", "/nodes/n1/tasks",
                                                   "{\"x\":\"1\",\"limit\":\"a\"}");
    expect_status(answer, 400, "Parameter verification failed.");
    assert_string_equal(json_find_string(json_find(answer, "errors"), "limit"),
                        "type check ('integer') failed - got 'a'");
    assert_string_equal(
        json_find_string(json_find(answer, "errors"), "x"),
        "property is not defined in schema and the schema does not allow additional properties");
    expect_status(execd_fixture_call(fixture, user, "GET", "/cluster/ha/resources", NULL), 403,
                  "Permission check failed (/, Sys.Audit)");
    expect_status(execd_fixture_call(fixture, root, "GET", "/nodes/n2/tasks", NULL), 500,
                  "no such cluster node 'n2'");
    answer = execd_fixture_call(fixture, root, "GET", "/", NULL);
    expect_status(answer, 200, NULL);
    assert_string_equal(json_find_string(json_find(answer, "data")->items[0], "subdir"), "access");
}

static void change_is_seen_by_the_next_call(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    execd_fixture_put(fixture, "guest/ct:100", guest);
    expect_status(execd_fixture_call(fixture, root, "POST", "/cluster/ha/resources",
                                     "{\"sid\":\"ct:100\",\"state\":\"stopped\"}"),
                  200, NULL);
    const struct json *answer =
        execd_fixture_call(fixture, root, "GET", "/cluster/ha/resources/ct:100", NULL);
    expect_status(answer, 200, NULL);
    assert_string_equal(json_find_string(json_find(answer, "data"), "state"), "stopped");
    assert_non_null(execd_fixture_get(fixture, "resource/ct:100"));
}

static const char *task_begin(struct execd_fixture *fixture, const char *token)
{
    const struct json *answer =
        execd_fixture_call(fixture, token, "POST", "/nodes/n1/lxc/100/status/start", NULL);
    expect_status(answer, 200, NULL);
    return json_find(answer, "data")->string;
}

// The task's status once it has ended.
static const char *task_wait(struct execd_fixture *fixture, const char *token, const char *upid)
{
    const char *path = arena_printf(fixture->arena, "/nodes/n1/tasks/%s/status", upid);
    for (int i = 0; i < WAIT_TRIES; i++) {
        const struct json *answer = execd_fixture_call(fixture, token, "GET", path, NULL);
        const struct json *data = json_find(answer, "data");
        expect_status(answer, 200, NULL);
        if (strcmp(json_find_string(data, "status"), "stopped") == 0) {
            return json_find_string(data, "exitstatus");
        }
        (void)poll(NULL, 0, WAIT_STEP_MS); // to let time pass
    }
    fail_msg("the task never ends");
    return NULL;
}

static const char *task_log_line(struct execd_fixture *fixture, const char *token, const char *upid,
                                 size_t line)
{
    const char *path = arena_printf(fixture->arena, "/nodes/n1/tasks/%s/log", upid);
    const struct json *answer = execd_fixture_call(fixture, token, "GET", path, NULL);
    const struct json *data = json_find(answer, "data");
    expect_status(answer, 200, NULL);
    assert_true(line < data->count);
    return json_find_string(data->items[line], "t");
}

static void task_runs_and_is_remembered(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    execd_fixture_put(fixture, "guest/ct:100", guest);
    execd_fixture_program(fixture, "ha-guest", "echo \"$@\"; echo words >&2");
    const char *upid = task_begin(fixture, root);
    assert_int_equal(strncmp(upid, "UPID:n1:", 8), 0);
    assert_non_null(strstr(upid, ":vzstart:100:root@pam!t:"));
    assert_string_equal(task_wait(fixture, root, upid), "OK");
    assert_string_equal(task_log_line(fixture, root, upid, 0), "start ct:100");
    assert_string_equal(task_log_line(fixture, root, upid, 1), "words");
    assert_string_equal(task_log_line(fixture, root, upid, 2), "TASK OK");
    execd_fixture_wait_for(fixture, "live/task/n1", upid);
    const struct json *answer = execd_fixture_call(fixture, root, "GET", "/cluster/tasks", NULL);
    assert_string_equal(json_find_string(json_find(answer, "data")->items[0], "saved"), "1");
}

static void task_that_fails_says_why(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    execd_fixture_put(fixture, "guest/ct:100", guest);
    execd_fixture_program(fixture, "ha-guest", "echo 'ha-guest: no such thing' >&2; exit 3");
    const char *upid = task_begin(fixture, root);
    assert_string_equal(task_wait(fixture, root, upid), "no such thing");
    assert_string_equal(task_log_line(fixture, root, upid, 1), "TASK ERROR: no such thing");
}

static void task_is_stopped_with_all_it_started(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    const char *user = execd_fixture_token(fixture, "user@pve");
    const char *pid_file = arena_printf(fixture->arena, "%s/pid", fixture->clusterd->folder);
    execd_fixture_put(fixture, "guest/ct:100", guest);
    execd_fixture_program(
        fixture, "ha-guest",
        arena_printf(fixture->arena, "sleep 1000 & echo $! >'%s'; echo started; wait", pid_file));
    const char *upid = task_begin(fixture, root);
    const char *path = arena_printf(fixture->arena, "/nodes/n1/tasks/%s", upid);
    for (int i = 0; i < WAIT_TRIES && access(pid_file, F_OK) < 0; i++) {
        (void)poll(NULL, 0, WAIT_STEP_MS); // to let time pass
    }
    const struct json *rows = json_find(
        execd_fixture_call(fixture, root, "GET", "/nodes/n1/tasks", "{\"source\":\"active\"}"),
        "data");
    assert_int_equal(rows->count, 1);
    assert_string_equal(json_find_string(rows->items[0], "status"), "RUNNING");
    assert_null(json_find(rows->items[0], "endtime"));
    expect_status(execd_fixture_call(fixture, user, "DELETE", path, NULL), 403,
                  "Permission check failed (/nodes/n1, Sys.Modify)");
    expect_status(execd_fixture_call(fixture, root, "DELETE", path, NULL), 200, NULL);
    assert_string_equal(task_wait(fixture, root, upid), "stopped by user");
    int gone =
        system(arena_printf(fixture->arena,
                            "for i in $(seq 100); do kill -0 $(cat '%s') 2>/dev/null || exit 0; "
                            "sleep 0.05; done; exit 1",
                            pid_file));
    assert_int_equal(gone, 0);
}

static void task_ends_with_a_daemon_that_dies(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    execd_fixture_put(fixture, "guest/ct:100", guest);
    execd_fixture_program(fixture, "ha-guest", "exec sleep 1000");
    const char *upid = task_begin(fixture, root);
    execd_fixture_kill(fixture, SIGKILL);
    execd_fixture_start(fixture);
    assert_string_equal(task_wait(fixture, root, upid),
                        "ha-execd ended while the task was running");
    assert_string_equal(task_log_line(fixture, root, upid, 0),
                        "TASK ERROR: ha-execd ended while the task was running");
}

static void stream_tells_what_changes(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    const char *request = arena_printf(fixture->arena, "{\"op\":\"watch\",\"token\":\"%s\"}", root);
    int64_t id = execd_fixture_send(fixture, request);
    const struct json *message = execd_fixture_answer(fixture, id);
    assert_string_equal(json_find_string(message, "notify"), "state");
    const struct json *data = json_find(message, "data");
    assert_non_null(json_find(data, "/cluster/tasks"));
    assert_non_null(json_find(data, "/cluster/ha/resources"));
    execd_fixture_put(fixture, "resource/ct:100", "ct: 100\n\tstate started\n");
    for (int i = 0; i < WAIT_TRIES; i++) {
        message = execd_fixture_answer(fixture, id);
        const struct json *resources =
            json_find(json_find(message, "data"), "/cluster/ha/resources");
        if (resources != NULL) {
            assert_int_equal(resources->count, 1);
            return;
        }
    }
    fail_msg("the change was never told");
}

// The next entry of the history that the stream tells.
static const struct json *stream_event(struct execd_fixture *fixture, int64_t id)
{
    for (int i = 0; i < WAIT_TRIES; i++) {
        const struct json *message = execd_fixture_answer(fixture, id);
        if (strcmp(json_find_string(message, "notify"), "event") == 0) {
            return message;
        }
    }
    fail_msg("no entry of the history");
    return NULL;
}

static void change_goes_into_the_history_and_the_stream(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    const char *request =
        arena_printf(fixture->arena, "{\"op\":\"watch\",\"after\":0,\"token\":\"%s\"}", root);
    execd_fixture_put(fixture, "guest/ct:100", guest);
    execd_fixture_put(fixture, "history/0000000000000007",
                      "{\"at\":\"n1/crm\",\"event\":\"master\",\"fields\":{},"
                      "\"level\":\"notice\",\"time_ms\":5}");
    int64_t id = execd_fixture_send(fixture, request);
    const struct json *message = stream_event(fixture, id);
    assert_string_equal(json_find_string(json_find(message, "data"), "event"), "master");
    execd_fixture_put(fixture, "resource/ct:100", "ct: 100\n\tstate started\n");
    int64_t set = execd_fixture_send(
        fixture,
        arena_printf(fixture->arena,
                     "{\"op\":\"call\",\"token\":\"%s\",\"method\":\"PUT\",\"path\":"
                     "\"/cluster/ha/resources/ct:100\",\"parameters\":{\"state\":\"stopped\"}}",
                     root));
    message = stream_event(fixture, id);
    (void)set; // its answer came in between, or comes later
    const struct json *data = json_find(message, "data");
    assert_string_equal(json_find_string(data, "event"), "resource-changed");
    assert_string_equal(json_find_string(data, "at"), "n1/execd");
    assert_string_equal(json_find_string(json_find(data, "fields"), "user"), "root@pam!t");
}

// The event of a change that is asked for with these members beside.
static const char *address_told(struct execd_fixture *fixture, const char *token, int64_t stream,
                                const char *state, const char *members)
{
    int64_t set = execd_fixture_send(
        fixture, arena_printf(fixture->arena,
                              "{\"op\":\"call\",\"token\":\"%s\",\"method\":\"PUT\",\"path\":"
                              "\"/cluster/ha/resources/ct:100\",\"parameters\":{\"state\":\"%s\"},"
                              "\"address\":\"10.0.0.2\"%s}",
                              token, state, members));
    (void)set; // its answer comes in between, or later
    const struct json *data = json_find(stream_event(fixture, stream), "data");
    assert_string_equal(json_find_string(data, "event"), "resource-changed");
    return json_find_string(json_find(data, "fields"), "address");
}

static void call_of_another_nodes_client_bears_its_address(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    static const char secret[] = "0123456789abcdef0123456789abcdef";
    struct clock clock;
    host_clock_init(&clock);
    int64_t now_s = clock_wall_s(&clock);
    const struct ticket_keys keys = {.keys = {{now_s - 60, secret}}, .count = 1};
    const struct ticket_origin origin = {"n1", "PUT", "/cluster/ha/resources/ct:100", "192.0.2.9"};
    const char *signed_text = ticket_origin_make(fixture->arena, &keys, &origin, now_s);
    const char *root = execd_fixture_token(fixture, "root@pam");
    execd_fixture_put(fixture, "secret/ticket-keys", ticket_keys_format(fixture->arena, &keys));
    execd_fixture_put(fixture, "guest/ct:100", guest);
    execd_fixture_put(fixture, "resource/ct:100", "ct: 100\n\tstate started\n");
    int64_t stream = execd_fixture_send(
        fixture,
        arena_printf(fixture->arena, "{\"op\":\"watch\",\"after\":0,\"token\":\"%s\"}", root));
    const struct {
        const char *state, *members, *address;
    } rows[] = {
        {"stopped", "", "10.0.0.2"},
        {"started",
         arena_printf(fixture->arena, ",\"forwarded\":true,\"client\":\"%s\"", signed_text),
         "192.0.2.9"},
        // What anybody can send.
        {"stopped", arena_printf(fixture->arena, ",\"client\":\"%s\"", signed_text), "10.0.0.2"},
        {"started", ",\"forwarded\":true,\"client\":\"127.0.0.1\"", "10.0.0.2"},
        {"stopped",
         arena_printf(fixture->arena, ",\"forwarded\":true,\"client\":\"%s0\"", signed_text),
         "10.0.0.2"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(address_told(fixture, root, stream, rows[i].state, rows[i].members),
                            rows[i].address);
    }
}

static void calls_in_children_are_limited_and_all_answered(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    enum { CALLS = 60 };
    const char *root = execd_fixture_token(fixture, "root@pam");
    const char *request =
        arena_printf(fixture->arena,
                     "{\"op\":\"call\",\"token\":\"%s\",\"method\":\"DELETE\",\"path\":"
                     "\"/cluster/ha/resources/ct:999\"}",
                     root);
    int64_t first = execd_fixture_send(fixture, request);
    for (int i = 1; i < CALLS; i++) {
        assert_int_equal(execd_fixture_send(fixture, request), first + i);
    }
    bool seen[CALLS] = {false};
    for (int i = 0; i < CALLS; i++) {
        const struct json *answer = execd_fixture_next(fixture);
        int64_t id = 0;
        assert_int_equal(json_get_int(answer, "id", first, first + CALLS - 1, &id, NULL), 0);
        assert_false(seen[id - first]);
        seen[id - first] = true;
        expect_status(answer, 500, "cannot delete service 'ct:999', not HA managed!");
    }
}

static void end_waits_for_a_task(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    execd_fixture_put(fixture, "guest/ct:100", guest);
    execd_fixture_program(fixture, "ha-guest", "sleep 1; echo done");
    const char *upid = task_begin(fixture, root);
    execd_fixture_kill(fixture, SIGTERM);
    execd_fixture_start(fixture);
    assert_string_equal(task_wait(fixture, root, upid), "OK");
}

static void stream_of_a_stranger_is_refused(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    int64_t id = execd_fixture_send(fixture, "{\"op\":\"watch\",\"ticket\":\"PVE:root@pam:0::x\"}");
    expect_status(execd_fixture_answer(fixture, id), 401, "permission denied - invalid PVE ticket");
}

static void certificate_is_told_to_the_others(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    int64_t id = execd_fixture_send(fixture, "{\"op\":\"certificate\",\"fingerprint\":\"AA:BB\"}");
    expect_status(execd_fixture_answer(fixture, id), 200, NULL);
    execd_fixture_wait_for(fixture, "live/api/n1", "AA:BB");
    // What is volatile may be lost; it is told again.
    execd_fixture_put(fixture, "live/api/n1", NULL);
    execd_fixture_wait_for(fixture, "live/api/n1", "AA:BB");
}

// In a cluster in which something changes all the time, too.
static void certificate_is_told_in_a_store_that_never_rests(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    int64_t id = execd_fixture_send(fixture, "{\"op\":\"certificate\",\"fingerprint\":\"AA:BB\"}");
    expect_status(execd_fixture_answer(fixture, id), 200, NULL);
    execd_fixture_wait_for(fixture, "live/api/n1", "AA:BB");
    execd_fixture_put(fixture, "live/api/n1", NULL);
    for (int i = 0; i < WAIT_TRIES; i++) {
        const char *value = execd_fixture_get(fixture, "live/api/n1");
        if (value != NULL && strstr(value, "AA:BB") != NULL) {
            return;
        }
        execd_fixture_put(fixture, "live/restless", arena_printf(fixture->arena, "{\"i\":%d}", i));
        (void)poll(NULL, 0, WAIT_STEP_MS); // to let time pass
    }
    fail_msg("the store never rested, and nothing was told");
}

static void metrics_are_text(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    int64_t id = execd_fixture_send(
        fixture, arena_printf(fixture->arena, "{\"op\":\"metrics\",\"token\":\"%s\"}", root));
    const struct json *answer = execd_fixture_answer(fixture, id);
    expect_status(answer, 200, NULL);
    assert_non_null(strstr(json_find_string(answer, "text"), "ha_manager_quorate 1\n"));
}

static void reads_go_on_without_clusterd(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    const char *root = execd_fixture_token(fixture, "root@pam");
    execd_fixture_put(fixture, "guest/ct:100", guest);
    execd_fixture_put(fixture, "resource/ct:100", "ct: 100\n\tstate started\n");
    expect_status(execd_fixture_call(fixture, root, "GET", "/cluster/ha/resources/ct:100", NULL),
                  200, NULL);
    clusterd_fixture_kill(fixture->clusterd);
    expect_status(execd_fixture_call(fixture, root, "GET", "/cluster/ha/resources/ct:100", NULL),
                  200, NULL);
    const struct json *answer =
        execd_fixture_call(fixture, root, "DELETE", "/cluster/ha/resources/ct:100", NULL);
    expect_status(answer, 500, NULL);
    assert_non_null(strstr(message_of(answer), "ha-clusterd is not running"));
    clusterd_fixture_start(fixture->clusterd);
    expect_status(execd_fixture_call(fixture, root, "DELETE", "/cluster/ha/resources/ct:100", NULL),
                  200, NULL);
}

static void nonsense_cuts_only_its_own_connection(void **state)
{
    struct execd_fixture *fixture = *state;
    NEED(fixture);
    assert_int_equal(ipc_stream_send(fixture->stream, "{", 1), 0);
    assert_int_equal(ipc_stream_wait(fixture->stream, 5000), 1);
    assert_true(ipc_stream_fill(fixture->stream) < 0);
    execd_fixture_connect(fixture);
    expect_status(execd_fixture_answer(fixture, execd_fixture_send(fixture, "{\"op\":\"x\"}")), 400,
                  "unknown op 'x'");
    expect_status(execd_fixture_call(fixture, NULL, "GET", "/access/domains", NULL), 200, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        execd_fixture_test(stranger_is_refused_after_three_seconds),
        execd_fixture_test(calls_are_checked_in_order),
        execd_fixture_test(change_is_seen_by_the_next_call),
        execd_fixture_test(task_runs_and_is_remembered),
        execd_fixture_test(task_that_fails_says_why),
        execd_fixture_test(task_is_stopped_with_all_it_started),
        execd_fixture_test(task_ends_with_a_daemon_that_dies),
        execd_fixture_test(stream_tells_what_changes),
        execd_fixture_test(change_goes_into_the_history_and_the_stream),
        execd_fixture_test(call_of_another_nodes_client_bears_its_address),
        execd_fixture_test(calls_in_children_are_limited_and_all_answered),
        execd_fixture_test(end_waits_for_a_task),
        execd_fixture_test(stream_of_a_stranger_is_refused),
        execd_fixture_test(certificate_is_told_to_the_others),
        execd_fixture_test(certificate_is_told_in_a_store_that_never_rests),
        execd_fixture_test(metrics_are_text),
        execd_fixture_test(reads_go_on_without_clusterd),
        execd_fixture_test(nonsense_cuts_only_its_own_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
