// SPDX-License-Identifier: Apache-2.0
// The schedulers' figures, from what stands in the store.
#include <errno.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/port/stats.h"
#include "crm/live_stats.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

enum { MIB = 1024 * 1024 };

struct bench {
    struct arena *arena;
    struct fake_store *store;
    struct live_stats *stats;
};

static struct bench bench_new(void)
{
    struct bench bench = {.arena = arena_new(), .store = fake_store_new()};
    bench.stats = live_stats_new(fake_store_port(bench.store));
    fake_store_put(bench.store, "live/load/node1", "{\"maxcpu\":8,\"maxmem\":1000}");
    fake_store_put(bench.store, "live/load/node2",
                   "{\"maxcpu\":4,\"maxmem\":500,\"cpu\":1.5,\"mem\":300,"
                   "\"guests\":{\"ct:100\":{\"cpu\":0.5,\"mem\":64}}}");
    fake_store_put(bench.store, "guest/ct:100",
                   "{\"sid\":\"ct:100\",\"node\":\"node2\","
                   "\"config\":{\"cores\":\"2\",\"memory\":\"256\"}}");
    fake_store_put(bench.store, "guest/ct:101",
                   "{\"sid\":\"ct:101\",\"node\":\"node1\",\"config\":{}}");
    return bench;
}

static void bench_free(struct bench *bench)
{
    live_stats_free(bench->stats);
    fake_store_free(bench->store);
    arena_free(bench->arena);
}

static struct stats_view view_of(struct bench *bench, bool dynamic)
{
    struct stats *port = live_stats_port(bench->stats);
    struct stats_view view;
    int r = dynamic ? port->ops->get_dynamic(port, bench->arena, &view, NULL)
                    : port->ops->get_static(port, bench->arena, &view, NULL);
    assert_int_equal(r, 0);
    return view;
}

static void static_figures_are_sizes_only(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    struct stats_view view = view_of(&bench, false);
    const struct node_stats *node1 = map_find(&view.nodes, "node1");
    const struct node_stats *node2 = map_find(&view.nodes, "node2");
    assert_true(node1->has_static);
    assert_true(node1->maxcpu == 8.0 && node1->maxmem == 1000.0);
    assert_true(node2->cpu == 0.0 && node2->mem == 0.0);
    const struct guest_stats *sized = map_find(&view.guests, "ct:100");
    assert_true(sized->maxcpu == 2.0 && sized->maxmem == 256.0 * MIB);
    assert_true(sized->cpu == 0.0);
    const struct guest_stats *unbounded = map_find(&view.guests, "ct:101");
    assert_true(unbounded->maxcpu == 0.0 && unbounded->maxmem == 512.0 * MIB);
    assert_string_equal(unbounded->node, "node1");
    bench_free(&bench);
}

static void dynamic_figures_leave_out_nodes_without_load(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    struct stats_view view = view_of(&bench, true);
    assert_null(map_find(&view.nodes, "node1"));
    const struct node_stats *node2 = map_find(&view.nodes, "node2");
    assert_true(node2->cpu == 1.5 && node2->mem == 300.0 && node2->maxcpu == 4.0);
    const struct guest_stats *running = map_find(&view.guests, "ct:100");
    assert_true(running->running && running->cpu == 0.5 && running->mem == 64.0);
    const struct guest_stats *idle = map_find(&view.guests, "ct:101");
    assert_false(idle->running);
    bench_free(&bench);
}

static void figures_follow_what_changes_in_the_store(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    (void)view_of(&bench, true);
    fake_store_put(bench.store, "live/load/node1",
                   "{\"maxcpu\":8,\"maxmem\":1000,\"cpu\":2,\"mem\":10}");
    fake_store_put(bench.store, "live/load/node2", NULL);
    fake_store_put(bench.store, "guest/ct:101", NULL);
    fake_store_put(bench.store, "guest/ct:100",
                   "{\"sid\":\"ct:100\",\"node\":\"node1\",\"config\":{\"cores\":\"3\"}}");
    struct stats_view view = view_of(&bench, true);
    const struct node_stats *node1 = map_find(&view.nodes, "node1");
    assert_true(node1->cpu == 2.0);
    assert_null(map_find(&view.nodes, "node2"));
    assert_null(map_find(&view.guests, "ct:101"));
    const struct guest_stats *moved = map_find(&view.guests, "ct:100");
    assert_string_equal(moved->node, "node1");
    assert_false(moved->running);
    assert_true(moved->maxcpu == 3.0);
    bench_free(&bench);
}

static void unreadable_documents_count_as_absent(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    fake_store_put(bench.store, "live/load/node2", "{\"maxcpu\":");
    fake_store_put(bench.store, "guest/ct:100", "nothing");
    struct stats_view view = view_of(&bench, false);
    assert_null(map_find(&view.nodes, "node2"));
    assert_null(map_find(&view.guests, "ct:100"));
    bench_free(&bench);
}

static void store_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct bench bench = bench_new();
    fake_store_fail(bench.store, 0, -ENOTCONN, 0);
    struct stats *port = live_stats_port(bench.stats);
    struct stats_view view;
    struct error err = {0};
    assert_int_equal(port->ops->get_dynamic(port, bench.arena, &view, &err), -ENOTCONN);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_figures_are_sizes_only),
        cmocka_unit_test(dynamic_figures_leave_out_nodes_without_load),
        cmocka_unit_test(figures_follow_what_changes_in_the_store),
        cmocka_unit_test(unreadable_documents_count_as_absent),
        cmocka_unit_test(store_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
