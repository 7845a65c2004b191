// SPDX-License-Identifier: Apache-2.0
// What Corosync's services tell, in every order: a configuration is quorate only when the quorum is
// that of the very ring that the group stands on (INV-3).
#include "cluster/corosync/correlation.h"
#include "cluster/transport.h"
#include "common/base/macros.h"
#include "tests/lib/test.h"

enum step_kind {
    STEP_END,
    STEP_GROUP,  // a, b, c: members' ids (0: none); joined or left with their process
    STEP_NODES,  // likewise, but with their node: a ring follows
    STEP_RING,   // a: node, b: sequence
    STEP_QUORUM, // a: node, b: sequence, c: quorate; and the votes as they are, asked for then
    STEP_WORD,   // likewise, but the answer is not there yet
    STEP_VOTES,  // a: quorum, b: highest expected, c: a device's votes and those it casts
    STEP_LATE,   // likewise, but asked for before the last word on the quorum
};

struct step {
    enum step_kind kind;
    uint32_t a, b, c;
};

struct row {
    const char *name;
    struct step steps[10];
    bool told;
    size_t members;
    bool quorate;
};

static const struct row rows[] = {
    {"nothing told: alone, not quorate", {{STEP_END, 0, 0, 0}}, true, 1, false},
    {"joined, ring not told yet", {{STEP_GROUP, 1, 2, 3}}, false, 0, false},
    {"group and ring, no quorum yet",
     {{STEP_GROUP, 1, 2, 3}, {STEP_RING, 1, 8, 0}, {STEP_VOTES, 2, 3, 0}},
     true,
     3,
     false},
    {"all told, quorum last",
     {{STEP_GROUP, 1, 2, 3}, {STEP_RING, 1, 8, 0}, {STEP_VOTES, 2, 3, 0}, {STEP_QUORUM, 1, 8, 1}},
     true,
     3,
     true},
    {"all told, quorum first",
     {{STEP_QUORUM, 1, 8, 1}, {STEP_VOTES, 2, 3, 0}, {STEP_GROUP, 1, 2, 3}, {STEP_RING, 1, 8, 0}},
     true,
     3,
     true},
    {"quorum of an older ring does not count",
     {{STEP_QUORUM, 1, 4, 1}, {STEP_VOTES, 2, 3, 0}, {STEP_GROUP, 1, 2, 3}, {STEP_RING, 1, 8, 0}},
     true,
     3,
     false},
    {"quorum of a ring of the same number elsewhere does not count",
     {{STEP_QUORUM, 2, 8, 1}, {STEP_VOTES, 2, 3, 0}, {STEP_GROUP, 1, 2, 3}, {STEP_RING, 1, 8, 0}},
     true,
     3,
     false},
    {"a node left: the members stand on no ring until its name comes",
     {{STEP_GROUP, 1, 2, 3},
      {STEP_RING, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_QUORUM, 1, 8, 1},
      {STEP_NODES, 1, 2, 0}},
     false,
     0,
     false},
    {"a node left: the old quorum does not count on the new ring",
     {{STEP_GROUP, 1, 2, 3},
      {STEP_RING, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_QUORUM, 1, 8, 1},
      {STEP_NODES, 1, 2, 0},
      {STEP_RING, 1, 12, 0}},
     true,
     2,
     false},
    {"a node left: quorate again when told so",
     {{STEP_GROUP, 1, 2, 3},
      {STEP_RING, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_NODES, 1, 2, 0},
      {STEP_RING, 1, 12, 0},
      {STEP_QUORUM, 1, 12, 1}},
     true,
     2,
     true},
    {"a daemon ended, its node did not: quorate, and the ring is the same",
     {{STEP_GROUP, 1, 2, 3},
      {STEP_RING, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_QUORUM, 1, 8, 1},
      {STEP_GROUP, 1, 3, 0}},
     true,
     2,
     true},
    {"two daemons ended: the nodes are a quorum, those who can acknowledge are not",
     {{STEP_GROUP, 1, 0, 0}, {STEP_RING, 1, 8, 0}, {STEP_VOTES, 2, 3, 0}, {STEP_QUORUM, 1, 8, 1}},
     true,
     1,
     false},
    {"expected 1 on a node alone",
     {{STEP_GROUP, 1, 0, 0},
      {STEP_RING, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_QUORUM, 1, 8, 0},
      {STEP_VOTES, 1, 1, 0},
      {STEP_QUORUM, 1, 8, 1}},
     true,
     1,
     true},
    {"a quorum of less than half (two_node, tie breakers) is none",
     {{STEP_GROUP, 1, 0, 0}, {STEP_RING, 1, 8, 0}, {STEP_VOTES, 1, 2, 0}, {STEP_QUORUM, 1, 8, 1}},
     true,
     1,
     false},
    {"members that are not in the configuration have no votes",
     {{STEP_GROUP, 1, 8, 9}, {STEP_RING, 1, 8, 0}, {STEP_VOTES, 2, 3, 0}, {STEP_QUORUM, 1, 8, 1}},
     true,
     3,
     false},
    {"the quorum device's vote makes up for a node",
     {{STEP_GROUP, 1, 0, 0}, {STEP_RING, 1, 8, 0}, {STEP_VOTES, 2, 3, 11}, {STEP_QUORUM, 1, 8, 1}},
     true,
     1,
     true},
    {"the quorum device has given its vote to others, and Corosync does not know it yet",
     {{STEP_GROUP, 1, 0, 0}, {STEP_RING, 1, 8, 0}, {STEP_VOTES, 2, 3, 10}, {STEP_QUORUM, 1, 8, 1}},
     true,
     1,
     false},
    {"a gain does not count before votes were asked for",
     {{STEP_GROUP, 1, 2, 3}, {STEP_RING, 1, 8, 0}, {STEP_VOTES, 2, 3, 0}, {STEP_WORD, 1, 8, 1}},
     true,
     3,
     false},
    {"nor with votes that were asked for before it was told",
     {{STEP_GROUP, 1, 0, 0}, {STEP_RING, 1, 8, 0}, {STEP_WORD, 1, 8, 1}, {STEP_LATE, 2, 3, 11}},
     true,
     1,
     false},
    {"but with those that were asked for then",
     {{STEP_GROUP, 1, 0, 0},
      {STEP_RING, 1, 8, 0},
      {STEP_WORD, 1, 8, 1},
      {STEP_LATE, 2, 3, 10},
      {STEP_VOTES, 2, 3, 11}},
     true,
     1,
     true},
    {"a loss counts at once",
     {{STEP_GROUP, 1, 2, 3},
      {STEP_RING, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_QUORUM, 1, 8, 1},
      {STEP_WORD, 1, 8, 0}},
     true,
     3,
     false},
    {"the same told again changes nothing",
     {{STEP_GROUP, 1, 2, 3},
      {STEP_RING, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_QUORUM, 1, 8, 1},
      {STEP_WORD, 1, 8, 1}},
     true,
     3,
     true},
    {"a gain that was lost again does not come with the votes",
     {{STEP_GROUP, 1, 2, 3},
      {STEP_RING, 1, 8, 0},
      {STEP_WORD, 1, 8, 1},
      {STEP_WORD, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0}},
     true,
     3,
     false},
    {"the gain of another ring: the old quorum is not known any more",
     {{STEP_GROUP, 1, 2, 3},
      {STEP_RING, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_QUORUM, 1, 8, 1},
      {STEP_WORD, 1, 12, 1}},
     true,
     3,
     false},
    {"it counts when the group stands on that ring",
     {{STEP_GROUP, 1, 2, 3},
      {STEP_RING, 1, 8, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_QUORUM, 1, 8, 1},
      {STEP_WORD, 1, 12, 1},
      {STEP_NODES, 1, 2, 0},
      {STEP_VOTES, 2, 3, 0},
      {STEP_RING, 1, 12, 0}},
     true,
     2,
     true},
    {"we are not in the group (any more): alone",
     {{STEP_GROUP, 2, 3, 0}, {STEP_RING, 1, 8, 0}, {STEP_VOTES, 2, 3, 0}, {STEP_QUORUM, 1, 8, 1}},
     true,
     1,
     false},
};

