// SPDX-License-Identifier: Apache-2.0
// Fencing by stopping: when it begins, what is killed, what must be proven and by when, what a
// process knows of the one before it, and that nothing of before the loss counts after it.
#include <errno.h>
#include <string.h>

#include "common/model/lrm_status.h"
#include "tests/lib/fixture.h"
#include "tests/unit/lrm/lrm_driver.h"

// Active with ct:100, and cut off: nothing is renewed any more.
static void reach_cut(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
    d->lease_answer = -EHOSTDOWN;
    d->quorate = false;
    d->view_ok = false;
}

static void to_the_brink(struct lrm_driver *d)
{
    d->now_ms += d->timing.authority_ms - d->timing.stop_ms;
}

// Stopped, proven, told: in two rounds.
static void reach_stopped(struct lrm_driver *d)
{
    reach_cut(d);
    to_the_brink(d);
    driver_round(d);
    d->now_ms += 10;
    driver_round(d);
    assert_true(driver_did(d, "+fence-stopped"));
}

static void stop_begins_at_k_before_the_end_and_not_earlier(void **state)
{
    struct lrm_driver *d = *state;
    reach_cut(d);
    to_the_brink(d);
    d->now_ms--;
    driver_round(d);
    assert_string_equal(driver_trace(d), "+view-outdated acquire");
    assert_int_equal(d->next_wake_ms, d->now_ms + 1);
    d->now_ms++;
    driver_round(d);
    assert_string_equal(driver_trace(d),
                        "acquire +lease-lost +active>lost_agent_lock kill(ct:100; 1250)");
    assert_int_equal(d->next_wake_ms, d->now_ms + 50);
    d->now_ms += 10;
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_LOST_AGENT_LOCK);
    d->now_ms += 10000;
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
}

static void renewal_in_time_prevents_it(void **state)
{
    struct lrm_driver *d = *state;
    reach_cut(d);
    to_the_brink(d);
    d->lease_answer = LEASE_RENEWED;
    d->view_ok = true;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire arm status");
}

static void renewal_that_comes_after_its_begin_changes_nothing(void **state)
{
    struct lrm_driver *d = *state;
    reach_cut(d);
    to_the_brink(d);
    d->kill_result = WORKERS_KILLED_PENDING;
    driver_round(d);
    d->lease_answer = LEASE_RENEWED;
    d->quorate = true;
    d->view_ok = true;
    d->now_ms += 100;
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
    d->killed = WORKERS_KILLED_PROVEN;
    d->now_ms += 100;
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
}

static void stop_in_reset_mode_is_left_to_the_watchdog(void **state)
{
    struct lrm_driver *d = *state;
    d->options.lease_loss = LEASE_LOSS_RESET;
    reach_cut(d);
    to_the_brink(d);
    driver_round(d);
    assert_string_equal(driver_trace(d), "+view-outdated acquire");
    d->now_ms += d->timing.stop_ms;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire +lease-lost +active>lost_agent_lock");
    driver_node_state(d, NODE_STATE_FENCE);
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
}

static void everything_of_this_node_is_killed(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:200", SVC_STATE_STOPPED, DRIVER_NODE);
    driver_service(d, "ct:201", SVC_STATE_FREEZE, DRIVER_NODE);
    driver_service(d, "ct:202", SVC_STATE_ERROR, DRIVER_NODE);
    driver_service(d, "ct:203", SVC_STATE_MIGRATE, DRIVER_NODE)->target = "beta";
    driver_service(d, "ct:204", SVC_STATE_MIGRATE, "beta")->target = DRIVER_NODE;
    driver_service(d, "ct:205", SVC_STATE_STARTED, "beta");
    driver_service(d, "ct:206", SVC_STATE_REQUEST_START, DRIVER_NODE);
    reach_cut(d);
    to_the_brink(d);
    driver_round(d);
    assert_true(driver_did(d, "kill(ct:100 ct:200 ct:201 ct:202 ct:203 ct:204 ct:206; 1250)"));
}

