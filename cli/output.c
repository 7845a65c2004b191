// SPDX-License-Identifier: Apache-2.0
// The forms of output. What is in the documents is decided by the commands.
#include "cli/output.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/text_table.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"

ENUM_TABLE(output_format, OUTPUT_FORMAT_MAX, "text", "json", "json-pretty", "yaml");

char *output_date(struct arena *arena, int64_t wall_s)
{
    struct tm tm;
    char text[64];
    time_t time = (time_t)wall_s;
    if (localtime_r(&time, &tm) == NULL ||
        strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm) == 0) {
        return arena_printf(arena, "%" PRId64, wall_s);
    }
    return arena_strdup(arena, text);
}

static const char *output_bytes(struct arena *arena, int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 1024.0 && unit + 1 < ARRAY_SIZE(units)) {
        value /= 1024.0;
        unit++;
    }
    return unit == 0 ? arena_printf(arena, "%" PRId64 " B", bytes)
                     : arena_printf(arena, "%.2f %s", value, units[unit]);
}

static const char *output_duration(struct arena *arena, int64_t seconds)
{
    int64_t days = seconds / 86400;
    const char *clock = arena_printf(arena, "%02" PRId64 ":%02" PRId64 ":%02" PRId64,
                                     seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    return days > 0 ? arena_printf(arena, "%" PRId64 "d %s", days, clock) : clock;
}

static const char *output_plain(struct arena *arena, const struct json *value)
{
    if (value == NULL || value->type == JSON_TYPE_NULL) {
        return "";
    }
    if (value->type == JSON_TYPE_STRING) {
        return value->string;
    }
    if (value->type != JSON_TYPE_ARRAY) {
        return json_to_text(arena, value);
    }
    struct strbuf list CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < value->count; i++) {
        const struct json *item = value->items[i];
        strbuf_append(&list, i > 0 ? ", " : "");
        strbuf_append(&list,
                      item->type == JSON_TYPE_STRING ? item->string : json_to_text(arena, item));
    }
    return arena_strdup(arena, strbuf_text(&list));
}

static const char *output_value(const struct output *output, struct arena *arena,
                                const struct output_column *column, const struct json *value)
{
    bool number = value != NULL && value->type == JSON_TYPE_INT;
    enum output_column_kind kind = column != NULL ? column->kind : OUTPUT_COLUMN_TEXT;
    if (kind == OUTPUT_COLUMN_BOOL && value != NULL && value->type == JSON_TYPE_BOOL) {
        return value->boolean ? "1" : "0";
    }
    if (!number || !output->human_readable) {
        return output_plain(arena, value);
    }
    switch (kind) {
    case OUTPUT_COLUMN_BYTES:
        return output_bytes(arena, value->integer);
    case OUTPUT_COLUMN_TIME:
        return output_date(arena, value->integer);
    case OUTPUT_COLUMN_DURATION:
        return output_duration(arena, value->integer);
    case OUTPUT_COLUMN_TEXT:
    case OUTPUT_COLUMN_BOOL:
        break;
    }
    return output_plain(arena, value);
}

// Prints the forms that need no columns; false when text is wanted.
static bool output_structured(const struct output *output, const struct json *document,
                              struct strbuf *out)
{
    switch (output->format) {
    case OUTPUT_FORMAT_JSON:
        json_format(document, JSON_STYLE_COMPACT, out);
        strbuf_append_char(out, '\n');
        return true;
    case OUTPUT_FORMAT_JSON_PRETTY:
        output_document(output, document, out);
        return true;
    case OUTPUT_FORMAT_YAML:
        output_yaml(document, out);
        return true;
    case OUTPUT_FORMAT_TEXT:
    case OUTPUT_FORMAT_MAX:
        break;
    }
    return false;
}

void output_document(const struct output *output, const struct json *document, struct strbuf *out)
{
    if (output->format == OUTPUT_FORMAT_JSON || output->format == OUTPUT_FORMAT_YAML) {
        (void)output_structured(output, document, out); // always prints for these two
        return;
    }
    json_format(document, JSON_STYLE_PRETTY, out);
    if (out->size_bytes > 0 && out->text[out->size_bytes - 1] != '\n') {
        strbuf_append_char(out, '\n');
    }
}

