// SPDX-License-Identifier: Apache-2.0
// An LRM's document.
#include <errno.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/lrm_status.h"
#include "tests/lib/fixture.h"

static void lrm_status_texts_round_trip(void **state)
{
    static const char *const rows[] = {
        "{\"mode\":\"active\",\"state\":\"startup\",\"timestamp\":0}",
        "{\"mode\":\"maintenance\",\"results\":{"
        "\"u1\":{\"exit_code\":0,\"sid\":\"vm:240\",\"state\":\"started\"},"
        "\"u2\":{\"exit_code\":-1,\"reason\":\"no such rootfs\",\"sid\":\"ct:100\",\"state\":\"request_stop\"}},"
        "\"state\":\"active\",\"timestamp\":1760000003}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_status *status = NULL;
        fixture_row(rows[i],
                    lrm_status_parse(*state, rows[i], strlen(rows[i]), &status, NULL) == 0);
        fixture_row(rows[i], strcmp(lrm_status_format(*state, status), rows[i]) == 0);
    }
}

static void lrm_status_fields_are_read(void **state)
{
    static const char text[] =
        "{\"state\":\"wait_for_agent_lock\",\"mode\":\"restart\",\"timestamp\":5,"
        "\"results\":{\"u\":{\"sid\":\"fa:1\",\"state\":\"error\",\"exit_code\":8}}}";
    struct lrm_status *status = NULL;
    assert_int_equal(lrm_status_parse(*state, text, strlen(text), &status, NULL), 0);
    assert_int_equal(status->state, LRM_STATE_WAIT_FOR_AGENT_LOCK);
    assert_int_equal(status->mode, LRM_MODE_RESTART);
    assert_int_equal(status->timestamp_s, 5);
    const struct lrm_result *result = map_find(&status->results, "u");
    assert_string_equal(result->uid, "u");
    assert_string_equal(result->sid, "fa:1");
    assert_int_equal(result->state, SVC_STATE_ERROR);
    assert_int_equal(result->exit_code, LRM_CODE_IGNORED);
    assert_null(result->reason);
}

static void lrm_status_without_mode_is_active(void **state)
{
    static const char *const rows[] = {"{}", "{\"mode\":\"\"}", "{\"state\":\"active\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_status *status = NULL;
        fixture_row(rows[i],
                    lrm_status_parse(*state, rows[i], strlen(rows[i]), &status, NULL) == 0);
        fixture_row(rows[i], status->mode == LRM_MODE_ACTIVE);
    }
    assert_int_equal(lrm_status_new(*state)->mode, LRM_MODE_ACTIVE);
}

static void lrm_status_bad_text_names_the_key(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"[]", "expected an object"},
        {"{\"state\":\"up\"}", "key 'state': unknown value 'up'"},
        {"{\"mode\":\"up\"}", "key 'mode': unknown value 'up'"},
        {"{\"mode\":1}", "key 'mode': expected a string"},
        {"{\"timestamp\":\"x\"}",
         "key 'timestamp': expected a whole number from 0 to 9223372036854775807"},
        {"{\"results\":[]}", "key 'results': expected an object"},
        {"{\"results\":{\"u\":1}}", "key 'results': 'u': expected an object"},
        {"{\"results\":{\"u\":{\"sid\":\"x\",\"state\":\"started\",\"exit_code\":0}}}",
         "key 'results': 'u': key 'sid': invalid service id 'x': expected <type>:<name>"},
        {"{\"results\":{\"u\":{\"sid\":\"fa:1\",\"state\":\"x\",\"exit_code\":0}}}",
         "key 'results': 'u': key 'state': unknown value 'x'"},
        {"{\"results\":{\"u\":{\"sid\":\"fa:1\",\"state\":\"started\"}}}",
         "key 'results': 'u': key 'exit_code' is missing"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_status *status = NULL;
        struct error err = {0};
        int r = lrm_status_parse(*state, rows[i].text, strlen(rows[i].text), &status, &err);
        fixture_row(rows[i].text, r == -EINVAL);
        fixture_row(rows[i].text, status == NULL);
        if (strcmp(err.text, rows[i].error) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, err.text);
        }
    }
}

