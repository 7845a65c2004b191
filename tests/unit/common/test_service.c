// SPDX-License-Identifier: Apache-2.0
// The master's record of a service.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/service.h"
#include "tests/lib/fixture.h"

static void service_texts_round_trip(void **state)
{
    static const char *const rows[] = {
        "{\"node\":\"n1\",\"state\":\"request_start\",\"uid\":\"u1\"}",
        "{\"node\":\"n1\",\"state\":\"stopped\"}",
        "{\"node\":\"n1\",\"running\":1,\"state\":\"started\",\"uid\":\"a/b+\"}",
        "{\"cmd\":[\"migrate\",\"n2\"],\"node\":\"n1\",\"state\":\"started\",\"uid\":\"u\"}",
        "{\"cmd\":[\"relocate\",\"n2\"],\"node\":\"n1\",\"state\":\"started\",\"uid\":\"u\"}",
        "{\"cmd\":[\"stop\",0],\"node\":\"n1\",\"state\":\"started\",\"uid\":\"u\"}",
        ("{\"failed_nodes\":[\"n1\",\"n2\",\"n1\"],\"maintenance_node\":\"n3\",\"node\":\"n1\","
         "\"state\":\"migrate\",\"target\":\"n2\",\"uid\":\"u\"}"),
        "{\"halted_by\":\"nas1\",\"node\":\"n1\",\"state\":\"stopped\",\"uid\":\"u\"}",
        ("{\"attempts\":3,\"error\":\"why\",\"node\":\"n1\",\"retry_at\":1700000000,\"state\":\"error\","
         "\"uid\":\"u\"}"),
        "{\"node\":\"n1\",\"state\":\"request_stop\",\"timeout\":0,\"uid\":\"u\"}",
        "{\"node\":\"n1\",\"state\":\"request_stop\",\"timeout\":30,\"uid\":\"u\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct service *service = NULL;
        fixture_row(rows[i],
                    service_parse(*state, "ct:100", rows[i], strlen(rows[i]), &service, NULL) == 0);
        fixture_row(rows[i], strcmp(service->sid, "ct:100") == 0);
        fixture_row(rows[i], strcmp(service_format(*state, service), rows[i]) == 0);
    }
}

static void service_fields_are_read(void **state)
{
    static const char text[] =
        "{\"state\":\"started\",\"node\":\"n1\",\"uid\":\"u\",\"running\":\"1\",\"cmd\":[\"stop\",30],"
        "\"failed_nodes\":[\"n2\"],\"unknown\":{}}";
    struct service *service = NULL;
    assert_int_equal(service_parse(*state, "vm:101", text, strlen(text), &service, NULL), 0);
    assert_int_equal(service->state, SVC_STATE_STARTED);
    assert_string_equal(service->node, "n1");
    assert_string_equal(service->uid, "u");
    assert_true(service->running);
    assert_null(service->target);
    assert_null(service->maintenance_node);
    assert_int_equal(service->timeout_s, SERVICE_TIMEOUT_NONE);
    assert_int_equal(service->cmd.kind, SERVICE_COMMAND_STOP);
    assert_int_equal(service->cmd.timeout_s, 30);
    assert_int_equal(service->failed_nodes_count, 1);
    assert_string_equal(service->failed_nodes[0], "n2");
}

static void service_bad_text_names_the_key(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"[]", "expected an object"},
        {"{\"node\":\"n1\"}", "key 'state' is missing"},
        {"{\"state\":\"started\"}", "key 'node' is missing"},
        {"{\"state\":\"ignored\",\"node\":\"n1\"}", "key 'state': unknown value 'ignored'"},
        {"{\"state\":\"started\",\"node\":\"n 1\"}",
         "key 'node': invalid node name 'n 1': expected letters, digits and inner '-', at most 63"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"target\":\"\"}",
         "key 'target': invalid node name '': expected letters, digits and inner '-', at most 63"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"uid\":7}", "key 'uid': expected a string"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"timeout\":-1}",
         "key 'timeout': expected a whole number from 0 to 2147483647"},
        {"{\"state\":\"error\",\"node\":\"n1\",\"attempts\":-1}",
         "key 'attempts': expected a whole number from 0 to 9223372036854775807"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"running\":2}",
         "key 'running': expected true or false"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"cmd\":[\"fly\",\"n2\"]}",
         "key 'cmd': expected [\"migrate\", node], [\"relocate\", node] or [\"stop\", seconds]"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"cmd\":[\"stop\"]}",
         "key 'cmd': expected [\"migrate\", node], [\"relocate\", node] or [\"stop\", seconds]"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"cmd\":[\"stop\",\"x\"]}",
         "key 'cmd': expected seconds, not negative"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"cmd\":[\"migrate\",3]}",
         "key 'cmd': expected a node name"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"failed_nodes\":[1]}",
         "key 'failed_nodes': expected a list of node names"},
        {"{\"state\":\"started\",\"node\":\"n1\",\"failed_nodes\":\"n1\"}",
         "key 'failed_nodes': expected a list of node names"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct service *service = NULL;
        struct error err = {0};
        int r = service_parse(*state, "ct:100", rows[i].text, strlen(rows[i].text), &service, &err);
        fixture_row(rows[i].text, r == -EINVAL);
        fixture_row(rows[i].text, service == NULL);
        if (strcmp(err.text, rows[i].error) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(service_texts_round_trip),
        fixture_test(service_fields_are_read),
        fixture_test(service_bad_text_names_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
