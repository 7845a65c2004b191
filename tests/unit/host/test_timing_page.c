// SPDX-License-Identifier: Apache-2.0
// docs/timing.md shows the numbers that the code computes.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/model/timing.h"
#include "tests/lib/test.h"

enum { PAGE_MAX = 256 * 1024 };

// The smallest L that timing_check() takes with the rest unchanged.
static int64_t lease_needed_ms(const struct timing *timing)
{
    struct timing probe = *timing;
    struct error err = {0};
    while (timing_check(&probe, &err) == 0) {
        probe.lease_ms--;
    }
    return probe.lease_ms + 1;
}

static void page_has_the_numbers_of_each_profile(void **state)
{
    (void)state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    char *page;
    size_t size;
    assert_int_equal(file_read(arena, TIMING_PAGE, PAGE_MAX, &page, &size, &err), 0);
    static const enum timing_profile profiles[] = {TIMING_PROFILE_FAST, TIMING_PROFILE_BALANCED,
                                                   TIMING_PROFILE_PATIENT};
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        struct timing t;
        timing_get(profiles[i], &t);
        const char *row = arena_printf(
            arena,
            "| `%s` | %" PRId64 " | %" PRId64 " | %" PRId64 " | %" PRId64 " | %" PRId64
            " | %" PRId64 " | %" PRId64 " | %" PRId64 " | %" PRId64 " ≤ %" PRId64 " | %" PRId64
            " | %.2f s | **%.1f s** |",
            timing_profile_to_string(t.profile), t.token_ms, t.authority_ms, t.stop_ms,
            t.watchdog_ms, t.granularity_ms, t.reset_ms, t.lease_ms, t.renew_ms,
            lease_needed_ms(&t), t.lease_ms, t.token_ms * 22 / 10 + 2 * t.renew_ms + t.stop_ms,
            (double)(t.authority_ms - t.stop_ms - 2 * t.renew_ms) / 1000,
            (double)timing_worst_failover_ms(&t) / 1000);
        if (strstr(page, row) == NULL) {
            fail_msg("docs/timing.md lacks the row\n%s", row);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_has_the_numbers_of_each_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
