// SPDX-License-Identifier: Apache-2.0
// A call in a child: what it tells the daemon, with a real ha-clusterd and without one.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/call/call.h"
#include "api/call/method.h"
#include "api/exec/execd.h"
#include "api/task/task.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "common/model/event.h"
#include "common/port/store.h"
#include "tests/lib/clusterd_fixture.h"
#include "tests/lib/test.h"

// Runs the handler as a child does; *ret_event is what it told, or NULL. Returns its answer.
static const struct json *run(struct clusterd_fixture *fixture, method_run handler,
                              const struct json **ret_event)
{
    static const struct parameter rows[] = {{.name = "value"}};
    const struct method method = {
        .parameters = rows, .parameters_count = ARRAY_SIZE(rows), .run = handler};
    struct call call = {.arena = fixture->arena,
                        .method = &method,
                        .parameters = json_new_object(fixture->arena),
                        .caller = {.user = "root@pam", .label = "root@pam!t"},
                        .total = -1};
    struct exec_work work = {.call = &call, .node = "n1", .stale_s = 30};
    struct json *line = NULL;
    int fds[2];
    char text[65536];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(exec_child_run(&work, fds[1]), 0);
    (void)close(fds[1]);
    ssize_t size = read(fds[0], text, sizeof(text) - 1);
    (void)close(fds[0]);
    assert_true(size > 0);
    text[size] = '\0';
    *ret_event = NULL;
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        assert_int_equal(json_parse(fixture->arena, at, (size_t)(end - at), &line, NULL), 0);
        if (json_find(line, "event") != NULL) {
            *ret_event = json_find(line, "event");
        }
    }
    assert_non_null(json_find(line, "answer"));
    return json_find(line, "answer");
}

static int64_t number(const struct json *json, const char *key)
{
    int64_t value = -1;
    assert_int_equal(json_get_int(json, key, INT64_MIN, INT64_MAX, &value, NULL), 0);
    return value;
}

static void write_and_tell(struct call *call)
{
    const struct store_op op = {
        .key = "resource/ct:100", .value = "ct: 100\n", .size_bytes = 8, .expect = STORE_ABSENT};
    struct error err = {0};
    assert_int_equal(session_write(call->host->session, "it", &op, 1, &err), 0);
    assert_true(call_may(call, PRIVILEGE_SYS_AUDIT, "/"));
    call_tell(call, event_new(call->arena, EVENT_LEVEL_NOTICE, "resource-changed"));
    call->total = 5;
    call_return(call, json_new_string(call->arena, call->host->view->node));
}

static void child_writes_and_tells_who(void **state)
{
    const struct json *event;
    const struct json *answer = run(*state, write_and_tell, &event);
    assert_int_equal(number(answer, "status"), 200);
    assert_int_equal(number(answer, "total"), 5);
    assert_string_equal(json_find_string(answer, "data"), "n1");
    assert_string_equal(json_find_string(event, "name"), "resource-changed");
    assert_string_equal(json_find_string(json_find(event, "fields"), "user"), "root@pam!t");
}

static int do_well(void *userdata, int log_fd, struct error *err)
{
    (void)err;
    return file_write_all(log_fd, userdata, strlen(userdata));
}

static int do_badly(void *userdata, int log_fd, struct error *err)
{
    ignore_result(file_write_all(log_fd, userdata, strlen(userdata)));
    return error_set(err, -EBUSY, "it is busy");
}

static void task_well(struct call *call)
{
    char words[] = "said\n"; // gone after this
    const struct task_spec spec = {
        .type = "hastart", .id = "100", .run = do_well, .userdata = words};
    call_task(call, &spec);
}

static void task_badly(struct call *call)
{
    char words[] = "tried\n";
    const struct task_spec spec = {
        .type = "hastart", .id = "100", .run = do_badly, .userdata = words};
    call_task(call, &spec);
}

static void task_program(struct call *call)
{
    const char *const argv[] = {"ha-guest", "start", "ct:100", NULL};
    const struct task_spec spec = {
        .type = "vzstart", .id = "100", .argv = argv, .input = "secret\n"};
    call_task(call, &spec);
}

static void short_task_is_done_at_once(void **state)
{
    static const struct {
        method_run run;
        const char *log, *status;
    } table[] = {{task_well, "said\n", "OK"}, {task_badly, "tried\n", "it is busy"}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct json *event;
        const struct json *answer = run(*state, table[i].run, &event);
        const struct json *task = json_find(answer, "task");
        assert_int_equal(number(answer, "status"), 200);
        assert_string_equal(json_find_string(task, "log"), table[i].log);
        assert_string_equal(json_find_string(task, "status"), table[i].status);
        assert_int_equal(number(task, "pid"), getpid());
        assert_true(number(task, "pstart") > 0);
        assert_true(number(task, "start") > 0);
    }
}

static void program_is_left_to_the_daemon(void **state)
{
    const struct json *event;
    const struct json *task = json_find(run(*state, task_program, &event), "task");
    assert_int_equal(json_find(task, "argv")->count, 3);
    assert_string_equal(json_find(task, "argv")->items[2]->string, "ct:100");
    assert_string_equal(json_find_string(task, "input"), "secret\n");
    assert_null(json_find(task, "log"));
}

static void say_nothing(struct call *call)
{
    (void)call;
}

static void silence_is_null(void **state)
{
    const struct json *event;
    const struct json *answer = run(*state, say_nothing, &event);
    assert_int_equal(number(answer, "status"), 200);
    assert_int_equal(json_find(answer, "data")->type, JSON_TYPE_NULL);
    assert_null(event);
}

static void without_clusterd_nothing_is_done(void **state)
{
    const struct json *event;
    clusterd_fixture_kill(*state);
    const struct json *answer = run(*state, write_and_tell, &event);
    assert_int_equal(number(answer, "status"), 500);
    assert_non_null(strstr(json_find_string(answer, "message"), "ha-clusterd is not running"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clusterd_fixture_test(child_writes_and_tells_who),
        clusterd_fixture_test(short_task_is_done_at_once),
        clusterd_fixture_test(program_is_left_to_the_daemon),
        clusterd_fixture_test(silence_is_null),
        clusterd_fixture_test(without_clusterd_nothing_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
