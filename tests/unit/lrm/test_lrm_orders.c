// SPDX-License-Identifier: Apache-2.0
// From records to jobs and back: what is due, what is never started, what the master is told.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/model/resources.h"
#include "tests/lib/fixture.h"
#include "tests/unit/lrm/lrm_driver.h"

static void record_that_arrives_is_started_in_the_same_round(void **state)
{
    struct lrm_driver *d = *state;
    driver_round(d);
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->lease_answer = LEASE_ACQUIRED;
    d->now_ms += 1;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire +lock-acquired arm +wait_for_agent_lock>active "
                                         "spawn(ct:100 started) status");
    assert_int_equal(driver_result(d, "a-ct:100"), LRM_CODE_SUCCESS);
}

static void each_state_has_its_job_or_none(void **state)
{
    static const struct {
        enum svc_state state;
        bool has_job;
    } rows[] = {
        {SVC_STATE_REQUEST_START, false}, {SVC_STATE_REQUEST_START_BALANCE, true},
        {SVC_STATE_STARTED, true},        {SVC_STATE_REQUEST_STOP, true},
        {SVC_STATE_STOPPED, true},        {SVC_STATE_MIGRATE, true},
        {SVC_STATE_RELOCATE, true},       {SVC_STATE_FREEZE, false},
        {SVC_STATE_RECOVERY, false},      {SVC_STATE_ERROR, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_driver d;
        driver_init(&d, TIMING_PROFILE_CLASSIC, 0);
        driver_reach(&d, LRM_STATE_ACTIVE);
        driver_service(&d, "ct:200", rows[i].state, DRIVER_NODE);
        driver_service(&d, "ct:201", rows[i].state, "beta");
        driver_round(&d);
        fixture_row(svc_state_to_string(rows[i].state),
                    driver_did(&d, "spawn(ct:200") == rows[i].has_job);
        fixture_row(svc_state_to_string(rows[i].state), !driver_did(&d, "spawn(ct:201"));
        driver_done(&d);
    }
}

static void record_without_uid_has_no_job(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE)->uid = NULL;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
}

static void order_is_carried_out_once_for_its_uid(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_rounds(d, 3);
    assert_false(driver_did(d, "spawn"));
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_rounds(d, 1);
    assert_true(driver_did(d, "spawn(ct:100 started)"));
}

static void stopped_is_looked_after_in_every_round(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:200", SVC_STATE_STOPPED, DRIVER_NODE);
    for (int i = 0; i < 3; i++) {
        driver_rounds(d, 1);
        assert_true(driver_did(d, "spawn(ct:200 stopped)"));
    }
}

static void stopped_is_looked_after_no_more_often_when_rounds_follow_changes(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:200", SVC_STATE_STOPPED, DRIVER_NODE);
    driver_round(d);
    size_t spawned = 0;
    for (int i = 0; i < 100; i++) {
        d->now_ms += 90;
        driver_round(d);
        spawned += driver_did(d, "spawn(ct:200") ? 1 : 0;
    }
    assert_int_equal(spawned, 0);
    d->now_ms += 1000;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:200 stopped)"));
}

static void inline_jobs_run_sorted_by_sid(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "vm:101", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "fa:130", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "vm:1000", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire arm spawn(fa:130 started) spawn(vm:1000 started) "
                                         "spawn(vm:101 started) status");
}

static void workers_limit_holds_and_the_rest_waits(void **state)
{
    struct lrm_driver *d = *state;
    d->options.max_workers = 2;
    d->hold = true;
    driver_service(d, "ct:201", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "ct:202", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "ct:203", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_string_equal(driver_trace(d),
                        "status acquire arm note(ct:201 ct:202 ct:203) +wait_for_agent_lock>active "
                        "spawn(ct:201 started) "
                        "spawn(ct:202 started) status");
    d->now_ms += 1;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
    driver_finish(d, "ct:202", "a-ct:202", SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    // A newcomer with a smaller name does not overtake the one that waits.
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE);
    d->now_ms += 1;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:203 started)"));
    assert_false(driver_did(d, "spawn(ct:200"));
}

