// SPDX-License-Identifier: Apache-2.0
// What is handed to the program that posts: read as it was written, or refused.
#include <errno.h>
#include <string.h>

#include "api/notify/webhook_job.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "tests/lib/fixture.h"

static void job_reads_as_written(void **state)
{
    const struct webhook full = {.url = "https://example.org/x",
                                 .cafile = "/etc/ca.pem",
                                 .header = "X-Token",
                                 .secret = "hunter2 \"quoted\"",
                                 .body = "{\"event\":\"fence-begin\"}\n"};
    struct webhook read = {0};
    const char *text = webhook_job_format(*state, &full);
    assert_int_equal(webhook_job_parse(*state, text, strlen(text), &read, NULL), 0);
    assert_string_equal(read.url, full.url);
    assert_string_equal(read.cafile, full.cafile);
    assert_string_equal(read.header, full.header);
    assert_string_equal(read.secret, full.secret);
    assert_string_equal(read.body, full.body);
}

static void job_leaves_out_what_is_not_given(void **state)
{
    const struct webhook least = {.url = "https://example.org/x", .body = "{}"};
    struct webhook read = {.secret = "before"};
    const char *text = webhook_job_format(*state, &least);
    assert_int_equal(webhook_job_parse(*state, text, strlen(text), &read, NULL), 0);
    assert_string_equal(read.url, least.url);
    assert_null(read.cafile);
    assert_null(read.header);
    assert_null(read.secret);
}

static void job_of_another_form_is_refused(void **state)
{
    static const char *const table[] = {
        "",
        "[]",
        "{\"url\":\"https://x\"}",
        "{\"body\":\"{}\"}",
        "{\"url\":1,\"body\":\"{}\"}",
        "{\"url\":\"https://x\",\"body\":\"{}\",\"secret\":null}",
        "{\"url\":\"https://x\",\"body\":\"{}\",\"secret\":\"a\\r\\nX-Other: b\"}",
        "{\"url\":\"https://x\",\"body\":\"{}\",\"header\":\"X-A\\nX-B\"}",
        "{\"url\":\"https://x\",\"body\":\"{}\"",
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct webhook read = {.url = "before"};
        struct error err = {0};
        int r = webhook_job_parse(*state, table[i], strlen(table[i]), &read, &err);
        fixture_row(table[i], r < 0);
        fixture_row(table[i], strcmp(read.url, "before") == 0);
        fixture_row(table[i], err.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(job_reads_as_written),
        fixture_test(job_leaves_out_what_is_not_given),
        fixture_test(job_of_another_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
