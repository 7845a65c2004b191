// SPDX-License-Identifier: Apache-2.0
// Virtual time, its gates, and the clocks that are read from it.
#include <stdbool.h>
#include <string.h>

#include "sim/swarm/swarm_clock.h"
#include "sim/swarm/swarm_queue.h"
#include "tests/lib/test.h"

enum { TIMERS = 200 };

struct log {
    struct swarm_queue *queue;
    char text[TIMERS + 1];
    size_t count;
    int64_t last_us;
};

struct noted {
    struct swarm_timer timer;
    struct log *log;
    char name;
};

static void noted_due(void *userdata)
{
    struct noted *noted = userdata;
    noted->log->text[noted->log->count++] = noted->name;
    noted->log->last_us = swarm_queue_now_us(noted->log->queue);
}

static void noted_init(struct noted *noted, struct log *log, struct swarm_gate *gate, char name)
{
    *noted = (struct noted){.log = log, .name = name};
    swarm_timer_init(&noted->timer, log->queue, gate, noted_due, noted);
}

static void run_until(struct swarm_queue *queue, int64_t until_us)
{
    while (swarm_queue_run_next(queue, until_us)) {
    }
}

static int setup(void **state)
{
    static struct log log;
    memset(&log, 0, sizeof(log));
    log.queue = swarm_queue_new();
    *state = &log;
    return 0;
}

static int teardown(void **state)
{
    swarm_queue_free(((struct log *)*state)->queue);
    return 0;
}

static void timers_due_at_different_times_come_in_order(void **state)
{
    struct log *log = *state;
    struct noted noted[26];
    for (int i = 0; i < 26; i++) {
        noted_init(&noted[i], log, NULL, (char)('a' + i));
    }
    for (int i = 0; i < 26; i++) {
        int at = i * 7 % 26; // a permutation
        swarm_timer_set(&noted[at].timer, 100 + at);
    }
    swarm_timer_stop(&noted[3].timer);
    swarm_timer_set(&noted[0].timer, 1000);
    run_until(log->queue, 124);
    assert_string_equal(log->text, "bcefghijklmnopqrstuvwxy");
    assert_int_equal(swarm_queue_now_us(log->queue), 124);
    assert_true(swarm_timer_is_set(&noted[25].timer));
    run_until(log->queue, 5000);
    assert_string_equal(log->text, "bcefghijklmnopqrstuvwxyza");
    assert_int_equal(log->last_us, 1000);
    assert_int_equal(swarm_queue_now_us(log->queue), 5000);
    assert_int_equal(swarm_queue_count(log->queue), 25);
}

static void timers_due_at_one_time_come_as_set(void **state)
{
    struct log *log = *state;
    struct noted noted[4];
    for (int i = 0; i < 4; i++) {
        noted_init(&noted[i], log, NULL, (char)('a' + i));
        swarm_timer_set(&noted[i].timer, 10);
    }
    swarm_timer_set(&noted[1].timer, 10); // again: now the last
    run_until(log->queue, 10);
    assert_string_equal(log->text, "acdb");
}

static void timer_set_in_the_past_is_due_now(void **state)
{
    struct log *log = *state;
    struct noted noted;
    noted_init(&noted, log, NULL, 'a');
    run_until(log->queue, 50);
    swarm_timer_set(&noted.timer, 20);
    run_until(log->queue, 50);
    assert_string_equal(log->text, "a");
    assert_int_equal(log->last_us, 50);
}

static void gate_closed_keeps_what_is_due_until_it_opens(void **state)
{
    struct log *log = *state;
    struct swarm_gate gate = {0};
    struct noted noted[5];
    for (int i = 0; i < 5; i++) {
        noted_init(&noted[i], log, i == 4 ? NULL : &gate, (char)('a' + i));
        swarm_timer_set(&noted[i].timer, 50 - i);
    }
    swarm_gate_close(&gate);
    swarm_gate_close(&gate);
    run_until(log->queue, 100);
    assert_string_equal(log->text, "e");
    assert_true(swarm_timer_is_set(&noted[0].timer));
    swarm_timer_stop(&noted[2].timer);
    assert_false(swarm_timer_is_set(&noted[2].timer));
    swarm_timer_set(&noted[0].timer, 300); // not behind the gate any more
    swarm_gate_open(&gate);
    swarm_gate_open(&gate);
    run_until(log->queue, 200);
    assert_string_equal(log->text, "edb");
    assert_int_equal(log->last_us, 100);
    run_until(log->queue, 300);
    assert_string_equal(log->text, "edba");
}

static void many_timers_moved_and_stopped_come_in_order(void **state)
{
    struct log *log = *state;
    static struct noted noted[TIMERS];
    for (size_t i = 0; i < TIMERS; i++) {
        noted_init(&noted[i], log, NULL, 'x');
        swarm_timer_set(&noted[i].timer, (int64_t)(i * 7919 % 1009));
    }
    for (size_t i = 0; i < TIMERS; i += 3) {
        swarm_timer_stop(&noted[i].timer);
    }
    for (size_t i = 1; i < TIMERS; i += 3) {
        swarm_timer_set(&noted[i].timer, (int64_t)(i * 104729 % 1013));
    }
    int64_t last_us = 0;
    size_t count = 0;
    while (swarm_queue_run_next(log->queue, 2000)) {
        assert_true(log->last_us >= last_us);
        last_us = log->last_us;
        count++;
    }
    assert_int_equal(count, TIMERS - (TIMERS + 2) / 3);
}

static void clock_drifting_is_inverted_to_the_microsecond(void **state)
{
    struct log *log = *state;
    static const int64_t drifts[] = {-1000, -999, -1, 0, 1, 37, 1000};
    static const int64_t readings[] = {5000, 5001, 6000, 8600000, 3155760000000};
    for (size_t i = 0; i < sizeof(drifts) / sizeof(*drifts); i++) {
        struct swarm_clock clock;
        struct swarm_queue *queue = swarm_queue_new();
        swarm_clock_init(&clock, queue, 5000, drifts[i]);
        for (size_t k = 0; k < sizeof(readings) / sizeof(*readings); k++) {
            int64_t at_us = swarm_clock_true_us(&clock, readings[k]);
            if (at_us > 0) {
                run_until(queue, at_us - 1);
                assert_int_equal(swarm_clock_now_ms(&clock), readings[k] - 1);
            }
            run_until(queue, at_us);
            assert_int_equal(swarm_clock_now_ms(&clock), readings[k]);
        }
        swarm_queue_free(queue);
    }
    assert_int_equal(swarm_queue_now_us(log->queue), 0);
}

static void clock_set_by_hand_moves_only_the_wall(void **state)
{
    struct log *log = *state;
    struct swarm_clock clock;
    swarm_clock_init(&clock, log->queue, 0, 0);
    int64_t wall_s = clock_wall_s(&clock.port);
    clock.wall_offset_s = -3600;
    run_until(log->queue, 2500 * 1000);
    assert_int_equal(clock_wall_s(&clock.port), wall_s - 3600 + 2);
    assert_int_equal(clock_now_ms(&clock.port), 2500);
}

#define queue_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        queue_test(timers_due_at_different_times_come_in_order),
        queue_test(timers_due_at_one_time_come_as_set),
        queue_test(timer_set_in_the_past_is_due_now),
        queue_test(gate_closed_keeps_what_is_due_until_it_opens),
        queue_test(many_timers_moved_and_stopped_come_in_order),
        queue_test(clock_drifting_is_inverted_to_the_microsecond),
        queue_test(clock_set_by_hand_moves_only_the_wall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
