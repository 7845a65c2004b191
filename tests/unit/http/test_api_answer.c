// SPDX-License-Identifier: Apache-2.0
// Answers of ha-execd in the forms that clients know.
#include <errno.h>
#include <string.h>

#include "api/http/parse/api_answer.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "tests/lib/fixture.h"

struct row {
    const char *frame;
    enum api_format format;
    int status;
    const char *reason;
    const char *body; // NULL: none
};

static const struct row rows[] = {
    {"{\"id\":1,\"status\":200,\"data\":{\"a\": [1]}}", API_FORMAT_JSON, 200, "OK",
     "{\"data\":{\"a\": [1]}}"},
    {"{\"status\":200}", API_FORMAT_JSON, 200, "OK", "{\"data\":null}"},
    {"{\"status\":200,\"data\":[],\"total\":7}", API_FORMAT_JSON, 200, "OK",
     "{\"data\":[],\"total\":7}"},
    {"{\"status\":200,\"data\":1}", API_FORMAT_EXTJS, 200, "OK", "{\"data\":1,\"success\":1}"},
    {"{\"status\":500,\"message\":\"no such resource 'x'\\n\"}", API_FORMAT_JSON, 500,
     "no such resource 'x'", "{\"data\":null,\"message\":\"no such resource 'x'\\n\"}"},
    {"{\"status\":400,\"message\":\"a\\r\\nb\",\"errors\":{\"c\":\"d\"}}", API_FORMAT_JSON, 400,
     "a", "{\"data\":null,\"errors\":{\"c\":\"d\"},\"message\":\"a\\r\\nb\\n\"}"},
    {"{\"status\":403,\"message\":\"no\"}", API_FORMAT_EXTJS, 200, "OK",
     "{\"data\":null,\"message\":\"no\\n\",\"status\":403,\"success\":0}"},
    {"{\"status\":401,\"message\":\"No ticket\",\"bare\":true}", API_FORMAT_JSON, 401, "No ticket",
     NULL},
    {"{\"status\":401,\"message\":\"No ticket\",\"bare\":true}", API_FORMAT_EXTJS, 401, "No ticket",
     NULL},
    {"{\"status\":401,\"message\":\"x\",\"bare\":false}", API_FORMAT_JSON, 401, "x",
     "{\"data\":null,\"message\":\"x\\n\"}"},
};

static void answer_has_its_form(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct api_answer answer;
        struct error err = {0};
        fixture_row(rows[i].frame, api_answer_read(*state, rows[i].format, rows[i].frame,
                                                   strlen(rows[i].frame), &answer, &err) == 0);
        fixture_row(rows[i].frame, answer.status == rows[i].status);
        fixture_row(rows[i].frame, strcmp(answer.reason, rows[i].reason) == 0);
        fixture_row(rows[i].frame, (answer.body == NULL) == (rows[i].body == NULL));
        if (rows[i].body != NULL) {
            fixture_row(rows[i].frame, strcmp(answer.body, rows[i].body) == 0);
            fixture_row(rows[i].frame, answer.body_bytes == strlen(rows[i].body));
        }
    }
}

static void answer_that_cannot_be_read_is_refused(void **state)
{
    static const char *const frames[] = {"",
                                         "[]",
                                         "{}",
                                         "{\"status\":\"200\"}",
                                         "{\"status\":99}",
                                         "{\"forward\":{\"node\":\"n\"}}",
                                         "{\"status\":400,\"errors\":{]}"};
    for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
        struct api_answer answer = {.status = 7};
        struct error err = {0};
        fixture_row(frames[i], api_answer_read(*state, API_FORMAT_JSON, frames[i],
                                               strlen(frames[i]), &answer, &err) == -EPROTO);
        fixture_row(frames[i], answer.status == 7);
    }
}

static void answer_may_be_another_nodes(void **state)
{
    static const char frame[] =
        "{\"id\":1,\"forward\":{\"node\":\"node2\",\"address\":\"10.0.0.2\","
        "\"port\":8006,\"fingerprint\":\"AB:CD\"}}";
    struct api_answer answer;
    assert_int_equal(api_answer_read(*state, API_FORMAT_JSON, frame, strlen(frame), &answer, NULL),
                     0);
    assert_true(answer.is_forward);
    assert_string_equal(answer.forward.address, "10.0.0.2");
    assert_int_equal(answer.forward.port, 8006);
    assert_string_equal(answer.forward.fingerprint, "AB:CD");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(answer_has_its_form),
        fixture_test(answer_that_cannot_be_read_is_refused),
        fixture_test(answer_may_be_another_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
