// SPDX-License-Identifier: Apache-2.0
// Every row of the LRM's state table, and that no other move exists.
#include <errno.h>
#include <string.h>

#include "common/model/transition.h"
#include "tests/lib/fixture.h"
#include "tests/unit/lrm/lrm_driver.h"

static void table_allows_the_documented_moves_only(void **state)
{
    (void)state;
    static const char *const documented[] = {
        "startup>wait_for_agent_lock", "wait_for_agent_lock>active",
        "active>lost_agent_lock",      "active>maintenance",
        "active>wait_for_agent_lock",  "maintenance>active",
        "maintenance>lost_agent_lock", "maintenance>wait_for_agent_lock",
        "lost_agent_lock>active",      "wait_for_agent_lock>lost_agent_lock",
    };
    struct arena *arena = arena_new();
    for (int from = 0; from < LRM_STATE_MAX; from++) {
        for (int to = 0; to < LRM_STATE_MAX; to++) {
            const char *name =
                arena_printf(arena, "%s>%s", lrm_state_to_string((enum lrm_state)from),
                             lrm_state_to_string((enum lrm_state)to));
            bool expected = false;
            for (size_t i = 0; i < ARRAY_SIZE(documented); i++) {
                expected = expected || strcmp(name, documented[i]) == 0;
            }
            fixture_row(name, transition_is_allowed(&lrm_state_transitions, from, to) == expected);
        }
    }
    arena_free(arena);
}

struct row {
    const char *name;
    enum lrm_state from;
    void (*world)(struct lrm_driver *driver);
    enum lrm_state to;
    const char *trace; // of the round
};

static void calm(struct lrm_driver *d)
{
    (void)d;
}

static void fence_node(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_node_state(d, NODE_STATE_FENCE);
}

static void fence_service(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_FENCE, DRIVER_NODE);
}

static void disarm(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->manager->disarm = DISARM_MODE_IGNORE;
}

static void disarm_frozen(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_FREEZE, DRIVER_NODE);
    d->manager->disarm = DISARM_MODE_FREEZE;
    driver_maintenance(d, false);
}

static void inactive_services(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STOPPED, DRIVER_NODE);
    driver_service(d, "ct:101", SVC_STATE_FREEZE, DRIVER_NODE);
    driver_service(d, "ct:102", SVC_STATE_ERROR, DRIVER_NODE);
    driver_service(d, "ct:103", SVC_STATE_REQUEST_START, DRIVER_NODE);
    driver_service(d, "ct:104", SVC_STATE_STARTED, "beta");
}

static void stopping_service(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_REQUEST_STOP, DRIVER_NODE);
}

static void coming_service(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_MIGRATE, "beta")->target = DRIVER_NODE;
}

static void no_quorum(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->quorate = false;
    d->lease_answer = -EHOSTDOWN;
}

static void lease_busy(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->lease_answer = LEASE_BUSY;
}

static void lease_new(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STOPPED, DRIVER_NODE);
    d->lease_answer = LEASE_ACQUIRED;
}

static void watchdog_away(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->watchdog_answer = -ENOTCONN;
}

static void maintenance(struct lrm_driver *d)
{
    driver_maintenance(d, true);
}

static void maintenance_and_disarm(struct lrm_driver *d)
{
    driver_maintenance(d, true);
    d->manager->disarm = DISARM_MODE_FREEZE;
}

static void maintenance_over(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STOPPED, DRIVER_NODE);
    driver_maintenance(d, false);
}

static void maintenance_over_with_service(struct lrm_driver *d)
{
    driver_maintenance(d, false);
}

static void maintenance_over_lease_busy(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STOPPED, DRIVER_NODE);
    driver_maintenance(d, false);
    d->lease_answer = LEASE_BUSY;
}

static void nothing_active(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_ERROR, DRIVER_NODE);
}

#define WAIT  LRM_STATE_WAIT_FOR_AGENT_LOCK
#define LOST  LRM_STATE_LOST_AGENT_LOCK
#define MAINT LRM_STATE_MAINTENANCE