static void waiting_order_that_was_taken_back_is_not_carried_out(void **state)
{
    struct lrm_driver *d = *state;
    d->options.max_workers = 1;
    d->hold = true;
    driver_service(d, "ct:201", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "ct:202", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_service(d, "ct:202", SVC_STATE_RECOVERY, DRIVER_NODE);
    driver_finish(d, "ct:201", "a-ct:201", SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    d->now_ms += 1;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
}

static void nothing_new_is_started_once_the_lease_is_lost(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_LOST_AGENT_LOCK);
    d->lease_answer = LEASE_BUSY;
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE);
    driver_rounds(d, 3);
    assert_false(driver_did(d, "spawn"));
    assert_false(driver_did(d, "arm"));
}

static void nothing_is_started_without_authority_left(void **state)
{
    struct lrm_driver *d = *state;
    d->options.lease_loss = LEASE_LOSS_RESET;
    driver_reach(d, LRM_STATE_ACTIVE);
    d->authority_ms = 0;
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "ct:201", SVC_STATE_REQUEST_STOP, DRIVER_NODE);
    driver_round(d);
    assert_false(driver_did(d, "spawn(ct:200"));
    assert_true(driver_did(d, "spawn(ct:201 request_stop)"));
}

static void nothing_is_started_while_the_watchdog_cannot_be_armed(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    d->watchdog_answer = -ETIME;
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire arm status");
}

static void live_lease_that_cannot_be_renewed_counts_until_its_authority_ends(void **state)
{
    struct lrm_driver *d = *state;
    d->options.lease_loss = LEASE_LOSS_RESET;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    int64_t end_ms = d->now_ms + d->authority_ms;
    d->lease_answer = -ENOTCONN;
    d->view_ok = false;
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE);
    d->now_ms = end_ms - 1;
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
    assert_string_equal(driver_trace(d), "+view-outdated acquire");
    d->now_ms = end_ms;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire +lease-lost +active>lost_agent_lock");
}

static void word_of_an_older_master_is_refused(void **state)
{
    struct lrm_driver *d = *state;
    d->manager->term = 7;
    driver_reach(d, LRM_STATE_ACTIVE);
    d->manager->term = 6;
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE);
    driver_maintenance(d, true);
    driver_round(d);
    assert_string_equal(driver_trace(d), "+manager-term-refused acquire arm status");
    d->manager->term = 8;
    driver_rounds(d, 1);
    assert_true(driver_did(d, "+active>maintenance"));
    assert_true(driver_did(d, "spawn(ct:200 started)"));
}

static void unreadable_word_changes_nothing(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    d->readable = false;
    driver_maintenance(d, true);
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_string_equal(driver_trace(d), "+manager-status-unreadable acquire arm status");
}

static void outdated_view_gives_out_no_jobs(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    d->view_ok = false;
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_string_equal(driver_trace(d), "+view-outdated acquire arm status");
    driver_rounds(d, 1);
    assert_string_equal(driver_trace(d), "acquire arm status"); // told once
}

static void failed_start_is_repeated_here_before_the_master_hears_of_it(void **state)
{
    struct lrm_driver *d = *state;
    driver_max_restart(d, "ct:100", 1);
    driver_code(d, "ct:100", LRM_CODE_ERROR);
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "+start-retry"));
    assert_int_equal(driver_result(d, "a-ct:100"), -99);
    driver_rounds(d, 1);
    assert_true(driver_did(d, "spawn(ct:100 started) +start-gave-up"));
    assert_int_equal(driver_result(d, "a-ct:100"), LRM_CODE_ERROR);
    driver_rounds(d, 1);
    assert_false(driver_did(d, "spawn"));
}

