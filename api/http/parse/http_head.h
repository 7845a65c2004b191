// SPDX-License-Identifier: Apache-2.0
// The head of a request of HTTP/1.0 or 1.1, read strictly: what two readers could understand
// differently is refused, since that is how requests are smuggled. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;

enum {
    HTTP_HEADERS_MAX = 64,        // lines
    HTTP_HEAD_MAX = 8 * 1024,     // bytes of request line and headers
    HTTP_BODY_MAX = 512 * 1024,   // bytes
    HTTP_METHOD_LENGTH_MAX = 32,  // characters
    HTTP_LEADING_EMPTY_LINES = 2, // before the request line
};

struct http_header {
    const char *name;
    const char *value; // without blanks around it
};

struct http_head {
    const char *method;
    const char *target; // "/path?query"; the origin of an absolute target is cut off
    int minor;          // of HTTP/1.minor: 0 or 1
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t headers_count;
    size_t head_bytes; // of the input
    size_t body_bytes; // that follow
    bool keep_alive;
    bool expects_continue;
};

struct http_refusal {
    int status;
    const char *reason; // in the arena, or a literal
};

enum http_head_result {
    HTTP_HEAD_MORE = 1, // the head has not come to its end
    HTTP_HEAD_READY,
    // Nothing that follows may be trusted. *ret has the method and version as far as they could be
    // read: an answer to HEAD has no body.
    HTTP_HEAD_REFUSED,
};

enum http_head_result http_head_read(struct arena *arena, const char *bytes, size_t size_bytes,
                                     struct http_head *ret,
                                     struct http_refusal *ret_refusal) WARN_UNUSED;

// The first header of that name, whatever its case, or NULL.
const char *http_head_find(const struct http_head *head, const char *name) WARN_UNUSED;
size_t http_head_count(const struct http_head *head, const char *name) WARN_UNUSED;
// Whether one of the headers' comma-separated words is this one, whatever the case.
bool http_head_has_word(const struct http_head *head, const char *name,
                        const char *word) WARN_UNUSED;

enum http_encoding { HTTP_ENCODING_NONE, HTTP_ENCODING_GZIP, HTTP_ENCODING_DEFLATE };
// What Accept-Encoding allows of what we can do.
enum http_encoding http_head_encoding(const struct http_head *head) WARN_UNUSED;

// Where a plain request is sent: "https://<host><target>", in the arena. Without a usable Host the
// second argument stands for it.
char *http_head_location(struct arena *arena, const struct http_head *head,
                         const char *otherwise) WARN_UNUSED;
