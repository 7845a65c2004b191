// SPDX-License-Identifier: Apache-2.0
// How the LRM ends, in each state and by each policy.
#include <errno.h>

#include "tests/lib/fixture.h"
#include "tests/unit/lrm/lrm_driver.h"

static void poweroff_stops_all_and_gives_the_lease_back(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:101", SVC_STATE_STOPPED, DRIVER_NODE);
    driver_service(d, "ct:102", SVC_STATE_STARTED, "beta");
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    assert_string_equal(driver_trace(d), "+shutdown-requested +lrm-mode status");
    assert_int_equal(lrm_get_mode(d->lrm), LRM_MODE_SHUTDOWN);
    driver_round(d);
    assert_string_equal(
        driver_trace(d),
        "acquire arm spawn(ct:100 request_stop shutdown) spawn(ct:101 request_stop shutdown) "
        "disarm release status");
    assert_true(d->exit);
    // The master is not told: what ran here is recovered elsewhere.
    assert_int_equal(driver_result(d, "a-ct:101"), -99);
}

static void poweroff_with_a_service_that_does_not_stop_keeps_lease_and_watchdog(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_code(d, "ct:100", LRM_CODE_ERROR);
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    driver_round(d);
    assert_true(d->exit);
    assert_false(driver_did(d, "disarm"));
    assert_false(driver_did(d, "release"));
}

static void poweroff_waits_for_running_workers(void **state)
{
    struct lrm_driver *d = *state;
    d->hold = true;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    d->now_ms += 1;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
    assert_false(d->exit);
    driver_finish(d, "ct:100", "a-ct:100", SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    d->now_ms += 1;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 request_stop shutdown)"));
    assert_false(d->exit);
    driver_finish(d, "ct:100", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    d->now_ms += 1;
    driver_round(d);
    assert_true(driver_did(d, "disarm release"));
    assert_true(d->exit);
}

static void restart_waits_until_the_services_are_frozen(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_shutdown(d, LRM_SHUTDOWN_RESTART);
    assert_int_equal(lrm_get_mode(d->lrm), LRM_MODE_RESTART);
    driver_rounds(d, 1);
    assert_string_equal(driver_trace(d), "acquire arm status");
    assert_false(d->exit);
    driver_service(d, "ct:100", SVC_STATE_FREEZE, DRIVER_NODE);
    driver_rounds(d, 1);
    assert_string_equal(driver_trace(d), "acquire arm disarm release status");
    assert_true(d->exit);
}

static void reboot_stops_all_then_waits_until_frozen(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_shutdown(d, LRM_SHUTDOWN_REBOOT);
    assert_int_equal(lrm_get_mode(d->lrm), LRM_MODE_RESTART);
    driver_rounds(d, 1);
    assert_true(driver_did(d, "spawn(ct:100 request_stop shutdown)"));
    assert_false(d->exit);
    driver_service(d, "ct:100", SVC_STATE_FREEZE, DRIVER_NODE);
    driver_rounds(d, 1);
    assert_true(d->exit);
}

static void policy_migrate_leaves_when_all_services_have_left(void **state)
{
    struct lrm_driver *d = *state;
    d->options.shutdown_policy = SHUTDOWN_POLICY_MIGRATE;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    driver_rounds(d, 1);
    assert_string_equal(driver_trace(d), "acquire arm +active>maintenance status");
    driver_service(d, "ct:100", SVC_STATE_MIGRATE, DRIVER_NODE)->target = "beta";
    driver_rounds(d, 1);
    assert_true(driver_did(d, "spawn(ct:100 migrate)"));
    assert_false(d->exit);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_rounds(d, 1);
    assert_string_equal(driver_trace(d), "disarm release status");
    assert_true(d->exit);
}

static void maintenance_with_stopped_services_stops_and_leaves_in_one_round(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_MAINTENANCE);
    driver_service(d, "ct:100", SVC_STATE_STOPPED, DRIVER_NODE);
    driver_rounds(d, 1);
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    assert_int_equal(lrm_get_mode(d->lrm), LRM_MODE_MAINTENANCE);
    driver_rounds(d, 1);
    assert_string_equal(driver_trace(d), "spawn(ct:100 request_stop shutdown) status");
    assert_true(d->exit);
}