// What a view that is not up to date says is no reason to leave something out.
static void record_in_an_old_view_does_not_spare_a_guest(void **state)
{
    struct lrm_driver *d = *state;
    reach_cut(d);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    to_the_brink(d);
    driver_round(d);
    assert_true(driver_did(d, "kill(ct:100; 1250)"));
}

// An operator took it out while its worker runs: what that one brings to life is nobody's.
static void job_that_was_given_out_is_killed_without_its_record(void **state)
{
    struct lrm_driver *d = *state;
    d->hold = true;
    reach_cut(d);
    assert_true(driver_did(d, "spawn(ct:100"));
    assert_true(map_remove(&d->services, "ct:100"));
    to_the_brink(d);
    driver_round(d);
    assert_true(driver_did(d, "kill(ct:100; "));
}

static void what_is_not_proven_in_time_is_left_to_the_watchdog(void **state)
{
    static const struct {
        const char *name;
        enum workers_killed result;
    } rows[] = {{"pending", WORKERS_KILLED_PENDING},
                {"failed", WORKERS_KILLED_FAILED},
                {"forgotten", WORKERS_KILLED_NONE}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_driver d;
        driver_init(&d, TIMING_PROFILE_BALANCED, 2);
        d.kill_result = rows[i].result;
        reach_cut(&d);
        to_the_brink(&d);
        driver_round(&d);
        d.now_ms += d.timing.stop_ms - d.timing.granularity_ms;
        driver_round(&d);
        fixture_row(rows[i].name, strcmp(driver_trace(&d), "+fence-stop-failed") == 0);
        // Told once, and never again a word to lease or watchdog.
        d.killed = WORKERS_KILLED_PROVEN;
        d.quorate = true;
        driver_round(&d);
        fixture_row(rows[i].name, strcmp(driver_trace(&d), "") == 0);
        driver_done(&d);
    }
}

static void failure_before_its_time_is_over_is_tried_again(void **state)
{
    struct lrm_driver *d = *state;
    d->kill_result = WORKERS_KILLED_FAILED;
    reach_cut(d);
    to_the_brink(d);
    driver_round(d);
    d->now_ms += 20;
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
    d->kill_result = WORKERS_KILLED_PROVEN;
    d->now_ms += 50;
    driver_round(d);
    assert_string_equal(driver_trace(d), "kill(ct:100; 1180)");
    d->now_ms += 10;
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
}

// It slept through the deadline: the watchdog's business, and no goodbye is even tried.
static void goodbye_is_not_said_after_the_deadline(void **state)
{
    struct lrm_driver *d = *state;
    reach_cut(d);
    to_the_brink(d);
    driver_round(d);
    d->now_ms += d->timing.stop_ms;
    driver_round(d);
    assert_string_equal(driver_trace(d), "+fence-stop-failed");
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
}

static void process_that_wakes_after_the_deadline_kills_and_says_no_goodbye(void **state)
{
    struct lrm_driver *d = *state;
    reach_cut(d);
    d->now_ms += 20000;
    driver_round(d);
    assert_true(driver_did(d, "kill(ct:100; "));
    driver_round(d);
    assert_string_equal(driver_trace(d), "+fence-stop-failed");
}

static void goodbye_that_the_watchdog_refuses_is_a_failure(void **state)
{
    struct lrm_driver *d = *state;
    reach_cut(d);
    to_the_brink(d);
    driver_round(d);
    d->disarm_answer = -ETIME;
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stop-failed");
    d->disarm_answer = 1;
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
}

static void goodbye_is_repeated_while_the_watchdog_is_away(void **state)
{
    struct lrm_driver *d = *state;
    reach_cut(d);
    to_the_brink(d);
    driver_round(d);
    d->disarm_answer = -ENOTCONN;
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm");
    d->disarm_answer = 1;
    d->now_ms += 50;
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
}

