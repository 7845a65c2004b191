// SPDX-License-Identifier: Apache-2.0
// Running guests, the count that INV-1 is checked by, and the digits of failing resources.
#include <errno.h>

#include "common/base/error.h"
#include "common/base/macros.h"
#include "sim/sim_guest.h"
#include "tests/lib/fixture.h"

static int guests_setup(void **state)
{
    static struct sim_guests guests;
    sim_guests_init(&guests);
    *state = &guests;
    return 0;
}

static int guests_teardown(void **state)
{
    sim_guests_done(*state);
    return 0;
}

static void guest_that_runs_on_two_nodes_is_found(void **state)
{
    struct sim_guests *guests = *state;
    sim_guests_set(guests, "node1", "ct:100", true);
    sim_guests_set(guests, "node1", "ct:100", true);
    sim_guests_set(guests, "node2", "ct:101", true);
    assert_null(sim_guests_find_double(guests));
    sim_guests_set(guests, "node2", "ct:100", true);
    assert_string_equal(sim_guests_find_double(guests), "ct:100");
    sim_guests_set(guests, "node1", "ct:100", false);
    assert_null(sim_guests_find_double(guests));
    assert_true(sim_guests_runs(guests, "node2", "ct:100"));
    assert_false(sim_guests_runs(guests, "node1", "ct:100"));
}

static void power_cut_ends_all_guests_of_the_node(void **state)
{
    struct sim_guests *guests = *state;
    sim_guests_set(guests, "node1", "ct:100", true);
    sim_guests_set(guests, "node2", "ct:100", true);
    sim_guests_clear_node(guests, "node1");
    assert_null(sim_guests_find_double(guests));
    assert_false(sim_guests_runs(guests, "node1", "ct:100"));
    sim_guests_clear_node(guests, "node3");
}

static void guest_taken_over_by_hand_is_seen_but_not_counted(void **state)
{
    struct sim_guests *guests = *state;
    sim_guests_set(guests, "node1", "ct:100", true);
    sim_guests_disown(guests, "ct:100");
    sim_guests_set(guests, "node2", "ct:100", true);
    assert_true(sim_guests_runs(guests, "node1", "ct:100"));
    assert_null(sim_guests_find_double(guests));
    // Started again there by the cluster, it counts.
    sim_guests_set(guests, "node1", "ct:100", true);
    assert_non_null(sim_guests_find_double(guests));
    sim_guests_clear_node(guests, "node1");
    sim_guests_clear_node(guests, "node2");
    assert_null(sim_guests_find_double(guests));
}

static void node_without_guard_is_not_counted_until_it_guards_itself_again(void **state)
{
    struct sim_guests *guests = *state;
    sim_guests_set(guests, "node1", "ct:100", true);
    sim_guests_set(guests, "node1", "ct:101", true);
    sim_guests_disown(guests, "ct:101");
    sim_guests_guard_node(guests, "node1", false);
    sim_guests_set(guests, "node2", "ct:100", true);
    sim_guests_set(guests, "node2", "ct:101", true);
    assert_null(sim_guests_find_double(guests));
    sim_guests_guard_node(guests, "node1", true);
    assert_string_equal(sim_guests_find_double(guests), "ct:100");
    sim_guests_set(guests, "node2", "ct:100", false);
    // The one that an operator took over is still his.
    assert_null(sim_guests_find_double(guests));
    sim_guests_guard_node(guests, "node9", false);
}

static void digits_are_read_from_the_left(void **state)
{
    static const struct {
        const char *digits;
        int result;
        struct sim_fa fa;
    } rows[] = {
        {"100", 0, {0, 0, false, 0}},   {"120001", 0, {2, 0, false, 1}},
        {"130", 0, {3, 0, false, 0}},   {"1001", 0, {0, 0, true, 0}},
        {"10401", 0, {0, 4, false, 0}}, {"910513", 0, {1, 0, true, 3}},
        {"10", -EINVAL, {0}},           {"1234567", -EINVAL, {0}},
        {"1x0", -EINVAL, {0}},          {"", -EINVAL, {0}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sim_fa fa = {-7, -7, false, -7};
        fixture_row(rows[i].digits, sim_fa_parse(rows[i].digits, &fa, NULL) == rows[i].result);
        if (rows[i].result < 0) {
            fixture_row(rows[i].digits, fa.failing_starts == -7);
            continue;
        }
        fixture_row(rows[i].digits, fa.failing_starts == rows[i].fa.failing_starts);
        fixture_row(rows[i].digits, fa.failing_moves == rows[i].fa.failing_moves);
        fixture_row(rows[i].digits, fa.unstoppable == rows[i].fa.unstoppable);
        fixture_row(rows[i].digits, fa.only_node == rows[i].fa.only_node);
    }
}

static void attempts_fail_as_often_as_the_digit_says_on_all_nodes_together(void **state)
{
    const struct sim_fa fa = {.failing_starts = 2};
    assert_false(sim_fa_attempt(*state, "start", "fa:120", 2, &fa, "node1"));
    assert_false(sim_fa_attempt(*state, "start", "fa:120", 2, &fa, "node2"));
    assert_true(sim_fa_attempt(*state, "start", "fa:120", 2, &fa, "node3"));
    // And again from the beginning.
    assert_false(sim_fa_attempt(*state, "start", "fa:120", 2, &fa, "node3"));
    // Other services and other verbs have counters of their own.
    assert_false(sim_fa_attempt(*state, "start", "fa:220", 2, &fa, "node1"));
    assert_false(sim_fa_attempt(*state, "move", "fa:120", 1, &fa, "node1"));
    assert_true(sim_fa_attempt(*state, "move", "fa:120", 1, &fa, "node1"));
}

static void attempt_on_another_node_than_the_digit_names_succeeds_and_resets(void **state)
{
    const struct sim_fa fa = {.failing_starts = 1, .only_node = 2};
    assert_true(sim_fa_attempt(*state, "start", "fa:110012", 1, &fa, "node1"));
    assert_false(sim_fa_attempt(*state, "start", "fa:110012", 1, &fa, "node2"));
    assert_true(sim_fa_attempt(*state, "start", "fa:110012", 1, &fa, "node1"));
    assert_false(sim_fa_attempt(*state, "start", "fa:110012", 1, &fa, "node2"));
    assert_true(sim_fa_attempt(*state, "start", "fa:110012", 1, &fa, "node2"));
}

#define guests_test(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, guests_setup, guests_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        guests_test(guest_that_runs_on_two_nodes_is_found),
        guests_test(power_cut_ends_all_guests_of_the_node),
        guests_test(guest_taken_over_by_hand_is_seen_but_not_counted),
        guests_test(node_without_guard_is_not_counted_until_it_guards_itself_again),
        cmocka_unit_test(digits_are_read_from_the_left),
        guests_test(attempts_fail_as_often_as_the_digit_says_on_all_nodes_together),
        guests_test(attempt_on_another_node_than_the_digit_names_succeeds_and_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
