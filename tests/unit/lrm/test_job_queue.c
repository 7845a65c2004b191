// SPDX-License-Identifier: Apache-2.0
// The queue's rules: one waiting and one running job a service, order, replacement, results that
// count once.
#include "lrm/core/job_queue.h"
#include "tests/lib/fixture.h"

static int queue_setup(void **state)
{
    static struct job_queue queue;
    job_queue_init(&queue);
    *state = &queue;
    return 0;
}

static int queue_teardown(void **state)
{
    job_queue_done(*state);
    return 0;
}

static void put(struct job_queue *queue, const char *sid, const char *uid, enum svc_state state)
{
    const struct job job = {
        .sid = sid, .uid = uid, .state = state, .timeout_s = SERVICE_TIMEOUT_NONE};
    job_queue_put(queue, &job);
}

static void waiting_jobs_are_taken_by_sid(void **state)
{
    struct job_queue *queue = *state;
    put(queue, "vm:101", "a", SVC_STATE_STOPPED);
    put(queue, "ct:100", "b", SVC_STATE_STOPPED);
    put(queue, "vm:1000", "c", SVC_STATE_STOPPED);
    assert_string_equal(job_queue_take(queue, true)->sid, "ct:100");
    assert_string_equal(job_queue_take(queue, true)->sid, "vm:1000");
    assert_string_equal(job_queue_take(queue, true)->sid, "vm:101");
    assert_null(job_queue_take(queue, true));
    assert_int_equal(job_queue_remaining(queue), 3);
}

static void job_that_had_to_wait_longer_is_taken_first(void **state)
{
    struct job_queue *queue = *state;
    put(queue, "ct:102", "a", SVC_STATE_STOPPED);
    job_queue_count_turn(queue);
    put(queue, "ct:100", "b", SVC_STATE_STOPPED);
    put(queue, "ct:101", "c", SVC_STATE_STOPPED);
    job_queue_count_turn(queue);
    put(queue, "ct:099", "d", SVC_STATE_STOPPED);
    assert_string_equal(job_queue_take(queue, true)->sid, "ct:102");
    assert_string_equal(job_queue_take(queue, true)->sid, "ct:100");
    assert_string_equal(job_queue_take(queue, true)->sid, "ct:101");
    assert_string_equal(job_queue_take(queue, true)->sid, "ct:099");
}

static void newer_order_replaces_the_waiting_one_and_keeps_its_turns(void **state)
{
    struct job_queue *queue = *state;
    put(queue, "ct:101", "old", SVC_STATE_STARTED);
    job_queue_count_turn(queue);
    put(queue, "ct:100", "x", SVC_STATE_STOPPED);
    put(queue, "ct:101", "new", SVC_STATE_REQUEST_STOP);
    const struct job *job = job_queue_take(queue, true);
    assert_string_equal(job->sid, "ct:101");
    assert_string_equal(job->uid, "new");
    assert_int_equal(job->state, SVC_STATE_REQUEST_STOP);
}

static void order_while_a_worker_runs_is_ignored(void **state)
{
    struct job_queue *queue = *state;
    put(queue, "ct:100", "a", SVC_STATE_STARTED);
    assert_non_null(job_queue_take(queue, true));
    put(queue, "ct:100", "b", SVC_STATE_REQUEST_STOP);
    assert_int_equal(job_queue_remaining(queue), 1);
    assert_null(job_queue_take(queue, true));
}

static void stop_job_of_the_shutdown_waits_for_the_running_worker(void **state)
{
    struct job_queue *queue = *state;
    put(queue, "ct:100", "a", SVC_STATE_STARTED);
    assert_non_null(job_queue_take(queue, true));
    put(queue, "ct:100", NULL, SVC_STATE_REQUEST_STOP);
    assert_null(job_queue_take(queue, true));
    assert_true(job_queue_finish(queue, "ct:100", "a"));
    assert_null(job_queue_take(queue, true)->uid);
}

static void stop_job_of_the_shutdown_is_not_replaced_by_an_order(void **state)
{
    struct job_queue *queue = *state;
    put(queue, "ct:100", NULL, SVC_STATE_REQUEST_STOP);
    put(queue, "ct:100", "a", SVC_STATE_STARTED);
    assert_null(job_queue_take(queue, true)->uid);
}

