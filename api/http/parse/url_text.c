// SPDX-License-Identifier: Apache-2.0
// Decodes percent-encoded text once, at the border.
#include "api/http/parse/url_text.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool text_is_utf8(const char *text, size_t size_bytes)
{
    for (size_t at = 0; at < size_bytes;) {
        size_t length = utf8_length(text + at, size_bytes - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

int url_decode(struct arena *arena, const char *text, size_t size_bytes, bool plus, char **ret,
               struct error *err)
{
    char *out = arena_alloc(arena, size_bytes + 1);
    size_t length = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        char c = text[i];
        bool coded = c == '%' && i + 2 < size_bytes && hex_value(text[i + 1]) >= 0 &&
                     hex_value(text[i + 2]) >= 0;
        if (coded) {
            c = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (c == '\0') {
            return error_set(err, -EINVAL, "a NUL is not allowed");
        }
        out[length++] = c;
    }
    if (!text_is_utf8(out, length)) {
        return error_set(err, -EINVAL, "the text is not UTF-8");
    }
    *ret = out;
    return 0;
}

char *url_encode(struct arena *arena, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t size = strlen(text);
    char *out = arena_alloc(arena, size * 3 + 1);
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr("-._~", c) != NULL;
        if (plain) {
            out[length++] = text[i];
            continue;
        }
        out[length++] = '%';
        out[length++] = digits[c / 16];
        out[length++] = digits[c % 16];
    }
    return out;
}

static int pair_read(struct arena *arena, const char *text, size_t size_bytes, struct json *object,
                     struct error *err)
{
    const char *equals = memchr(text, '=', size_bytes);
    size_t name_size = equals != NULL ? (size_t)(equals - text) : size_bytes;
    const char *value_text = equals != NULL ? equals + 1 : text + size_bytes;
    char *name;
    char *value;
    int r = url_decode(arena, text, name_size, true, &name, err);
    if (r == 0) {
        r = url_decode(arena, value_text, (size_t)(text + size_bytes - value_text), true, &value,
                       err);
    }
    if (r < 0 || *name == '\0') {
        return r;
    }
    const char *before = json_find_string(object, name);
    if (before != NULL && strcmp(before, value) != 0) {
        return error_set(err, -EEXIST, "%s", name);
    }
    if (object->members.count >= URL_PARAMETERS_MAX) {
        return error_set(err, -EINVAL, "more than %d parameters", URL_PARAMETERS_MAX);
    }
    json_put_string(object, name, value);
    return 0;
}

int url_pairs_read(struct arena *arena, const char *text, size_t size_bytes, struct json *object,
                   struct error *err)
{
    const char *end = text + size_bytes;
    const char *at = text;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (stop == NULL) {
            stop = end;
        }
        int r = pair_read(arena, at, (size_t)(stop - at), object, err);
        if (r < 0) {
            return r;
        }
        at = stop + 1;
    }
    return 0;
}

int url_path_read(struct arena *arena, const char *text, size_t size_bytes, char **ret,
                  struct error *err)
{
    char *decoded;
    int r = url_decode(arena, text, size_bytes, false, &decoded, err);
    if (r < 0) {
        return r;
    }
    char *out = arena_alloc(arena, strlen(decoded) + 2);
    size_t length = 0;
    for (const char *p = decoded; *p != '\0';) {
        size_t part = strcspn(p, "/");
        if (part > 0) {
            out[length++] = '/';
            memcpy(out + length, p, part);
            length += part;
        }
        p += part;
        p += *p == '/' ? 1 : 0;
    }
    if (length == 0) {
        out[0] = '/';
    }
    *ret = out;
    return 0;
}
