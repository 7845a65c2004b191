// SPDX-License-Identifier: Apache-2.0
// The kernel's tables as the load meter reads them.
#include <errno.h>

#include "lrm/load_meter.h"
#include "tests/lib/fixture.h"

static void stat_of_all_processors_counts_what_is_not_idle(void **state)
{
    (void)state;
    int64_t busy = -1;
    static const char text[] = "cpu  10 20 30 4000 500 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
    assert_int_equal(load_meter_parse_stat(text, &busy), 0);
    assert_int_equal(busy, 10 + 20 + 30 + 6 + 7 + 8); // guest time is part of user time
}

static void stat_of_another_form_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "cpu\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 x 4 5 6\n",
                                       "cpu 1 2 3 4\ncpu0 1 2 3 4 5 6\n"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t busy = -1;
        fixture_row(rows[i], load_meter_parse_stat(rows[i], &busy) == -EINVAL);
        fixture_row(rows[i], busy == -1);
    }
}

static void meminfo_gives_total_and_available(void **state)
{
    (void)state;
    int64_t total = -1;
    int64_t available = -1;
    static const char text[] = "MemTotal:       2048 kB\nMemFree:  1 kB\nMemAvailable:   1024 kB\n";
    assert_int_equal(load_meter_parse_meminfo(text, &total, &available), 0);
    assert_int_equal(total, 2048 * 1024);
    assert_int_equal(available, 1024 * 1024);
}

static void meminfo_of_another_form_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "MemTotal: 1 kB\n",
                                       "MemAvailable: 1 kB\n",
                                       "MemTotal: x kB\nMemAvailable: 1 kB\n",
                                       "MemTotal: 1 kB\nMemAvailable: 2 kB\n",
                                       "MemTotal:"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t total = -1;
        int64_t available = -1;
        fixture_row(rows[i], load_meter_parse_meminfo(rows[i], &total, &available) == -EINVAL);
        fixture_row(rows[i], total == -1 && available == -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_of_all_processors_counts_what_is_not_idle),
        cmocka_unit_test(stat_of_another_form_is_refused),
        cmocka_unit_test(meminfo_gives_total_and_available),
        cmocka_unit_test(meminfo_of_another_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
