// SPDX-License-Identifier: Apache-2.0
// Any bytes as the head of a request: what is read is within its limits, and comes out the same
// when it is written and read again, and when what follows is another request.
#include <assert.h>
#include <string.h>

#include "api/http/parse/http_head.h"
#include "api/http/parse/http_response.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "tests/fuzz/fuzz.h"

static void head_write(const struct http_head *head, struct strbuf *out)
{
    strbuf_appendf(out, "%s %s HTTP/1.%d\r\n", head->method, head->target, head->minor);
    for (size_t i = 0; i < head->headers_count; i++) {
        strbuf_appendf(out, "%s: %s\r\n", head->headers[i].name, head->headers[i].value);
    }
    strbuf_append(out, "\r\n");
}

static void check_ready(struct arena *arena, const struct http_head *head)
{
    assert(head->headers_count <= HTTP_HEADERS_MAX);
    assert(head->body_bytes <= HTTP_BODY_MAX);
    assert(head->target[0] == '/');
    assert(strchr("GPD", head->method[0]) != NULL);
    assert(http_head_encoding(head) <= HTTP_ENCODING_DEFLATE);
    assert(strpbrk(http_head_location(arena, head, "node:1"), " \r\n") == NULL);
    struct strbuf text CLEANUP(strbuf_done) = {0};
    head_write(head, &text);
    size_t size = text.size_bytes;
    strbuf_append(&text, "GET /smuggled HTTP/1.1\r\n\r\n");
    struct http_head again;
    struct http_refusal refusal;
    enum http_head_result result =
        http_head_read(arena, text.text, text.size_bytes, &again, &refusal);
    // Blanks that were left out may have made room; nothing gets longer but by these.
    if (result == HTTP_HEAD_REFUSED && size > HTTP_HEAD_MAX) {
        return;
    }
    assert(result == HTTP_HEAD_READY);
    assert(again.head_bytes == size);
    assert(again.body_bytes == head->body_bytes);
    assert(again.keep_alive == head->keep_alive);
    assert(again.headers_count == head->headers_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct http_head head;
    struct http_refusal refusal;
    const char *text = arena_memdup(arena, data, size_bytes);
    enum http_head_result result = http_head_read(arena, text, size_bytes, &head, &refusal);
    if (result == HTTP_HEAD_READY) {
        assert(head.head_bytes <= size_bytes);
        check_ready(arena, &head);
    } else if (result == HTTP_HEAD_REFUSED) {
        assert(refusal.status >= 400 && refusal.status < 600);
        assert(strpbrk(refusal.reason, "\r\n") == NULL);
    }
    struct http_reply reply;
    if (http_reply_read(arena, text, size_bytes, &reply, NULL) > 0) {
        assert(reply.head_bytes <= size_bytes);
        assert(strpbrk(reply.reason, "\r\n") == NULL);
        assert(reply.length >= -1 && reply.length <= HTTP_RESPONSE_BODY_MAX);
    }
    return 0;
}
