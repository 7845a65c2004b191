// SPDX-License-Identifier: Apache-2.0
// The table of shutdown policies, each cell.
#include "lrm/core/shutdown_plan.h"
#include "tests/lib/fixture.h"

static const struct {
    const char *name;
    enum lrm_shutdown how;
    enum shutdown_policy policy;
    enum lrm_mode present;
    enum lrm_mode mode;
    bool stop_all;
    bool mode_kept;
} rows[] = {
    {"conditional, reboot", LRM_SHUTDOWN_REBOOT, SHUTDOWN_POLICY_CONDITIONAL, LRM_MODE_ACTIVE,
     LRM_MODE_RESTART, true, false},
    {"conditional, poweroff", LRM_SHUTDOWN_POWEROFF, SHUTDOWN_POLICY_CONDITIONAL, LRM_MODE_ACTIVE,
     LRM_MODE_SHUTDOWN, true, false},
    {"conditional, restart", LRM_SHUTDOWN_RESTART, SHUTDOWN_POLICY_CONDITIONAL, LRM_MODE_ACTIVE,
     LRM_MODE_RESTART, false, false},
    {"freeze, reboot", LRM_SHUTDOWN_REBOOT, SHUTDOWN_POLICY_FREEZE, LRM_MODE_ACTIVE,
     LRM_MODE_RESTART, true, false},
    {"freeze, poweroff", LRM_SHUTDOWN_POWEROFF, SHUTDOWN_POLICY_FREEZE, LRM_MODE_ACTIVE,
     LRM_MODE_RESTART, true, false},
    {"freeze, restart", LRM_SHUTDOWN_RESTART, SHUTDOWN_POLICY_FREEZE, LRM_MODE_ACTIVE,
     LRM_MODE_RESTART, false, false},
    {"failover, reboot", LRM_SHUTDOWN_REBOOT, SHUTDOWN_POLICY_FAILOVER, LRM_MODE_ACTIVE,
     LRM_MODE_SHUTDOWN, true, false},
    {"failover, poweroff", LRM_SHUTDOWN_POWEROFF, SHUTDOWN_POLICY_FAILOVER, LRM_MODE_ACTIVE,
     LRM_MODE_SHUTDOWN, true, false},
    {"failover, restart", LRM_SHUTDOWN_RESTART, SHUTDOWN_POLICY_FAILOVER, LRM_MODE_ACTIVE,
     LRM_MODE_RESTART, false, false},
    {"migrate, reboot", LRM_SHUTDOWN_REBOOT, SHUTDOWN_POLICY_MIGRATE, LRM_MODE_ACTIVE,
     LRM_MODE_MAINTENANCE, false, false},
    {"migrate, poweroff", LRM_SHUTDOWN_POWEROFF, SHUTDOWN_POLICY_MIGRATE, LRM_MODE_ACTIVE,
     LRM_MODE_MAINTENANCE, false, false},
    {"migrate, restart", LRM_SHUTDOWN_RESTART, SHUTDOWN_POLICY_MIGRATE, LRM_MODE_ACTIVE,
     LRM_MODE_RESTART, false, false},
    {"in maintenance, poweroff", LRM_SHUTDOWN_POWEROFF, SHUTDOWN_POLICY_CONDITIONAL,
     LRM_MODE_MAINTENANCE, LRM_MODE_MAINTENANCE, true, true},
    {"in maintenance, migrate", LRM_SHUTDOWN_POWEROFF, SHUTDOWN_POLICY_MIGRATE,
     LRM_MODE_MAINTENANCE, LRM_MODE_MAINTENANCE, false, true},
    {"in maintenance, restart", LRM_SHUTDOWN_RESTART, SHUTDOWN_POLICY_CONDITIONAL,
     LRM_MODE_MAINTENANCE, LRM_MODE_MAINTENANCE, false, true},
    {"disarmed, poweroff", LRM_SHUTDOWN_POWEROFF, SHUTDOWN_POLICY_CONDITIONAL, LRM_MODE_DISARM,
     LRM_MODE_SHUTDOWN, true, false},
};

static void each_cell_is_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shutdown_plan plan;
        shutdown_plan_choose(rows[i].how, rows[i].policy, rows[i].present, &plan);
        fixture_row(rows[i].name, plan.mode == rows[i].mode);
        fixture_row(rows[i].name, plan.stop_all == rows[i].stop_all);
        fixture_row(rows[i].name, plan.mode_kept == rows[i].mode_kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_cell_is_as_documented)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
