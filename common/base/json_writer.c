// SPDX-License-Identifier: Apache-2.0
// Tree to text, with one form for each value: sorted keys, integers plain, other numbers in the
// shortest form that reads back as the same value, only the escapes that must be.
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"

struct json_level {
    const struct json *container;
    size_t next; // position of the item to write next
};

// How many bytes from here can be written as they are.
static size_t writer_plain(const char *text, size_t size_bytes)
{
    size_t plain = 0;
    while (plain < size_bytes) {
        unsigned char c = (unsigned char)text[plain];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') {
            break;
        }
        plain++;
    }
    return plain;
}

static void writer_special(struct strbuf *out, char c)
{
    static const char specials[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *special = strchr(specials, c);
    if (special != NULL) {
        strbuf_append_char(out, '\\');
        strbuf_append_char(out, letters[special - specials]);
    } else {
        strbuf_appendf(out, "\\u%04x", (unsigned)(unsigned char)c);
    }
}

static void writer_string(struct strbuf *out, const char *text)
{
    size_t left = strlen(text);
    strbuf_append_char(out, '"');
    while (left > 0) {
        size_t length = writer_plain(text, left);
        if (length > 0) {
            strbuf_append_bytes(out, text, length);
        } else if ((length = utf8_length(text, left)) == 1) {
            writer_special(out, text[0]);
        } else if (length > 1) {
            strbuf_append_bytes(out, text, length);
        } else {
            // Words from outside may be anything; a document is always UTF-8.
            strbuf_append(out, "\xef\xbf\xbd");
            length = 1;
        }
        text += length;
        left -= length;
    }
    strbuf_append_char(out, '"');
}

static void writer_double(struct strbuf *out, double value)
{
    assert(isfinite(value));
    char text[40];
    if (fabs(value) < 1e15 && floor(value) == value) {
        // It must not read back as an integer, and 100.0 is easier to read than 1e+02.
        strbuf_appendf(out, "%.1f", value);
        return;
    }
    // 17 significant digits tell all doubles apart; most need fewer.
    for (int digits = 1; digits <= 17; digits++) {
        int length = snprintf(text, sizeof(text), "%.*g", digits, value);
        assert(length > 0);
        assert((size_t)length < sizeof(text));
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    strbuf_append(out, text);
}

static void writer_scalar(struct strbuf *out, const struct json *json)
{
    switch (json->type) {
    case JSON_TYPE_NULL:
        strbuf_append(out, "null");
        break;
    case JSON_TYPE_BOOL:
        strbuf_append(out, json->boolean ? "true" : "false");
        break;
    case JSON_TYPE_INT:
        strbuf_appendf(out, "%" PRId64, json->integer);
        break;
    case JSON_TYPE_DOUBLE:
        writer_double(out, json->real);
        break;
    case JSON_TYPE_STRING:
        writer_string(out, json->string);
        break;
    case JSON_TYPE_ARRAY:
    case JSON_TYPE_OBJECT:
    case JSON_TYPE_MAX:
        abort();
    }
}

static size_t json_size(const struct json *json)
{
    return json->type == JSON_TYPE_ARRAY ? json->count : json->members.count;
}

static void writer_newline(struct strbuf *out, enum json_style style, size_t depth)
{
    if (style == JSON_STYLE_PRETTY) {
        strbuf_append_char(out, '\n');
        for (size_t i = 0; i < depth; i++) {
            strbuf_append(out, "  ");
        }
    }
}

void json_format(const struct json *json, enum json_style style, struct strbuf *out)
{
    struct json_level stack[JSON_DEPTH_MAX];
    size_t depth = 0;
    const struct json *value = json;
    do {
        bool is_container = value->type == JSON_TYPE_ARRAY || value->type == JSON_TYPE_OBJECT;
        if (is_container && json_size(value) > 0) {
            assert(depth < JSON_DEPTH_MAX);
            strbuf_append_char(out, value->type == JSON_TYPE_ARRAY ? '[' : '{');
            stack[depth++] = (struct json_level){value, 0};
        } else if (is_container) {
            strbuf_append(out, value->type == JSON_TYPE_ARRAY ? "[]" : "{}");
        } else {
            writer_scalar(out, value);
        }
        // Close what is complete.
        while (depth > 0 && stack[depth - 1].next == json_size(stack[depth - 1].container)) {
            depth--;
            writer_newline(out, style, depth);
            strbuf_append_char(out, stack[depth].container->type == JSON_TYPE_ARRAY ? ']' : '}');
        }
        if (depth > 0) {
            struct json_level *level = &stack[depth - 1];
            size_t position = level->next++;
            if (position > 0) {
                strbuf_append_char(out, ',');
            }
            writer_newline(out, style, depth);
            if (level->container->type == JSON_TYPE_ARRAY) {
                value = level->container->items[position];
            } else {
                const struct map_entry *member = &level->container->members.entries[position];
                writer_string(out, member->key);
                strbuf_append(out, style == JSON_STYLE_PRETTY ? ": " : ":");
                value = member->value;
            }
        }
    } while (depth > 0);
}

char *json_to_text(struct arena *arena, const struct json *json)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    json_format(json, JSON_STYLE_COMPACT, &text);
    return arena_strdup(arena, strbuf_text(&text));
}