static struct correlation_votes votes_of_step(const struct step *step)
{
    return (struct correlation_votes){
        .quorum = step->a,
        .expected = step->b,
        .device = step->c / 10,
        .cast = step->c % 10,
    };
}

// `asked` counts the requests: each word on the quorum is followed by one.
static void step_run(struct correlation *correlation, const struct step *step, uint64_t *asked)
{
    uint32_t ids[] = {step->a, step->b, step->c};
    struct correlation_member members[3];
    size_t count = 0;
    struct correlation_ring ring = {.node = step->a, .sequence = step->b};
    struct correlation_votes votes = correlation->votes;
    switch (step->kind) {
    case STEP_GROUP:
    case STEP_NODES:
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
            if (ids[i] != 0) {
                members[count++] = (struct correlation_member){.id = ids[i], .process = 9};
            }
        }
        correlation_group(correlation, members, count, step->kind == STEP_NODES);
        break;
    case STEP_RING:
        correlation_ring(correlation, ring);
        break;
    case STEP_QUORUM:
        correlation_quorum(correlation, ring, step->c != 0, ++*asked);
        correlation_take_votes(correlation, *asked, &votes);
        break;
    case STEP_WORD:
        correlation_quorum(correlation, ring, step->c != 0, ++*asked);
        break;
    case STEP_VOTES:
        votes = votes_of_step(step);
        correlation_take_votes(correlation, *asked, &votes);
        break;
    case STEP_LATE:
        votes = votes_of_step(step);
        correlation_take_votes(correlation, *asked - 1, &votes);
        break;
    case STEP_END:
        break;
    }
}

