// SPDX-License-Identifier: Apache-2.0
// When expected votes may be overruled.
#include <errno.h>
#include <string.h>

#include "cluster/expected_guard.h"
#include "common/base/error.h"
#include "tests/lib/fixture.h"

static const struct expected_absent silent[] = {{"node1", 0, false}, {"node2", 0, false}};
static const struct expected_absent leased[] = {{"node1", 4001, false}, {"node2", 12000, false}};
static const struct expected_absent switched_on[] = {{"node1", 5000, false}, {"node2", 0, true}};

struct guard_row {
    const char *name;
    struct expected_question question;
    int code;
    int64_t wait_ms;
    const char *words; // a part of them
};

// A node of three that is alone, unless the row says otherwise.
#define ALONE(list)                                                                                \
    .expected_votes = 3, .present_votes = 1, .all_votes = 3, .absent = (list), .absent_count = 2
// Three of five.
#define THREE_OF_FIVE(list)                                                                        \
    .expected_votes = 5, .present_votes = 3, .all_votes = 5, .quorate = true, .absent = (list),    \
    .absent_count = 2

static const struct guard_row rows[] = {
    {"alone, leases over", {.votes = 1, ALONE(silent)}, 0, -1, ""},
    {"alone, a lease in force",
     {.votes = 1, ALONE(leased)},
     -EBUSY,
     12000,
     "'node2' may still be running services under its lease: wait 12 s"},
    {"the risk is told",
     {.votes = 1, ALONE(leased)},
     -EBUSY,
     12000,
     "--force does not wait, but if these nodes are running and only the network is cut, services will run twice"},
    {"forced", {.votes = 1, .force = true, ALONE(leased)}, 0, -1, ""},
    // Whatever is known of leases: the others may have taken some after the cut.
    {"alone for a short time, no lease in force",
     {.votes = 1, .quorum_wait_ms = 5001, ALONE(silent)},
     -EBUSY,
     5001,
     "this node has not been without quorum for long enough, and the others may have begun to run "
     "services meanwhile: wait 6 s"},
    {"alone for a short time, a lease in force for longer",
     {.votes = 1, .quorum_wait_ms = 5001, ALONE(leased)},
     -EBUSY,
     12000,
     "wait 12 s"},
    {"alone for a short time, forced",
     {.votes = 1, .quorum_wait_ms = 5001, .force = true, ALONE(silent)},
     0,
     -1,
     ""},
    {"alone for a short time, a switch says on",
     {.votes = 1, .quorum_wait_ms = 5001, ALONE(switched_on)},
     -EBUSY,
     0,
     "node 'node2' is switched on"},
    {"a switch says on",
     {.votes = 1, ALONE(switched_on)},
     -EBUSY,
     0,
     "node 'node2' is switched on, its fence device says"},
    {"a switch says on, forced", {.votes = 1, .force = true, ALONE(switched_on)}, 0, -1, ""},
    {"none", {.votes = 0, ALONE(silent)}, -EINVAL, -1, "from 1 to 3"},
    {"more than there are", {.votes = 4, ALONE(silent)}, -EINVAL, -1, "from 1 to 3"},
    {"force does not help against nonsense",
     {.votes = 4, .force = true, ALONE(silent)},
     -EINVAL,
     -1,
     "from 1 to 3"},
    {"no quorum by it",
     {.votes = 2, ALONE(silent)},
     -EINVAL,
     -1,
     "the quorum would be 2, and 1 is present: at most 1"},
    {"lowered while quorate", {.votes = 3, THREE_OF_FIVE(silent)}, 0, -1, ""},
    {"lowered while quorate, a lease in force",
     {.votes = 3, THREE_OF_FIVE(leased)},
     -EBUSY,
     12000,
     "wait 12 s"},
    {"below those present",
     {.votes = 2, THREE_OF_FIVE(silent)},
     -EINVAL,
     -1,
     "3 votes are present"},
    {"as it is", {.votes = 5, THREE_OF_FIVE(silent)}, -EINVAL, -1, "5 votes are expected already"},
};

static void guard_judges_as_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = {0};
        int64_t wait_ms = -1;
        int r = expected_guard_check(&rows[i].question, &wait_ms, &err);
        fixture_row(rows[i].name, r == rows[i].code);
        fixture_row(rows[i].name, wait_ms == rows[i].wait_ms);
        fixture_row(rows[i].name, strstr(err.text, rows[i].words) != NULL);
    }
}

static void guard_with_all_nodes_present_has_nothing_to_overrule(void **state)
{
    (void)state;
    const struct expected_question question = {
        .votes = 2, .expected_votes = 3, .present_votes = 3, .all_votes = 3, .quorate = true};
    struct error err = {0};
    int64_t wait_ms = -1;
    assert_int_equal(expected_guard_check(&question, &wait_ms, &err), -EINVAL);
    assert_non_null(strstr(err.text, "all nodes are present"));
}

static void guard_raising_while_quorate_waits_for_nobody(void **state)
{
    (void)state;
    const struct expected_question question = {.votes = 5,
                                               .expected_votes = 3,
                                               .present_votes = 3,
                                               .all_votes = 5,
                                               .quorate = true,
                                               .absent = leased,
                                               .absent_count = 2};
    struct error err = {0};
    int64_t wait_ms = -1;
    assert_int_equal(expected_guard_check(&question, &wait_ms, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_judges_as_it_should),
        cmocka_unit_test(guard_with_all_nodes_present_has_nothing_to_overrule),
        cmocka_unit_test(guard_raising_while_quorate_waits_for_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