static void failed_start_pauses_before_it_is_repeated(void **state)
{
    struct lrm_driver *d = *state;
    driver_code(d, "ct:100", LRM_CODE_ERROR);
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(d->next_wake_ms <= d->now_ms + 1000);
    d->now_ms += 999;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
    d->now_ms += 1;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 started)"));
}

static void codes_other_than_error_are_reported_as_they_are(void **state)
{
    struct lrm_driver *d = *state;
    driver_code(d, "ct:100", LRM_CODE_WRONG_NODE);
    driver_code(d, "ct:101", LRM_CODE_FAILED_TO_RUN);
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "ct:101", SVC_STATE_MIGRATE, DRIVER_NODE)->target = "beta";
    driver_round(d);
    assert_int_equal(driver_result(d, "a-ct:100"), LRM_CODE_WRONG_NODE);
    assert_int_equal(driver_result(d, "a-ct:101"), LRM_CODE_FAILED_TO_RUN);
    assert_true(driver_did(d, "+worker-failed"));
}

static void result_that_comes_twice_counts_once(void **state)
{
    struct lrm_driver *d = *state;
    driver_max_restart(d, "ct:100", 5);
    d->hold = true;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_finish(d, "ct:100", "a-ct:100", SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    driver_finish(d, "ct:100", "a-ct:100", SVC_STATE_STARTED, LRM_CODE_ERROR);
    d->now_ms += 1;
    driver_round(d);
    assert_true(driver_did(d, "+result-ignored"));
    assert_int_equal(driver_result(d, "a-ct:100"), LRM_CODE_SUCCESS);
}

static void results_are_kept_until_the_master_no_longer_has_the_uid(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_rounds(d, 2);
    assert_int_equal(driver_result(d, "a-ct:100"), LRM_CODE_SUCCESS);
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_rounds(d, 1);
    assert_int_equal(driver_result(d, "a-ct:100"), -99);
    assert_int_equal(driver_result(d, "b-ct:100"), LRM_CODE_SUCCESS);
}

// --- Rounds that follow changes ---

static void guest_that_ended_is_started_again_for_the_same_uid(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    d->now_ms += 3000;
    lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 started)"));
    d->now_ms += 1;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
}

static void guest_that_ended_and_cannot_start_is_reported_for_the_same_uid(void **state)
{
    struct lrm_driver *d = *state;
    driver_max_restart(d, "ct:100", 0);
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_int_equal(driver_result(d, "a-ct:100"), LRM_CODE_SUCCESS);
    driver_code(d, "ct:100", LRM_CODE_ERROR);
    d->now_ms += 3000;
    lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);
    driver_round(d);
    assert_int_equal(driver_result(d, "a-ct:100"), LRM_CODE_ERROR);
}

static void worker_that_could_not_run_runs_again_before_the_master_hears_of_it(void **state)
{
    static const enum svc_state states[] = {SVC_STATE_STARTED, SVC_STATE_REQUEST_STOP,
                                            SVC_STATE_MIGRATE};
    struct lrm_driver *d = *state;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        char sid[32];
        char uid[40];
        (void)snprintf(sid, sizeof(sid), "ct:10%zu", i);
        (void)snprintf(uid, sizeof(uid), "a-%s", sid);
        driver_code(d, sid, LRM_CODE_FAILED_TO_RUN);
        driver_service(d, sid, states[i], DRIVER_NODE)->target =
            states[i] == SVC_STATE_MIGRATE ? "beta" : NULL;
        driver_round(d);
        assert_true(driver_did(d, "+worker-failed"));
        assert_int_equal(driver_result(d, uid), -99);
        assert_true(d->next_wake_ms <= d->now_ms + 1000);
        d->now_ms += 999;
        driver_round(d);
        assert_false(driver_did(d, "spawn"));
        driver_code(d, sid, LRM_CODE_SUCCESS);
        d->now_ms += 1;
        driver_round(d);
        assert_int_equal(driver_result(d, uid), LRM_CODE_SUCCESS);
    }
}