static void stopped_node_starts_its_services_again_with_the_lease(void **state)
{
    struct lrm_driver *d = *state;
    driver_max_restart(d, "ct:100", 0);
    driver_service(d, "ct:101", SVC_STATE_STARTED, DRIVER_NODE);
    reach_stopped(d);
    assert_int_equal(driver_result(d, "a-ct:100"), -99); // no result of before the loss
    lrm_note_guest_exit(d->lrm, "ct:100", d->now_ms);    // it was killed: no failure
    driver_service(d, "ct:101", SVC_STATE_STARTED, "beta");
    d->lease_answer = LEASE_ACQUIRED;
    d->quorate = true;
    d->view_ok = true;
    d->now_ms += 60000;
    driver_round(d);
    assert_string_equal(driver_trace(d),
                        "acquire +lock-acquired arm note(ct:100) +lost_agent_lock>active "
                        "spawn(ct:100 started) status");
}

static void late_answer_with_little_authority_starts_nothing(void **state)
{
    struct lrm_driver *d = *state;
    const int64_t whole_ms = d->authority_ms;
    reach_stopped(d);
    d->lease_answer = LEASE_ACQUIRED;
    d->quorate = true;
    d->view_ok = true;
    d->now_ms += 1000;
    d->authority_ms = 2 * d->timing.stop_ms - 1;
    driver_round(d);
    assert_true(driver_did(d, "acquire"));
    assert_false(driver_did(d, "arm"));
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_LOST_AGENT_LOCK);
    d->lease_answer = LEASE_RENEWED; // the next one comes in time
    d->authority_ms = whole_ms;
    d->now_ms += d->timing.renew_ms;
    driver_round(d);
    assert_true(driver_did(d, "arm"));
    assert_true(driver_did(d, "spawn(ct:100"));
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
}

static void result_of_before_the_stop_is_ignored(void **state)
{
    struct lrm_driver *d = *state;
    d->hold = true;
    reach_stopped(d);
    driver_finish(d, "ct:100", "a-ct:100", SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    driver_round(d);
    assert_string_equal(driver_trace(d), "+result-ignored");
    assert_int_equal(driver_result(d, "a-ct:100"), -99);
}

static void second_loss_stops_again(void **state)
{
    struct lrm_driver *d = *state;
    reach_stopped(d);
    d->lease_answer = LEASE_ACQUIRED;
    d->quorate = true;
    d->view_ok = true;
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
    d->lease_answer = -EHOSTDOWN;
    to_the_brink(d);
    driver_round(d);
    assert_true(driver_did(d, "kill(ct:100; 1250)"));
}

static void intent_to_fence_stops_at_once_and_gives_the_lease_back(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_node_state(d, NODE_STATE_FENCE);
    d->now_ms += 500;
    driver_round(d);
    assert_string_equal(driver_trace(d), "+lease-lost +active>lost_agent_lock kill(ct:100; 7250)");
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped release");
    driver_round(d);
    assert_string_equal(driver_trace(d), ""); // given back once, and not asked for
    driver_node_state(d, NODE_STATE_ONLINE);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire arm note() +lost_agent_lock>active status");
}

static void intent_that_is_read_after_the_stop_gives_the_lease_back(void **state)
{
    struct lrm_driver *d = *state;
    reach_stopped(d);
    d->quorate = true;
    d->view_ok = true;
    driver_service(d, "ct:100", SVC_STATE_FENCE, DRIVER_NODE);
    driver_round(d);
    assert_string_equal(driver_trace(d), "release");
}

static void intent_that_cannot_be_obeyed_keeps_lease_and_deadline(void **state)
{
    struct lrm_driver *d = *state;
    d->kill_result = WORKERS_KILLED_FAILED;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_node_state(d, NODE_STATE_FENCE);
    driver_round(d);
    d->now_ms += d->timing.authority_ms;
    driver_round(d);
    assert_string_equal(driver_trace(d), "+fence-stop-failed");
    assert_false(driver_did(d, "release"));
}

static void maintenance_stops_too(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_maintenance(d, true);
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_MAINTENANCE);
    d->lease_answer = -EHOSTDOWN;
    to_the_brink(d);
    driver_round(d);
    assert_true(driver_did(d, "+maintenance>lost_agent_lock kill(ct:100; 1250)"));
}

