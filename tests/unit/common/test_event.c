// SPDX-License-Identifier: Apache-2.0
// Events: fields, the line for people, the object for programs.
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "tests/lib/fixture.h"

static void event_keeps_fields_in_order(void **state)
{
    char sid[] = "ct:100";
    struct event *event = event_new(*state, EVENT_LEVEL_NOTICE, "service-state");
    assert_ptr_equal(event_text(*state, event, "sid", sid), event);
    assert_ptr_equal(event_text(*state, event, "node", NULL), event);
    assert_ptr_equal(event_int(event, "timeout", -3), event);
    sid[0] = 'x';
    struct strbuf text CLEANUP(strbuf_done) = {0};
    event_format_text(event, &text);
    assert_string_equal(strbuf_text(&text), "service-state: sid=ct:100 timeout=-3");
    assert_string_equal(json_to_text(*state, event_to_json(*state, event)),
                        "{\"event\":\"service-state\",\"sid\":\"ct:100\",\"timeout\":-3}");
    assert_int_equal(event->level, EVENT_LEVEL_NOTICE);
}

static void event_find_gives_texts(void **state)
{
    struct event *event = event_new(*state, EVENT_LEVEL_INFO, "x");
    event_text(*state, event, "a", "1");
    event_int(event, "b", 2);
    assert_string_equal(event_find(event, "a"), "1");
    assert_null(event_find(event, "b"));
    assert_null(event_find(event, "c"));
}

static void event_line_stays_one_line_with_tellable_fields(void **state)
{
    static const struct {
        const char *value;
        const char *written;
    } rows[] = {{"plain-1:2", "x: k=plain-1:2"},   {"", "x: k=''"},
                {"two words", "x: k='two words'"}, {"a=b", "x: k='a=b'"},
                {"a\nb\tc\x7f", "x: k='a b c '"},  {"\xc3\xa4", "x: k=\xc3\xa4"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct event *event = event_new(*state, EVENT_LEVEL_INFO, "x");
        event_text(*state, event, "k", rows[i].value);
        struct strbuf text CLEANUP(strbuf_done) = {0};
        event_format_text(event, &text);
        if (strcmp(strbuf_text(&text), rows[i].written) != 0) {
            fail_msg("row '%s': written as '%s'", rows[i].written, strbuf_text(&text));
        }
    }
}

static void event_without_fields_is_its_name(void **state)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct event *event = event_new(*state, EVENT_LEVEL_ERROR, "daemon-exit");
    event_format_text(event, &text);
    assert_string_equal(strbuf_text(&text), "daemon-exit:");
}

static void add_too_many(void *data)
{
    struct event *event = event_new(data, EVENT_LEVEL_INFO, "x");
    for (int i = 0; i <= EVENT_FIELDS_MAX; i++) {
        event_int(event, "k", i);
    }
}

static void event_with_too_many_fields_aborts(void **state)
{
    assert_true(fixture_aborts(add_too_many, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(event_keeps_fields_in_order),
        fixture_test(event_find_gives_texts),
        fixture_test(event_line_stays_one_line_with_tellable_fields),
        fixture_test(event_without_fields_is_its_name),
        fixture_test(event_with_too_many_fields_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