static void worker_that_can_never_run_is_reported_in_the_end(void **state)
{
    struct lrm_driver *d = *state;
    driver_code(d, "ct:100", LRM_CODE_FAILED_TO_RUN);
    driver_service(d, "ct:100", SVC_STATE_REQUEST_STOP, DRIVER_NODE);
    int64_t rounds = 0;
    for (driver_round(d); driver_result(d, "a-ct:100") == -99; driver_round(d)) {
        assert_true(rounds++ < 1000);
        d->now_ms += 500;
    }
    assert_int_equal(driver_result(d, "a-ct:100"), LRM_CODE_FAILED_TO_RUN);
    assert_in_range(rounds, 2 * 30, 2 * 60);
}

static void check_that_could_not_run_is_made_up_for(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_code(d, "ct:100", LRM_CODE_FAILED_TO_RUN);
    d->now_ms += 3000;
    lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);
    driver_round(d);
    driver_code(d, "ct:100", LRM_CODE_SUCCESS);
    d->now_ms += 1000;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 started)"));
}

static void guest_that_keeps_ending_is_started_ever_more_slowly(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    size_t starts = 0;
    for (int i = 0; i < 300; i++) { // 30 s of a guest that ends at once each time
        d->now_ms += 100;
        lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);
        driver_round(d);
        starts += driver_did(d, "spawn(ct:100 started)") ? 1 : 0;
    }
    assert_in_range(starts, 4, 8);
}

static void running_guest_is_checked_again_without_any_news(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    d->now_ms += 9999;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
    d->now_ms += 1;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 started)"));
}

static struct resource *resource_of(struct lrm_driver *d, const char *sid)
{
    driver_max_restart(d, sid, 1);
    return map_find(&d->resources, sid);
}

