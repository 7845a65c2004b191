// SPDX-License-Identifier: Apache-2.0
// Points of time: averages and maxima, rates from counters, bounds.
#include <string.h>

#include "api/endpoints/usage_book.h"
#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/model/node_figures.h"
#include "tests/lib/fixture.h"

enum { T0_S = 1760400000 }; // begins a point of every frame
enum { HALF_DAY_S = 12 * 3600 };

static struct guest_figures *guest_of(struct arena *arena, struct node_figures *figures,
                                      const char *sid)
{
    struct guest_figures *guest = arena_new_of(arena, struct guest_figures);
    guest->pid = 7;
    map_put(&figures->guests, sid, guest);
    return guest;
}

static void read_hour(const struct usage_book *book, const char *sid, int64_t now_s,
                      struct usage_points *ret)
{
    usage_book_read(book, sid, USAGE_FRAME_HOUR, now_s, ret);
}

static bool is_near(float a, double b)
{
    return (double)a > b - 0.001 * (b > 1.0 ? b : 1.0) &&
           (double)a < b + 0.001 * (b > 1.0 ? b : 1.0);
}

static void minute_has_its_average_and_its_maximum(void **state)
{
    struct node_figures *figures = node_figures_new(*state);
    struct usage_book *book = usage_book_new();
    struct usage_points points;
    for (int i = 0; i < 12; i++) {
        figures->cpu = i % 2 == 0 ? 0.4 : 0.2;
        figures->mem_bytes = i < 6 ? 1000 : 3000;
        usage_book_take(book, figures, T0_S + i * USAGE_SAMPLE_S);
    }
    read_hour(book, NULL, T0_S + 119, &points);
    assert_int_equal(points.count, 2);
    assert_int_equal(points.points[0].time_s, T0_S);
    assert_int_equal(points.points[1].time_s, T0_S + 60);
    assert_true(is_near(points.points[0].average[USAGE_FIELD_CPU], 0.3));
    assert_true(is_near(points.points[0].maximum[USAGE_FIELD_CPU], 0.4));
    assert_true(is_near(points.points[1].average[USAGE_FIELD_MEM], 3000));
    usage_book_read(book, NULL, USAGE_FRAME_DAY, T0_S + 119, &points);
    assert_int_equal(points.count, 1);
    assert_true(is_near(points.points[0].average[USAGE_FIELD_MEM], 2000));
    assert_true(is_near(points.points[0].maximum[USAGE_FIELD_MEM], 3000));
    usage_book_free(book);
}

static void hour_shows_what_is_not_older(void **state)
{
    struct node_figures *figures = node_figures_new(*state);
    struct usage_book *book = usage_book_new();
    struct usage_points points;
    for (int i = 0; i < 100; i++) {
        figures->mem_bytes = i;
        usage_book_take(book, figures, T0_S + i * 60);
    }
    read_hour(book, NULL, T0_S + 99 * 60, &points);
    assert_int_equal(points.count, 60);
    for (size_t i = 0; i < points.count; i++) {
        assert_int_equal(points.points[i].time_s, T0_S + (int64_t)(40 + i) * 60);
        assert_true(is_near(points.points[i].average[USAGE_FIELD_MEM], (double)(40 + i)));
    }
    // Nobody measured for half an hour: those have no points.
    usage_book_take(book, figures, T0_S + 129 * 60);
    read_hour(book, NULL, T0_S + 129 * 60, &points);
    assert_int_equal(points.count, 31);
    assert_int_equal(points.points[30].time_s - points.points[29].time_s, 30 * 60);
    usage_book_read(book, NULL, USAGE_FRAME_WEEK, T0_S + 129 * 60, &points);
    assert_int_equal(points.count, 1);
    usage_book_free(book);
}

static void month_has_a_month(void **state)
{
    struct node_figures *figures = node_figures_new(*state);
    struct usage_book *book = usage_book_new();
    struct usage_points points;
    for (int i = 0; i < 70; i++) {
        usage_book_take(book, figures, T0_S + (int64_t)i * HALF_DAY_S);
    }
    usage_book_read(book, NULL, USAGE_FRAME_MONTH, T0_S + (int64_t)69 * HALF_DAY_S, &points);
    assert_int_equal(points.count, USAGE_POINTS_MAX);
    assert_int_equal(points.points[0].time_s, T0_S + (int64_t)8 * HALF_DAY_S);
    usage_book_free(book);
}

