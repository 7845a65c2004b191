// SPDX-License-Identifier: Apache-2.0
// The table itself, and the spelling of every enum of the model, both ways.
#include <errno.h>

#include "common/base/enum_table.h"
#include "common/base/strbuf.h"
#include "common/model/command.h"
#include "common/model/crm_state.h"
#include "common/model/event.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/options.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/service.h"
#include "common/model/timing.h"
#include "tests/lib/fixture.h"

static void all_tables_round_trip(void **state)
{
    (void)state;
    static const struct {
        const struct enum_table *table;
        size_t count;
    } rows[] = {
        {&command_kind_table, COMMAND_KIND_MAX},
        {&crm_state_table, CRM_STATE_MAX},
        {&disarm_mode_table, DISARM_MODE_MAX},
        {&event_level_table, EVENT_LEVEL_MAX},
        {&lrm_mode_table, LRM_MODE_MAX},
        {&lrm_state_table, LRM_STATE_MAX},
        {&node_state_table, NODE_STATE_MAX},
        {&rebalance_method_table, REBALANCE_METHOD_MAX},
        {&request_state_table, REQUEST_STATE_MAX},
        {&rule_affinity_table, RULE_AFFINITY_MAX},
        {&rule_type_table, RULE_TYPE_MAX},
        {&scheduler_mode_table, SCHEDULER_MODE_MAX},
        {&shutdown_policy_table, SHUTDOWN_POLICY_MAX},
        {&svc_state_table, SVC_STATE_MAX},
        {&timing_profile_table, TIMING_PROFILE_MAX},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(rows[i].table->count, rows[i].count);
        for (size_t k = 0; k < rows[i].count; k++) {
            assert_non_null(rows[i].table->names[k]);
        }
        fixture_check_enum_table(rows[i].table);
    }
}

static void spelling_is_the_documented_one(void **state)
{
    (void)state;
    assert_string_equal(svc_state_to_string(SVC_STATE_REQUEST_START_BALANCE),
                        "request_start_balance");
    assert_string_equal(svc_state_to_string(SVC_STATE_RECOVERY), "recovery");
    assert_string_equal(node_state_to_string(NODE_STATE_GONE), "gone");
    assert_string_equal(crm_state_to_string(CRM_STATE_LOST_MANAGER_LOCK), "lost_manager_lock");
    assert_string_equal(lrm_state_to_string(LRM_STATE_WAIT_FOR_AGENT_LOCK), "wait_for_agent_lock");
    assert_string_equal(command_kind_to_string(COMMAND_KIND_ENABLE_NODE_MAINTENANCE),
                        "enable-node-maintenance");
}

static void from_string_unknown_leaves_the_result(void **state)
{
    (void)state;
    enum node_state result = NODE_STATE_FENCE;
    assert_int_equal(node_state_from_string("ONLINE", &result), -EINVAL);
    assert_int_equal(node_state_from_string("", &result), -EINVAL);
    assert_int_equal(result, NODE_STATE_FENCE);
    assert_int_equal(node_state_from_string("maintenance", &result), 0);
    assert_int_equal(result, NODE_STATE_MAINTENANCE);
}

static void list_names_all(void **state)
{
    (void)state;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    enum_table_list(&rule_affinity_table, &text);
    assert_string_equal(strbuf_text(&text), "positive, negative");
}

static void name_of_minus_one(void *data)
{
    (void)data;
    const char *name = enum_table_name(&node_state_table, -1);
    (void)name; // must not come to be
}

static void name_of_max(void *data)
{
    (void)data;
    const char *name = enum_table_name(&node_state_table, NODE_STATE_MAX);
    (void)name; // must not come to be
}

static void name_outside_the_table_aborts(void **state)
{
    (void)state;
    assert_true(fixture_aborts(name_of_minus_one, NULL));
    assert_true(fixture_aborts(name_of_max, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_tables_round_trip),
        cmocka_unit_test(spelling_is_the_documented_one),
        cmocka_unit_test(from_string_unknown_leaves_the_result),
        cmocka_unit_test(list_names_all),
        cmocka_unit_test(name_outside_the_table_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