// One check of ct:100, which ends with what its probe said; true when the check was to heal.
static bool probe_once(struct lrm_driver *d, enum job_probe probe, bool restarted)
{
    const struct service *service = map_find(&d->services, "ct:100");
    d->now_ms += 2000;
    driver_round(d);
    bool heal = driver_did(d, "spawn(ct:100 started heal)");
    assert_true(heal || driver_did(d, "spawn(ct:100 started)"));
    driver_finish(d, "ct:100", service->uid, SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    d->pending.results[0].probe = probe;
    d->pending.results[0].restarted = restarted;
    driver_round(d);
    return heal;
}

static void probe_is_asked_in_its_interval_and_heals_after_its_failures(void **state)
{
    struct lrm_driver *d = *state;
    struct resource *resource = resource_of(d, "ct:100");
    resource->probe = "tcp:web:80";
    resource->probe_interval_s = 2;
    resource->probe_failures = 3;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    d->hold = true;
    d->now_ms += 1900;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
    assert_false(probe_once(d, JOB_PROBE_BAD, false));
    assert_false(probe_once(d, JOB_PROBE_GOOD, false)); // in a row
    assert_false(probe_once(d, JOB_PROBE_BAD, false));
    assert_false(probe_once(d, JOB_PROBE_BAD, false));
    assert_true(probe_once(d, JOB_PROBE_NONE, true));
    assert_false(probe_once(d, JOB_PROBE_BAD, false));
}

// What the LRM says of the health of ct:100.
static const char *health_of(const struct lrm_driver *d)
{
    const struct lrm_result *result = map_find(lrm_get_results(d->lrm), "ct:100");
    return result != NULL && result->health != NULL ? result->health : "";
}

static void probe_is_told_with_the_result(void **state)
{
    struct lrm_driver *d = *state;
    struct resource *resource = resource_of(d, "ct:100");
    resource->probe = "tcp:web:80";
    resource->probe_interval_s = 2;
    resource->probe_failures = 3;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    d->hold = true;
    (void)probe_once(d, JOB_PROBE_GOOD, false);
    assert_string_equal(health_of(d), "good");
    (void)probe_once(d, JOB_PROBE_BAD, false);
    (void)probe_once(d, JOB_PROBE_BAD, false);
    assert_string_equal(health_of(d), "2 of 3 failed: no reason was given");
    (void)probe_once(d, JOB_PROBE_NONE, true);
    assert_string_equal(health_of(d), "");
}

// Somebody who knows nothing of jobs says that ct:100 has ended.
static void end_is_news_while_it_runs_and_nobody_ends_it(void **state)
{
    struct lrm_driver *d = *state;
    assert_false(lrm_is_alive(d->lrm, "ct:100")); // nobody knows it
    struct service *service = driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_max_restart(d, "ct:100", 1);
    d->hold = true;
    driver_round(d);
    assert_false(lrm_is_alive(d->lrm, "ct:100")); // it is being started
    driver_finish(d, "ct:100", service->uid, SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    driver_round(d);
    assert_true(lrm_is_alive(d->lrm, "ct:100"));
    d->now_ms += 15000;
    driver_round(d);
    assert_true(lrm_is_alive(d->lrm, "ct:100")); // it is looked after
    driver_finish(d, "ct:100", service->uid, SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    driver_round(d);
    lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);
    assert_false(lrm_is_alive(d->lrm, "ct:100")); // it was told before
    driver_round(d);
    driver_finish(d, "ct:100", service->uid, SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    driver_round(d);
    assert_true(lrm_is_alive(d->lrm, "ct:100"));
    service = driver_service(d, "ct:100", SVC_STATE_REQUEST_STOP, DRIVER_NODE);
    driver_round(d);
    assert_false(lrm_is_alive(d->lrm, "ct:100")); // as it was told
    driver_finish(d, "ct:100", service->uid, SVC_STATE_REQUEST_STOP, LRM_CODE_SUCCESS);
    driver_round(d);
    assert_false(lrm_is_alive(d->lrm, "ct:100"));
}

static void restarts_beyond_the_limit_are_a_failure_here(void **state)
{
    struct lrm_driver *d = *state;
    struct resource *resource = resource_of(d, "ct:100");
    resource->restart_limit = 2;
    resource->restart_window_s = 60;
    const struct service *service = driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    for (int i = 0; i < 2; i++) {
        d->now_ms += 15000;
        lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);
        driver_round(d);
        assert_true(driver_did(d, "spawn(ct:100 started)"));
    }
    d->now_ms += 15000;
    lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);
    driver_round(d);
    assert_false(driver_did(d, "spawn(ct:100 started)"));
    assert_true(driver_did(d, "+restarts-spent"));
    assert_int_equal(driver_result(d, service->uid), LRM_CODE_ERROR);
    // The master wants it here nevertheless: it is counted anew.
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 started)"));
}

static void restarts_of_long_ago_do_not_count(void **state)
{
    struct lrm_driver *d = *state;
    struct resource *resource = resource_of(d, "ct:100");
    resource->restart_limit = 1;
    resource->restart_window_s = 20;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    for (int i = 0; i < 10; i++) {
        d->now_ms += 21000;
        lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);
        driver_round(d);
        assert_true(driver_did(d, "spawn(ct:100 started)"));
    }
}

static void renewed_uid_alone_does_not_repeat_a_check_at_once(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    d->now_ms += 100;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
    d->now_ms += 10000;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 started)"));
    assert_int_equal(driver_result(d, "b-ct:100"), LRM_CODE_SUCCESS);
}

static void start_after_a_stop_is_not_delayed(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_service(d, "ct:100", SVC_STATE_REQUEST_STOP, DRIVER_NODE);
    d->now_ms += 100;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 request_stop)"));
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->now_ms += 100;
    driver_round(d);
    assert_true(driver_did(d, "spawn(ct:100 started)"));
}