static void configuration_follows_from_what_was_told(void **state)
{
    (void)state;
    static const struct transport_node list[] = {
        {.id = 1, .name = "n1", .votes = 1},
        {.id = 2, .name = "n2", .votes = 1},
        {.id = 3, .name = "n3", .votes = 1},
    };
    struct transport_nodes nodes = {.nodes = list, .count = ARRAY_SIZE(list)};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *row = &rows[i];
        struct correlation correlation;
        struct replica_member members[REPLICA_MEMBERS_MAX];
        struct replica_configuration got = {0};
        uint64_t asked = 0;
        correlation_init(&correlation, 1);
        for (const struct step *step = row->steps; step->kind != STEP_END; step++) {
            step_run(&correlation, step, &asked);
        }
        bool told = correlation_get(&correlation, &nodes, members, &got);
        if (told != row->told || got.count != row->members || got.quorate != row->quorate) {
            fail_msg("%s: told %d, %zu members, quorate %d", row->name, told, got.count,
                     got.quorate);
        }
    }
}

static void votes_of_a_device_are_none_of_the_nodes(void **state)
{
    (void)state;
    const struct {
        const char *name;
        struct correlation_votes votes;
        uint32_t quorum, expected, device;
        bool forced;
    } table[] = {
        {"two nodes", {.quorum = 2, .expected = 3, .device = 1, .cast = 1}, 2, 2, 1, false},
        {"the device is elsewhere", {.quorum = 2, .expected = 3, .device = 1}, 2, 2, 0, false},
        {"an operator expects one", {.quorum = 1, .expected = 1, .device = 1}, 1, 1, 0, true},
        {"no device", {.quorum = 2, .expected = 2}, 2, 2, 0, false},
    };
    static const struct transport_node list[] = {
        {.id = 1, .name = "n1", .votes = 1},
        {.id = 2, .name = "n2", .votes = 1},
        {.id = 3, .name = "n3", .votes = 0}, // joins
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct correlation correlation;
        struct correlation_member group[] = {{1, 9}};
        struct replica_member members[REPLICA_MEMBERS_MAX];
        struct transport_nodes nodes = {.nodes = list, .count = ARRAY_SIZE(list)};
        struct replica_configuration got = {0};
        correlation_init(&correlation, 1);
        correlation_group(&correlation, group, ARRAY_SIZE(group), false);
        correlation_ring(&correlation, (struct correlation_ring){.node = 1, .sequence = 8});
        correlation_take_votes(&correlation, 1, &table[i].votes);
        assert_true(correlation_get(&correlation, &nodes, members, &got));
        if (got.quorum_votes != table[i].quorum || got.expected_votes != table[i].expected ||
            got.device_votes != table[i].device || got.forced != table[i].forced ||
            got.all_votes != 2) {
            fail_msg("%s: quorum %u, expected %u, device %u", table[i].name, got.quorum_votes,
                     got.expected_votes, got.device_votes);
        }
    }
}