static void lrm_result_texts_round_trip(void **state)
{
    static const char *const rows[] = {
        "{\"exit_code\":0,\"sid\":\"vm:240\",\"state\":\"started\",\"uid\":\"u1\"}",
        "{\"exit_code\":-1,\"reason\":\"no such rootfs\",\"sid\":\"ct:100\",\"state\":\"request_stop\","
        "\"uid\":\"u2\"}",
        "{\"exit_code\":1,\"output\":\"one\\ntwo\",\"reason\":\"broken\",\"sid\":\"ocf:db1\","
        "\"state\":\"started\",\"uid\":\"u3\"}",
        "{\"exit_code\":0,\"health\":\"good\",\"sid\":\"vm:240\",\"state\":\"started\","
        "\"uid\":\"u4\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_result *result = NULL;
        fixture_row(rows[i],
                    lrm_result_parse(*state, rows[i], strlen(rows[i]), &result, NULL) == 0);
        fixture_row(rows[i], strcmp(lrm_result_format(*state, result), rows[i]) == 0);
        struct lrm_result *copy CLEANUP(alloc_freep) = lrm_result_clone(result);
        fixture_row(rows[i], lrm_result_is_equal(copy, result));
        fixture_row(rows[i], strcmp(lrm_result_format(*state, copy), rows[i]) == 0);
    }
}

static void lrm_result_bad_text_names_the_key(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"[]", "expected an object"},
        {"{\"sid\":\"fa:1\",\"state\":\"started\",\"exit_code\":0}", "key 'uid' is missing"},
        {"{\"uid\":\"u\",\"sid\":\"x\",\"state\":\"started\",\"exit_code\":0}",
         "key 'sid': invalid service id 'x': expected <type>:<name>"},
        {"{\"uid\":\"u\",\"sid\":\"fa:1\",\"state\":\"x\",\"exit_code\":0}",
         "key 'state': unknown value 'x'"},
        {"{\"uid\":\"u\",\"sid\":\"fa:1\",\"state\":\"started\"}", "key 'exit_code' is missing"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_result *result = NULL;
        struct error err = {0};
        int r = lrm_result_parse(*state, rows[i].text, strlen(rows[i].text), &result, &err);
        fixture_row(rows[i].text, r == -EINVAL);
        fixture_row(rows[i].text, result == NULL);
        if (strcmp(err.text, rows[i].error) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, err.text);
        }
    }
}

static void lrm_results_differ_when_any_field_does(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct lrm_result result;
    } rows[] = {
        {"uid", {"u2", "ct:1", SVC_STATE_STARTED, 0, NULL, NULL, NULL}},
        {"sid", {"u1", "ct:2", SVC_STATE_STARTED, 0, NULL, NULL, NULL}},
        {"state", {"u1", "ct:1", SVC_STATE_STOPPED, 0, NULL, NULL, NULL}},
        {"exit_code", {"u1", "ct:1", SVC_STATE_STARTED, 1, NULL, NULL, NULL}},
        {"reason", {"u1", "ct:1", SVC_STATE_STARTED, 0, "why", NULL, NULL}},
        {"output", {"u1", "ct:1", SVC_STATE_STARTED, 0, NULL, "line", NULL}},
        {"health", {"u1", "ct:1", SVC_STATE_STARTED, 0, NULL, NULL, "good"}},
    };
    const struct lrm_result result = {"u1", "ct:1", SVC_STATE_STARTED, 0, NULL, NULL, NULL};
    assert_true(lrm_result_is_equal(&result, &result));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fixture_row(rows[i].name, !lrm_result_is_equal(&result, &rows[i].result));
        fixture_row(rows[i].name, !lrm_result_is_equal(&rows[i].result, &result));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(lrm_status_texts_round_trip),
        fixture_test(lrm_status_fields_are_read),
        fixture_test(lrm_status_without_mode_is_active),
        fixture_test(lrm_status_bad_text_names_the_key),
        fixture_test(lrm_result_texts_round_trip),
        fixture_test(lrm_result_bad_text_names_the_key),
        fixture_test(lrm_results_differ_when_any_field_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
