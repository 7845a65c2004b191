// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <string.h>

#include "sim/swarm/swarm_fiber.h"
#include "tests/lib/test.h"

struct talk {
    struct swarm_fiber *fiber;
    int steps, waits;
    bool was_ended;
    char stack_text[64];
};

static void talk_run(void *userdata)
{
    struct talk *talk = userdata;
    char text[64];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < talk->waits; i++) {
        talk->steps++;
        swarm_fiber_wait(talk->fiber);
    }
    talk->was_ended = swarm_fiber_is_ended(talk->fiber);
    memcpy(talk->stack_text, text, sizeof(text));
    talk->steps += 100;
}

static void fiber_waiting_goes_on_where_it_was(void **state)
{
    (void)state;
    struct talk talk = {.waits = 2};
    talk.fiber = swarm_fiber_new(talk_run, &talk);
    assert_int_equal(talk.steps, 0);
    swarm_fiber_resume(talk.fiber);
    assert_int_equal(talk.steps, 1);
    swarm_fiber_resume(talk.fiber);
    assert_int_equal(talk.steps, 2);
    assert_false(swarm_fiber_is_done(talk.fiber));
    swarm_fiber_resume(talk.fiber);
    assert_int_equal(talk.steps, 102);
    assert_true(swarm_fiber_is_done(talk.fiber));
    assert_false(talk.was_ended);
    assert_int_equal(strlen(talk.stack_text), 63);
    swarm_fiber_free(talk.fiber);
}

static void fiber_ended_returns_at_once(void **state)
{
    (void)state;
    struct talk talk = {.waits = 50};
    talk.fiber = swarm_fiber_new(talk_run, &talk);
    swarm_fiber_resume(talk.fiber);
    swarm_fiber_end(talk.fiber);
    assert_true(swarm_fiber_is_done(talk.fiber));
    assert_true(talk.was_ended);
    assert_int_equal(talk.steps, 150);
    swarm_fiber_free(talk.fiber);
}

static void fiber_ended_before_it_began_never_runs(void **state)
{
    (void)state;
    struct talk talk = {.waits = 1};
    talk.fiber = swarm_fiber_new(talk_run, &talk);
    swarm_fiber_end(talk.fiber);
    assert_true(swarm_fiber_is_done(talk.fiber));
    assert_int_equal(talk.steps, 0);
    swarm_fiber_free(talk.fiber);
}

static void fiber_restarted_begins_anew(void **state)
{
    (void)state;
    struct talk talk = {.waits = 1};
    talk.fiber = swarm_fiber_new(talk_run, &talk);
    for (int i = 0; i < 1000; i++) {
        talk.steps = 0;
        swarm_fiber_resume(talk.fiber);
        swarm_fiber_resume(talk.fiber);
        assert_int_equal(talk.steps, 101);
        assert_true(swarm_fiber_is_done(talk.fiber));
        swarm_fiber_restart(talk.fiber);
        assert_false(swarm_fiber_is_done(talk.fiber));
    }
    swarm_fiber_end(talk.fiber);
    swarm_fiber_free(talk.fiber);
}

static void fibers_taking_turns_keep_their_own_state(void **state)
{
    (void)state;
    enum { FIBERS = 40 };
    static struct talk talks[FIBERS];
    for (int i = 0; i < FIBERS; i++) {
        talks[i] = (struct talk){.waits = i};
        talks[i].fiber = swarm_fiber_new(talk_run, &talks[i]);
    }
    for (int turn = 0; turn <= FIBERS; turn++) {
        for (int i = 0; i < FIBERS; i++) {
            if (!swarm_fiber_is_done(talks[i].fiber)) {
                swarm_fiber_resume(talks[i].fiber);
            }
        }
    }
    for (int i = 0; i < FIBERS; i++) {
        assert_int_equal(talks[i].steps, i + 100);
        swarm_fiber_free(talks[i].fiber);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fiber_waiting_goes_on_where_it_was),
        cmocka_unit_test(fiber_ended_returns_at_once),
        cmocka_unit_test(fiber_ended_before_it_began_never_runs),
        cmocka_unit_test(fiber_restarted_begins_anew),
        cmocka_unit_test(fibers_taking_turns_keep_their_own_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
