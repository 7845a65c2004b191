// SPDX-License-Identifier: Apache-2.0
// The multiplexer's decisions as tables of steps: what clients say when, and what it answers.
#include <errno.h>

#include "common/base/macros.h"
#include "tests/lib/test.h"
#include "watchdog/mux.h"

enum step_kind { STEP_NONE, STEP_ARM, STEP_DISARM, STEP_RESTORE, STEP_MAY_FEED, STEP_DEADLINE };

// `want` is the return value, for STEP_MAY_FEED 1 or 0, for STEP_DEADLINE the earliest deadline.
struct step {
    enum step_kind kind;
    int64_t now_ms;
    const char *client;
    int64_t deadline_ms;
    int64_t want;
};

enum { STEPS_MAX = 8 };

struct row {
    const char *name;
    struct step steps[STEPS_MAX];
};

static const struct row rows[] = {
    {"nobody armed: feeding goes on for ever",
     {{STEP_MAY_FEED, INT64_MAX - 1, NULL, 0, 1}, {STEP_DEADLINE, 0, NULL, 0, INT64_MAX}}},
    {"before the deadline it feeds, at the deadline it does not",
     {{STEP_ARM, 1000, "lrm", 5000, 0},
      {STEP_MAY_FEED, 4999, NULL, 0, 1},
      {STEP_MAY_FEED, 5000, NULL, 0, 0}}},
    {"a deadline that moves back is ignored",
     {{STEP_ARM, 1000, "lrm", 5000, 0},
      {STEP_ARM, 1100, "lrm", 3000, 0},
      {STEP_DEADLINE, 0, NULL, 0, 5000},
      {STEP_MAY_FEED, 4000, NULL, 0, 1}}},
    {"a deadline in the past of an armed client is a move back",
     {{STEP_ARM, 1000, "lrm", 5000, 0},
      {STEP_ARM, 2000, "lrm", 500, 0},
      {STEP_DEADLINE, 0, NULL, 0, 5000}}},
    {"a later deadline moves it on",
     {{STEP_ARM, 1000, "lrm", 5000, 0},
      {STEP_ARM, 2000, "lrm", 6000, 0},
      {STEP_MAY_FEED, 5500, NULL, 0, 1},
      {STEP_MAY_FEED, 6000, NULL, 0, 0}}},
    {"a client that wakes late cannot revive itself",
     {{STEP_ARM, 1000, "lrm", 5000, 0},
      {STEP_ARM, 5000, "lrm", 9000, -ETIME},
      {STEP_MAY_FEED, 5001, NULL, 0, 0}}},
    {"a client that wakes late cannot say goodbye either",
     {{STEP_ARM, 1000, "lrm", 5000, 0},
      {STEP_DISARM, 6000, "lrm", 0, -ETIME},
      {STEP_MAY_FEED, 6000, NULL, 0, 0}}},
    {"expiry is final even if the clock were to go back",
     {{STEP_ARM, 1000, "lrm", 5000, 0},
      {STEP_MAY_FEED, 5000, NULL, 0, 0},
      {STEP_MAY_FEED, 1000, NULL, 0, 0},
      {STEP_ARM, 1000, "crm", 9000, -ETIME},
      {STEP_DISARM, 1000, "lrm", 0, -ETIME}}},
    {"one client's deadline ends it for all",
     {{STEP_ARM, 1000, "crm", 4000, 0},
      {STEP_ARM, 1000, "lrm", 9000, 0},
      {STEP_DEADLINE, 0, NULL, 0, 4000},
      {STEP_ARM, 4000, "lrm", 12000, -ETIME}}},
    {"a goodbye removes that client only",
     {{STEP_ARM, 1000, "crm", 4000, 0},
      {STEP_ARM, 1000, "lrm", 9000, 0},
      {STEP_DISARM, 2000, "crm", 0, 0},
      {STEP_MAY_FEED, 8999, NULL, 0, 1},
      {STEP_MAY_FEED, 9000, NULL, 0, 0}}},
    {"a goodbye of one that is not armed is fine",
     {{STEP_DISARM, 1000, "lrm", 0, 0}, {STEP_MAY_FEED, 1000, NULL, 0, 1}}},
    {"a first deadline that is over is refused and hurts nobody",
     {{STEP_ARM, 5000, "lrm", 5000, -EINVAL},
      {STEP_DEADLINE, 0, NULL, 0, INT64_MAX},
      {STEP_MAY_FEED, 9000, NULL, 0, 1}}},
    {"after a goodbye it can be armed anew, earlier than before",
     {{STEP_ARM, 1000, "lrm", 9000, 0},
      {STEP_DISARM, 2000, "lrm", 0, 0},
      {STEP_ARM, 2000, "lrm", 3000, 0},
      {STEP_DEADLINE, 0, NULL, 0, 3000}}},
    {"what the process before left counts: its client comes back in time",
     {{STEP_RESTORE, 0, "lrm", 5000, 0},
      {STEP_ARM, 4000, "lrm", 9000, 0},
      {STEP_MAY_FEED, 8999, NULL, 0, 1}}},
    {"what the process before left counts: its client stays away",
     {{STEP_RESTORE, 0, "lrm", 5000, 0}, {STEP_MAY_FEED, 5000, NULL, 0, 0}}},
    {"what the process before left counts: over before this one began",
     {{STEP_RESTORE, 0, "lrm", 5000, 0}, {STEP_ARM, 7000, "lrm", 9000, -ETIME}}},
};

