// SPDX-License-Identifier: Apache-2.0
// Heads of answers, ours and others'.
#include <errno.h>
#include <string.h>

#include "api/http/parse/http_response.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "tests/lib/fixture.h"

static void head_has_all_its_lines(void **state)
{
    (void)state;
    struct http_response response = {.status = 500,
                                     .reason = "it failed",
                                     .minor = 1,
                                     .content_type = "text/plain",
                                     .extra = "A: b\r\n",
                                     .length = 3,
                                     .date_s = 784111777};
    struct strbuf text CLEANUP(strbuf_done) = {0};
    http_response_format(&response, &text);
    assert_string_equal(strbuf_text(&text),
                        "HTTP/1.1 500 it failed\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                        "Server: pve-api-daemon/3.0\r\nConnection: close\r\n"
                        "Cache-Control: max-age=0\r\nPragma: no-cache\r\n"
                        "Content-Type: text/plain\r\nContent-Length: 3\r\nA: b\r\n\r\n");
}

static void date_is_right_at_the_edges(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } table[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782399, "Mon, 28 Feb 2000 23:59:59 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
        {1767225599, "Wed, 31 Dec 2025 23:59:59 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        char text[HTTP_DATE_BYTES];
        http_date_format(table[i].seconds, text);
        fixture_row(table[i].text, strcmp(text, table[i].text) == 0);
    }
}

static void reason_is_one_clean_line(void **state)
{
    static const struct {
        const char *message;
        const char *reason;
    } table[] = {
        {"a b", "a b"},         {"a\nb", "a"},
        {"a\r\nX: y\r\n", "a"}, {"a\tb\x01\x7f", "a b  "},
        {"", "Unauthorized"},   {"\nlater", "Unauthorized"},
        {NULL, "Unauthorized"}, {"caf\u00e9", "caf\u00e9"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        fixture_row(table[i].reason,
                    strcmp(http_reason(*state, 401, table[i].message), table[i].reason) == 0);
    }
    char *text = arena_alloc(*state, HTTP_REASON_MAX * 2 + 1);
    memset(text, 'x', HTTP_REASON_MAX * 2);
    assert_int_equal(strlen(http_reason(*state, 500, text)), HTTP_REASON_MAX);
}

static void reply_of_another_node_is_read(void **state)
{
    static const char text[] = "HTTP/1.1 500 no such thing\r\nContent-Type: a/b\r\n"
                               "content-length: 4\r\n\r\nbody";
    struct http_reply reply = {.status = 7};
    for (size_t size = 0; size < strlen(text) - 4; size++) {
        assert_int_equal(http_reply_read(*state, text, size, &reply, NULL), 0);
        assert_int_equal(reply.status, 7);
    }
    assert_int_equal(http_reply_read(*state, text, strlen(text), &reply, NULL), 1);
    assert_int_equal(reply.status, 500);
    assert_string_equal(reply.reason, "no such thing");
    assert_string_equal(reply.content_type, "a/b");
    assert_int_equal(reply.length, 4);
    assert_int_equal(reply.head_bytes, strlen(text) - 4);
}

static void reply_that_is_none_is_refused(void **state)
{
    static const char *const texts[] = {
        "\r\n\r\n",
        "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/2 200 x\r\n\r\n",
        "HTTP/1.1 200\r\nA\r\n\r\n",
        "HTTP/1.1 200 x\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct http_reply reply;
        fixture_row(texts[i],
                    http_reply_read(*state, texts[i], strlen(texts[i]), &reply, NULL) == -EPROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(head_has_all_its_lines),        fixture_test(date_is_right_at_the_edges),
        fixture_test(reason_is_one_clean_line),      fixture_test(reply_of_another_node_is_read),
        fixture_test(reply_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
