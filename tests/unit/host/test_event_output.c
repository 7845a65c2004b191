// SPDX-License-Identifier: Apache-2.0
// What the daemons' events look like on standard error.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/host/event_output.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"
#include "tests/lib/test.h"

struct capture {
    int saved;
    int fd;
    char text[8192];
};

static void capture_begin(struct capture *capture)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    capture->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    capture->fd = fds[0];
    assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
    (void)close(fds[1]);
}

// Restores standard error first, then reads to the end of what was written.
static void capture_end(struct capture *capture)
{
    assert_true(dup2(capture->saved, STDERR_FILENO) >= 0);
    (void)close(capture->saved);
    size_t size = 0;
    ssize_t n;
    while ((n = read(capture->fd, capture->text + size, sizeof(capture->text) - 1 - size)) > 0) {
        size += (size_t)n;
    }
    capture->text[size] = '\0';
    (void)close(capture->fd);
}

static void emit_two(struct event_output *output)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_NOTICE, "service-state");
    event_text(arena, event, "sid", "ct:100");
    event_text(arena, event, "to", "fence");
    event_emit(event_output_sink(output), event);
    event = event_new(arena, EVENT_LEVEL_ERROR, "start-failed");
    event_text(arena, event, "reason", "a\nb");
    event_emit(event_output_sink(output), event_int(event, "n", 2));
}

static int setup(void **state)
{
    (void)state;
    // As without a service manager.
    (void)unsetenv("JOURNAL_STREAM");
    (void)unsetenv("HA_MANAGER_LOG");
    return 0;
}

static void event_without_a_journal_is_one_line_with_its_place(void **state)
{
    (void)state;
    struct capture capture;
    struct event_output *output = event_output_new("node1/crm");
    capture_begin(&capture);
    emit_two(output);
    capture_end(&capture);
    event_output_free(output);
    static const char first[] = "node1/crm: service-state: sid=ct:100 to=fence\n";
    assert_memory_equal(capture.text, first, strlen(first));
    const char *second = capture.text + strlen(first);
    assert_memory_equal(second, "node1/crm: start-failed: ", 25);
    assert_ptr_equal(strchr(second, '\n'), second + strlen(second) - 1); // one event, one line
}

static void assert_json_line(struct arena *arena, const char *text, size_t size, int64_t seq,
                             const char *level, const char *name)
{
    struct json *json;
    struct error err = {0};
    assert_int_equal(json_parse(arena, text, size, &json, &err), 0);
    int64_t got = 0;
    assert_int_equal(json_get_int(json, "seq", 1, 1000, &got, &err), 0);
    assert_int_equal(got, seq);
    assert_string_equal(json_find_string(json, "at"), "node1/crm");
    assert_string_equal(json_find_string(json, "level"), level);
    assert_string_equal(json_find_string(json, "event"), name);
    const char *t = json_find_string(json, "t");
    assert_int_equal(strlen(t), strlen("2026-01-01T00:00:00.000000Z"));
    assert_int_equal(t[10], 'T');
    assert_int_equal(t[19], '.');
    assert_int_equal(t[26], 'Z');
}

static void check_json(const char *text)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    size_t first = strcspn(text, "\n");
    assert_json_line(arena, text, first, 1, "notice", "service-state");
    const char *rest = text + first + 1;
    size_t second = strcspn(rest, "\n");
    assert_json_line(arena, rest, second, 2, "error", "start-failed");
    assert_int_equal(strlen(rest), second + 1); // nothing after
}

static void event_with_json_asked_for_is_a_numbered_object(void **state)
{
    (void)state;
    (void)setenv("HA_MANAGER_LOG", "json", 1);
    struct capture capture;
    struct event_output *output = event_output_new("node1/crm");
    capture_begin(&capture);
    emit_two(output);
    capture_end(&capture);
    event_output_free(output);
    check_json(capture.text);
}

static void event_of_a_detached_output_is_printed_by_its_child(void **state)
{
    (void)state;
    (void)setenv("HA_MANAGER_LOG", "json", 1);
    struct capture capture;
    struct error err = {0};
    struct event_output *output = event_output_new("node1/crm");
    assert_int_equal(event_output_fd(output), -1);
    capture_begin(&capture);
    assert_int_equal(event_output_detach(output, &err), 0);
    assert_true(event_output_fd(output) >= 0);
    emit_two(output);
    event_output_free(output); // the child prints what is left, and ends: so does the captured pipe
    capture_end(&capture);
    check_json(capture.text);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(event_without_a_journal_is_one_line_with_its_place),
        TEST(event_with_json_asked_for_is_a_numbered_object),
        TEST(event_of_a_detached_output_is_printed_by_its_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