static const struct row rows[] = {
    {"wait: disarmed, so no lease", WAIT, disarm, WAIT, "+lrm-mode status"},
    {"wait: node to be fenced, so no lease", WAIT, fence_node, WAIT, "status"},
    {"wait: service to be fenced, so no lease", WAIT, fence_service, WAIT, "status"},
    {"wait: nothing active, so no lease", WAIT, inactive_services, WAIT, "status"},
    {"wait: no quorum, so no lease", WAIT, no_quorum, WAIT, "status"},
    {"wait: lease is busy", WAIT, lease_busy, WAIT, "acquire status"},
    {"wait: no watchdog", WAIT, watchdog_away, WAIT, "acquire arm status"},
    {"wait: lease obtained", WAIT, stopping_service, LRM_STATE_ACTIVE,
     "acquire arm +wait_for_agent_lock>active spawn(ct:100 request_stop) status"},
    {"wait: a service on its way here counts", WAIT, coming_service, LRM_STATE_ACTIVE,
     "acquire arm +wait_for_agent_lock>active status"},
    {"lost: node to be fenced, so no lease", LOST, fence_node, LOST, ""},
    {"lost: no quorum, so no lease", LOST, no_quorum, LOST, ""},
    {"lost: lease is busy", LOST, lease_busy, LOST, "acquire"},
    {"lost: lease obtained", LOST, lease_new, LRM_STATE_ACTIVE,
     "acquire +lock-acquired arm +lost_agent_lock>active spawn(ct:100 stopped) status"},
    {"lost: watchdog expired", LOST, watchdog_away, LOST, "acquire arm"},
    {"active: node to be fenced", LRM_STATE_ACTIVE, fence_node, LOST,
     "+lease-lost +active>lost_agent_lock"},
    {"active: service to be fenced", LRM_STATE_ACTIVE, fence_service, LOST,
     "+lease-lost +active>lost_agent_lock"},
    {"active: lease not renewed", LRM_STATE_ACTIVE, lease_busy, LOST,
     "acquire +lease-lost +active>lost_agent_lock"},
    {"active: no quorum", LRM_STATE_ACTIVE, no_quorum, LOST,
     "acquire +lease-lost +active>lost_agent_lock"},
    {"active: maintenance", LRM_STATE_ACTIVE, maintenance, MAINT,
     "+lrm-mode acquire arm +active>maintenance status"},
    {"active: maintenance beats disarming", LRM_STATE_ACTIVE, maintenance_and_disarm, MAINT,
     "+lrm-mode acquire arm +active>maintenance status"},
    {"active: disarmed", LRM_STATE_ACTIVE, disarm, WAIT,
     "+lrm-mode acquire arm +active>wait_for_agent_lock disarm release status"},
    {"active: nothing changes", LRM_STATE_ACTIVE, calm, LRM_STATE_ACTIVE, "acquire arm status"},
    {"maintenance: node to be fenced", MAINT, fence_node, LOST,
     "+lease-lost +maintenance>lost_agent_lock"},
    {"maintenance: disarmed and nothing active", MAINT, disarm_frozen, WAIT,
     "+lrm-mode +maintenance>wait_for_agent_lock disarm release status"},
    {"maintenance: active services, lease renewed", MAINT, calm, MAINT, "acquire arm status"},
    {"maintenance: active services, lease lost", MAINT, lease_busy, LOST,
     "acquire +lease-lost +maintenance>lost_agent_lock"},
    {"maintenance: nothing active, lease given back", MAINT, nothing_active, MAINT,
     "disarm release spawn(ct:100 error) status"},
    {"maintenance: over", MAINT, maintenance_over, LRM_STATE_ACTIVE,
     "+lrm-mode acquire arm +maintenance>active spawn(ct:100 stopped) status"},
    {"maintenance: over, services still here", MAINT, maintenance_over_with_service, MAINT,
     "+lrm-mode acquire arm status"},
    {"maintenance: over, lease lost", MAINT, maintenance_over_lease_busy, LOST,
     "+lrm-mode acquire +lease-lost +maintenance>lost_agent_lock"},
};

static void each_row_moves_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lrm_driver d;
        driver_init(&d, TIMING_PROFILE_CLASSIC, 0);
        driver_reach(&d, rows[i].from);
        rows[i].world(&d);
        driver_round(&d);
        if (strcmp(driver_trace(&d), rows[i].trace) != 0) {
            fail_msg("row '%s': '%s' instead of '%s'", rows[i].name, driver_trace(&d),
                     rows[i].trace);
        }
        fixture_row(rows[i].name, lrm_get_state(d.lrm) == rows[i].to);
        driver_done(&d);
    }
}

static void maintenance_over_with_services_is_active_at_once_when_live(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_MAINTENANCE);
    driver_maintenance(d, false);
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
}

// In maintenance without anything that needs the lease; then ct:100 is thawed, and runs.
static void reach_thawed_in_maintenance(struct lrm_driver *d)
{
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    driver_maintenance(d, true);
    driver_service(d, "ct:100", SVC_STATE_FREEZE, DRIVER_NODE);
    driver_round(d);
    assert_true(driver_did(d, "disarm release"));
    d->now_ms += 60 * 1000;
    d->term++;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->lease_answer = LEASE_BUSY; // not answered yet
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire status");
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_MAINTENANCE);
}

