// SPDX-License-Identifier: Apache-2.0
// An event that goes through a pipe arrives as it was.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/event_forward.h"
#include "common/model/event.h"
#include "tests/lib/test.h"

static void event_through_a_pipe_arrives_as_it_was(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct event_forward forward;
    event_forward_init(&forward, fds[1]);
    struct event *event = event_new(arena, EVENT_LEVEL_WARNING, "start-failed");
    event_text(arena, event, "sid", "ct:100");
    event_text(arena, event, "reason", "line 1\n\"line\" 2 – ü");
    event_emit(&forward.sink, event_int(event, "n", -3));
    char text[4096];
    ssize_t n = read(fds[0], text, sizeof(text));
    assert_true(n > 0);
    assert_int_equal(text[n - 1], '\n');
    assert_null(memchr(text, '\n', (size_t)n - 1)); // one event, one line
    struct json *line;
    struct error err = {0};
    assert_int_equal(json_parse(arena, text, (size_t)n - 1, &line, &err), 0);
    struct event *got = NULL;
    assert_int_equal(event_forward_parse(arena, line, &got, &err), 0);
    assert_string_equal(got->name, "start-failed");
    assert_int_equal(got->level, EVENT_LEVEL_WARNING);
    assert_int_equal(got->fields_count, 3);
    assert_string_equal(event_find(got, "reason"), "line 1\n\"line\" 2 – ü");
    assert_string_equal(event_find(got, "sid"), "ct:100");
    assert_int_equal(got->fields[0].integer, -3); // sorted by key
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void event_for_a_full_pipe_is_dropped_at_once(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int fds[2];
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    char block[4096] = {0};
    while (write(fds[1], block, sizeof(block)) > 0) {
    }
    struct event_forward forward;
    event_forward_init(&forward, fds[1]);
    event_emit(&forward.sink, event_new(arena, EVENT_LEVEL_INFO, "started")); // does not wait
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void line_malformed_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
    } rows[] = {
        {"{\"result\":1}", 0},
        {"{\"event\":1}", -EINVAL},
        {"{\"event\":{\"name\":\"x\"}}", -EINVAL},
        {"{\"event\":{\"name\":\"x\",\"level\":\"loud\",\"fields\":{}}}", -EINVAL},
        {"{\"event\":{\"name\":\"x\",\"level\":\"info\"}}", -EINVAL},
        {"{\"event\":{\"name\":\"x\",\"level\":\"info\",\"fields\":{\"a\":[]}}}", -EINVAL},
        {"{\"event\":{\"name\":\"x\",\"level\":\"info\",\"fields\":{\"a\":1,\"b\":1,\"c\":1,\"d\":"
         "1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1}}}",
         -EINVAL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct json *line;
        struct event *event = NULL;
        struct error err = {0};
        assert_int_equal(json_parse(arena, rows[i].text, strlen(rows[i].text), &line, &err), 0);
        int r = event_forward_parse(arena, line, &event, &err);
        if (r != rows[i].want || event != NULL) {
            fail_msg("%s: %d", rows[i].text, r);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_through_a_pipe_arrives_as_it_was),
        cmocka_unit_test(event_for_a_full_pipe_is_dropped_at_once),
        cmocka_unit_test(line_malformed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
