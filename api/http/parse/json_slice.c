// SPDX-License-Identifier: Apache-2.0
// One pass over JSON text that knows strings and brackets only.
#include "api/http/parse/json_slice.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"

struct scan {
    const char *p;
    const char *end;
};

static void blanks_skip(struct scan *scan)
{
    while (scan->p < scan->end && memchr(" \t\r\n", *scan->p, 4) != NULL) {
        scan->p++;
    }
}

static bool char_take(struct scan *scan, char c)
{
    blanks_skip(scan);
    if (scan->p >= scan->end || *scan->p != c) {
        return false;
    }
    scan->p++;
    return true;
}

// From behind the opening quote to behind the closing one.
static bool string_skip(struct scan *scan)
{
    const char *p = scan->p;
    const char *end = scan->end;
    while (p < end && *p != '"') {
        p += *p == '\\' ? 2 : 1;
    }
    scan->p = p < end ? p + 1 : end;
    return p < end;
}

enum sign { SIGN_NONE, SIGN_QUOTE, SIGN_OPEN, SIGN_CLOSE, SIGN_COMMA };
static const unsigned char signs[UCHAR_MAX + 1] = {
    ['"'] = SIGN_QUOTE, ['{'] = SIGN_OPEN,  ['['] = SIGN_OPEN,
    ['}'] = SIGN_CLOSE, [']'] = SIGN_CLOSE, [','] = SIGN_COMMA,
};

// Any value: up to the comma or bracket that ends it.
static bool value_skip(struct scan *scan)
{
    size_t depth = 0;
    const char *start = scan->p;
    while (scan->p < scan->end) {
        const char *p = scan->p;
        while (p < scan->end && signs[(unsigned char)*p] == SIGN_NONE) {
            p++;
        }
        scan->p = p;
        unsigned char sign = p < scan->end ? signs[(unsigned char)*p] : SIGN_NONE;
        if (sign == SIGN_NONE || (depth == 0 && (sign == SIGN_COMMA || sign == SIGN_CLOSE))) {
            break;
        }
        scan->p++;
        if (sign == SIGN_QUOTE && !string_skip(scan)) {
            return false;
        }
        depth += sign == SIGN_OPEN ? 1 : 0;
        depth -= sign == SIGN_CLOSE ? 1 : 0;
    }
    return depth == 0 && scan->p > start && scan->p < scan->end;
}

int json_slice_members(const char *text, size_t size_bytes, const char *const *names,
                       struct json_slice *slices, size_t count)
{
    struct scan scan = {.p = text, .end = text + size_bytes};
    for (size_t i = 0; i < count; i++) {
        slices[i] = (struct json_slice){0};
    }
    if (!char_take(&scan, '{')) {
        return -EINVAL;
    }
    if (char_take(&scan, '}')) {
        return 0;
    }
    do {
        if (!char_take(&scan, '"')) {
            return -EINVAL;
        }
        const char *name = scan.p;
        if (!string_skip(&scan)) {
            return -EINVAL;
        }
        size_t name_size = (size_t)(scan.p - name) - 1;
        if (!char_take(&scan, ':')) {
            return -EINVAL;
        }
        blanks_skip(&scan);
        const char *value = scan.p;
        if (!value_skip(&scan)) {
            return -EINVAL;
        }
        for (size_t i = 0; i < count; i++) {
            if (strlen(names[i]) == name_size && memcmp(names[i], name, name_size) == 0) {
                slices[i] = (struct json_slice){value, (size_t)(scan.p - value)};
            }
        }
    } while (char_take(&scan, ','));
    return char_take(&scan, '}') ? 0 : -EINVAL;
}

const char *json_slice_string(struct arena *arena, struct json_slice slice)
{
    struct json *value;
    if (slice.text == NULL || json_parse(arena, slice.text, slice.size_bytes, &value, NULL) < 0) {
        return NULL;
    }
    return value->type == JSON_TYPE_STRING ? value->string : NULL;
}

size_t json_weigh(const char *text, size_t size_bytes)
{
    struct scan scan = {.p = text, .end = text + size_bytes};
    size_t weight = 0;
    while (scan.p < scan.end) {
        char c = *scan.p++;
        weight += c == ',' || c == ':' ? 1 : 0;
        if (c == '"' && !string_skip(&scan)) {
            break;
        }
    }
    return weight;
}
