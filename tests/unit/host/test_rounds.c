// SPDX-License-Identifier: Apache-2.0
// When rounds run: once for many causes, again for a new one, at their own time, and not after the
// end.
#include <errno.h>

#include "common/base/error.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/rounds.h"
#include "common/port/clock.h"
#include "tests/lib/test.h"

struct world {
    struct loop *loop;
    struct clock clock;
    struct rounds *rounds;
    int runs;
    int ends_with;      // the run that ends the loop
    int requests_in[8]; // how often a round asks for another one
    int64_t wake_in_ms;
    struct loop_source *probe; // asked for in the second run, when there is one
    int probes;
};

enum { PROBES = 5 };

// Comes up beside a round that is still to run, several times, and then ends the loop.
static void probe_fired(void *userdata)
{
    struct world *w = userdata;
    if (++w->probes < PROBES) {
        loop_idle_request(w->probe);
    } else {
        loop_quit(w->loop, 0);
    }
}

static bool run(void *userdata, int64_t *ret_wake_ms)
{
    struct world *w = userdata;
    for (int i = 0; i < w->requests_in[w->runs]; i++) {
        rounds_request(w->rounds);
    }
    w->runs++;
    if (w->probe != NULL && w->runs == 2) {
        loop_idle_request(w->probe);
    }
    *ret_wake_ms = w->wake_in_ms == INT64_MAX ? INT64_MAX : clock_now_ms(&w->clock) + w->wake_in_ms;
    return w->runs < w->ends_with;
}

static void world_run(struct world *w)
{
    struct error err = {0};
    host_clock_init(&w->clock);
    assert_int_equal(loop_new(&w->loop, &err), 0);
    w->rounds = rounds_new(w->loop, run, w);
    assert_int_equal(loop_run(w->loop, &err), 0);
    rounds_free(w->rounds);
    loop_free(w->loop);
}

static void first_round_runs_by_itself_and_once_for_many_causes(void **state)
{
    (void)state;
    struct world w = {.ends_with = 100, .requests_in = {3}, .wake_in_ms = INT64_MAX};
    struct error err = {0};
    host_clock_init(&w.clock);
    assert_int_equal(loop_new(&w.loop, &err), 0);
    w.probe = loop_add_idle(w.loop, probe_fired, &w);
    w.rounds = rounds_new(w.loop, run, &w);
    rounds_request(w.rounds);
    rounds_request(w.rounds); // the same cause as the first round
    assert_int_equal(loop_run(w.loop, &err), 0);
    assert_int_equal(w.runs, 2);
    rounds_free(w.rounds);
    loop_source_free(w.probe);
    loop_free(w.loop);
}

static void round_at_its_own_time_runs_without_a_cause(void **state)
{
    (void)state;
    struct world w = {.ends_with = 3, .wake_in_ms = 1};
    world_run(&w);
    assert_int_equal(w.runs, 3);
}

static void round_due_in_the_past_runs_at_once(void **state)
{
    (void)state;
    struct world w = {.ends_with = 2, .wake_in_ms = -1000};
    world_run(&w);
    assert_int_equal(w.runs, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_round_runs_by_itself_and_once_for_many_causes),
        cmocka_unit_test(round_at_its_own_time_runs_without_a_cause),
        cmocka_unit_test(round_due_in_the_past_runs_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
