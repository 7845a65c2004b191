// SPDX-License-Identifier: Apache-2.0
// The guard of state variables: allowed moves are made, others abort.
#include "common/base/enum_table.h"
#include "common/model/transition.h"
#include "tests/lib/fixture.h"

enum light { LIGHT_RED, LIGHT_GREEN, LIGHT_MAX };
ENUM_TABLE_DECLARE(light);
ENUM_TABLE(light, LIGHT_MAX, [LIGHT_RED] = "red", [LIGHT_GREEN] = "green");

// Red may become green; nothing else.
static const bool allowed[LIGHT_MAX * LIGHT_MAX] = {[LIGHT_RED * LIGHT_MAX + LIGHT_GREEN] = true};
static const struct transition_table table = {&light_table, allowed};

struct attempt {
    int from, to;
};

static void attempt_move(void *data)
{
    struct attempt *attempt = data;
    transition_move(&table, &attempt->from, attempt->to);
}

static void move_in_the_table_is_made(void **state)
{
    (void)state;
    int light = LIGHT_RED;
    assert_true(transition_is_allowed(&table, LIGHT_RED, LIGHT_GREEN));
    transition_move(&table, &light, LIGHT_GREEN);
    assert_int_equal(light, LIGHT_GREEN);
}

static void move_not_in_the_table_aborts(void **state)
{
    (void)state;
    static const struct attempt rows[] = {
        {LIGHT_GREEN, LIGHT_RED}, {LIGHT_RED, LIGHT_RED},   {LIGHT_GREEN, LIGHT_GREEN},
        {LIGHT_RED, LIGHT_MAX},   {LIGHT_MAX, LIGHT_GREEN}, {-1, LIGHT_GREEN},
        {LIGHT_RED, -1}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct attempt attempt = rows[i];
        if (!fixture_aborts(attempt_move, &attempt)) {
            fail_msg("move from %d to %d was made", rows[i].from, rows[i].to);
        }
    }
    assert_false(transition_is_allowed(&table, LIGHT_GREEN, LIGHT_RED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(move_in_the_table_is_made),
        cmocka_unit_test(move_not_in_the_table_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
