// SPDX-License-Identifier: Apache-2.0
// The master's document.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/manager_status.h"
#include "tests/lib/fixture.h"

static struct manager_status *parse_ok(struct arena *arena, const char *text)
{
    struct manager_status *status = NULL;
    struct error err = {0};
    if (manager_status_parse(arena, text, strlen(text), &status, &err) < 0) {
        fail_msg("'%s': %s", text, err.text);
    }
    return status;
}

static void manager_status_texts_round_trip(void **state)
{
    static const char *const rows[] = {
        "{\"node_request\":{},\"node_status\":{},\"term\":0}",
        "{\"master_node\":\"n1\",\"node_request\":{\"n2\":{\"maintenance\":1}},"
        "\"node_status\":{\"n1\":\"online\",\"n2\":\"maintenance\",\"n3\":\"gone\"},\"term\":1099511627777}",
        "{\"disarm\":{\"mode\":\"freeze\",\"state\":\"disarming\"},\"node_request\":{},"
        "\"node_status\":{\"n1\":\"fence\"},\"term\":9223372036854775807}",
        "{\"disarm\":{\"mode\":\"ignore\",\"state\":\"disarmed\"},\"node_request\":{},"
        "\"node_status\":{\"n1\":\"unknown\"},\"term\":0}",
        "{\"held_off\":{\"n1\":1800000000},\"last_fence\":{\"n1\":{\"evidence\":\"sw: off\","
        "\"proof\":\"device\"},\"n2\":{\"proof\":\"lease\"}},\"node_request\":{},"
        "\"node_status\":{\"n1\":\"online\",\"n2\":\"unknown\"},\"term\":3}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fixture_row(rows[i],
                    strcmp(manager_status_format(*state, parse_ok(*state, rows[i])), rows[i]) == 0);
    }
}

static void manager_status_of_the_reference_reads(void **state)
{
    struct manager_status *status = parse_ok(
        *state,
        "{\"master_node\":\"alpha\",\"timestamp\":1760000000,"
        "\"node_status\":{\"alpha\":\"online\",\"beta\":\"maintenance\"},"
        "\"node_request\":{\"beta\":{\"maintenance\":1},\"alpha\":{}},"
        "\"service_status\":{\"vm:240\":{\"state\":\"started\"}},\"relocate_tried_nodes\":{}}");
    assert_string_equal(status->master_node, "alpha");
    assert_int_equal(status->term, 0);
    assert_int_equal(status->disarm, DISARM_MODE_NONE);
    const struct manager_node *alpha = map_find(&status->nodes, "alpha");
    const struct manager_node *beta = map_find(&status->nodes, "beta");
    assert_int_equal(alpha->state, NODE_STATE_ONLINE);
    assert_false(alpha->maintenance_requested);
    assert_int_equal(beta->state, NODE_STATE_MAINTENANCE);
    assert_true(beta->maintenance_requested);
    assert_int_equal(parse_ok(*state, "{}")->nodes.count, 0);
    assert_null(parse_ok(*state, "{}")->master_node);
}

static void manager_request_for_a_node_never_seen_is_kept(void **state)
{
    struct manager_status *status =
        parse_ok(*state, "{\"node_request\":{\"n9\":{\"maintenance\":1},\"n8\":{}}}");
    const struct manager_node *node = map_find(&status->nodes, "n9");
    assert_int_equal(node->state, NODE_STATE_UNKNOWN);
    assert_true(node->maintenance_requested);
    assert_false(map_has(&status->nodes, "n8"));
}

static void manager_status_of_a_node_without_state_is_left_out(void **state)
{
    struct manager_status *status =
        parse_ok(*state, "{\"last_fence\":{\"n9\":{\"proof\":\"lease\"}},\"held_off\":{\"n9\":5}}");
    assert_int_equal(status->nodes.count, 0);
}

static void manager_status_bad_text_names_the_key(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"null", "expected an object"},
        {"{\"master_node\":1}", "key 'master_node': expected a string"},
        {"{\"master_node\":\"-\"}",
         "key 'master_node': invalid node name '-': expected letters, digits and inner '-', at most 63"},
        {"{\"term\":-1}", "key 'term': expected a whole number from 0 to 9223372036854775807"},
        {"{\"node_status\":[]}", "key 'node_status': expected an object"},
        {"{\"node_status\":{\"n1\":\"up\"}}", "key 'node_status': unknown state of node 'n1'"},
        {"{\"node_status\":{\"n1\":1}}", "key 'node_status': unknown state of node 'n1'"},
        {"{\"node_status\":{\"\":\"online\"}}",
         "key 'node_status': invalid node name '': expected letters, digits and inner '-', at most 63"},
        {"{\"node_request\":1}", "key 'node_request': expected an object"},
        {"{\"node_request\":{\"n1\":1}}", "key 'node_request': expected objects by node name"},
        {"{\"node_request\":{\"n1\":{\"maintenance\":7}}}",
         "key 'node_request': node 'n1': key 'maintenance': expected true or false"},
        {"{\"last_fence\":1}", "key 'last_fence': expected an object"},
        {"{\"last_fence\":{\"n1\":1}}", "key 'last_fence': expected objects by node name"},
        {"{\"held_off\":1}", "key 'held_off': expected an object"},
        {"{\"held_off\":{\"n1\":-1}}",
         "key 'held_off': key 'n1': expected a whole number from 0 to 9223372036854775807"},
        {"{\"disarm\":1}", "key 'disarm': expected an object"},
        {"{\"disarm\":{\"mode\":\"none\",\"state\":\"disarmed\"}}",
         "key 'disarm': expected the mode freeze or ignore"},
        {"{\"disarm\":{\"state\":\"disarmed\"}}",
         "key 'disarm': expected the mode freeze or ignore"},
        {"{\"disarm\":{\"mode\":\"freeze\",\"state\":\"x\"}}",
         "key 'disarm': expected the state disarming or disarmed"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct manager_status *status = NULL;
        struct error err = {0};
        int r = manager_status_parse(*state, rows[i].text, strlen(rows[i].text), &status, &err);
        fixture_row(rows[i].text, r == -EINVAL);
        fixture_row(rows[i].text, status == NULL);
        if (strcmp(err.text, rows[i].error) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(manager_status_texts_round_trip),
        fixture_test(manager_status_of_the_reference_reads),
        fixture_test(manager_request_for_a_node_never_seen_is_kept),
        fixture_test(manager_status_of_a_node_without_state_is_left_out),
        fixture_test(manager_status_bad_text_names_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
