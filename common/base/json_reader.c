// SPDX-License-Identifier: Apache-2.0
// Text to tree: json-c reads, in its strict mode. What that mode lets through is refused before, by
// looking at the text's strings, numbers and words: escapes and numbers as RFC 8259 has them,
// nothing that a document of ours could lose (a number beyond 64 bits, a NUL, the first of two
// equal keys).
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/utf8.h"

// --- the look at the text ------------------------------------------------------------------------

struct guard {
    struct arena *arena;
    const char *text;
    const char *p;
    const char *end;
    size_t members; // colons seen: how many members all objects have together
    struct error *err;
};

static int fail_at(const char *text, const char *place, const char *what, struct error *err)
{
    size_t line = 1;
    size_t column = 1;
    for (const char *p = text; p < place; p++) {
        column = *p == '\n' ? 1 : column + 1;
        line += *p == '\n' ? 1 : 0;
    }
    return error_set(err, -EINVAL, "line %zu, column %zu: %s", line, column, what);
}

static int guard_fail(const struct guard *guard, const char *what)
{
    return fail_at(guard->text, guard->p, what, guard->err);
}

// The next character, or NUL at the end; a NUL in the text is never accepted, so the two need no
// telling apart.
static char guard_peek(const struct guard *guard)
{
    return guard->p < guard->end ? *guard->p : '\0';
}

static int guard_hex4(struct guard *guard, unsigned *ret_code)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    unsigned code = 0;
    for (int i = 0; i < 4; i++) {
        char c = guard_peek(guard);
        const char *digit = c != '\0' ? strchr(digits, c) : NULL;
        if (digit == NULL) {
            return guard_fail(guard, "expected four hexadecimal digits");
        }
        code = code * 16 + (unsigned)(digit - digits) % 16;
        guard->p++;
    }
    *ret_code = code;
    return 0;
}

// After "\u".
static int guard_unicode(struct guard *guard)
{
    unsigned code = 0;
    unsigned low = 0;
    int r = guard_hex4(guard, &code);
    if (r < 0) {
        return r;
    }
    if (code == 0) {
        return guard_fail(guard, "NUL characters are not allowed");
    }
    if (code >= 0xdc00 && code <= 0xdfff) {
        return guard_fail(guard, "low surrogate without a high one");
    }
    if (code < 0xd800 || code > 0xdbff) {
        return 0;
    }
    if (guard->end - guard->p < 2 || guard->p[0] != '\\' || guard->p[1] != 'u') {
        return guard_fail(guard, "high surrogate without a low one");
    }
    guard->p += 2;
    r = guard_hex4(guard, &low);
    if (r == 0 && (low < 0xdc00 || low > 0xdfff)) {
        r = guard_fail(guard, "high surrogate without a low one");
    }
    return r;
}

static int guard_string(struct guard *guard)
{
    guard->p++;
    while (guard_peek(guard) != '"') {
        char c = guard_peek(guard);
        if (guard->p == guard->end) {
            return guard_fail(guard, "string has no end");
        }
        size_t length = utf8_length(guard->p, (size_t)(guard->end - guard->p));
        if (length == 0) {
            return guard_fail(guard, "text is not UTF-8");
        }
        if ((unsigned char)c < 0x20) {
            return guard_fail(guard, "control character in a string");
        }
        guard->p += length;
        if (c != '\\') {
            continue;
        }
        c = guard_peek(guard);
        if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL) {
            return guard_fail(guard, "unknown escape");
        }
        guard->p++;
        int r = c == 'u' ? guard_unicode(guard) : 0;
        if (r < 0) {
            return r;
        }
    }
    guard->p++;
    return 0;
}

// Moves over a run of digits; false when there is none.
static bool skip_digits(const char **p)
{
    const char *start = *p;
    while (**p >= '0' && **p <= '9') {
        (*p)++;
    }
    return *p > start;
}

// Whether the whole word is a number of the grammar; *ret_whole: without fraction and exponent.
static bool is_number(const char *word, bool *ret_whole)
{
    const char *p = word;
    *ret_whole = true;
    p += *p == '-' ? 1 : 0;
    const char *digits = p;
    if (!skip_digits(&p) || (*digits == '0' && p - digits > 1)) {
        return false;
    }
    if (*p == '.') {
        *ret_whole = false;
        p++;
        if (!skip_digits(&p)) {
            return false;
        }
    }
    if (*p == 'e' || *p == 'E') {
        *ret_whole = false;
        p++;
        p += *p == '+' || *p == '-' ? 1 : 0;
        if (!skip_digits(&p)) {
            return false;
        }
    }
    return *p == '\0';
}

// A run of characters that is neither a string nor a sign of the grammar.
static int guard_word(struct guard *guard)
{
    const char *start = guard->p;
    while (guard->p < guard->end &&
           (*guard->p == '\0' || strchr(" \t\r\n{}[],:\"", *guard->p) == NULL)) {
        guard->p++;
    }
    const char *word = arena_memdup(guard->arena, start, (size_t)(guard->p - start));
    bool is_whole = false;
    int64_t value = 0;
    const char *what = NULL;
    if (strlen(word) < (size_t)(guard->p - start)) {
        what = "NUL characters are not allowed";
    } else if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0 ||
               strcmp(word, "null") == 0) {
        return 0;
    } else if (!is_number(word, &is_whole)) {
        what = "expected a value";
    } else if (is_whole && parse_int64(word, INT64_MIN, INT64_MAX, &value) < 0) {
        // Silently rounding a version or a byte count would be worse.
        what = "number is too large";
    }
    return what != NULL ? fail_at(guard->text, start, what, guard->err) : 0;
}

