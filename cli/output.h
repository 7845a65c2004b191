// SPDX-License-Identifier: Apache-2.0
// The forms of output that all our tools share: text (bordered tables), json, json-pretty, yaml.
// Everything is made from one JSON tree, so the forms cannot differ in content. Keys are sorted in
// all of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"

struct arena;
struct json;
struct strbuf;

enum output_format {
    OUTPUT_FORMAT_TEXT,
    OUTPUT_FORMAT_JSON,
    OUTPUT_FORMAT_JSON_PRETTY,
    OUTPUT_FORMAT_YAML,
    OUTPUT_FORMAT_MAX
};
ENUM_TABLE_DECLARE(output_format);

struct output {
    enum output_format format;
    bool noheader;
    bool noborder;
    bool quiet;          // print nothing
    bool human_readable; // sizes with units, times as dates, durations as 2d 03:04:05
    bool utf8;           // the terminal's character set has box characters
};

enum output_column_kind {
    OUTPUT_COLUMN_TEXT,     // any value; lists are joined by ", "
    OUTPUT_COLUMN_BOOL,     // 1 and 0
    OUTPUT_COLUMN_BYTES,    // 268435456 → 256.00 MiB
    OUTPUT_COLUMN_TIME,     // seconds since 1970 → local date
    OUTPUT_COLUMN_DURATION, // seconds
};

struct output_column {
    const char *key;
    const char *title; // NULL: the key
    enum output_column_kind kind;
    bool right; // aligned to the right
};

// A list of objects. Text: a table of these columns, sorted by the first one; an empty list prints
// nothing. The other formats print the whole list as it is, all members included. Everything ends
// with a line feed.
void output_list(const struct output *output, const struct json *list,
                 const struct output_column *columns, size_t columns_count, struct strbuf *out);
// One object. Text: a table of key and value in the order of the columns, only members that are
// there; without columns all members, sorted.
void output_object(const struct output *output, const struct json *object,
                   const struct output_column *columns, size_t columns_count, struct strbuf *out);
// Any document; text prints it as json-pretty.
void output_document(const struct output *output, const struct json *document, struct strbuf *out);

// Only the YAML form, block style, UTF-8; strings are quoted when a reader could take them for
// something else.
void output_yaml(const struct json *document, struct strbuf *out);

// Time in the C library's short form, local time: "Thu Oct  9 10:11:12 2025". In the arena.
char *output_date(struct arena *arena, int64_t wall_s) WARN_UNUSED;
