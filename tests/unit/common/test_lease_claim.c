// SPDX-License-Identifier: Apache-2.0
// What a holder may believe of its lease.
#include <errno.h>

#include "common/model/lease_claim.h"
#include "tests/lib/test.h"

enum { AUTHORITY_MS = 3000, RENEW_MS = 500 };

static int answer_of(struct lease_claim *claim, int64_t now_ms, struct lease_grant *grant)
{
    struct error err = {0};
    *grant = (struct lease_grant){0};
    return lease_claim_answer(claim, now_ms, grant, &err);
}

static void claim_granted_counts_from_before_it_was_asked(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    assert_true(lease_claim_is_due(&claim, 1000));
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_is_due(&claim, 1600));
    assert_int_equal(answer_of(&claim, 1010, &grant), LEASE_BUSY);
    assert_int_equal(grant.retry_at_ms, 1010 + LEASE_CLAIM_UNANSWERED_MS);
    assert_false(lease_claim_granted(&claim, 1700, AUTHORITY_MS, 7, LEASE_ORIGIN_EXPIRED));
    assert_int_equal(answer_of(&claim, 1700, &grant), LEASE_ACQUIRED);
    assert_int_equal(grant.authority_until_ms, 4000);
    assert_int_equal(grant.term, 7);
    assert_int_equal(grant.origin, LEASE_ORIGIN_EXPIRED);
    assert_int_equal(grant.retry_at_ms, 1500);
    assert_int_equal(answer_of(&claim, 1700, &grant), LEASE_RENEWED);
    assert_true(lease_claim_is_due(&claim, 1700));
}

static void claim_renewed_keeps_term_and_origin(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 1001, AUTHORITY_MS, 7, LEASE_ORIGIN_RELEASED));
    assert_int_equal(answer_of(&claim, 1001, &grant), LEASE_ACQUIRED);
    lease_claim_asked(&claim, 1500, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 1501, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    assert_int_equal(answer_of(&claim, 1501, &grant), LEASE_RENEWED);
    assert_int_equal(grant.authority_until_ms, 4500);
    assert_int_equal(grant.origin, LEASE_ORIGIN_RELEASED);
}

