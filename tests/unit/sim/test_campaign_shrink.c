// SPDX-License-Identifier: Apache-2.0
// Drawing campaigns (the same from each seed, always valid), and making failing ones smaller.
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "sim/swarm/campaign.h"
#include "sim/swarm/campaign_draw.h"
#include "sim/swarm/campaign_shrink.h"
#include "tests/lib/fixture.h"

enum { SEEDS = 3000 };

// It fails when two things come one after the other on a cluster that is large enough.
struct recipe {
    const char *first, *second;
    int64_t nodes_min, services_min;
    size_t calls;
};

static bool recipe_fails(void *userdata, const struct campaign *campaign)
{
    struct recipe *recipe = userdata;
    bool has_first = false;
    recipe->calls++;
    for (size_t i = 0; i < campaign->count; i++) {
        has_first = has_first || campaign_step_is(&campaign->steps[i], recipe->first);
        if (has_first && campaign_step_is(&campaign->steps[i], recipe->second)) {
            return campaign->cluster.nodes >= recipe->nodes_min &&
                   campaign->cluster.services >= recipe->services_min;
        }
    }
    return false;
}

static struct campaign *read_campaign(struct arena *arena, const char *text)
{
    struct campaign *campaign = NULL;
    struct error err = {0};
    int r = campaign_parse(arena, text, &campaign, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(r, 0);
    return campaign;
}

static void failing_campaign_keeps_only_what_makes_it_fail(void **state)
{
    struct arena *arena = *state;
    struct strbuf out CLEANUP(strbuf_done) = {0};
    struct recipe recipe = {"pause", "cut", 2, 1, 0};
    const struct campaign *campaign = read_campaign(
        arena, "cluster nodes 5 services 9 profile fast seed 3 drift 700 fence-devices on\n"
               "1 kill node1 crm\n2 settle\n"
               "3600 power-off node4\n3601.234 pause node2 3\n3603 loss 3\n3604 settle\n"
               "5 disarm\n7.777 cut node1 in\n8 arm\n9 settle\n2 power-off node2\n3 settle\n");
    const struct campaign *small = campaign_shrink(arena, campaign, 1000, recipe_fails, &recipe);
    campaign_format(small, &out);
    assert_string_equal(strbuf_text(&out), "cluster nodes 2 services 1 profile fast seed 3\n"
                                           "0 pause node2 3\n0 cut node1 in\n0 settle\n");
    assert_true(recipe.calls < 200);
}

static void tries_are_bounded(void **state)
{
    struct arena *arena = *state;
    struct recipe recipe = {"cut", "cut", 1, 0, 0};
    const struct campaign *campaign = read_campaign(
        arena, "cluster nodes 5 services 9 profile fast seed 3\n1 cut node1\n2 heal\n3 settle\n");
    const struct campaign *small = campaign_shrink(arena, campaign, 3, recipe_fails, &recipe);
    assert_int_equal(recipe.calls, 3);
    assert_true(recipe_fails(&recipe, small));
}

static void campaign_that_needs_all_of_it_stays_as_it_is(void **state)
{
    struct arena *arena = *state;
    struct recipe recipe = {"cut", "settle", 2, 3, 0};
    const struct campaign *campaign = read_campaign(
        arena, "cluster nodes 2 services 3 profile fast seed 3\n0 cut node1\n0 settle\n");
    assert_ptr_equal(campaign_shrink(arena, campaign, 100, recipe_fails, &recipe), campaign);
}

static void each_seed_gives_a_valid_campaign_and_always_the_same(void **state)
{
    (void)state;
    struct campaign_limits limits;
    campaign_limits_init(&limits);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct strbuf first CLEANUP(strbuf_done) = {0};
        struct strbuf second CLEANUP(strbuf_done) = {0};
        struct campaign *campaign = NULL;
        assert_int_equal(campaign_draw(arena, seed, &limits, &campaign, NULL), 0);
        campaign_format(campaign, &first);
        assert_int_equal(campaign_draw(arena, seed, &limits, &campaign, NULL), 0);
        campaign_format(campaign, &second);
        assert_string_equal(strbuf_text(&first), strbuf_text(&second));
    }
}

static void limits_are_kept(void **state)
{
    struct arena *arena = *state;
    struct campaign_limits limits = {.nodes = 4,
                                     .services = 0,
                                     .hours = 100,
                                     .profile = TIMING_PROFILE_PATIENT,
                                     .faults = "cut,pause"};
    struct campaign *campaign = NULL;
    size_t faults = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        assert_int_equal(campaign_draw(arena, seed, &limits, &campaign, NULL), 0);
        assert_int_equal(campaign->cluster.nodes, 4);
        assert_int_equal(campaign->cluster.services, 0);
        assert_int_equal(campaign->cluster.profile, TIMING_PROFILE_PATIENT);
        for (size_t i = 0; i < campaign->count; i++) {
            const struct campaign_step *step = &campaign->steps[i];
            bool is_fault = campaign_step_is(step, "cut") || campaign_step_is(step, "pause");
            bool is_end = campaign_step_is(step, "mend") || campaign_step_is(step, "heal") ||
                          campaign_step_is(step, "settle");
            assert_true(is_fault || is_end);
            faults += is_fault ? 1 : 0;
        }
    }
    assert_true(faults > 100);
}

static void unknown_kind_of_fault_is_named(void **state)
{
    struct arena *arena = *state;
    struct campaign_limits limits;
    struct campaign *campaign = NULL;
    struct error err = {0};
    campaign_limits_init(&limits);
    limits.faults = "cut,rain";
    assert_true(campaign_draw(arena, 1, &limits, &campaign, &err) < 0);
    assert_non_null(strstr(err.text, "'rain'; there are power, "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(failing_campaign_keeps_only_what_makes_it_fail),
        fixture_test(tries_are_bounded),
        fixture_test(campaign_that_needs_all_of_it_stays_as_it_is),
        cmocka_unit_test(each_seed_gives_a_valid_campaign_and_always_the_same),
        fixture_test(limits_are_kept),
        fixture_test(unknown_kind_of_fault_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