struct output_row {
    const struct json *object;
    const struct json *key; // value of the first column
    const char *text;       // the same as text
    size_t place;
};

static int output_row_compare(const void *left, const void *right)
{
    const struct output_row *a = left;
    const struct output_row *b = right;
    bool numbers = a->key != NULL && b->key != NULL && a->key->type == JSON_TYPE_INT &&
                   b->key->type == JSON_TYPE_INT;
    int r = numbers ? (a->key->integer > b->key->integer) - (a->key->integer < b->key->integer)
                    : strcmp(a->text, b->text);
    if (r != 0) {
        return r;
    }
    return (a->place > b->place) - (a->place < b->place);
}

static void output_table(const struct output *output, struct arena *arena,
                         const struct output_row *rows, size_t count,
                         const struct output_column *columns, size_t columns_count,
                         struct strbuf *out)
{
    struct table table = {.columns = columns_count, .rows = count};
    bool *right = arena_array_of(arena, bool, columns_count);
    table.titles = arena_array_of(arena, const char *, columns_count);
    table.cells = arena_array_of(arena, const char *, columns_count *count);
    for (size_t c = 0; c < columns_count; c++) {
        table.titles[c] = columns[c].title != NULL ? columns[c].title : columns[c].key;
        right[c] = columns[c].right;
        for (size_t r = 0; r < count; r++) {
            const struct json *value = json_find(rows[r].object, columns[c].key);
            const char *text = output_value(output, arena, &columns[c], value);
            table.cells[r * columns_count + c] = table_cell(arena, text);
        }
    }
    table.right = right;
    text_table_format(output, &table, out);
}

void output_list(const struct output *output, const struct json *list,
                 const struct output_column *columns, size_t columns_count, struct strbuf *out)
{
    assert(list->type == JSON_TYPE_ARRAY);
    assert(columns_count > 0);
    if (output_structured(output, list, out) || list->count == 0) {
        return;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct output_row *rows = arena_array_of(arena, struct output_row, list->count);
    for (size_t i = 0; i < list->count; i++) {
        const struct json *key = json_find(list->items[i], columns[0].key);
        rows[i] = (struct output_row){
            .object = list->items[i], .key = key, .text = output_plain(arena, key), .place = i};
    }
    qsort(rows, list->count, sizeof(rows[0]), output_row_compare);
    output_table(output, arena, rows, list->count, columns, columns_count, out);
}

static struct json *output_pair(const struct output *output, struct arena *arena, const char *key,
                                const char *title, const struct output_column *column,
                                const struct json *value)
{
    struct json *pair = json_new_object(arena);
    json_put_string(pair, "key", title != NULL ? title : key);
    json_put_string(pair, "value", output_value(output, arena, column, value));
    return pair;
}

void output_object(const struct output *output, const struct json *object,
                   const struct output_column *columns, size_t columns_count, struct strbuf *out)
{
    static const struct output_column pair_columns[] = {{.key = "key"}, {.key = "value"}};
    assert(object->type == JSON_TYPE_OBJECT);
    if (output_structured(output, object, out)) {
        return;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    size_t max = columns_count > 0 ? columns_count : object->members.count;
    struct output_row *rows = arena_array_of(arena, struct output_row, max);
    size_t count = 0;
    for (size_t i = 0; i < max; i++) {
        const struct output_column *column = columns_count > 0 ? &columns[i] : NULL;
        const char *key = column != NULL ? column->key : object->members.entries[i].key;
        const struct json *value = json_find(object, key);
        if (value != NULL) {
            rows[count++].object = output_pair(
                output, arena, key, column != NULL ? column->title : NULL, column, value);
        }
    }
    if (count > 0) {
        output_table(output, arena, rows, count, pair_columns, ARRAY_SIZE(pair_columns), out);
    }
}