// The lease was given back, so no watchdog guards: a failure does not end it.
static void unguarded_node_tries_until_it_succeeds(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_maintenance(d, true);
    driver_round(d);
    driver_service(d, "ct:100", SVC_STATE_ERROR, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "disarm release"));
    driver_node_state(d, NODE_STATE_FENCE);
    d->kill_result = WORKERS_KILLED_FAILED;
    driver_round(d);
    assert_true(driver_did(d, "kill(ct:100; 1500)"));
    d->now_ms += 1500;
    driver_round(d);
    assert_string_equal(driver_trace(d), "+fence-stop-failed");
    d->now_ms += 1500;
    driver_round(d);
    assert_string_equal(driver_trace(d), "kill(ct:100; 1500)");
    d->now_ms += 1500;
    driver_round(d);
    assert_string_equal(driver_trace(d), ""); // told once
    d->kill_result = WORKERS_KILLED_PROVEN;
    d->now_ms += 1500;
    driver_round(d);
    assert_string_equal(driver_trace(d), "kill(ct:100; 1500)");
    driver_round(d);
    assert_true(driver_did(d, "+fence-stopped"));
}

static void node_without_services_is_not_reset_either(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_service(d, "ct:100", SVC_STATE_RELOCATE, DRIVER_NODE)->target = "beta";
    driver_round(d);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_round(d);
    assert_true(driver_did(d, "note()"));
    d->lease_answer = -EHOSTDOWN;
    to_the_brink(d);
    driver_round(d);
    assert_true(driver_did(d, "kill(; 1250)"));
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
}

static void shutdown_ends_after_the_stop(void **state)
{
    struct lrm_driver *d = *state;
    reach_cut(d);
    to_the_brink(d);
    d->kill_result = WORKERS_KILLED_PENDING;
    driver_round(d);
    driver_shutdown(d, LRM_SHUTDOWN_RESTART);
    driver_service(d, "ct:100", SVC_STATE_FREEZE, DRIVER_NODE); // needs no lease, but may run
    driver_round(d);
    assert_false(d->exit);
    assert_false(driver_did(d, "disarm"));
    d->killed = WORKERS_KILLED_PROVEN;
    driver_round(d);
    assert_true(d->exit);
}

// --- The note, and the process that reads it. ---

static void nothing_is_started_before_it_is_noted(void **state)
{
    struct lrm_driver *d = *state;
    d->note_answer = -ENOSPC;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_service(d, "ct:101", SVC_STATE_REQUEST_STOP, DRIVER_NODE);
    driver_round(d);
    assert_string_equal(driver_trace(d),
                        "status acquire arm note(ct:100 ct:101) +wait_for_agent_lock>active "
                        "spawn(ct:101 request_stop) status");
    d->note_answer = 1;
    driver_round(d);
    assert_true(driver_did(d, "note(ct:100 ct:101) spawn(ct:100 started)"));
    driver_round(d);
    assert_false(driver_did(d, "note")); // nothing has changed
    driver_service(d, "ct:102", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "note(ct:100 ct:101 ct:102) spawn(ct:102"));
    assert_true(map_remove(&d->services, "ct:100"));
    driver_service(d, "ct:099", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "note(ct:099 ct:101 ct:102)"));
}

static void inherit(struct lrm_driver *d, int64_t left_ms, bool known)
{
    static const char *const sids[] = {"ct:300", "ct:301"};
    const struct workers_guests guests = {sids, known ? ARRAY_SIZE(sids) : 0};
    lrm_inherit(d->lrm, d->now_ms + left_ms, &guests, d->term, known);
    d->lease_answer = -ENOTCONN;
    d->quorate = false;
    d->view_ok = false;
    d->readable = false;
    d->status_answer = -ENOTCONN;
}

