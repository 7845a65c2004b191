// SPDX-License-Identifier: Apache-2.0
// Entries as JSON {"time_ms","at","level","event","fields"}; the number is in the key.
#include "common/port/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

#define HISTORY_KEY_FORMAT STORE_PREFIX_HISTORY "%016" PRIu64

void history_done(struct history *history)
{
    free(history->numbers);
    *history = (struct history){0};
}

// Where the number is, or would be.
static size_t history_place(const struct history *history, uint64_t number)
{
    size_t low = 0;
    size_t high = history->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (history->numbers[middle] < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void history_set(struct history *history, uint64_t number, bool is_there)
{
    size_t place = history_place(history, number);
    bool was_there = place < history->count && history->numbers[place] == number;
    size_t behind = history->count - place;
    if (is_there && !was_there) {
        if (history->count == history->capacity) {
            history->capacity = history->capacity > 0 ? 2 * history->capacity : 64;
            history->numbers =
                alloc_resize(history->numbers, history->capacity * sizeof(*history->numbers));
        }
        memmove(&history->numbers[place + 1], &history->numbers[place],
                behind * sizeof(*history->numbers));
        history->numbers[place] = number;
        history->count++;
    } else if (!is_there && was_there) {
        memmove(&history->numbers[place], &history->numbers[place + 1],
                (behind - 1) * sizeof(*history->numbers));
        history->count--;
    }
}

static int number_parse(const char *key, uint64_t *ret)
{
    size_t prefix = strlen(STORE_PREFIX_HISTORY);
    return strncmp(key, STORE_PREFIX_HISTORY, prefix) == 0 ? parse_uint64(key + prefix, ret)
                                                           : -EINVAL;
}

void history_update(struct history *history, const struct store_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        uint64_t number = 0;
        if (number_parse(entries->entries[i].key, &number) == 0) {
            history_set(history, number, entries->entries[i].value != NULL);
        }
    }
}

static char *entry_format(struct arena *arena, const char *at, int64_t wall_ms,
                          const struct event *event)
{
    struct json *entry = json_new_object(arena);
    struct json *fields = json_new_object(arena);
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct event_field *field = &event->fields[i];
        json_put(fields, field->key,
                 field->type == EVENT_FIELD_INT ? json_new_int(arena, field->integer)
                                                : json_new_string(arena, field->text));
    }
    json_put_int(entry, "time_ms", wall_ms);
    json_put_string(entry, "at", at);
    json_put_string(entry, "level", event_level_to_string(event->level));
    json_put_string(entry, "event", event->name);
    json_put(entry, "fields", fields);
    return json_to_text(arena, entry);
}

void history_write(const struct history *history, struct arena *arena, const char *at,
                   int64_t wall_ms, const struct event *const *events, size_t events_count,
                   const struct store_op **ret_ops, size_t *ret_count)
{
    size_t added = events_count < HISTORY_BATCH_MAX ? events_count : HISTORY_BATCH_MAX;
    size_t excess =
        history->count + added > HISTORY_KEEP ? history->count + added - HISTORY_KEEP : 0;
    size_t removed = excess < HISTORY_REMOVE_MAX ? excess : HISTORY_REMOVE_MAX;
    removed = removed < history->count ? removed : history->count;
    struct store_op *ops = arena_array_of(arena, struct store_op, added + removed + 1);
    uint64_t number = wall_ms > 0 ? (uint64_t)wall_ms * 1000 : 1;
    if (history->count > 0 && history->numbers[history->count - 1] >= number) {
        number = history->numbers[history->count - 1] + 1;
    }
    for (size_t i = 0; i < added; i++) {
        const struct event *event = events[i];
        if (i + 1 == HISTORY_BATCH_MAX && events_count > added) {
            struct event *rest = event_new(arena, EVENT_LEVEL_NOTICE, "history-cut");
            event = event_int(rest, "count", (int64_t)(events_count - i));
        }
        const char *value = entry_format(arena, at, wall_ms, event);
        ops[i] = (struct store_op){.key = arena_printf(arena, HISTORY_KEY_FORMAT, number + i),
                                   .value = value,
                                   .size_bytes = strlen(value),
                                   .expect = STORE_ABSENT};
    }
    for (size_t i = 0; i < removed && added > 0; i++) {
        ops[added + i] =
            (struct store_op){.key = arena_printf(arena, HISTORY_KEY_FORMAT, history->numbers[i]),
                              .expect = STORE_ANY};
    }
    *ret_ops = ops;
    *ret_count = added > 0 ? added + removed : 0;
}

int history_show(struct arena *arena, const char *key, const char *value, size_t size_bytes,
                 struct json **ret, struct error *err)
{
    struct json *entry = NULL;
    uint64_t number = 0;
    int64_t time_ms = 0;
    const char *words[3] = {0};
    static const char *const names[] = {"at", "level", "event"};
    int r = number_parse(key, &number);
    if (r < 0 || number > INT64_MAX) {
        return error_set(err, -EINVAL, "'%s' is not a number of the history", key);
    }
    r = json_parse(arena, value, size_bytes, &entry, err);
    if (r == 0) {
        r = json_get_int(entry, "time_ms", 0, INT64_MAX, &time_ms, err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++) {
        r = json_get_string(entry, names[i], &words[i], err);
    }
    struct json *fields = entry != NULL ? json_find(entry, "fields") : NULL;
    if (r == 0 && (fields == NULL || fields->type != JSON_TYPE_OBJECT)) {
        r = error_set(err, -EINVAL, "'fields' is missing");
    }
    if (r < 0) {
        return error_prefix(err, "'%s'", key);
    }
    struct json *shown = json_new_object(arena);
    json_put_int(shown, "number", (int64_t)number);
    json_put(shown, "time", json_new_double(arena, (double)time_ms / 1000.0));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        json_put_string(shown, names[i], words[i]);
    }
    json_put(shown, "fields", fields);
    *ret = shown;
    return 0;
}
