// SPDX-License-Identifier: Apache-2.0
// Nodes with another timing profile than the cluster's get no lease, and the cluster's changes only
// when all agree.
#include <errno.h>
#include <string.h>

#include "cluster/engine.h"
#include "cluster/profile_guard.h"
#include "common/base/arena.h"
#include "tests/lib/fake_engine.h"
#include "tests/lib/fixture.h"

#define CLUSTER_KEY "cluster/profile"

static const char *const nodes[] = {"n1", "n2", "n3"};

struct place {
    struct arena *arena;
    struct engine *engine;
    struct profile_guard *guard;
};

static int setup(void **state)
{
    struct arena *arena = arena_new();
    struct place *place = arena_new_of(arena, struct place);
    place->arena = arena;
    place->engine = fake_engine_new(nodes, ARRAY_SIZE(nodes));
    place->guard = profile_guard_new(place->engine, "fast");
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    profile_guard_free(place->guard);
    fake_engine_free(place->engine);
    arena_free(place->arena);
    return 0;
}

// One turn, with the answers that come after it; true when a request was made.
static bool turn(struct place *place)
{
    uint64_t request;
    int code;
    bool any = false;
    profile_guard_turn(place->guard);
    while (fake_engine_next_answer(place->engine, &request, &code)) {
        assert_true(profile_guard_answered(place->guard, request));
        assert_false(profile_guard_answered(place->guard, request));
        any = true;
    }
    return any;
}

static void turns(struct place *place)
{
    for (int i = 0; i < 10 && turn(place); i++) {
    }
    assert_false(turn(place)); // it comes to rest
}

static const char *get(struct place *place, const char *key)
{
    return fake_engine_get(place->engine, place->arena, key);
}

static void first_node_gives_a_new_cluster_its_profile(void **state)
{
    struct place *place = *state;
    turns(place);
    assert_string_equal(get(place, "live/profile/n1"), "fast");
    assert_string_equal(get(place, CLUSTER_KEY), "fast");
    assert_null(profile_guard_refusal(place->guard));
}

static void other_node_waits_for_the_first(void **state)
{
    struct place *place = *state;
    fake_engine_set_first(place->engine, false);
    turns(place);
    assert_string_equal(get(place, "live/profile/n1"), "fast");
    assert_null(get(place, CLUSTER_KEY));
    assert_null(profile_guard_refusal(place->guard));
}

static void differing_profile_refuses_leases_and_is_told_once(void **state)
{
    struct place *place = *state;
    fake_engine_put(place->engine, CLUSTER_KEY, "patient");
    turns(place);
    assert_non_null(strstr(profile_guard_refusal(place->guard), "'patient'"));
    fake_engine_advance(place->engine, 3000);
    turns(place);
    assert_int_equal(fake_engine_events(place->engine, "profile-differs"), 1);
    assert_string_equal(fake_engine_event_text(place->engine, "profile-differs", "cluster_profile"),
                        "patient");
    assert_string_equal(get(place, CLUSTER_KEY), "patient"); // n2 and n3 have not agreed

    fake_engine_put(place->engine, CLUSTER_KEY, "fast");
    profile_guard_request(place->guard);
    turns(place);
    assert_null(profile_guard_refusal(place->guard));
}

static void cluster_changes_when_all_nodes_agree(void **state)
{
    static const struct {
        const char *name, *n2, *n3;
        const char *offline;
        bool first, changes;
    } rows[] = {
        {"all agree", "fast", "fast", NULL, true, true},
        {"one differs", "fast", "patient", NULL, true, false},
        {"one has not said", "fast", NULL, NULL, true, false},
        {"one is off", "fast", "fast", "n3", true, false},
        {"not ours to do", "fast", "fast", NULL, false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
        struct place *place = *state;
        fake_engine_set_first(place->engine, rows[i].first);
        fake_engine_put(place->engine, CLUSTER_KEY, "patient");
        fake_engine_put(place->engine, "live/profile/n2", rows[i].n2);
        fake_engine_put(place->engine, "live/profile/n3", rows[i].n3);
        if (rows[i].offline != NULL) {
            fake_engine_set_online(place->engine, rows[i].offline, false);
        }
        turns(place);
        profile_guard_request(place->guard);
        turns(place);
        fixture_row(rows[i].name,
                    strcmp(get(place, CLUSTER_KEY), rows[i].changes ? "fast" : "patient") == 0);
        fixture_row(rows[i].name, (profile_guard_refusal(place->guard) == NULL) == rows[i].changes);
    }
}

static void without_quorum_nothing_is_asked(void **state)
{
    struct place *place = *state;
    fake_engine_set_quorate(place->engine, false);
    fake_engine_advance(place->engine, 3000);
    assert_false(turn(place));
    assert_int_equal(fake_engine_requests(place->engine), 0);
    fake_engine_set_quorate(place->engine, true);
    assert_true(turn(place));
}

static void failed_write_is_made_again(void **state)
{
    struct place *place = *state;
    fake_engine_refuse(place->engine, -EHOSTDOWN);
    assert_true(turn(place));
    assert_null(get(place, "live/profile/n1"));
    fake_engine_refuse(place->engine, 0);
    turns(place);
    assert_string_equal(get(place, "live/profile/n1"), "fast");
}

// INV of the guard: a write that another one got in before is not repeated over it blindly.
static void profile_that_another_node_gave_meanwhile_stays(void **state)
{
    struct place *place = *state;
    assert_true(turn(place)); // live/profile/n1
    fake_engine_put(place->engine, CLUSTER_KEY, "patient");
    turns(place);
    assert_string_equal(get(place, CLUSTER_KEY), "patient");
}

static void strangers_answers_are_not_taken(void **state)
{
    struct place *place = *state;
    assert_false(profile_guard_answered(place->guard, 0));
    assert_false(profile_guard_answered(place->guard, 4711));
}

#define guard_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        guard_test(first_node_gives_a_new_cluster_its_profile),
        guard_test(other_node_waits_for_the_first),
        guard_test(differing_profile_refuses_leases_and_is_told_once),
        guard_test(cluster_changes_when_all_nodes_agree),
        guard_test(without_quorum_nothing_is_asked),
        guard_test(failed_write_is_made_again),
        guard_test(profile_that_another_node_gave_meanwhile_stays),
        guard_test(strangers_answers_are_not_taken),
    };
    return cmocka_run_group_tests_name("profile_guard", tests, NULL, NULL);
}