static void order_replaces_the_stop_job_of_the_shutdown_in_classic_replay(void **state)
{
    struct job_queue *queue = *state;
    queue->orders_beat_stops = true;
    put(queue, "ct:101", NULL, SVC_STATE_REQUEST_STOP);
    put(queue, "ct:101", "order", SVC_STATE_RELOCATE);
    queue->orders_beat_stops = false;
    put(queue, "ct:102", NULL, SVC_STATE_REQUEST_STOP);
    put(queue, "ct:102", NULL, SVC_STATE_STOPPED); // asked to end again: as it was
    assert_string_equal(job_queue_take(queue, true)->uid, "order");
    assert_null(job_queue_take(queue, true)->uid);
    assert_null(job_queue_take(queue, true));
}

static void result_counts_once_and_for_its_own_job_only(void **state)
{
    struct job_queue *queue = *state;
    put(queue, "ct:100", "a", SVC_STATE_STOPPED);
    assert_false(job_queue_finish(queue, "ct:100", "a"));
    assert_non_null(job_queue_take(queue, true));
    assert_false(job_queue_finish(queue, "ct:100", "b"));
    assert_false(job_queue_finish(queue, "ct:100", NULL));
    assert_false(job_queue_finish(queue, "ct:101", "a"));
    assert_true(job_queue_is_running(queue, "ct:100"));
    assert_true(job_queue_finish(queue, "ct:100", "a"));
    assert_false(job_queue_is_running(queue, "ct:100"));
    assert_false(job_queue_finish(queue, "ct:100", "a"));
}

static void orders_that_are_not_repeated_are_dropped(void **state)
{
    struct job_queue *queue = *state;
    put(queue, "ct:100", "a", SVC_STATE_STARTED);
    put(queue, "ct:101", "b", SVC_STATE_STARTED);
    put(queue, "ct:102", NULL, SVC_STATE_REQUEST_STOP);
    job_queue_unconfirm(queue);
    put(queue, "ct:101", "b", SVC_STATE_STARTED);
    job_queue_drop_unconfirmed(queue);
    assert_int_equal(job_queue_remaining(queue), 2);
    assert_string_equal(job_queue_take(queue, true)->sid, "ct:101");
    assert_string_equal(job_queue_take(queue, true)->sid, "ct:102");
}

static void jobs_that_bring_to_life_wait_for_authority(void **state)
{
    static const struct {
        enum svc_state state;
        bool needs;
    } rows[] = {
        {SVC_STATE_STARTED, true},       {SVC_STATE_MIGRATE, true},
        {SVC_STATE_RELOCATE, true},      {SVC_STATE_REQUEST_START_BALANCE, true},
        {SVC_STATE_REQUEST_STOP, false}, {SVC_STATE_STOPPED, false},
        {SVC_STATE_ERROR, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct job_queue queue;
        job_queue_init(&queue);
        put(&queue, "ct:100", "a", rows[i].state);
        bool taken = job_queue_take(&queue, false) != NULL;
        fixture_row(svc_state_to_string(rows[i].state), taken == !rows[i].needs);
        fixture_row(svc_state_to_string(rows[i].state),
                    taken || job_queue_take(&queue, true) != NULL);
        job_queue_done(&queue);
    }
}

#define queue_test(function) cmocka_unit_test_setup_teardown(function, queue_setup, queue_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        queue_test(waiting_jobs_are_taken_by_sid),
        queue_test(job_that_had_to_wait_longer_is_taken_first),
        queue_test(newer_order_replaces_the_waiting_one_and_keeps_its_turns),
        queue_test(order_while_a_worker_runs_is_ignored),
        queue_test(stop_job_of_the_shutdown_waits_for_the_running_worker),
        queue_test(stop_job_of_the_shutdown_is_not_replaced_by_an_order),
        queue_test(order_replaces_the_stop_job_of_the_shutdown_in_classic_replay),
        queue_test(result_counts_once_and_for_its_own_job_only),
        queue_test(orders_that_are_not_repeated_are_dropped),
        cmocka_unit_test(jobs_that_bring_to_life_wait_for_authority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