// What cannot leave is stopped, and not started again by the order that still stands.
static void maintenance_stops_what_cannot_leave_for_good(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_maintenance(d, true);
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_MAINTENANCE);
    d->hold = true;
    driver_service(d, "ct:101", SVC_STATE_MIGRATE, DRIVER_NODE)->target = "beta";
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    driver_rounds(d, 1);
    assert_true(
        driver_did(d, "spawn(ct:100 request_stop shutdown) spawn(ct:101 request_stop shutdown)"));
    driver_finish(d, "ct:100", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    driver_finish(d, "ct:101", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    driver_rounds(d, 1);
    assert_false(driver_did(d, "spawn(ct:100"));
    assert_true(driver_did(d, "spawn(ct:101 migrate)")); // this one can leave
    assert_false(d->exit);
    driver_finish(d, "ct:101", "a-ct:101", SVC_STATE_MIGRATE, LRM_CODE_SUCCESS);
    driver_service(d, "ct:101", SVC_STATE_STARTED, "beta");
    for (int i = 0; i < 3 && !d->exit; i++) {
        driver_rounds(d, 1);
        assert_false(driver_did(d, "spawn"));
    }
    assert_true(driver_did(d, "disarm release"));
    assert_true(d->exit);
}

static void maintenance_that_cannot_stop_all_keeps_lease_and_watchdog(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_maintenance(d, true);
    driver_round(d);
    driver_code(d, "ct:100", LRM_CODE_ERROR);
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    for (int i = 0; i < 3 && !d->exit; i++) {
        driver_rounds(d, 1);
        assert_false(driver_did(d, "disarm"));
        assert_false(driver_did(d, "release"));
    }
    assert_true(d->exit);
}

static void waiting_lrm_ends_at_once(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_WAIT_FOR_AGENT_LOCK);
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
    assert_true(d->exit);
}

static void lost_lease_with_services_blocks_the_end(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_LOST_AGENT_LOCK);
    d->lease_answer = LEASE_BUSY;
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    driver_rounds(d, 1);
    assert_string_equal(driver_trace(d), "acquire +shutdown-blocked");
    driver_rounds(d, 9);
    assert_string_equal(driver_trace(d), "acquire");
    assert_false(d->exit);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_rounds(d, 1);
    assert_string_equal(driver_trace(d), "acquire disarm");
    assert_true(d->exit);
}

static void lost_lease_blocks_a_restart_for_90_seconds_only(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_LOST_AGENT_LOCK); // 20 s ago
    d->lease_answer = LEASE_BUSY;
    driver_shutdown(d, LRM_SHUTDOWN_RESTART);
    driver_rounds(d, 3);
    assert_false(d->exit);
    driver_rounds(d, 1);
    assert_true(d->exit);
    assert_false(driver_did(d, "disarm"));
}

static void mode_no_longer_follows_the_master_once_the_end_was_requested(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_shutdown(d, LRM_SHUTDOWN_RESTART);
    driver_maintenance(d, true);
    driver_rounds(d, 1);
    assert_int_equal(lrm_get_mode(d->lrm), LRM_MODE_RESTART);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
}

static void second_request_changes_nothing(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_shutdown(d, LRM_SHUTDOWN_RESTART);
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    assert_string_equal(driver_trace(d), "");
    assert_int_equal(lrm_get_mode(d->lrm), LRM_MODE_RESTART);
}

static void unreadable_word_delays_the_end(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_shutdown(d, LRM_SHUTDOWN_POWEROFF);
    d->readable = false;
    driver_rounds(d, 1);
    assert_false(driver_did(d, "spawn"));
    assert_false(d->exit);
}

// The reference's daemon ends there, and its replay needs that; the watchdog stays as it is.
static void maintenance_that_cannot_read_ends_in_classic_replay(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_MAINTENANCE);
    d->readable = false;
    driver_rounds(d, 1);
    assert_true(d->exit);
    assert_false(driver_did(d, "disarm"));
    assert_false(driver_did(d, "release"));
}

