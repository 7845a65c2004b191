// SPDX-License-Identifier: Apache-2.0
// The lease table of the simulator.
#include <errno.h>

#include "common/port/lease.h"
#include "sim/sim_lease.h"
#include "tests/lib/fixture.h"

enum { LEASE_MS = 120000 };

static int leases_setup(void **state)
{
    static struct sim_leases leases;
    sim_leases_init(&leases);
    *state = &leases;
    return 0;
}

static int leases_teardown(void **state)
{
    sim_leases_done(*state);
    return 0;
}

static int acquire(struct sim_leases *leases, const char *owner, int64_t now_ms, uint64_t *term)
{
    int64_t until_ms = 0;
    return sim_leases_acquire(leases, "l", owner, now_ms, LEASE_MS, term, &until_ms);
}

static void free_lease_is_taken_and_own_lease_is_renewed(void **state)
{
    uint64_t first = 0;
    uint64_t second = 0;
    assert_int_equal(acquire(*state, "a", 0, &first), LEASE_ACQUIRED);
    assert_int_equal(acquire(*state, "a", LEASE_MS, &second), LEASE_RENEWED);
    assert_int_equal(first, second);
    // The renewal counts from its own time.
    assert_int_equal(acquire(*state, "b", 2 * LEASE_MS, &second), LEASE_BUSY);
}

static void lease_of_another_is_busy_until_more_than_its_time_has_passed(void **state)
{
    uint64_t term = 0;
    int64_t until_ms = 0;
    assert_int_equal(acquire(*state, "a", 5000, &term), LEASE_ACQUIRED);
    assert_int_equal(sim_leases_acquire(*state, "l", "b", 6000, LEASE_MS, &term, &until_ms),
                     LEASE_BUSY);
    assert_int_equal(until_ms, 5000 + LEASE_MS);
    assert_int_equal(acquire(*state, "b", 5000 + LEASE_MS, &term), LEASE_BUSY);
    assert_int_equal(acquire(*state, "b", 5001 + LEASE_MS, &term), LEASE_ACQUIRED);
}

static void own_lease_that_ran_out_is_taken_anew_with_a_new_term(void **state)
{
    uint64_t first = 0;
    uint64_t second = 0;
    assert_int_equal(acquire(*state, "a", 0, &first), LEASE_ACQUIRED);
    assert_int_equal(acquire(*state, "a", LEASE_MS + 1, &second), LEASE_ACQUIRED);
    assert_true(second > first);
}

static void only_the_holder_may_release_and_only_in_time(void **state)
{
    uint64_t term = 0;
    assert_int_equal(sim_leases_release(*state, "l", "a", 0, LEASE_MS, NULL), -ENOENT);
    assert_int_equal(acquire(*state, "a", 0, &term), LEASE_ACQUIRED);
    assert_int_equal(sim_leases_release(*state, "l", "b", 0, LEASE_MS, NULL), -ENOENT);
    assert_int_equal(sim_leases_release(*state, "l", "a", LEASE_MS + 1, LEASE_MS, NULL), -ENOENT);
    assert_int_equal(sim_leases_release(*state, "l", "a", LEASE_MS, LEASE_MS, NULL), 0);
    assert_int_equal(acquire(*state, "b", 1, &term), LEASE_ACQUIRED);
}

// INV-2: what a lease proves depends on how it was got.
static void origin_tells_how_the_lease_was_got(void **state)
{
    uint64_t term = 0;
    assert_int_equal(acquire(*state, "a", 0, &term), LEASE_ACQUIRED);
    assert_int_equal(sim_leases_find(*state, "l")->origin, LEASE_ORIGIN_NONE);
    assert_int_equal(acquire(*state, "b", LEASE_MS + 1, &term), LEASE_ACQUIRED);
    assert_int_equal(sim_leases_find(*state, "l")->origin, LEASE_ORIGIN_EXPIRED);
    assert_int_equal(sim_leases_release(*state, "l", "b", LEASE_MS + 2, LEASE_MS, NULL), 0);
    assert_int_equal(acquire(*state, "c", LEASE_MS + 3, &term), LEASE_ACQUIRED);
    assert_int_equal(sim_leases_find(*state, "l")->origin, LEASE_ORIGIN_RELEASED);
    assert_int_equal(acquire(*state, "c", LEASE_MS + 4, &term), LEASE_RENEWED);
    assert_int_equal(sim_leases_find(*state, "l")->origin, LEASE_ORIGIN_RELEASED);
    sim_leases_break(*state, "l");
    assert_false(sim_leases_is_held(*state, "l", "c", term));
    assert_int_equal(acquire(*state, "d", LEASE_MS + 5, &term), LEASE_ACQUIRED);
    assert_int_equal(sim_leases_find(*state, "l")->origin, LEASE_ORIGIN_INHERITED);
    sim_leases_break(*state, "nothing"); // is fine
}

static void held_means_owner_and_term(void **state)
{
    uint64_t term = 0;
    assert_false(sim_leases_is_held(*state, "l", "a", 1));
    assert_int_equal(acquire(*state, "a", 0, &term), LEASE_ACQUIRED);
    assert_true(sim_leases_is_held(*state, "l", "a", term));
    assert_false(sim_leases_is_held(*state, "l", "a", term + 1));
    assert_false(sim_leases_is_held(*state, "l", "b", term));
    sim_leases_break(*state, "l");
    assert_false(sim_leases_is_held(*state, "l", "a", term));
}

#define leases_test(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, leases_setup, leases_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        leases_test(free_lease_is_taken_and_own_lease_is_renewed),
        leases_test(lease_of_another_is_busy_until_more_than_its_time_has_passed),
        leases_test(own_lease_that_ran_out_is_taken_anew_with_a_new_term),
        leases_test(only_the_holder_may_release_and_only_in_time),
        leases_test(origin_tells_how_the_lease_was_got),
        leases_test(held_means_owner_and_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
