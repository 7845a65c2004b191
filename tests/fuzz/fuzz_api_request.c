// SPDX-License-Identifier: Apache-2.0
// Target, headers and body of a request, divided by empty lines: whatever they are, what goes to
// ha-execd is JSON that can be read again, and paths have no empty parts.
#include <assert.h>
#include <string.h>

#include "api/http/parse/api_request.h"
#include "api/http/parse/http_head.h"
#include "api/http/parse/url_text.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "tests/fuzz/fuzz.h"

// The next part, up to a line end; NUL-terminated.
static const char *line_take(struct arena *arena, const char **at, const char *end)
{
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    stop = stop != NULL ? stop : end;
    const char *line = arena_memdup(arena, *at, (size_t)(stop - *at));
    *at = stop < end ? stop + 1 : end;
    return line;
}

static void check(struct arena *arena, const struct api_request *request)
{
    assert(strstr(request->path, "//") == NULL);
    assert(request->path[0] == '/');
    assert(json_find(request->parameters, "_dc") == NULL);
    const char *frame = json_to_text(arena, api_request_to_json(arena, request, "::1"));
    struct json *again;
    int r = json_parse(arena, frame, strlen(frame), &again, NULL);
    assert(r == 0);
    assert(strcmp(json_to_text(arena, again), frame) == 0);
    const char *headers = api_credentials_format(arena, &request->credentials);
    for (const char *p = headers; *p != '\0'; p++) {
        assert(*p >= 0x20 || *p == '\r' || *p == '\n');
    }
    if (request->credentials.ticket != NULL) {
        char *decoded;
        const char *encoded = url_encode(arena, request->credentials.ticket);
        r = url_decode(arena, encoded, strlen(encoded), false, &decoded, NULL);
        assert(r == 0);
        assert(strcmp(decoded, request->credentials.ticket) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *at = arena_memdup(arena, data, size_bytes);
    const char *end = at + size_bytes;
    struct http_head head = {.minor = 1};
    head.method = size_bytes % 2 == 0 ? "GET" : "POST";
    head.target = arena_printf(arena, "/%s", line_take(arena, &at, end));
    static const char *const names[] = {"Content-Type", "Cookie", "Authorization",
                                        "CSRFPreventionToken", "Last-Event-ID"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = line_take(arena, &at, end);
        if (*value != '\0') {
            head.headers[head.headers_count++] = (struct http_header){names[i], value};
        }
    }
    struct api_request request;
    struct api_refusal refusal;
    if (api_request_read(arena, &head, at, (size_t)(end - at), &request, &refusal)) {
        check(arena, &request);
    } else {
        assert(refusal.status >= 400);
        assert(refusal.message != NULL);
    }
    return 0;
}
