// SPDX-License-Identifier: Apache-2.0
// A node that went on while the others had to take it for dead: what it does when it reads the
// others' decisions, by its lease (another term has begun) and by the records (what it runs is
// another node's).
#include <errno.h>
#include <string.h>

#include "common/model/lrm_status.h"
#include "tests/lib/fixture.h"
#include "tests/unit/lrm/lrm_driver.h"

// Active with ct:100 and ct:101.
static void reach_active(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "ct:101", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
}

// --- The lease. ---

static void other_term_kills_everything_before_it_is_used(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    d->now_ms += 500;
    d->term = 8;
    d->origin = LEASE_ORIGIN_RELEASED;
    driver_round(d); // as a renewal: the client has held one all the while
    assert_string_equal(driver_trace(d),
                        "acquire +lease-lost +active>lost_agent_lock kill(ct:100 ct:101; 7250)");
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_round(d);
    assert_string_equal(driver_trace(d),
                        "acquire arm note(ct:101) +lost_agent_lock>active spawn(ct:101 started) "
                        "status");
}

static void other_term_is_not_used_while_something_may_run(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    d->term = 8;
    d->kill_result = WORKERS_KILLED_FAILED;
    driver_round(d);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_service(d, "ct:101", SVC_STATE_STARTED, "beta");
    for (int64_t end_ms = d->now_ms + d->timing.authority_ms; d->now_ms < end_ms;
         d->now_ms += 100) {
        driver_round(d);
        assert_false(driver_did(d, "acquire"));
        assert_false(driver_did(d, "disarm"));
        assert_false(driver_did(d, "release"));
    }
}

static void lease_of_somebody_else_kills_everything(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    d->lease_answer = LEASE_BUSY;
    driver_round(d);
    assert_true(driver_did(d, "+active>lost_agent_lock kill(ct:100 ct:101; "));
}

static void same_term_taken_again_changes_nothing(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    d->lease_answer = LEASE_ACQUIRED;
    d->now_ms += 500;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire +lock-acquired arm status");
}

// All daemons of the store were started anew: nobody had the lease in between.
static void forgotten_lease_is_gone_on_with_and_its_term_is_noted(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    d->term = 8;
    d->origin = LEASE_ORIGIN_FORGOTTEN;
    d->now_ms += 500;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire arm note(ct:100 ct:101) status");
    d->origin = LEASE_ORIGIN_RELEASED; // how the term began: still the same
    d->now_ms += 500;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire arm status");
}

static void maintenance_ends_by_another_term_too(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    driver_maintenance(d, true);
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_MAINTENANCE);
    d->term = 8;
    driver_round(d);
    assert_true(driver_did(d, "+maintenance>lost_agent_lock kill(ct:100 ct:101; "));
}

// Where a lost lease is the watchdog's matter, one that is back is not.
static void other_term_kills_in_reset_mode_too(void **state)
{
    struct lrm_driver *d = *state;
    d->options.lease_loss = LEASE_LOSS_RESET;
    reach_active(d);
    d->term = 8;
    driver_round(d);
    assert_true(driver_did(d, "+active>lost_agent_lock kill(ct:100 ct:101; "));
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
}

static void other_term_after_the_loss_in_reset_mode_kills(void **state)
{
    struct lrm_driver *d = *state;
    d->options.lease_loss = LEASE_LOSS_RESET;
    reach_active(d);
    d->lease_answer = -EHOSTDOWN;
    d->now_ms += d->timing.authority_ms;
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_LOST_AGENT_LOCK);
    d->lease_answer = LEASE_ACQUIRED;
    d->term = 8;
    driver_round(d);
    assert_true(driver_did(d, "acquire kill(ct:100 ct:101; "));
}

// The store gave up the history in which this node had seen a later master.
static void masters_term_of_the_lost_history_is_forgotten(void **state)
{
    struct lrm_driver *d = *state;
    d->manager->term = 50;
    reach_active(d);
    d->manager->term = 40;
    d->term = 8;
    driver_round(d);
    assert_true(driver_did(d, "+manager-term-refused"));
    driver_round(d);
    assert_true(driver_did(d, "+fence-stopped"));
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 started) spawn(ct:101 started)"));
}

static void inherit(struct lrm_driver *d, int64_t deadline_ms, uint64_t term)
{
    static const char *const sids[] = {"ct:100", "ct:101"};
    const struct workers_guests guests = {sids, ARRAY_SIZE(sids)};
    lrm_inherit(d->lrm, deadline_ms, &guests, term, true);
}