static void claim_answered_too_late_gives_nothing(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 4000, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    assert_int_equal(answer_of(&claim, 4000, &grant), LEASE_BUSY);
    assert_int_equal(grant.authority_until_ms, 0);
    lease_claim_asked(&claim, 4000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 4001, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    assert_int_equal(answer_of(&claim, 4001, &grant), LEASE_ACQUIRED);
}

static void claim_that_ran_out_is_a_new_grant_when_it_returns(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 1001, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    assert_int_equal(answer_of(&claim, 3999, &grant), LEASE_ACQUIRED);
    assert_int_equal(answer_of(&claim, 4000, &grant), LEASE_BUSY);
    lease_claim_asked(&claim, 4000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 4002, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    assert_int_equal(answer_of(&claim, 4002, &grant), LEASE_ACQUIRED);
    assert_int_equal(grant.authority_until_ms, 7000);
}

static void claim_unheard_while_it_ran_out_is_a_new_grant(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 1001, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    assert_int_equal(answer_of(&claim, 1001, &grant), LEASE_ACQUIRED);
    // Nobody looked in between: the gap must not be taken for a renewal in time.
    lease_claim_asked(&claim, 9000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 9001, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    assert_int_equal(answer_of(&claim, 9001, &grant), LEASE_ACQUIRED);
}

static void claim_busy_ends_it_at_once(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    uint64_t term;
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 1001, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    lease_claim_asked(&claim, 1500, RENEW_MS);
    lease_claim_busy(&claim, 1501, 700);
    assert_int_equal(answer_of(&claim, 1501, &grant), LEASE_BUSY);
    assert_int_equal(grant.retry_at_ms, 2201);
    assert_int_equal(grant.authority_until_ms, 0);
    assert_false(lease_claim_release(&claim, &term));
    assert_false(lease_claim_is_due(&claim, 2200));
    lease_claim_wake(&claim, 1600);
    assert_true(lease_claim_is_due(&claim, 1600));
}

// Who is refused and told at once that it can be had must not ask as fast as the answers come.
static void claim_is_asked_for_at_a_pace_when_it_can_be_had(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    lease_claim_asked(&claim, 1500, RENEW_MS);
    lease_claim_busy(&claim, 1501, 700);
    lease_claim_wake(&claim, 1502);
    assert_false(lease_claim_is_due(&claim, 1500 + LEASE_CLAIM_PACE_MS - 1));
    assert_true(lease_claim_is_due(&claim, 1500 + LEASE_CLAIM_PACE_MS));
}

static void claim_refused_keeps_its_authority(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    struct error refusal = {0};
    ignore_result(error_set(&refusal, -EPERM, "another profile")); // it is -EPERM
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 1001, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    lease_claim_asked(&claim, 1500, RENEW_MS);
    lease_claim_failed(&claim, 1501, &refusal);
    assert_int_equal(answer_of(&claim, 3999, &grant), LEASE_ACQUIRED);
    assert_int_equal(grant.authority_until_ms, 4000);
    assert_int_equal(answer_of(&claim, 4000, &grant), -EPERM);
    assert_true(lease_claim_is_due(&claim, 1501 + LEASE_CLAIM_RETRY_MS));
}

static void claim_disconnected_keeps_term_and_asks_again(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 1001, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    lease_claim_asked(&claim, 1500, RENEW_MS);
    lease_claim_disconnected(&claim);
    assert_true(lease_claim_is_due(&claim, 1501));
    assert_int_equal(answer_of(&claim, 1501, &grant), LEASE_ACQUIRED);
    assert_int_equal(grant.authority_until_ms, 4000);
    assert_int_equal(claim.term, 7);
}

static void claim_unanswered_is_asked_again(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_is_due(&claim, 1000 + LEASE_CLAIM_LOST_MS - 1));
    assert_true(lease_claim_is_due(&claim, 1000 + LEASE_CLAIM_LOST_MS));
}

static void claim_released_is_not_held_any_more(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    uint64_t term = 0;
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_granted(&claim, 1001, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    assert_true(lease_claim_release(&claim, &term));
    assert_int_equal(term, 7);
    assert_int_equal(answer_of(&claim, 1002, &grant), LEASE_BUSY);
    assert_false(lease_claim_release(&claim, &term));
}

static void claim_given_back_before_the_answer_is_released_when_granted(void **state)
{
    (void)state;
    struct lease_claim claim = {0};
    struct lease_grant grant;
    uint64_t term = 0;
    lease_claim_asked(&claim, 1000, RENEW_MS);
    assert_false(lease_claim_release(&claim, &term));
    assert_true(lease_claim_granted(&claim, 1001, AUTHORITY_MS, 7, LEASE_ORIGIN_NONE));
    assert_int_equal(answer_of(&claim, 1001, &grant), LEASE_BUSY);
    // Wanted again in time, it is kept.
    lease_claim_asked(&claim, 1100, RENEW_MS);
    assert_false(lease_claim_release(&claim, &term));
    lease_claim_want(&claim);
    assert_false(lease_claim_granted(&claim, 1101, AUTHORITY_MS, 8, LEASE_ORIGIN_NONE));
    assert_int_equal(answer_of(&claim, 1101, &grant), LEASE_ACQUIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claim_granted_counts_from_before_it_was_asked),
        cmocka_unit_test(claim_renewed_keeps_term_and_origin),
        cmocka_unit_test(claim_answered_too_late_gives_nothing),
        cmocka_unit_test(claim_that_ran_out_is_a_new_grant_when_it_returns),
        cmocka_unit_test(claim_unheard_while_it_ran_out_is_a_new_grant),
        cmocka_unit_test(claim_busy_ends_it_at_once),
        cmocka_unit_test(claim_is_asked_for_at_a_pace_when_it_can_be_had),
        cmocka_unit_test(claim_refused_keeps_its_authority),
        cmocka_unit_test(claim_disconnected_keeps_term_and_asks_again),
        cmocka_unit_test(claim_unanswered_is_asked_again),
        cmocka_unit_test(claim_released_is_not_held_any_more),
        cmocka_unit_test(claim_given_back_before_the_answer_is_released_when_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
