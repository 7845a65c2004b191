// SPDX-License-Identifier: Apache-2.0
// Which device is ordered when, what proves that a node is off, and what is not believed.
#include <string.h>

#include "common/base/arena.h"
#include "common/model/fence_config.h"
#include "common/port/fence.h"
#include "crm/core/fence_plan.h"
#include "tests/lib/fixture.h"

struct bench {
    struct arena *arena;
    struct fence_plan plan;
    struct fence_config *config;
    int64_t now_ms;
    bool proven;
    int64_t wake_ms;
};

static struct bench bench_new(struct arena *arena)
{
    struct bench bench = {.arena = arena, .config = fence_config_new(arena), .now_ms = 1000 * 1000};
    fence_plan_init(&bench.plan);
    return bench;
}

static void bench_done(struct bench *bench)
{
    fence_plan_done(&bench->plan);
}

static struct fence_device *bench_device(struct bench *bench, const char *name, int64_t level)
{
    struct fence_device *device = fence_device_new(bench->arena, name);
    device->agent = "fence_test";
    device->level = level;
    device->timeout_s = 20;
    map_put(&device->nodes, "node3", NULL);
    map_put(&bench->config->devices, name, device);
    return device;
}

// Time passes; the devices that are ordered then, as one text.
static const char *bench_run(struct bench *bench, int64_t pass_ms)
{
    struct pointer_list orders = {0};
    bench->now_ms += pass_ms;
    bench->proven = fence_plan_run(&bench->plan, bench->config, "node3", bench->now_ms,
                                   bench->arena, &orders, &bench->wake_ms);
    const char *text = "";
    for (size_t i = 0; i < orders.count; i++) {
        const struct fence_device *device = orders.items[i];
        text = arena_printf(bench->arena, "%s%s%s", text, i > 0 ? " " : "", device->name);
    }
    return text;
}

static enum fence_plan_news bench_take(struct bench *bench, const char *device,
                                       enum fence_verdict verdict)
{
    struct fence_result result = {
        .node = "node3", .device = device, .verdict = verdict, .evidence = "said so"};
    return fence_plan_take(&bench->plan, &result);
}

#define assert_orders(bench, pass_ms, expected)                                                    \
    assert_string_equal(bench_run(bench, pass_ms), expected)

static void node_without_devices_orders_nothing(void **state)
{
    struct bench bench = bench_new(*state);
    bench_device(&bench, "a", 1)->disabled = true;
    assert_orders(&bench, 0, "");
    assert_false(bench.proven);
    assert_true(bench.wake_ms == INT64_MAX);
    bench_done(&bench);
}

static void all_of_a_level_are_ordered_once_and_together(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "b", 1);
    (void)bench_device(&bench, "a", 1);
    (void)bench_device(&bench, "c", 2);
    assert_orders(&bench, 0, "a b");
    assert_orders(&bench, 100, "");
    assert_false(bench.proven);
    bench_done(&bench);
}