static void inherited_deadline_is_kept_without_a_store(void **state)
{
    struct lrm_driver *d = *state;
    inherit(d, 5000, true);
    driver_round(d);
    assert_string_equal(driver_trace(d), "+manager-status-unreadable");
    d->now_ms += 5000 - d->timing.stop_ms;
    driver_round(d);
    assert_string_equal(
        driver_trace(d),
        "+lease-lost +wait_for_agent_lock>lost_agent_lock kill(ct:300 ct:301; 1250)");
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
}

static void inherited_deadline_without_a_note_leads_to_the_reset(void **state)
{
    struct lrm_driver *d = *state;
    inherit(d, d->timing.stop_ms, false);
    driver_round(d);
    assert_true(driver_did(d, "kill(; 1250)"));
    driver_round(d);
    assert_string_equal(driver_trace(d), "+fence-stop-failed");
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
}

static void inherited_deadline_goes_on_with_the_lease(void **state)
{
    struct lrm_driver *d = *state;
    inherit(d, 5000, false);
    d->lease_answer = LEASE_RENEWED;
    d->quorate = true;
    d->view_ok = true;
    d->readable = true;
    d->status_answer = 1;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "arm note(ct:100) +wait_for_agent_lock>active"));
    // From here on this process knows.
    d->lease_answer = -EHOSTDOWN;
    to_the_brink(d);
    driver_round(d);
    assert_true(driver_did(d, "kill(ct:100; 1250)"));
    driver_round(d);
    assert_string_equal(driver_trace(d), "disarm +fence-stopped");
}

static void inherited_deadline_and_the_intent_to_fence_stop_at_once(void **state)
{
    struct lrm_driver *d = *state;
    inherit(d, 5000, true);
    d->quorate = true;
    d->view_ok = true;
    d->readable = true;
    d->status_answer = 1;
    driver_node_state(d, NODE_STATE_FENCE);
    driver_round(d);
    assert_true(driver_did(d, "+lease-lost +wait_for_agent_lock>lost_agent_lock kill("));
}

static void inherited_deadline_in_reset_mode_is_the_watchdogs(void **state)
{
    struct lrm_driver *d = *state;
    d->options.lease_loss = LEASE_LOSS_RESET;
    inherit(d, 5000, true);
    d->readable = true;
    d->status_answer = 1;
    driver_node_state(d, NODE_STATE_FENCE);
    driver_round(d);
    d->now_ms += 5000;
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_WAIT_FOR_AGENT_LOCK);
}

// The option changes while the node waits for its reset: it is not told apart any more what ran.
static void mode_that_changes_after_the_loss_changes_nothing(void **state)
{
    struct lrm_driver *d = *state;
    d->options.lease_loss = LEASE_LOSS_RESET;
    reach_cut(d);
    d->now_ms += d->timing.authority_ms;
    driver_round(d);
    d->options.lease_loss = LEASE_LOSS_STOP;
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
    assert_true(d->next_wake_ms > d->now_ms);
}

static void lease_that_was_never_held_is_not_lost(void **state)
{
    struct lrm_driver *d = *state;
    d->lease_answer = LEASE_BUSY;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    d->now_ms += 100000;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire status");
}

static void deadline_of_ones_own_is_not_overwritten_by_an_inherited_one(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    inherit(d, 1, false);
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
}

// Corosync and ha-clusterd say that there is a quorum, but nothing is committed: a write would
// wait.
static void status_is_not_written_while_renewals_are_late(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    d->lease_answer = -ETIMEDOUT;
    d->now_ms += 3 * d->timing.renew_ms;
    driver_round(d);
    assert_true(driver_did(d, "status"));
    d->now_ms += 1;
    driver_round(d);
    assert_false(driver_did(d, "status"));
}

