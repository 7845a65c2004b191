// SPDX-License-Identifier: Apache-2.0
// Reads request heads. A line ends with CR LF only, a name ends right before its colon, no line
// goes on in the next one, and there is one length of the body or none.
#include "api/http/parse/http_head.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"

enum { CONTENT_LENGTH_DIGITS_MAX = 18 };

struct reader {
    struct arena *arena;
    struct http_head *head;
    struct http_refusal *refusal;
};

static bool refuse(struct reader *reader, int status, const char *reason)
{
    *reader->refusal = (struct http_refusal){.status = status, .reason = reason};
    return false;
}

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(const char *text, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (!is_token_char(text[i])) {
            return false;
        }
    }
    return size_bytes > 0;
}

static bool target_is_clean(const char *target)
{
    for (const char *p = target; *p != '\0'; p++) {
        if (*p < 0x21 || *p > 0x7e) {
            return false;
        }
    }
    return true;
}

// "https://host/path" means "/path", as a request to a proxy has it.
static const char *target_without_origin(const char *target)
{
    size_t scheme = strncasecmp(target, "https://", 8) == 0  ? 8
                    : strncasecmp(target, "http://", 7) == 0 ? 7
                                                             : 0;
    if (scheme == 0) {
        return target;
    }
    const char *path = strchr(target + scheme, '/');
    return path != NULL ? path : "/";
}

static bool version_read(struct reader *reader, const char *text)
{
    if (strcmp(text, "HTTP/1.1") == 0 || strcmp(text, "HTTP/1.0") == 0) {
        reader->head->minor = text[7] - '0';
        return true;
    }
    if (strncmp(text, "HTTP/", 5) == 0) {
        return refuse(reader, 505, "HTTP Version Not Supported");
    }
    return refuse(reader, 400, "bad request line");
}

static bool request_line_read(struct reader *reader, const char *line, size_t size_bytes)
{
    char *text = arena_memdup(reader->arena, line, size_bytes);
    char *first = strchr(text, ' ');
    char *last = strrchr(text, ' ');
    if (strlen(text) != size_bytes || first == NULL || first == last ||
        !is_token(text, (size_t)(first - text)) || first - text > HTTP_METHOD_LENGTH_MAX) {
        return refuse(reader, 400, "bad request line");
    }
    *first = '\0';
    *last = '\0';
    reader->head->method = text;
    if (!version_read(reader, last + 1)) {
        return false;
    }
    if (!target_is_clean(first + 1)) {
        return refuse(reader, 400, "bad request line");
    }
    reader->head->target = target_without_origin(first + 1);
    return true;
}