// With these a survivor goes on while the device notices a death, and nobody beside it.
static void times_of_a_device_fit_what_it_takes(void **state)
{
    (void)state;
    static const int64_t tokens_ms[] = {1000, 1500, 3000, 10000};
    static const int64_t timeouts_ms[] = {2000, 4000, 10000, 60000};
    for (size_t i = 0; i < ARRAY_SIZE(tokens_ms); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(timeouts_ms); k++) {
            int64_t token_ms = tokens_ms[i];
            int64_t timeout_ms = timeouts_ms[k];
            struct correlation_votes votes = {.quorum = 2, .expected = 3, .device = 1};
            correlation_time_device(&votes, token_ms, timeout_ms);
            int64_t silence_ms = votes.device_silence_ms;
            assert_true(silence_ms > 22 * token_ms / 10);
            assert_true(silence_ms > 12 * timeout_ms / 10);
            assert_true(votes.device_wait_ms >= silence_ms + silence_ms / 3 + timeout_ms);
            votes.device = 0;
            correlation_time_device(&votes, token_ms, timeout_ms);
            assert_int_equal(votes.device_silence_ms, 0);
            assert_int_equal(votes.device_wait_ms, 0);
        }
    }
}

static void members_are_sorted_and_rings_differ(void **state)
{
    (void)state;
    struct correlation correlation;
    struct correlation_member group[] = {{3, 9}, {1, 9}, {2, 9}};
    struct transport_nodes nodes = {0};
    struct replica_member members[REPLICA_MEMBERS_MAX];
    struct replica_configuration first = {0};
    struct replica_configuration second = {0};
    correlation_init(&correlation, 1);
    correlation_group(&correlation, group, ARRAY_SIZE(group), false);
    correlation_ring(&correlation, (struct correlation_ring){.node = 1, .sequence = 8});
    assert_true(correlation_get(&correlation, &nodes, members, &first));
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(members[i].id, i + 1);
    }
    correlation_ring(&correlation, (struct correlation_ring){.node = 2, .sequence = 8});
    assert_true(correlation_get(&correlation, &nodes, members, &second));
    assert_int_not_equal(first.ring, second.ring);
    correlation_ring(&correlation, (struct correlation_ring){.node = 1, .sequence = 12});
    assert_true(correlation_get(&correlation, &nodes, members, &second));
    assert_int_not_equal(first.ring, second.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_follows_from_what_was_told),
        cmocka_unit_test(members_are_sorted_and_rings_differ),
        cmocka_unit_test(times_of_a_device_fit_what_it_takes),
        cmocka_unit_test(votes_of_a_device_are_none_of_the_nodes),
    };
    return cmocka_run_group_tests_name("correlation", tests, NULL, NULL);
}