static void maintenance_that_cannot_read_goes_on_live(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_MAINTENANCE);
    d->readable = false;
    driver_rounds(d, 1);
    assert_false(d->exit);
}

// The master does not freeze what it recovers or moves.
static void restart_does_not_wait_for_what_is_not_frozen_and_has_ended(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "ct:101", SVC_STATE_RECOVERY, DRIVER_NODE); // finds no node
    driver_service(d, "ct:102", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    d->hold = true;
    driver_shutdown(d, LRM_SHUTDOWN_REBOOT);
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 request_stop shutdown)"));
    driver_service(d, "ct:102", SVC_STATE_RELOCATE, DRIVER_NODE)->target = "beta";
    driver_finish(d, "ct:100", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    driver_finish(d, "ct:101", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    driver_round(d);
    assert_false(d->exit); // ct:102 is not proven to have ended
    driver_finish(d, "ct:102", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    driver_round(d);
    assert_false(d->exit); // ct:100 is to be frozen
    driver_service(d, "ct:100", SVC_STATE_FREEZE, DRIVER_NODE);
    driver_service(d, "ct:103", SVC_STATE_MIGRATE, "beta")->target = DRIVER_NODE;
    driver_round(d);
    assert_false(d->exit); // ct:103 comes
    driver_service(d, "ct:103", SVC_STATE_STARTED, "beta");
    driver_round(d); // what of it may have come is ended
    driver_finish(d, "ct:103", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    driver_round(d);
    assert_true(d->exit);
    assert_true(driver_did(d, "disarm release"));
}

static void restart_waits_for_a_move_whose_stop_failed(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_code(d, "ct:100", LRM_CODE_ERROR);
    driver_shutdown(d, LRM_SHUTDOWN_REBOOT);
    driver_service(d, "ct:100", SVC_STATE_RELOCATE, DRIVER_NODE)->target = "beta";
    driver_round(d);
    driver_round(d);
    assert_false(d->exit);
    assert_false(driver_did(d, "release"));
}

static void unknown_policy_is_told_and_acts_as_conditional(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    d->options.shutdown_policy_unknown = "hasty";
    driver_shutdown(d, LRM_SHUTDOWN_REBOOT);
    assert_int_equal(lrm_get_mode(d->lrm), LRM_MODE_RESTART);
    assert_string_equal(driver_trace(d), "+shutdown-requested +lrm-mode status");
}

static void nothing_to_free_is_fine(void **state)
{
    (void)state;
    lrm_free(NULL);
}

#define classic(function) cmocka_unit_test_setup_teardown(function, driver_setup, driver_teardown)
#define live(function)    cmocka_unit_test_setup_teardown(function, driver_setup_live, driver_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        classic(poweroff_stops_all_and_gives_the_lease_back),
        classic(poweroff_with_a_service_that_does_not_stop_keeps_lease_and_watchdog),
        live(poweroff_waits_for_running_workers),
        classic(restart_waits_until_the_services_are_frozen),
        classic(reboot_stops_all_then_waits_until_frozen),
        classic(policy_migrate_leaves_when_all_services_have_left),
        classic(maintenance_with_stopped_services_stops_and_leaves_in_one_round),
        live(maintenance_stops_what_cannot_leave_for_good),
        live(maintenance_that_cannot_stop_all_keeps_lease_and_watchdog),
        classic(waiting_lrm_ends_at_once),
        classic(lost_lease_with_services_blocks_the_end),
        classic(lost_lease_blocks_a_restart_for_90_seconds_only),
        classic(mode_no_longer_follows_the_master_once_the_end_was_requested),
        classic(second_request_changes_nothing),
        classic(unreadable_word_delays_the_end),
        classic(maintenance_that_cannot_read_ends_in_classic_replay),
        live(maintenance_that_cannot_read_goes_on_live),
        live(restart_does_not_wait_for_what_is_not_frozen_and_has_ended),
        live(restart_waits_for_a_move_whose_stop_failed),
        classic(unknown_policy_is_told_and_acts_as_conditional),
        classic(nothing_to_free_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