static void exit_of_a_guest_that_should_stop_starts_nothing(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_service(d, "ct:100", SVC_STATE_FREEZE, DRIVER_NODE);
    lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);
    d->now_ms += 100;
    driver_round(d);
    assert_false(driver_did(d, "spawn"));
}

static void holder_of_a_lease_wakes_in_time_to_renew_it(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(d->next_wake_ms <= d->now_ms + d->timing.renew_ms);
    assert_true(d->next_wake_ms > d->now_ms);
}

#define classic(function) cmocka_unit_test_setup_teardown(function, driver_setup, driver_teardown)
#define live(function)    cmocka_unit_test_setup_teardown(function, driver_setup_live, driver_teardown)

static void own_limit_of_workers_holds_where_none_is_configured(void **state)
{
    (void)state;
    struct lrm_driver d;
    driver_init(&d, TIMING_PROFILE_BALANCED, 1);
    d.options.max_workers = 0;
    d.hold = true;
    driver_service(&d, "ct:201", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(&d, "ct:202", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(&d);
    assert_true(driver_did(&d, "spawn(ct:201 started)"));
    assert_false(driver_did(&d, "spawn(ct:202"));
    driver_done(&d);
}

static void record_without_uid_forgets_no_result_of_others(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:200", SVC_STATE_STARTED, DRIVER_NODE)->uid = NULL;
    driver_service(d, "ct:201", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_int_equal(driver_result(d, "a-ct:201"), LRM_CODE_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        classic(record_that_arrives_is_started_in_the_same_round),
        cmocka_unit_test(each_state_has_its_job_or_none),
        classic(record_without_uid_has_no_job),
        classic(order_is_carried_out_once_for_its_uid),
        classic(stopped_is_looked_after_in_every_round),
        live(stopped_is_looked_after_no_more_often_when_rounds_follow_changes),
        classic(inline_jobs_run_sorted_by_sid),
        live(workers_limit_holds_and_the_rest_waits),
        live(waiting_order_that_was_taken_back_is_not_carried_out),
        classic(nothing_new_is_started_once_the_lease_is_lost),
        live(nothing_is_started_without_authority_left),
        classic(nothing_is_started_while_the_watchdog_cannot_be_armed),
        live(live_lease_that_cannot_be_renewed_counts_until_its_authority_ends),
        classic(word_of_an_older_master_is_refused),
        classic(unreadable_word_changes_nothing),
        classic(outdated_view_gives_out_no_jobs),
        classic(failed_start_is_repeated_here_before_the_master_hears_of_it),
        live(failed_start_pauses_before_it_is_repeated),
        classic(codes_other_than_error_are_reported_as_they_are),
        live(result_that_comes_twice_counts_once),
        classic(results_are_kept_until_the_master_no_longer_has_the_uid),
        live(worker_that_could_not_run_runs_again_before_the_master_hears_of_it),
        live(worker_that_can_never_run_is_reported_in_the_end),
        live(check_that_could_not_run_is_made_up_for),
        live(guest_that_ended_is_started_again_for_the_same_uid),
        live(guest_that_ended_and_cannot_start_is_reported_for_the_same_uid),
        live(guest_that_keeps_ending_is_started_ever_more_slowly),
        live(probe_is_asked_in_its_interval_and_heals_after_its_failures),
        live(probe_is_told_with_the_result),
        live(end_is_news_while_it_runs_and_nobody_ends_it),
        live(restarts_beyond_the_limit_are_a_failure_here),
        live(restarts_of_long_ago_do_not_count),
        live(running_guest_is_checked_again_without_any_news),
        live(renewed_uid_alone_does_not_repeat_a_check_at_once),
        live(start_after_a_stop_is_not_delayed),
        live(exit_of_a_guest_that_should_stop_starts_nothing),
        live(holder_of_a_lease_wakes_in_time_to_renew_it),
        cmocka_unit_test(own_limit_of_workers_holds_where_none_is_configured),
        classic(record_without_uid_forgets_no_result_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