// A node with two power supplies is off when both are.
static void only_the_whole_level_proves_it(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    (void)bench_device(&bench, "b", 1);
    assert_orders(&bench, 0, "a b");
    assert_int_equal(bench_take(&bench, "b", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_OFF);
    assert_orders(&bench, 100, "");
    assert_false(bench.proven);
    assert_int_equal(bench_take(&bench, "a", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_OFF);
    assert_orders(&bench, 100, "");
    assert_true(bench.proven);
    assert_string_equal(fence_plan_evidence(&bench.plan, "node3", bench.arena),
                        "a: said so; b: said so");
    assert_orders(&bench, 100, ""); // until it is used, which may need another write
    assert_true(bench.proven);
    assert_true(bench.wake_ms == INT64_MAX);
    bench_done(&bench);
}

static void failure_tries_the_next_level_at_once(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    (void)bench_device(&bench, "b", 1);
    (void)bench_device(&bench, "c", 3);
    assert_orders(&bench, 0, "a b");
    assert_int_equal(bench_take(&bench, "a", FENCE_VERDICT_FAILED), FENCE_PLAN_NEWS_FAILED);
    assert_orders(&bench, 0, "c"); // b hangs, and nobody waits for it
    assert_int_equal(bench_take(&bench, "b", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_OFF);
    assert_orders(&bench, 0, "");
    assert_false(bench.proven); // a is on
    assert_int_equal(bench_take(&bench, "c", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_OFF);
    assert_orders(&bench, 0, "");
    assert_true(bench.proven);
    assert_string_equal(fence_plan_evidence(&bench.plan, "node3", bench.arena), "c: said so");
    bench_done(&bench);
}

// After the last level the first one again, each time later.
static void levels_start_again_with_growing_waits(void **state)
{
    static const int64_t waits_s[] = {2, 4, 8, 16, 32, 60, 60, 60};
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    (void)bench_device(&bench, "b", 2);
    assert_orders(&bench, 0, "a");
    for (size_t i = 0; i < ARRAY_SIZE(waits_s); i++) {
        (void)bench_take(&bench, "a", FENCE_VERDICT_FAILED);
        assert_orders(&bench, 0, "b");
        (void)bench_take(&bench, "b", FENCE_VERDICT_FAILED);
        assert_orders(&bench, 0, "");
        assert_int_equal(bench.wake_ms - bench.now_ms, waits_s[i] * 1000);
        assert_orders(&bench, waits_s[i] * 1000 - 1, "");
        assert_orders(&bench, 1, "a");
    }
    bench_done(&bench);
}

// What one supply said before the other one failed is a thing of the past.
static void answers_do_not_outlive_their_turn(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    (void)bench_device(&bench, "b", 1);
    assert_orders(&bench, 0, "a b");
    (void)bench_take(&bench, "a", FENCE_VERDICT_OFF);
    (void)bench_take(&bench, "b", FENCE_VERDICT_FAILED);
    assert_orders(&bench, 0, "");
    assert_orders(&bench, 2000, "a b");
    (void)bench_take(&bench, "b", FENCE_VERDICT_OFF);
    assert_orders(&bench, 0, "");
    assert_false(bench.proven);
    bench_done(&bench);
}

// One that is still under way when its level's turn comes again is not ordered twice; its answer
// counts.
static void device_that_is_slow_is_waited_for_in_its_next_turn(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    (void)bench_device(&bench, "b", 1);
    assert_orders(&bench, 0, "a b");
    (void)bench_take(&bench, "b", FENCE_VERDICT_FAILED);
    assert_orders(&bench, 0, "");
    assert_orders(&bench, 2000, "b");
    (void)bench_take(&bench, "a", FENCE_VERDICT_OFF);
    (void)bench_take(&bench, "b", FENCE_VERDICT_OFF);
    assert_orders(&bench, 0, "");
    assert_true(bench.proven);
    bench_done(&bench);
}

// The port owes an answer within the device's timeout. One that never comes fails the level, and
// the device is not ordered again while that order may still be carried out.
static void answer_that_never_comes_fails_the_level(void **state)
{
    struct bench bench = bench_new(*state);
    bench_device(&bench, "a", 1)->delay_s = 3;
    (void)bench_device(&bench, "b", 2);
    assert_orders(&bench, 0, "a");
    assert_int_equal(bench.wake_ms - bench.now_ms, (3 + 20 + 12) * 1000);
    assert_orders(&bench, 35 * 1000 - 1, "");
    assert_orders(&bench, 1, "b");
    (void)bench_take(&bench, "b", FENCE_VERDICT_FAILED);
    assert_orders(&bench, 0, "");
    assert_orders(&bench, 2000, "b"); // a is lost
    assert_int_equal(bench_take(&bench, "a", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_VOID);
    (void)bench_take(&bench, "b", FENCE_VERDICT_FAILED);
    assert_orders(&bench, 0, "");
    assert_false(bench.proven);
    assert_orders(&bench, 4000, "a"); // its answer came after all
    bench_done(&bench);
}

// INV-2: the node may have come back and run something in between.
static void proof_ends_with_its_intent(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    assert_orders(&bench, 0, "a");
    (void)bench_take(&bench, "a", FENCE_VERDICT_OFF);
    fence_plan_void(&bench.plan, "node3");
    assert_orders(&bench, 0, "a");
    assert_false(bench.proven);
    // Also one that was not answered yet: what it says then is about the intent before.
    fence_plan_void_all(&bench.plan);
    assert_orders(&bench, 0, "");
    assert_false(bench.proven);
    assert_int_equal(bench_take(&bench, "a", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_VOID);
    assert_orders(&bench, 0, "a");
    assert_false(bench.proven);
    assert_int_equal(bench_take(&bench, "a", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_OFF);
    assert_orders(&bench, 0, "");
    assert_true(bench.proven);
    bench_done(&bench);
}

// An order of an intent that is over and that hangs does not keep the next level from being tried.
static void order_of_the_past_that_hangs_fails_its_level(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    (void)bench_device(&bench, "b", 2);
    assert_orders(&bench, 0, "a");
    fence_plan_void(&bench.plan, "node3");
    assert_orders(&bench, 0, "");
    assert_int_equal(bench.wake_ms - bench.now_ms, 32 * 1000);
    assert_orders(&bench, 32 * 1000, "b");
    bench_done(&bench);
}

static void node_that_is_back_cancels_what_is_under_way_once(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    assert_false(fence_plan_cancel(&bench.plan, "node3")); // nothing was ever ordered
    assert_orders(&bench, 0, "a");
    assert_true(fence_plan_cancel(&bench.plan, "node3"));
    assert_false(fence_plan_cancel(&bench.plan, "node3"));
    assert_int_equal(bench_take(&bench, "a", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_VOID);
    assert_false(fence_plan_cancel(&bench.plan, "node3"));
    assert_orders(&bench, 0, "a"); // it went again
    assert_false(bench.proven);
    assert_true(fence_plan_cancel(&bench.plan, "node3"));
    bench_done(&bench);
}

static void result_of_no_order_is_void(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    assert_int_equal(bench_take(&bench, "a", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_VOID);
    assert_orders(&bench, 0, "a");
    assert_int_equal(bench_take(&bench, "x", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_VOID);
    (void)bench_take(&bench, "a", FENCE_VERDICT_FAILED);
    assert_int_equal(bench_take(&bench, "a", FENCE_VERDICT_OFF), FENCE_PLAN_NEWS_VOID); // twice
    assert_orders(&bench, 0, "");
    assert_false(bench.proven);
    bench_done(&bench);
}

static void result_without_words_is_taken(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    assert_orders(&bench, 0, "a");
    struct fence_result result = {.node = "node3", .device = "a", .verdict = FENCE_VERDICT_OFF};
    assert_int_equal(fence_plan_take(&bench.plan, &result), FENCE_PLAN_NEWS_OFF);
    assert_orders(&bench, 0, "");
    assert_string_equal(fence_plan_evidence(&bench.plan, "node3", bench.arena), "a: off");
    bench_done(&bench);
}

static void devices_that_are_taken_away_end_the_attempt(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    (void)bench_device(&bench, "b", 2);
    assert_orders(&bench, 0, "a");
    bench.config = fence_config_new(bench.arena);
    (void)bench_device(&bench, "b", 2);
    assert_orders(&bench, 0, "b"); // level 1 has none any more
    (void)bench_take(&bench, "b", FENCE_VERDICT_OFF);
    bench.config = fence_config_new(bench.arena);
    assert_orders(&bench, 0, "");
    assert_false(bench.proven);
    bench_done(&bench);
}

static void device_that_is_added_to_the_level_is_ordered_too(void **state)
{
    struct bench bench = bench_new(*state);
    (void)bench_device(&bench, "a", 1);
    assert_orders(&bench, 0, "a");
    (void)bench_device(&bench, "b", 1);
    (void)bench_take(&bench, "a", FENCE_VERDICT_OFF);
    assert_orders(&bench, 0, "b");
    assert_false(bench.proven);
    bench_done(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(node_without_devices_orders_nothing),
        fixture_test(all_of_a_level_are_ordered_once_and_together),
        fixture_test(only_the_whole_level_proves_it),
        fixture_test(failure_tries_the_next_level_at_once),
        fixture_test(levels_start_again_with_growing_waits),
        fixture_test(answers_do_not_outlive_their_turn),
        fixture_test(device_that_is_slow_is_waited_for_in_its_next_turn),
        fixture_test(answer_that_never_comes_fails_the_level),
        fixture_test(proof_ends_with_its_intent),
        fixture_test(order_of_the_past_that_hangs_fails_its_level),
        fixture_test(node_that_is_back_cancels_what_is_under_way_once),
        fixture_test(result_of_no_order_is_void),
        fixture_test(result_without_words_is_taken),
        fixture_test(devices_that_are_taken_away_end_the_attempt),
        fixture_test(device_that_is_added_to_the_level_is_ordered_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