static void other_term_than_the_process_before_held_kills_what_it_noted(void **state)
{
    struct lrm_driver *d = *state;
    inherit(d, d->now_ms + 5000, 6);
    d->lease_answer = LEASE_ACQUIRED;
    driver_service(d, "ct:102", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "acquire +lease-lost +wait_for_agent_lock>lost_agent_lock"));
    assert_true(driver_did(d, "kill(ct:100 ct:101 ct:102; "));
}

static void term_of_the_process_before_goes_on(void **state)
{
    struct lrm_driver *d = *state;
    inherit(d, d->now_ms + 5000, d->term);
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "ct:101", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "arm note(ct:100 ct:101) +wait_for_agent_lock>active"));
}

// An orderly restart gave the lease back, and the guests are frozen.
static void term_that_was_given_back_is_no_loss(void **state)
{
    struct lrm_driver *d = *state;
    inherit(d, 0, 6);
    d->lease_answer = LEASE_ACQUIRED;
    d->origin = LEASE_ORIGIN_RELEASED;
    reach_active(d);
    assert_true(driver_did(d, "+wait_for_agent_lock>active"));
}

// --- The records. ---

static void noted_guest_of_another_node_is_killed_beside_the_others(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    d->hold = true;
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire spawn(ct:100 kill) status");
    d->now_ms += 100;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire arm status"); // one worker a service
    driver_finish(d, "ct:100", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire note(ct:101) status");
}

static void nothing_is_given_back_before_it_is_proven_to_have_ended(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    driver_code(d, "ct:100", LRM_CODE_ERROR);
    driver_code(d, "ct:101", LRM_CODE_ERROR);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_service(d, "ct:101", SVC_STATE_STARTED, "gamma");
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire spawn(ct:100 kill) spawn(ct:101 kill) "
                                         "+stray-kill-failed +stray-kill-failed status");
    assert_true(d->next_wake_ms <= d->now_ms + 1000);
    driver_rounds(d, 5);
    assert_string_equal(driver_trace(d),
                        "acquire arm spawn(ct:100 kill) spawn(ct:101 kill) status");
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE); // not idle
    driver_code(d, "ct:100", LRM_CODE_SUCCESS);
    driver_code(d, "ct:101", LRM_CODE_SUCCESS);
    driver_rounds(d, 1);
    assert_true(driver_did(d, "spawn(ct:100 kill) spawn(ct:101 kill)"));
    driver_rounds(d, 1 + (size_t)d->timing.lrm_idle_rounds);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_WAIT_FOR_AGENT_LOCK);
}

static void end_of_the_daemon_waits_for_it(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    driver_shutdown(d, LRM_SHUTDOWN_RESTART);
    driver_code(d, "ct:100", LRM_CODE_ERROR);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_service(d, "ct:101", SVC_STATE_FREEZE, DRIVER_NODE);
    driver_rounds(d, 2);
    assert_false(d->exit);
    driver_code(d, "ct:100", LRM_CODE_SUCCESS);
    driver_rounds(d, 2);
    assert_true(d->exit);
}

static void view_that_is_not_up_to_date_makes_nobody_idle(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_service(d, "ct:101", SVC_STATE_STARTED, "beta");
    d->view_ok = false;
    driver_rounds(d, 2 * (size_t)d->timing.lrm_idle_rounds);
    assert_false(driver_did(d, "kill"));
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
}

// The process before this one was killed, or ended in order while its guests were frozen.
static void process_that_waits_kills_before_it_says_goodbye(void **state)
{
    static const char *const rows[] = {"killed", "ended in order"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_driver d;
        driver_init(&d, TIMING_PROFILE_BALANCED, 2);
        inherit(&d, i == 0 ? d.now_ms + 5000 : 0, 6);
        driver_service(&d, "ct:100", SVC_STATE_STARTED, "beta");
        driver_service(&d, "ct:101", SVC_STATE_FREEZE, DRIVER_NODE);
        driver_code(&d, "ct:100", LRM_CODE_ERROR);
        driver_round(&d);
        fixture_row(rows[i], strcmp(driver_trace(&d),
                                    "status spawn(ct:100 kill) +stray-kill-failed status") == 0);
        driver_code(&d, "ct:100", LRM_CODE_SUCCESS);
        d.now_ms += 1000;
        driver_round(&d);
        fixture_row(rows[i], strcmp(driver_trace(&d), "spawn(ct:100 kill) status") == 0);
        driver_round(&d);
        fixture_row(rows[i], strcmp(driver_trace(&d), "disarm status") == 0);
        driver_done(&d);
    }
}