static void lease_that_maintenance_gave_back_is_waited_for_when_live(void **state)
{
    struct lrm_driver *d = *state;
    reach_thawed_in_maintenance(d);
    d->lease_answer = LEASE_ACQUIRED;
    driver_round(d);
    assert_string_equal(driver_trace(d),
                        "acquire +lock-acquired arm note(ct:100) spawn(ct:100 started) status");
    d->lease_answer = LEASE_BUSY; // from now on it can be lost
    d->now_ms += d->timing.authority_ms;
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_LOST_AGENT_LOCK);
}

static void late_grant_in_maintenance_starts_nothing(void **state)
{
    struct lrm_driver *d = *state;
    reach_thawed_in_maintenance(d);
    d->lease_answer = LEASE_ACQUIRED;
    int64_t authority_ms = d->authority_ms;
    d->authority_ms = d->timing.stop_ms;
    driver_round(d);
    assert_string_equal(driver_trace(d), "acquire +lock-acquired status");
    d->authority_ms = authority_ms;
    d->lease_answer = LEASE_RENEWED;
    driver_round(d);
    assert_true(driver_did(d, "arm note(ct:100) spawn(ct:100 started)"));
}

static void shutdown_in_maintenance_without_quorum_does_not_wait_for_the_lease(void **state)
{
    struct lrm_driver *d = *state;
    reach_thawed_in_maintenance(d);
    driver_shutdown(d, LRM_SHUTDOWN_RESTART);
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_MAINTENANCE);
    d->quorate = false;
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_LOST_AGENT_LOCK);
}

// INV-2: without its lease this node would count as proven to run nothing.
static void disarming_keeps_the_lease_until_services_are_frozen_when_live(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->manager->disarm = DISARM_MODE_FREEZE;
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
    assert_false(driver_did(d, "disarm"));
    driver_service(d, "ct:100", SVC_STATE_FREEZE, DRIVER_NODE);
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_WAIT_FOR_AGENT_LOCK);
    assert_true(driver_did(d, "disarm release"));
}

static void disarming_waits_for_what_is_in_transit_when_live(void **state)
{
    static const enum svc_state states[] = {SVC_STATE_REQUEST_START_BALANCE, SVC_STATE_MIGRATE,
                                            SVC_STATE_RELOCATE, SVC_STATE_FENCE,
                                            SVC_STATE_RECOVERY};
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    driver_round(d);
    d->manager->disarm = DISARM_MODE_IGNORE;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        driver_service(d, "ct:200", states[i], "beta");
        driver_round(d);
        fixture_row(svc_state_to_string(states[i]),
                    lrm_get_state(d->lrm) == LRM_STATE_ACTIVE && !driver_did(d, "disarm"));
    }
    driver_service(d, "ct:200", SVC_STATE_STARTED, "gamma");
    driver_round(d);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_WAIT_FOR_AGENT_LOCK);
    assert_true(driver_did(d, "disarm release"));
}

static void job_that_runs_is_waited_for_before_the_lease_goes_back(void **state)
{
    struct lrm_driver *d = *state;
    d->hold = true;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    d->now_ms += d->timing.lrm_round_ms * (d->timing.lrm_idle_rounds + 2);
    driver_rounds(d, 70);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
    d->manager->disarm = DISARM_MODE_FREEZE;
    driver_rounds(d, 1);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
    driver_maintenance(d, true);
    driver_rounds(d, 1);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_MAINTENANCE);
    driver_maintenance(d, false);
    driver_rounds(d, 1); // disarmed again, but not yet done
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_MAINTENANCE);
    driver_finish(d, "ct:100", "a-ct:100", SVC_STATE_STARTED, LRM_CODE_SUCCESS);
    driver_rounds(d, 1);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_WAIT_FOR_AGENT_LOCK);
}

static void active_idle_for_more_than_60_rounds_gives_the_lease_back(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_rounds(d, 60);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
    driver_rounds(d, 1);
    assert_string_equal(driver_trace(d),
                        "acquire arm +lrm-idle +active>wait_for_agent_lock disarm release status");
}

static void active_idle_count_starts_anew_after_a_round_with_work(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    driver_rounds(d, 60);
    driver_service(d, "ct:100", SVC_STATE_STOPPED, DRIVER_NODE);
    driver_rounds(d, 1);
    driver_service(d, "ct:100", SVC_STATE_STOPPED, "beta");
    driver_rounds(d, 60);
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
}

static void active_rounds_that_follow_each_other_fast_count_once_as_idle(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    driver_service(d, "ct:100", SVC_STATE_STARTED, "beta");
    for (int i = 0; i < 500; i++) {
        d->now_ms += 10;
        driver_round(d);
    }
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
}