static void rates_come_from_counters(void **state)
{
    struct node_figures *figures = node_figures_new(*state);
    struct guest_figures *guest = guest_of(*state, figures, "ct:100");
    struct usage_book *book = usage_book_new();
    struct usage_points points;
    figures->at_s = T0_S;
    guest->in_bytes = 5000; // of before: nobody knows when
    guest->cpu = 1.5;
    usage_book_take(book, figures, T0_S);
    usage_book_take(book, figures, T0_S + 10); // the same document
    read_hour(book, "ct:100", T0_S + 10, &points);
    assert_true(is_near(points.points[0].average[USAGE_FIELD_CPU], 1.5));
    assert_true(is_near(points.points[0].maximum[USAGE_FIELD_IN], 0));
    figures->at_s = T0_S + 60;
    guest->in_bytes = 11000;
    guest->write_bytes = 600;
    usage_book_take(book, figures, T0_S + 60);
    usage_book_take(book, figures, T0_S + 70);
    read_hour(book, "ct:100", T0_S + 70, &points);
    assert_true(is_near(points.points[1].average[USAGE_FIELD_IN], 100));
    assert_true(is_near(points.points[1].average[USAGE_FIELD_WRITE], 10));
    // Started again, and its counters with it.
    figures->at_s = T0_S + 120;
    guest->pid = 8;
    guest->in_bytes = 90000;
    usage_book_take(book, figures, T0_S + 120);
    // A counter that goes back tells nothing.
    figures->at_s = T0_S + 180;
    guest->in_bytes = 80000;
    usage_book_take(book, figures, T0_S + 180);
    read_hour(book, "ct:100", T0_S + 180, &points);
    assert_int_equal(points.count, 4);
    assert_true(is_near(points.points[2].maximum[USAGE_FIELD_IN], 0));
    assert_true(is_near(points.points[3].maximum[USAGE_FIELD_IN], 0));
    assert_true(is_near(points.points[3].average[USAGE_FIELD_IN], 0));
    usage_book_free(book);
}

static void guests_that_are_gone_are_forgotten_and_there_is_a_bound(void **state)
{
    struct node_figures *figures = node_figures_new(*state);
    struct usage_book *book = usage_book_new();
    struct usage_points points;
    struct map guests;
    map_init_arena(&guests, *state);
    for (int i = 0; i < USAGE_RECORDS_MAX + 5; i++) {
        guest_of(*state, figures, arena_printf(*state, "ct:%05d", i + 100));
    }
    usage_book_take(book, figures, T0_S);
    read_hour(book, "ct:00100", T0_S, &points);
    assert_int_equal(points.count, 1);
    read_hour(book, arena_printf(*state, "ct:%05d", USAGE_RECORDS_MAX + 104), T0_S, &points);
    assert_int_equal(points.count, 0);
    map_put(&guests, "ct:00101", book);
    usage_book_prune(book, &guests);
    read_hour(book, "ct:00100", T0_S, &points);
    assert_int_equal(points.count, 0);
    read_hour(book, "ct:00101", T0_S, &points);
    assert_int_equal(points.count, 1);
    read_hour(book, NULL, T0_S, &points);
    assert_int_equal(points.count, 1); // the node stays
    usage_book_free(book);
}

static void clock_that_is_set_back_begins_anew(void **state)
{
    struct node_figures *figures = node_figures_new(*state);
    struct usage_book *book = usage_book_new();
    struct usage_points points;
    usage_book_take(book, figures, T0_S + 7200);
    usage_book_take(book, figures, T0_S);
    usage_book_take(book, figures, T0_S + 60);
    read_hour(book, NULL, T0_S + 60, &points);
    assert_int_equal(points.count, 2);
    assert_int_equal(points.points[0].time_s, T0_S);
    usage_book_free(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(minute_has_its_average_and_its_maximum),
        fixture_test(hour_shows_what_is_not_older),
        fixture_test(month_has_a_month),
        fixture_test(rates_come_from_counters),
        fixture_test(guests_that_are_gone_are_forgotten_and_there_is_a_bound),
        fixture_test(clock_that_is_set_back_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