static int64_t step_run(struct mux *mux, const struct step *step)
{
    switch (step->kind) {
    case STEP_NONE:
        break;
    case STEP_ARM:
        return mux_arm(mux, step->client, step->now_ms, step->deadline_ms);
    case STEP_DISARM:
        return mux_disarm(mux, step->client, step->now_ms);
    case STEP_RESTORE:
        mux_restore(mux, step->client, step->deadline_ms);
        return 0;
    case STEP_MAY_FEED:
        return mux_may_feed(mux, step->now_ms) ? 1 : 0;
    case STEP_DEADLINE:
        return mux_deadline_ms(mux);
    }
    return 0;
}

static void mux_steps_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct mux *mux CLEANUP(mux_freep) = mux_new();
        for (size_t s = 0; s < STEPS_MAX && rows[i].steps[s].kind != STEP_NONE; s++) {
            int64_t got = step_run(mux, &rows[i].steps[s]);
            if (got != rows[i].steps[s].want) {
                fail_msg("%s: step %zu: got %lld, want %lld", rows[i].name, s + 1, (long long)got,
                         (long long)rows[i].steps[s].want);
            }
        }
    }
}

static void expired_client_after_expiry_is_named(void **state)
{
    (void)state;
    struct mux *mux CLEANUP(mux_freep) = mux_new();
    assert_int_equal(mux_arm(mux, "crm", 1000, 9000), 0);
    assert_int_equal(mux_arm(mux, "lrm", 1000, 5000), 0);
    assert_null(mux_expired_client(mux));
    assert_false(mux_may_feed(mux, 5000));
    assert_string_equal(mux_expired_client(mux), "lrm");
    // Later deadlines that pass do not change the name.
    assert_false(mux_may_feed(mux, 20000));
    assert_string_equal(mux_expired_client(mux), "lrm");
}

static void clients_when_armed_are_listed_by_name(void **state)
{
    (void)state;
    struct mux *mux CLEANUP(mux_freep) = mux_new();
    assert_int_equal(mux_arm(mux, "lrm", 1000, 5000), 0);
    assert_int_equal(mux_arm(mux, "crm", 1000, 6000), 0);
    assert_int_equal(mux_count(mux), 2);
    int64_t deadline_ms = -7;
    assert_string_equal(mux_client(mux, 0, &deadline_ms), "crm");
    assert_int_equal(deadline_ms, 6000);
    assert_string_equal(mux_client(mux, 1, &deadline_ms), "lrm");
    assert_int_equal(deadline_ms, 5000);
    deadline_ms = -7;
    assert_int_equal(mux_find(mux, "other", &deadline_ms), -ENOENT);
    assert_int_equal(deadline_ms, -7);
    assert_int_equal(mux_find(mux, "lrm", &deadline_ms), 0);
    assert_int_equal(deadline_ms, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mux_steps_answer),
        cmocka_unit_test(expired_client_after_expiry_is_named),
        cmocka_unit_test(clients_when_armed_are_listed_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
