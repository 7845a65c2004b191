// SPDX-License-Identifier: Apache-2.0
// Heads of answers, and reading those of another node. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct strbuf;

enum {
    HTTP_REASON_MAX = 1024,             // bytes
    HTTP_DATE_BYTES = 32,               // of a date with its NUL
    HTTP_RESPONSE_HEAD_MAX = 16 * 1024, // of another node
    HTTP_RESPONSE_BODY_MAX = 16 * 1024 * 1024,
};

struct http_response {
    int status;
    const char *reason; // as http_reason() made it
    int minor;          // of the request's version
    bool keep_alive;
    const char *content_type; // NULL: none
    const char *extra;        // more headers, each with its end of line; or NULL
    int64_t length;           // of the body; −1: not known before
    bool chunked;
    int64_t date_s; // wall clock
};

void http_response_format(const struct http_response *response, struct strbuf *out);

// The reason phrase of a message: its first line without control characters, cut where it is too
// long; the usual words of the status when nothing is left or the message is NULL. In the arena, or
// a literal.
const char *http_reason(struct arena *arena, int status, const char *message) WARN_UNUSED;

// "Sun, 06 Nov 1994 08:49:37 GMT".
void http_date_format(int64_t seconds, char buffer[HTTP_DATE_BYTES]);

// The answer of another node, read from its beginning.
struct http_reply {
    int status;
    const char *reason;
    const char *content_type; // NULL: none
    size_t head_bytes;
    int64_t length;  // of the body; −1: until the end of the connection
    bool keep_alive; // the connection takes another request after it
};
// 1: *ret is complete; 0: more is needed; -EPROTO: it is not such an answer. In the arena.
int http_reply_read(struct arena *arena, const char *bytes, size_t size_bytes,
                    struct http_reply *ret, struct error *err) WARN_UNUSED;
