// SPDX-License-Identifier: Apache-2.0
// Heads of requests: what is read, what is refused and how.
#include <string.h>

#include "api/http/parse/http_head.h"
#include "common/base/arena.h"
#include "tests/lib/fixture.h"

#define GET "GET / HTTP/1.1\r\nHost: x\r\n"

struct row {
    const char *name;
    const char *text;
    int status; // of the refusal; 0: it is read
    const char *reason;
};

static const struct row rows[] = {
    {"plain", GET "\r\n", 0, NULL},
    {"empty lines before", "\r\n\r\n" GET "\r\n", 0, NULL},
    {"three empty lines before", "\r\n\r\n\r\n" GET "\r\n", 400, "bad request line"},
    {"HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", 0, NULL},
    {"host missing", "GET / HTTP/1.1\r\n\r\n", 400, "bad or missing Host"},
    {"bare LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400, "bad request line"},
    {"version", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, "HTTP Version Not Supported"},
    {"no version", "GET /\r\n\r\n", 400, "bad request line"},
    {"blank before the colon", GET "A : b\r\n\r\n", 400, "bad http header"},
    {"folded line", GET "A: b\r\n c\r\n\r\n", 400, "bad http header"},
    {"method", "PATCH / HTTP/1.1\r\nHost: x\r\n\r\n", 501, "Method 'PATCH' not implemented"},
    {"body with GET", GET "Content-Length: 1\r\n\r\n", 501, "Unexpected content for method 'GET'"},
    {"no body with GET", GET "Content-Length: 0\r\n\r\n", 0, NULL},
    {"chunked", GET "Transfer-Encoding: chunked\r\n\r\n", 501,
     "chunked request bodies are not supported"},
    {"two lengths", GET "Content-Length: 0\r\nTransfer-Encoding: x\r\n\r\n", 400,
     "both Content-Length and Transfer-Encoding"},
    {"length twice", GET "Content-Length: 0\r\ncontent-length: 0\r\n\r\n", 400,
     "bad Content-Length"},
    {"length with a sign", GET "Content-Length: +0\r\n\r\n", 400, "bad Content-Length"},
    {"length with a list", GET "Content-Length: 0,0\r\n\r\n", 400, "bad Content-Length"},
    {"two tokens", GET "Authorization: a\r\nAuthorization: b\r\n\r\n", 400,
     "more than one Authorization"},
};

static void head_is_read_or_refused(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct http_head head;
        struct http_refusal refusal = {0};
        enum http_head_result result =
            http_head_read(arena, rows[i].text, strlen(rows[i].text), &head, &refusal);
        if (rows[i].status == 0) {
            fixture_row(rows[i].name, result == HTTP_HEAD_READY);
            fixture_row(rows[i].name, head.head_bytes == strlen(rows[i].text));
            continue;
        }
        fixture_row(rows[i].name, result == HTTP_HEAD_REFUSED);
        fixture_row(rows[i].name, refusal.status == rows[i].status);
        fixture_row(rows[i].name, strcmp(refusal.reason, rows[i].reason) == 0);
    }
}

static void head_in_pieces_waits_for_its_end(void **state)
{
    struct arena *arena = *state;
    static const char text[] = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 007\r\n\r\nbody";
    size_t whole = strlen(text) - 4;
    struct http_head head = {.minor = 7};
    struct http_refusal refusal;
    for (size_t size = 0; size < whole; size++) {
        assert_int_equal(http_head_read(arena, text, size, &head, &refusal), HTTP_HEAD_MORE);
    }
    assert_int_equal(head.minor, 7);
    assert_int_equal(http_head_read(arena, text, strlen(text), &head, &refusal), HTTP_HEAD_READY);
    assert_int_equal(head.head_bytes, whole);
    assert_int_equal(head.body_bytes, 7);
    assert_string_equal(head.target, "/a");
}

static void head_without_end_is_refused_at_its_limit(void **state)
{
    struct arena *arena = *state;
    char *text = arena_alloc(arena, HTTP_HEAD_MAX + 1);
    memset(text, 'a', HTTP_HEAD_MAX + 1);
    struct http_head head;
    struct http_refusal refusal;
    assert_int_equal(http_head_read(arena, text, HTTP_HEAD_MAX, &head, &refusal), HTTP_HEAD_MORE);
    assert_int_equal(http_head_read(arena, text, HTTP_HEAD_MAX + 1, &head, &refusal),
                     HTTP_HEAD_REFUSED);
    assert_int_equal(refusal.status, 400);
}

static const struct http_head *read_good(struct arena *arena, const char *text)
{
    struct http_head *head = arena_new_of(arena, struct http_head);
    struct http_refusal refusal;
    assert_int_equal(http_head_read(arena, text, strlen(text), head, &refusal), HTTP_HEAD_READY);
    return head;
}

static void connection_is_kept_as_the_version_says(void **state)
{
    static const struct {
        const char *text;
        bool kept;
    } table[] = {
        {GET "\r\n", true},
        {GET "Connection: Close\r\n\r\n", false},
        {GET "Connection: upgrade, close\r\n\r\n", false},
        {GET "Connection: enclose\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        fixture_row(table[i].text, read_good(*state, table[i].text)->keep_alive == table[i].kept);
    }
}

static void encoding_is_one_that_is_accepted(void **state)
{
    static const struct {
        const char *value;
        enum http_encoding encoding;
    } table[] = {
        {"gzip", HTTP_ENCODING_GZIP},        {"deflate, gzip", HTTP_ENCODING_GZIP},
        {"deflate", HTTP_ENCODING_DEFLATE},  {"gzip;q=0, deflate", HTTP_ENCODING_DEFLATE},
        {"gzip;q=0.00", HTTP_ENCODING_NONE}, {"gzip; q=0.1", HTTP_ENCODING_GZIP},
        {"identity", HTTP_ENCODING_NONE},    {"", HTTP_ENCODING_NONE},
        {"x-gzip;q=1", HTTP_ENCODING_GZIP},  {"gzipped", HTTP_ENCODING_NONE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *text = arena_printf(*state, GET "Accept-Encoding: %s\r\n\r\n", table[i].value);
        fixture_row(table[i].value,
                    http_head_encoding(read_good(*state, text)) == table[i].encoding);
    }
}

static void location_is_the_same_place_behind_tls(void **state)
{
    const struct http_head *head = read_good(*state, "GET /a?b HTTP/1.1\r\nHost: h:8006\r\n\r\n");
    assert_string_equal(http_head_location(*state, head, "n:1"), "https://h:8006/a?b");
    head = read_good(*state, "GET http://evil/x HTTP/1.0\r\n\r\n");
    assert_string_equal(http_head_location(*state, head, "n:1"), "https://n:1/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(head_is_read_or_refused),
        fixture_test(head_in_pieces_waits_for_its_end),
        fixture_test(head_without_end_is_refused_at_its_limit),
        fixture_test(connection_is_kept_as_the_version_says),
        fixture_test(encoding_is_one_that_is_accepted),
        fixture_test(location_is_the_same_place_behind_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
