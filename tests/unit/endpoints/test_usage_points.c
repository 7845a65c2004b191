// SPDX-License-Identifier: Apache-2.0
// rrddata as calls answer it.
#include "api/endpoints/usage_book.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/model/node_figures.h"
#include "tests/lib/api_fixture.h"
#include "tests/lib/fixture.h"

enum { NOW_S = 1760004672, MINUTE_S = NOW_S - NOW_S % 60 }; // of the fixture's clock

static void usage_fill(void **state, struct api_fixture *f)
{
    struct node_figures *figures = node_figures_new(*state);
    struct guest_figures *guest = arena_new_of(*state, struct guest_figures);
    api_fixture_put(f, "guest/ct:100",
                    "{\"sid\":\"ct:100\",\"node\":\"node1\",\"config\":{\"rootfs\":\"shared:a\","
                    "\"cores\":\"2\",\"memory\":\"64\"}}");
    map_put(&figures->guests, "ct:100", guest);
    guest->pid = 7;
    for (int i = 0; i < 2; i++) {
        figures->at_s = MINUTE_S - 60 + i * 60;
        figures->cpu = 0.25 + i * 0.1;
        figures->mem_bytes = 1000;
        guest->cpu = 1.0;
        guest->mem_bytes = 4096;
        guest->in_bytes = i * 6000;
        usage_book_take(api_fixture_usage(f), figures, figures->at_s);
    }
    guest->cpu = 2.0;
    usage_book_take(api_fixture_usage(f), figures, MINUTE_S + 10);
}

static void points_are_told_as_asked(void **state)
{
    static const struct {
        const char *path, *form, *data;
    } rows[] = {
        {"/nodes/node1/lxc/100/rrddata", "timeframe=hour cf=AVERAGE",
         "[{\"cpu\":0.5,\"diskread\":0.0,\"diskwrite\":0.0,\"maxcpu\":2,\"maxmem\":67108864,\"mem\":"
         "4096,\"netin\":0.0,\"netout\":0.0,\"time\":1760004600},"
         "{\"cpu\":0.75,\"diskread\":0.0,\"diskwrite\":0.0,\"maxcpu\":2,\"maxmem\":67108864,\"mem\":"
         "4096,\"netin\":100.0,\"netout\":0.0,\"time\":1760004660}]"},
        {"/nodes/node1/lxc/100/rrddata", "timeframe=week cf=MAX",
         "[{\"cpu\":1.0,\"diskread\":0.0,\"diskwrite\":0.0,\"maxcpu\":2,\"maxmem\":67108864,\"mem\":"
         "4096,\"netin\":100.0,\"netout\":0.0,\"time\":1760000400}]"},
    };
    struct api_fixture *f = api_fixture_new();
    usage_fill(state, f);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct api_answer answer = api_fixture_call(f, "GET", rows[i].path, rows[i].form);
        assert_int_equal(answer.status, 200);
        assert_string_equal(api_fixture_text(f, answer.data), rows[i].data);
    }
    api_fixture_free(f);
}

static void nodes_have_points_and_the_longest_frames_have_what_is_kept(void **state)
{
    struct api_fixture *f = api_fixture_new();
    usage_fill(state, f);
    struct api_answer hour = api_fixture_call(f, "GET", "/nodes/node1/rrddata", "timeframe=hour");
    assert_int_equal(hour.data->count, 2);
    assert_string_equal(api_fixture_text(f, json_find(hour.data->items[0], "cpu")), "0.25");
    assert_string_equal(api_fixture_text(f, json_find(hour.data->items[1], "memused")), "1000");
    struct api_answer month = api_fixture_call(f, "GET", "/nodes/node1/rrddata", "timeframe=month");
    struct api_answer decade =
        api_fixture_call(f, "GET", "/nodes/node1/rrddata", "timeframe=decade");
    assert_int_equal(month.data->count, 1);
    assert_string_equal(api_fixture_text(f, month.data), api_fixture_text(f, decade.data));
    assert_int_equal(api_fixture_call(f, "GET", "/nodes/node1/rrddata", "timeframe=minute").status,
                     400);
    api_fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(points_are_told_as_asked),
        fixture_test(nodes_have_points_and_the_longest_frames_have_what_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
