// SPDX-License-Identifier: Apache-2.0
// Reads the kernel's clocks. CLOCK_BOOTTIME counts suspended time, so a lease cannot outlive a
// laptop's sleep.
#include "common/host/host_clock.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

static int64_t host_now_ms(struct clock *clock)
{
    (void)clock; // there is one such clock
    struct timespec now;
    int r = clock_gettime(CLOCK_BOOTTIME, &now);
    assert(r == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t host_wall_ms(struct clock *clock)
{
    (void)clock;
    struct timespec now;
    int r = clock_gettime(CLOCK_REALTIME, &now);
    assert(r == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const struct clock_ops host_clock_ops = {
    .now_ms = host_now_ms,
    .wall_ms = host_wall_ms,
};

void host_clock_init(struct clock *clock)
{
    clock->ops = &host_clock_ops;
}

int64_t host_clock_us(void)
{
    struct timespec now;
    int r = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(r == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void host_sleep_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL); // woken early it only looks earlier
}
