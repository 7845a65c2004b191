// SPDX-License-Identifier: Apache-2.0
// The history: numbers that grow whatever clocks say, entries that are kept and those that go.
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/event.h"
#include "common/port/history.h"
#include "common/port/store.h"
#include "tests/lib/fixture.h"

enum { WALL_MS = 123 }; // small, so that the keys below can be read

static const struct event **events_make(struct arena *arena, size_t count)
{
    const struct event **events = arena_array_of(arena, const struct event *, count);
    for (size_t i = 0; i < count; i++) {
        struct event *event = event_new(arena, EVENT_LEVEL_NOTICE, "node-state");
        events[i] = event_int(event_text(arena, event, "node", "node1"), "count", (int64_t)i);
    }
    return events;
}

// As if the operations were committed and read again.
static void apply(struct history *history, struct arena *arena, const struct store_op *ops,
                  size_t count)
{
    struct store_entry *entries = arena_array_of(arena, struct store_entry, count + 1);
    for (size_t i = 0; i < count; i++) {
        entries[i] = (struct store_entry){
            .key = ops[i].key, .value = ops[i].value, .size_bytes = ops[i].size_bytes};
    }
    history_update(history, &(struct store_entries){.entries = entries, .count = count});
}

static void write_at(struct history *history, struct arena *arena, int64_t wall_ms, size_t events,
                     const struct store_op **ret_ops, size_t *ret_count)
{
    history_write(history, arena, "node1/crm", wall_ms, events_make(arena, events), events, ret_ops,
                  ret_count);
}

static void numbers_grow_when_a_clock_goes_back(void **state)
{
    struct arena *arena = *state;
    struct history history = {0};
    const struct store_op *ops = NULL;
    size_t count = 0;
    write_at(&history, arena, WALL_MS, 2, &ops, &count);
    assert_int_equal(count, 2);
    assert_string_equal(ops[0].key, "history/0000000000123000");
    assert_string_equal(ops[1].key, "history/0000000000123001");
    assert_true(ops[0].expect == STORE_ABSENT);
    apply(&history, arena, ops, count);
    write_at(&history, arena, 5, 1, &ops, &count);
    assert_string_equal(ops[0].key, "history/0000000000123002");
    // What was not taken over does not count.
    write_at(&history, arena, 5, 1, &ops, &count);
    assert_string_equal(ops[0].key, "history/0000000000123002");
    history_done(&history);
}

static void old_entries_go_as_new_ones_come(void **state)
{
    struct arena *arena = *state;
    struct history history = {0};
    const struct store_op *ops = NULL;
    size_t count = 0;
    for (int i = 0; i < HISTORY_KEEP / 100; i++) {
        write_at(&history, arena, WALL_MS + i, 100, &ops, &count);
        assert_int_equal(count, 100);
        apply(&history, arena, ops, count);
    }
    assert_int_equal(history.count, HISTORY_KEEP);
    uint64_t oldest = history.numbers[3];
    write_at(&history, arena, WALL_MS + 1000, 3, &ops, &count);
    assert_int_equal(count, 6);
    assert_null(ops[3].value);
    assert_true(ops[3].expect == STORE_ANY); // another may have removed it meanwhile
    apply(&history, arena, ops, count);
    assert_int_equal(history.count, HISTORY_KEEP);
    assert_true(history.numbers[0] == oldest);
    write_at(&history, arena, WALL_MS + 2000, 0, &ops,
             &count); // nothing is written for its own sake
    assert_int_equal(count, 0);
    history_done(&history);
}

static void too_many_events_at_once_are_counted(void **state)
{
    struct arena *arena = *state;
    struct history history = {0};
    const struct store_op *ops = NULL;
    size_t count = 0;
    struct json *shown = NULL;
    struct error err = {0};
    write_at(&history, arena, WALL_MS, HISTORY_BATCH_MAX + 50, &ops, &count);
    assert_int_equal(count, HISTORY_BATCH_MAX);
    const struct store_op *last = &ops[count - 1];
    assert_int_equal(history_show(arena, last->key, last->value, last->size_bytes, &shown, &err),
                     0);
    assert_string_equal(json_find_string(shown, "event"), "history-cut");
    assert_int_equal(json_find(json_find(shown, "fields"), "count")->integer, 51);
    history_done(&history);
}

static void entry_is_shown_as_it_was_written(void **state)
{
    struct arena *arena = *state;
    struct history history = {0};
    const struct store_op *ops = NULL;
    size_t count = 0;
    struct json *shown = NULL;
    struct error err = {0};
    write_at(&history, arena, WALL_MS, 1, &ops, &count);
    assert_int_equal(history_show(arena, ops->key, ops->value, ops->size_bytes, &shown, &err), 0);
    assert_string_equal(
        json_to_text(arena, shown),
        "{\"at\":\"node1/crm\",\"event\":\"node-state\",\"fields\":{\"count\":0,"
        "\"node\":\"node1\"},\"level\":\"notice\",\"number\":123000,\"time\":0.123}");
    assert_true(history_show(arena, "history/x", ops->value, ops->size_bytes, &shown, &err) < 0);
    assert_true(history_show(arena, ops->key, "{}", 2, &shown, &err) < 0);
    assert_true(history_show(arena, ops->key, "broken", 6, &shown, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(numbers_grow_when_a_clock_goes_back),
        fixture_test(old_entries_go_as_new_ones_come),
        fixture_test(too_many_events_at_once_are_counted),
        fixture_test(entry_is_shown_as_it_was_written),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