static int guard_text(struct guard *guard)
{
    while (guard->p < guard->end) {
        char c = *guard->p;
        int r = 0;
        if (c == '"') {
            r = guard_string(guard);
        } else if (c == '\0' || strchr(" \t\r\n{}[],:", c) == NULL) {
            r = guard_word(guard);
        } else {
            guard->members += c == ':' ? 1 : 0;
            guard->p++;
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

// --- the tree ------------------------------------------------------------------------------------

// A container that is being copied.
struct frame {
    struct json *copy;
    json_object *source;
    size_t next;                  // of an array
    struct lh_entry *next_member; // of an object
};

struct converter {
    struct arena *arena;
    struct frame stack[JSON_DEPTH_MAX];
    size_t depth;
    size_t members;
};

static int convert_double(struct converter *converter, json_object *source, struct json **ret,
                          struct error *err)
{
    double value = json_object_get_double(source);
    if (!isfinite(value)) {
        return error_set(err, -EINVAL, "line 1, column 1: a number is too large");
    }
    *ret = json_new_double(converter->arena, value);
    return 0;
}

// The copy of a value; a container's is empty, and is opened to be filled.
static int convert_value(struct converter *converter, json_object *source, struct json **ret,
                         struct error *err)
{
    struct arena *arena = converter->arena;
    struct frame frame = {.source = source};
    switch (json_object_get_type(source)) {
    case json_type_null:
        *ret = json_new_null(arena);
        return 0;
    case json_type_boolean:
        *ret = json_new_bool(arena, json_object_get_boolean(source));
        return 0;
    case json_type_int:
        *ret = json_new_int(arena, json_object_get_int64(source));
        return 0;
    case json_type_double:
        return convert_double(converter, source, ret, err);
    case json_type_string:
        *ret = json_new_string(arena, json_object_get_string(source));
        return 0;
    case json_type_array:
        frame.copy = json_new_array(arena);
        break;
    case json_type_object:
        frame.copy = json_new_object(arena);
        frame.next_member = json_object_get_object(source)->head;
        break;
    }
    if (converter->depth == JSON_DEPTH_MAX) {
        return error_set(err, -EINVAL, "line 1, column 1: too many levels");
    }
    converter->stack[converter->depth++] = frame;
    *ret = frame.copy;
    return 0;
}

// Copies the next item of the innermost open container, or closes it.
static int convert_next(struct converter *converter, struct error *err)
{
    struct frame *frame = &converter->stack[converter->depth - 1];
    struct json *copy = frame->copy;
    struct json *value;
    int r;
    if (copy->type == JSON_TYPE_ARRAY) {
        if (frame->next == json_object_array_length(frame->source)) {
            converter->depth--;
            return 0;
        }
        json_object *item = json_object_array_get_idx(frame->source, frame->next++);
        r = convert_value(converter, item, &value, err);
        if (r == 0) {
            json_append(copy, value);
        }
        return r;
    }
    struct lh_entry *member = frame->next_member;
    if (member == NULL) {
        converter->depth--;
        return 0;
    }
    frame->next_member = member->next;
    converter->members++;
    json_object *item = lh_entry_v(member);
    r = convert_value(converter, item, &value, err);
    if (r == 0) {
        json_put(copy, lh_entry_k(member), value);
    }
    return r;
}

static int convert_document(struct arena *arena, json_object *source, size_t members,
                            struct json **ret, struct error *err)
{
    struct converter converter = {.arena = arena};
    struct json *root;
    int r = convert_value(&converter, source, &root, err);
    while (r == 0 && converter.depth > 0) { // one value or end of a container a turn
        r = convert_next(&converter, err);
    }
    if (r == 0 && converter.members != members) {
        r = error_set(err, -EINVAL, "line 1, column 1: an object has a key twice");
    }
    if (r == 0) {
        *ret = root;
    }
    return r;
}

int json_parse(struct arena *arena, const char *text, size_t size_bytes, struct json **ret_json,
               struct error *err)
{
    struct guard guard = {
        .arena = arena, .text = text, .p = text, .end = text + size_bytes, .err = err};
    int r = guard_text(&guard);
    if (r < 0) {
        return r;
    }
    if (size_bytes > INT_MAX) {
        return error_set(err, -EINVAL, "line 1, column 1: the text is too long");
    }
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1); // a value is a level
    assert(tokener != NULL);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object *document = json_tokener_parse_ex(tokener, text, (int)size_bytes);
    enum json_tokener_error error = json_tokener_get_error(tokener);
    if (error == json_tokener_continue && size_bytes > 0) {
        // A number or word at the very end is complete only when something follows it.
        document = json_tokener_parse_ex(tokener, "\n", 1);
        error = json_tokener_get_error(tokener);
    }
    if (error != json_tokener_success) {
        bool ended = error == json_tokener_continue;
        size_t place = ended ? size_bytes : json_tokener_get_parse_end(tokener);
        r = fail_at(text, text + place,
                    ended ? "the text ends too early" : json_tokener_error_desc(error), err);
    } else {
        r = convert_document(arena, document, guard.members, ret_json, err);
    }
    json_object_put(document);
    json_tokener_free(tokener);
    return r;
}

int json_parse_object(struct arena *arena, const char *text, size_t size_bytes,
                      struct json **ret_json, struct error *err)
{
    struct json *json = NULL;
    int r = json_parse(arena, text, size_bytes, &json, err);
    if (r < 0) {
        return r;
    }
    if (json->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "expected an object");
    }
    *ret_json = json;
    return 0;
}
