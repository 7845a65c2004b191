// SPDX-License-Identifier: Apache-2.0
// Text to tree: the grammar of RFC 8259 and nothing else. Read with an explicit stack, so depth is
// bounded by a check and not by the machine's stack. A number without fraction and exponent that
// fits 64 bits is an integer; one that does not fit is refused, since silently rounding a version
// or a byte count would be worse.
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"

struct json_reader {
    struct arena *arena;
    const char *text;
    const char *p;
    const char *end;
    struct json *stack[JSON_DEPTH_MAX]; // open containers
    const char *keys[JSON_DEPTH_MAX];   // of an open object: the key whose value comes next
    size_t depth;
    struct strbuf scratch; // the string being read
    struct error *err;
};

static int reader_fail(const struct json_reader *reader, const char *what)
{
    size_t line = 1;
    size_t column = 1;
    for (const char *p = reader->text; p < reader->p; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n' ? 1 : 0;
    }
    return error_set(reader->err, -EINVAL, "line %zu, column %zu: %s", line, column, what);
}

static void reader_skip_space(struct json_reader *reader)
{
    while (reader->p < reader->end && strchr(" \t\r\n", *reader->p) != NULL && *reader->p != '\0') {
        reader->p++;
    }
}

// The next character, or NUL at the end; a NUL in the text is never accepted, so the two need no
// telling apart.
static char reader_peek(const struct json_reader *reader)
{
    return reader->p < reader->end ? *reader->p : '\0';
}

static int reader_take_hex4(struct json_reader *reader, uint32_t *ret_code)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = reader_peek(reader);
        uint32_t digit = 0;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (uint32_t)(c - 'a') + 10;
        } else if (c >= 'A' && c <= 'F') {
            digit = (uint32_t)(c - 'A') + 10;
        } else {
            return reader_fail(reader, "expected four hexadecimal digits");
        }
        code = code * 16 + digit;
        reader->p++;
    }
    *ret_code = code;
    return 0;
}

// After "\u".
static int reader_take_unicode(struct json_reader *reader)
{
    uint32_t code = 0;
    int r = reader_take_hex4(reader, &code);
    if (r < 0) {
        return r;
    }
    if (code == 0) {
        return reader_fail(reader, "NUL characters are not allowed");
    }
    if (code >= 0xdc00 && code <= 0xdfff) {
        return reader_fail(reader, "low surrogate without a high one");
    }
    if (code >= 0xd800 && code <= 0xdbff) {
        uint32_t low = 0;
        if (reader->end - reader->p < 2 || reader->p[0] != '\\' || reader->p[1] != 'u') {
            return reader_fail(reader, "high surrogate without a low one");
        }
        reader->p += 2;
        r = reader_take_hex4(reader, &low);
        if (r < 0) {
            return r;
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return reader_fail(reader, "high surrogate without a low one");
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    char bytes[UTF8_SEQUENCE_MAX];
    size_t length = utf8_encode(code, bytes);
    strbuf_append_bytes(&reader->scratch, bytes, length);
    return 0;
}

// After the backslash.
static int reader_take_escape(struct json_reader *reader)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    char c = reader_peek(reader);
    if (c == 'u') {
        reader->p++;
        return reader_take_unicode(reader);
    }
    const char *found = c != '\0' ? strchr(letters, c) : NULL;
    if (found == NULL) {
        return reader_fail(reader, "unknown escape");
    }
    reader->p++;
    strbuf_append_char(&reader->scratch, values[found - letters]);
    return 0;
}

static int reader_take_string(struct json_reader *reader, const char **ret_string)
{
    if (reader_peek(reader) != '"') {
        return reader_fail(reader, "expected a string");
    }
    reader->p++;
    strbuf_clear(&reader->scratch);
    while (reader_peek(reader) != '"') {
        char c = reader_peek(reader);
        if (reader->p == reader->end) {
            return reader_fail(reader, "string has no end");
        }
        if (c == '\\') {
            reader->p++;
            int r = reader_take_escape(reader);
            if (r < 0) {
                return r;
            }
            continue;
        }
        size_t length = utf8_length(reader->p, (size_t)(reader->end - reader->p));
        if (length == 0) {
            return reader_fail(reader, "text is not UTF-8");
        }
        if ((unsigned char)c < 0x20) {
            return reader_fail(reader, "control character in a string");
        }
        strbuf_append_bytes(&reader->scratch, reader->p, length);
        reader->p += length;
    }
    reader->p++;
    *ret_string = arena_strdup(reader->arena, strbuf_text(&reader->scratch));
    return 0;
}

// Moves over a run of digits; false when there is none.
static bool reader_skip_digits(struct json_reader *reader)
{
    const char *start = reader->p;
    while (reader_peek(reader) >= '0' && reader_peek(reader) <= '9') {
        reader->p++;
    }
    return reader->p > start;
}

static int reader_take_number(struct json_reader *reader, struct json **ret_json)
{
    const char *start = reader->p;
    bool whole = true;
    if (reader_peek(reader) == '-') {
        reader->p++;
    }
    const char *digits = reader->p;
    if (!reader_skip_digits(reader)) {
        return reader_fail(reader, "expected a value");
    }
    if (*digits == '0' && reader->p - digits > 1) {
        return reader_fail(reader, "number starts with 0");
    }
    if (reader_peek(reader) == '.') {
        whole = false;
        reader->p++;
        if (!reader_skip_digits(reader)) {
            return reader_fail(reader, "expected a digit");
        }
    }
    if (reader_peek(reader) == 'e' || reader_peek(reader) == 'E') {
        whole = false;
        reader->p++;
        if (reader_peek(reader) == '+' || reader_peek(reader) == '-') {
            reader->p++;
        }
        if (!reader_skip_digits(reader)) {
            return reader_fail(reader, "expected a digit");
        }
    }
    strbuf_clear(&reader->scratch);
    strbuf_append_bytes(&reader->scratch, start, (size_t)(reader->p - start));
    const char *number = strbuf_text(&reader->scratch);
    if (whole) {
        int64_t value = 0;
        if (parse_int64(number, INT64_MIN, INT64_MAX, &value) < 0) {
            return reader_fail(reader, "number is too large");
        }
        *ret_json = json_new_int(reader->arena, value);
        return 0;
    }
    double real = strtod(number, NULL);
    if (!isfinite(real)) {
        return reader_fail(reader, "number is too large");
    }
    *ret_json = json_new_double(reader->arena, real);
    return 0;
}

static bool reader_take_word(struct json_reader *reader, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->p) < length || memcmp(reader->p, word, length) != 0) {
        return false;
    }
    reader->p += length;
    return true;
}