// It was granted while ha-watchdogd was away, and nobody asks for it any more: no renewal is late.
static void status_is_written_though_a_lease_is_left_to_end(void **state)
{
    struct lrm_driver *d = *state;
    struct service *record = driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->watchdog_answer = -ENOTCONN;
    driver_round(d);
    assert_true(driver_did(d, "acquire"));
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_WAIT_FOR_AGENT_LOCK);
    record->state = SVC_STATE_FREEZE;
    d->manager->disarm = DISARM_MODE_FREEZE;
    d->now_ms += 60 * 1000;
    driver_round(d);
    assert_false(driver_did(d, "acquire"));
    assert_true(driver_did(d, "status"));
}

// Nor does one that holds no lease and cannot read say that it is there. INV-15.
static void status_is_not_written_without_a_lease_by_who_cannot_read(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->view_ok = false;
    driver_round(d);
    assert_string_equal(driver_trace(d), "");
    d->view_ok = true;
    d->readable = false;
    driver_round(d);
    assert_string_equal(driver_trace(d), "+manager-status-unreadable");
    d->readable = true;
    driver_round(d);
    assert_true(driver_did(d, "status"));
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
}

// What a process before this one left running is worth its lease.
static void lease_is_taken_over_with_an_outdated_view(void **state)
{
    struct lrm_driver *d = *state;
    static const char *const sids[] = {"ct:100"};
    const struct workers_guests guests = {sids, 1};
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    lrm_inherit(d->lrm, d->now_ms + d->authority_ms, &guests, d->term, true);
    d->view_ok = false;
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
    assert_false(driver_did(d, "spawn(ct:100"));
}

#define live(test) cmocka_unit_test_setup_teardown(test, driver_setup_live, driver_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        live(stop_begins_at_k_before_the_end_and_not_earlier),
        live(renewal_in_time_prevents_it),
        live(renewal_that_comes_after_its_begin_changes_nothing),
        live(stop_in_reset_mode_is_left_to_the_watchdog),
        live(everything_of_this_node_is_killed),
        live(record_in_an_old_view_does_not_spare_a_guest),
        live(job_that_was_given_out_is_killed_without_its_record),
        cmocka_unit_test(what_is_not_proven_in_time_is_left_to_the_watchdog),
        live(failure_before_its_time_is_over_is_tried_again),
        live(goodbye_is_not_said_after_the_deadline),
        live(process_that_wakes_after_the_deadline_kills_and_says_no_goodbye),
        live(goodbye_that_the_watchdog_refuses_is_a_failure),
        live(goodbye_is_repeated_while_the_watchdog_is_away),
        live(stopped_node_starts_its_services_again_with_the_lease),
        live(late_answer_with_little_authority_starts_nothing),
        live(result_of_before_the_stop_is_ignored),
        live(second_loss_stops_again),
        live(intent_to_fence_stops_at_once_and_gives_the_lease_back),
        live(intent_that_is_read_after_the_stop_gives_the_lease_back),
        live(intent_that_cannot_be_obeyed_keeps_lease_and_deadline),
        live(maintenance_stops_too),
        live(unguarded_node_tries_until_it_succeeds),
        live(node_without_services_is_not_reset_either),
        live(shutdown_ends_after_the_stop),
        live(nothing_is_started_before_it_is_noted),
        live(inherited_deadline_is_kept_without_a_store),
        live(inherited_deadline_without_a_note_leads_to_the_reset),
        live(inherited_deadline_goes_on_with_the_lease),
        live(inherited_deadline_and_the_intent_to_fence_stop_at_once),
        live(inherited_deadline_in_reset_mode_is_the_watchdogs),
        live(mode_that_changes_after_the_loss_changes_nothing),
        live(lease_that_was_never_held_is_not_lost),
        live(deadline_of_ones_own_is_not_overwritten_by_an_inherited_one),
        live(status_is_not_written_while_renewals_are_late),
        live(status_is_written_though_a_lease_is_left_to_end),
        live(status_is_not_written_without_a_lease_by_who_cannot_read),
        live(lease_is_taken_over_with_an_outdated_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