// INV-5: a guest that is moved here live runs here before any record names this node.
static void active_with_a_service_that_comes_is_not_idle(void **state)
{
    struct lrm_driver *d = *state;
    driver_reach(d, LRM_STATE_ACTIVE);
    struct service *service = driver_service(d, "ct:100", SVC_STATE_MIGRATE, "beta");
    service->target = DRIVER_NODE;
    for (int i = 0; i < 200; i++) {
        d->now_ms += d->timing.lrm_round_ms;
        driver_round(d);
    }
    assert_int_equal(lrm_get_state(d->lrm), LRM_STATE_ACTIVE);
    assert_true(lrm_may_receive(d->lrm, "ct:100", d->now_ms));
    assert_false(lrm_may_receive(d->lrm, "ct:101", d->now_ms));
}

static void first_status_that_cannot_be_written_ends_the_round(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->status_answer = -EHOSTDOWN;
    driver_round(d);
    assert_string_equal(driver_trace(d), "status");
    assert_false(d->exit);
    driver_shutdown(d, LRM_SHUTDOWN_RESTART);
    driver_round(d);
    assert_true(d->exit);
}

static void wait_without_need_says_goodbye_to_an_old_deadline_once(void **state)
{
    struct lrm_driver *d = *state;
    driver_round(d);
    assert_string_equal(driver_trace(d), "status disarm status");
    driver_round(d);
    assert_string_equal(driver_trace(d), "status");
}

static void wait_with_active_services_keeps_an_old_deadline(void **state)
{
    struct lrm_driver *d = *state;
    driver_service(d, "ct:100", SVC_STATE_STARTED, DRIVER_NODE);
    d->lease_answer = LEASE_BUSY;
    driver_round(d);
    assert_false(driver_did(d, "disarm"));
}

// What is not known well enough keeps an old deadline: it may guard something.
static void wait_without_a_view_keeps_an_old_deadline(void **state)
{
    (void)state;
    static const char *const views[] = {"outdated view", "no quorum", "unreadable"};
    for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
        struct lrm_driver d;
        driver_init(&d, TIMING_PROFILE_CLASSIC, 0);
        d.view_ok = i != 0;
        d.quorate = i != 1;
        d.readable = i != 2;
        driver_round(&d);
        fixture_row(views[i], !driver_did(&d, "disarm"));
        d.view_ok = d.quorate = d.readable = true;
        driver_round(&d);
        fixture_row(views[i], driver_did(&d, "disarm"));
        driver_done(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_allows_the_documented_moves_only),
        cmocka_unit_test(each_row_moves_as_documented),
        cmocka_unit_test_setup_teardown(maintenance_over_with_services_is_active_at_once_when_live,
                                        driver_setup_live, driver_teardown),
        cmocka_unit_test_setup_teardown(lease_that_maintenance_gave_back_is_waited_for_when_live,
                                        driver_setup_live, driver_teardown),
        cmocka_unit_test_setup_teardown(late_grant_in_maintenance_starts_nothing, driver_setup_live,
                                        driver_teardown),
        cmocka_unit_test_setup_teardown(
            shutdown_in_maintenance_without_quorum_does_not_wait_for_the_lease, driver_setup_live,
            driver_teardown),
        cmocka_unit_test_setup_teardown(
            disarming_keeps_the_lease_until_services_are_frozen_when_live, driver_setup_live,
            driver_teardown),
        cmocka_unit_test_setup_teardown(disarming_waits_for_what_is_in_transit_when_live,
                                        driver_setup_live, driver_teardown),
        cmocka_unit_test_setup_teardown(job_that_runs_is_waited_for_before_the_lease_goes_back,
                                        driver_setup, driver_teardown),
        cmocka_unit_test_setup_teardown(active_idle_for_more_than_60_rounds_gives_the_lease_back,
                                        driver_setup, driver_teardown),
        cmocka_unit_test_setup_teardown(active_idle_count_starts_anew_after_a_round_with_work,
                                        driver_setup, driver_teardown),
        cmocka_unit_test_setup_teardown(active_with_a_service_that_comes_is_not_idle,
                                        driver_setup_live, driver_teardown),
        cmocka_unit_test_setup_teardown(
            active_rounds_that_follow_each_other_fast_count_once_as_idle, driver_setup,
            driver_teardown),
        cmocka_unit_test_setup_teardown(first_status_that_cannot_be_written_ends_the_round,
                                        driver_setup, driver_teardown),
        cmocka_unit_test_setup_teardown(wait_without_need_says_goodbye_to_an_old_deadline_once,
                                        driver_setup, driver_teardown),
        cmocka_unit_test_setup_teardown(wait_with_active_services_keeps_an_old_deadline,
                                        driver_setup, driver_teardown),
        cmocka_unit_test(wait_without_a_view_keeps_an_old_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