static bool value_is_clean(const char *value, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool header_read(struct reader *reader, const char *line, size_t size_bytes)
{
    struct http_head *head = reader->head;
    if (head->headers_count == HTTP_HEADERS_MAX) {
        return refuse(reader, 400, "too many http header lines");
    }
    const char *colon = memchr(line, ':', size_bytes);
    if (colon == NULL || !is_token(line, (size_t)(colon - line))) {
        return refuse(reader, 400, "bad http header");
    }
    const char *value = colon + 1;
    const char *end = line + size_bytes;
    while (value < end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    if (!value_is_clean(value, (size_t)(end - value))) {
        return refuse(reader, 400, "bad http header");
    }
    head->headers[head->headers_count++] = (struct http_header){
        .name = arena_memdup(reader->arena, line, (size_t)(colon - line)),
        .value = arena_memdup(reader->arena, value, (size_t)(end - value)),
    };
    return true;
}

static bool lines_read(struct reader *reader, const char *text, size_t size_bytes)
{
    const char *end = text + size_bytes;
    for (const char *line = text; line < end;) {
        const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (stop == NULL) {
            return refuse(reader, 400, "bad http header");
        }
        size_t length = (size_t)(stop - line);
        bool good = line == text ? request_line_read(reader, line, length)
                                 : header_read(reader, line, length);
        if (!good) {
            return false;
        }
        line = stop + 2;
    }
    return true;
}

// --- what the headers mean -----------------------------------------------------------------------

static bool method_is_known(const char *method)
{
    static const char *const known[] = {"GET", "POST", "PUT", "DELETE"};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (strcmp(method, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool host_is_clean(const char *host)
{
    return host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "-._~:[]%")] == '\0';
}

static bool host_check(struct reader *reader)
{
    const struct http_head *head = reader->head;
    const char *host = http_head_find(head, "Host");
    if (http_head_count(head, "Host") > 1 || (host == NULL && head->minor > 0) ||
        (host != NULL && !host_is_clean(host))) {
        return refuse(reader, 400, "bad or missing Host");
    }
    return true;
}

static bool length_read(struct reader *reader)
{
    struct http_head *head = reader->head;
    const char *length = http_head_find(head, "Content-Length");
    if (http_head_find(head, "Transfer-Encoding") != NULL) {
        return length != NULL ? refuse(reader, 400, "both Content-Length and Transfer-Encoding")
                              : refuse(reader, 501, "chunked request bodies are not supported");
    }
    if (length == NULL) {
        return true;
    }
    if (http_head_count(head, "Content-Length") > 1 || *length == '\0' ||
        strlen(length) > CONTENT_LENGTH_DIGITS_MAX ||
        length[strspn(length, "0123456789")] != '\0') {
        return refuse(reader, 400, "bad Content-Length");
    }
    uint64_t bytes = 0;
    for (const char *p = length; *p != '\0'; p++) {
        bytes = bytes * 10 + (uint64_t)(*p - '0');
    }
    bool may_have = strcmp(head->method, "POST") == 0 || strcmp(head->method, "PUT") == 0;
    if (bytes > 0 && !may_have) {
        return refuse(
            reader, 501,
            arena_printf(reader->arena, "Unexpected content for method '%s'", head->method));
    }
    if (bytes > HTTP_BODY_MAX) {
        return refuse(reader, 501, "for data too large");
    }
    head->body_bytes = (size_t)bytes;
    return true;
}

static bool meaning_read(struct reader *reader)
{
    struct http_head *head = reader->head;
    if (!method_is_known(head->method)) {
        return refuse(reader, 501,
                      arena_printf(reader->arena, "Method '%s' not implemented", head->method));
    }
    if (head->target[0] != '/') {
        return refuse(reader, 400, "bad request line");
    }
    if (!host_check(reader) || !length_read(reader)) {
        return false;
    }
    if (http_head_count(head, "Authorization") > 1) {
        return refuse(reader, 400, "more than one Authorization");
    }
    const char *expect = http_head_find(head, "Expect");
    if (expect != NULL && strcasecmp(expect, "100-continue") != 0) {
        return refuse(reader, 417, "Expectation Failed");
    }
    head->expects_continue = expect != NULL && head->minor > 0 && head->body_bytes > 0;
    head->keep_alive = head->minor > 0 ? !http_head_has_word(head, "Connection", "close")
                                       : http_head_has_word(head, "Connection", "keep-alive");
    return true;
}

enum http_head_result http_head_read(struct arena *arena, const char *bytes, size_t size_bytes,
                                     struct http_head *ret, struct http_refusal *ret_refusal)
{
    size_t start = 0;
    for (size_t i = 0; i < HTTP_LEADING_EMPTY_LINES; i++) {
        if (size_bytes - start >= 2 && memcmp(bytes + start, "\r\n", 2) == 0) {
            start += 2;
        }
    }
    const char *text = bytes + start;
    const char *end = memmem(text, size_bytes - start, "\r\n\r\n", 4);
    struct http_head head = {.minor = 1};
    struct http_refusal refusal;
    struct reader reader = {.arena = arena, .head = &head, .refusal = &refusal};
    if (end == NULL ? size_bytes > HTTP_HEAD_MAX : end - text > HTTP_HEAD_MAX) {
        *ret = head;
        *ret_refusal = (struct http_refusal){.status = 400, .reason = "http header too large"};
        return HTTP_HEAD_REFUSED;
    }
    if (end == NULL) {
        return HTTP_HEAD_MORE;
    }
    bool good = lines_read(&reader, text, (size_t)(end - text) + 2) && meaning_read(&reader);
    head.head_bytes = (size_t)(end - bytes) + 4;
    *ret = head;
    if (!good) {
        *ret_refusal = refusal;
        return HTTP_HEAD_REFUSED;
    }
    return HTTP_HEAD_READY;
}

// --- looking up ----------------------------------------------------------------------------------

const char *http_head_find(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->headers_count; i++) {
        if (strcasecmp(head->headers[i].name, name) == 0) {
            return head->headers[i].value;
        }
    }
    return NULL;
}

size_t http_head_count(const struct http_head *head, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < head->headers_count; i++) {
        count += strcasecmp(head->headers[i].name, name) == 0 ? 1 : 0;
    }
    return count;
}

static const char *word_skip_blanks(const char *text)
{
    return text + strspn(text, " \t,");
}

static bool word_is(const char *text, const char *word)
{
    size_t length = strlen(word);
    return strncasecmp(text, word, length) == 0 && strchr(" \t,;", text[length]) != NULL;
}

bool http_head_has_word(const struct http_head *head, const char *name, const char *word)
{
    for (size_t i = 0; i < head->headers_count; i++) {
        if (strcasecmp(head->headers[i].name, name) != 0) {
            continue;
        }
        const char *p = word_skip_blanks(head->headers[i].value);
        for (; *p != '\0'; p = word_skip_blanks(p + strcspn(p, ","))) {
            if (word_is(p, word)) {
                return true;
            }
        }
    }
    return false;
}

// Whether the word's quality is zero: ";q=0", ";q=0.000".
static bool word_is_refused(const char *word)
{
    const char *q = memmem(word, strcspn(word, ","), "q=", 2);
    if (q == NULL) {
        return false;
    }
    q += 2;
    size_t zeros = strspn(q, "0.");
    return zeros > 0 && strchr(" \t,;", q[zeros]) != NULL;
}

static bool encoding_is_accepted(const char *value, const char *name)
{
    for (const char *p = word_skip_blanks(value); *p != '\0';
         p = word_skip_blanks(p + strcspn(p, ","))) {
        if (word_is(p, name)) {
            return !word_is_refused(p);
        }
    }
    return false;
}

enum http_encoding http_head_encoding(const struct http_head *head)
{
    const char *value = http_head_find(head, "Accept-Encoding");
    if (value == NULL) {
        return HTTP_ENCODING_NONE;
    }
    if (encoding_is_accepted(value, "gzip") || encoding_is_accepted(value, "x-gzip")) {
        return HTTP_ENCODING_GZIP;
    }
    return encoding_is_accepted(value, "deflate") ? HTTP_ENCODING_DEFLATE : HTTP_ENCODING_NONE;
}

char *http_head_location(struct arena *arena, const struct http_head *head, const char *otherwise)
{
    const char *host = http_head_find(head, "Host");
    if (host == NULL || *host == '\0' || !host_is_clean(host)) {
        host = otherwise;
    }
    return arena_printf(arena, "https://%s%s", host, head->target);
}