static void what_left_by_an_order_is_no_stray(void **state)
{
    static const struct {
        const char *name;
        enum svc_state order;
    } rows[] = {{"migrated", SVC_STATE_MIGRATE},
                {"relocated", SVC_STATE_RELOCATE},
                {"stopped, and moved by hand", SVC_STATE_REQUEST_STOP}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_driver d;
        driver_init(&d, TIMING_PROFILE_BALANCED, 2);
        reach_active(&d);
        d.now_ms += 500;
        driver_service(&d, "ct:100", rows[i].order, DRIVER_NODE)->target = "beta";
        driver_round(&d);
        driver_service(&d, "ct:100", SVC_STATE_STARTED, "beta");
        d.now_ms += 500;
        driver_round(&d);
        fixture_row(rows[i].name, strcmp(driver_trace(&d), "acquire arm note(ct:101) status") == 0);
        // Back again, and lost to another node without an order this time.
        driver_service(&d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
        driver_round(&d);
        driver_service(&d, "ct:100", SVC_STATE_STARTED, "beta");
        driver_round(&d);
        fixture_row(rows[i].name, driver_did(&d, "spawn(ct:100 kill)"));
        driver_done(&d);
    }
}

static void what_is_not_to_be_touched_is_no_stray(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    assert_true(map_remove(&d->services, "ct:100")); // not under HA any more
    driver_service(d, "ct:102", SVC_STATE_MIGRATE, "beta")->target = DRIVER_NODE; // comes
    for (int i = 0; i < 3; i++) {
        driver_round(d);
        assert_false(driver_did(d, "kill"));
    }
    driver_service(d, "ct:102", SVC_STATE_STARTED, DRIVER_NODE); // disarming waits for it
    driver_service(d, "ct:101", SVC_STATE_STARTED, "beta");
    d->manager->disarm = DISARM_MODE_IGNORE;
    driver_round(d);
    assert_false(driver_did(d, "kill"));
}

// The others ran it meanwhile, and move it back at once.
static void stray_that_is_to_come_is_killed_first(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    driver_service(d, "ct:100", SVC_STATE_RELOCATE, "beta")->target = DRIVER_NODE;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 kill)"));
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 started)"));
}

static void stray_that_comes_back_is_started_after_its_end(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    d->hold = true;
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 kill)"));
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
    driver_finish(d, "ct:100", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire spawn(ct:100 started) status");
}

// Shut down in maintenance: the node's own stop is under way when the master has moved it already.
static void stray_whose_own_job_runs_waits_for_its_end(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    d->hold = true;
    driver_shutdown(d, LRM_SHUTDOWN_REBOOT);
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 request_stop shutdown)"));
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    d->now_ms += 100;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
    assert_true(d->next_wake_ms > d->now_ms); // no rounds one after the other meanwhile
    driver_finish(d, "ct:100", NULL, SVC_STATE_REQUEST_STOP, LRM_CODE_ERROR);
    d->now_ms += 100;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 kill)"));
}

static void loss_of_the_lease_kills_strays_with_all_others(void **state)
{
    struct lrm_driver *d = *state;
    reach_active(d);
    d->hold = true;
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_round(d);
    d->lease_answer = -EHOSTDOWN;
    d->now_ms += d->timing.authority_ms - d->timing.stop_ms;
    driver_round(d);
    assert_true(driver_did(d, "kill(ct:100 ct:101; "));
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
}

#define live(test) cmocka_unit_test_setup_teardown(test, driver_setup_live, driver_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        live(other_term_kills_everything_before_it_is_used),
        live(other_term_is_not_used_while_something_may_run),
        live(lease_of_somebody_else_kills_everything),
        live(same_term_taken_again_changes_nothing),
        live(forgotten_lease_is_gone_on_with_and_its_term_is_noted),
        live(maintenance_ends_by_another_term_too),
        live(other_term_kills_in_reset_mode_too),
        live(other_term_after_the_loss_in_reset_mode_kills),
        live(masters_term_of_the_lost_history_is_forgotten),
        live(other_term_than_the_process_before_held_kills_what_it_noted),
        live(term_of_the_process_before_goes_on),
        live(term_that_was_given_back_is_no_loss),
        live(noted_guest_of_another_node_is_killed_beside_the_others),
        live(nothing_is_given_back_before_it_is_proven_to_have_ended),
        live(end_of_the_daemon_waits_for_it),
        live(view_that_is_not_up_to_date_makes_nobody_idle),
        cmocka_unit_test(process_that_waits_kills_before_it_says_goodbye),
        cmocka_unit_test(what_left_by_an_order_is_no_stray),
        live(stray_whose_own_job_runs_waits_for_its_end),
        live(what_is_not_to_be_touched_is_no_stray),
        live(stray_that_is_to_come_is_killed_first),
        live(stray_that_comes_back_is_started_after_its_end),
        live(loss_of_the_lease_kills_strays_with_all_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
