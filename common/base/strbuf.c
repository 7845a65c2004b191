// SPDX-License-Identifier: Apache-2.0
// The growing text.
#include "common/base/strbuf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

enum { STRBUF_CAPACITY_MIN = 64 };

void strbuf_init(struct strbuf *buf)
{
    *buf = (struct strbuf){0};
}

void strbuf_done(struct strbuf *buf)
{
    free(buf->text);
    *buf = (struct strbuf){0};
}

void strbuf_clear(struct strbuf *buf)
{
    buf->size_bytes = 0;
    if (buf->text != NULL) {
        buf->text[0] = '\0';
    }
}

// Makes room for more bytes and a NUL.
static void strbuf_reserve(struct strbuf *buf, size_t more_bytes)
{
    assert(more_bytes < SIZE_MAX / 4);
    size_t needed = buf->size_bytes + more_bytes + 1;
    if (needed <= buf->capacity_bytes) {
        return;
    }
    size_t capacity = 2 * buf->capacity_bytes;
    if (capacity < needed) {
        capacity = needed > STRBUF_CAPACITY_MIN ? needed : STRBUF_CAPACITY_MIN;
    }
    buf->text = alloc_resize(buf->text, capacity);
    buf->capacity_bytes = capacity;
}

void strbuf_append(struct strbuf *buf, const char *text)
{
    strbuf_append_bytes(buf, text, strlen(text));
}

void strbuf_append_bytes(struct strbuf *buf, const void *data, size_t size_bytes)
{
    strbuf_reserve(buf, size_bytes);
    if (size_bytes > 0) {
        memcpy(buf->text + buf->size_bytes, data, size_bytes);
    }
    buf->size_bytes += size_bytes;
    buf->text[buf->size_bytes] = '\0';
}

void strbuf_append_char(struct strbuf *buf, char c)
{
    strbuf_append_bytes(buf, &c, 1);
}

void strbuf_appendf(struct strbuf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    strbuf_vappendf(buf, format, args);
    va_end(args);
}

void strbuf_vappendf(struct strbuf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    assert(size >= 0);
    strbuf_reserve(buf, (size_t)size);
    (void)vsnprintf(buf->text + buf->size_bytes, (size_t)size + 1, format, again); // room was made
    buf->size_bytes += (size_t)size;
    va_end(again);
}

const char *strbuf_text(const struct strbuf *buf)
{
    return buf->text != NULL ? buf->text : "";
}

char *strbuf_steal(struct strbuf *buf)
{
    char *text = buf->text != NULL ? buf->text : alloc_strdup("");
    *buf = (struct strbuf){0};
    return text;
}