// A value that is no container.
static int reader_take_scalar(struct json_reader *reader, struct json **ret_json)
{
    if (reader_peek(reader) == '"') {
        const char *string = NULL;
        int r = reader_take_string(reader, &string);
        if (r == 0) {
            *ret_json = json_new_string(reader->arena, string);
        }
        return r;
    }
    if (reader_take_word(reader, "true")) {
        *ret_json = json_new_bool(reader->arena, true);
        return 0;
    }
    if (reader_take_word(reader, "false")) {
        *ret_json = json_new_bool(reader->arena, false);
        return 0;
    }
    if (reader_take_word(reader, "null")) {
        *ret_json = json_new_null(reader->arena);
        return 0;
    }
    return reader_take_number(reader, ret_json);
}

// The key and colon in front of a member's value.
static int reader_take_key(struct json_reader *reader)
{
    const char *key = NULL;
    const char *start = reader->p;
    int r = reader_take_string(reader, &key);
    if (r < 0) {
        return r;
    }
    if (map_has(&reader->stack[reader->depth - 1]->members, key)) {
        reader->p = start;
        return reader_fail(reader, arena_printf(reader->arena, "duplicate key '%s'", key));
    }
    reader_skip_space(reader);
    if (reader_peek(reader) != ':') {
        return reader_fail(reader, "expected ':'");
    }
    reader->p++;
    reader_skip_space(reader);
    reader->keys[reader->depth - 1] = key;
    return 0;
}

// Puts a value into the innermost open container.
static void reader_store(struct json_reader *reader, struct json *value)
{
    struct json *parent = reader->stack[reader->depth - 1];
    if (parent->type == JSON_TYPE_ARRAY) {
        json_append(parent, value);
    } else {
        json_put(parent, reader->keys[reader->depth - 1], value);
    }
}

// After a value inside a container: a comma and what must follow it, or ends of containers. When
// the outermost one is closed, depth is 0.
static int reader_take_after_value(struct json_reader *reader)
{
    while (reader->depth > 0) {
        struct json *open = reader->stack[reader->depth - 1];
        bool is_array = open->type == JSON_TYPE_ARRAY;
        reader_skip_space(reader);
        char c = reader_peek(reader);
        if (c == ',') {
            reader->p++;
            reader_skip_space(reader);
            return is_array ? 0 : reader_take_key(reader);
        }
        if (c != (is_array ? ']' : '}')) {
            return reader_fail(reader, is_array ? "expected ',' or ']'" : "expected ',' or '}'");
        }
        reader->p++;
        reader->depth--;
    }
    return 0;
}

// Opens a container. *ret_is_open tells whether a value is to follow inside it (false: it was empty
// and is closed).
static int reader_open(struct json_reader *reader, struct json *container, bool *ret_is_open)
{
    if (reader->depth == JSON_DEPTH_MAX) {
        return reader_fail(reader, "too many levels");
    }
    reader->p++;
    if (reader->depth > 0) {
        reader_store(reader, container);
    }
    reader_skip_space(reader);
    bool is_array = container->type == JSON_TYPE_ARRAY;
    if (reader_peek(reader) == (is_array ? ']' : '}')) {
        reader->p++;
        *ret_is_open = false;
        return 0;
    }
    reader->stack[reader->depth++] = container;
    *ret_is_open = true;
    return is_array ? 0 : reader_take_key(reader);
}

static int reader_take_document(struct json_reader *reader, struct json **ret_json)
{
    struct json *root = NULL;
    reader_skip_space(reader);
    do {
        struct json *value = NULL;
        bool is_open = false;
        char c = reader_peek(reader);
        int r = 0;
        if (c == '[' || c == '{') {
            value = c == '[' ? json_new_array(reader->arena) : json_new_object(reader->arena);
            r = reader_open(reader, value, &is_open);
        } else {
            r = reader_take_scalar(reader, &value);
            if (r == 0 && reader->depth > 0) {
                reader_store(reader, value);
            }
        }
        if (r == 0 && !is_open) {
            r = reader_take_after_value(reader);
        }
        if (r < 0) {
            return r;
        }
        root = root == NULL ? value : root;
    } while (reader->depth > 0);
    reader_skip_space(reader);
    if (reader->p != reader->end) {
        return reader_fail(reader, "text after the document");
    }
    *ret_json = root;
    return 0;
}

int json_parse(struct arena *arena, const char *text, size_t size_bytes, struct json **ret_json,
               struct error *err)
{
    struct json_reader reader = {
        .arena = arena, .text = text, .p = text, .end = text + size_bytes, .err = err};
    int r = reader_take_document(&reader, ret_json);
    strbuf_done(&reader.scratch);
    return r;
}
