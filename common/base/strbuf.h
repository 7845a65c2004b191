// SPDX-License-Identifier: Apache-2.0
// A growing text.
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "common/base/macros.h"

// `text` is NUL-terminated once anything was appended, NULL before. All zero is a valid empty
// buffer.
struct strbuf {
    char *text;
    size_t size_bytes; // without the NUL
    size_t capacity_bytes;
};

void strbuf_init(struct strbuf *buf);
void strbuf_done(struct strbuf *buf);
void strbuf_clear(struct strbuf *buf);
void strbuf_append(struct strbuf *buf, const char *text);
void strbuf_append_bytes(struct strbuf *buf, const void *data, size_t size_bytes);
void strbuf_append_char(struct strbuf *buf, char c);
void strbuf_appendf(struct strbuf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void strbuf_vappendf(struct strbuf *buf, const char *format, va_list args) PRINTF_LIKE(2, 0);
// The text, never NULL; owned by the buffer.
const char *strbuf_text(const struct strbuf *buf) WARN_UNUSED;
// The text, owned by the caller, never NULL; the buffer is empty afterwards.
char *strbuf_steal(struct strbuf *buf) WARN_UNUSED;
