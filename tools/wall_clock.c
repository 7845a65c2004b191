// SPDX-License-Identifier: Apache-2.0
// Loaded before the C library into the programs of a test node: gives it a wall clock of its own,
// which is off by the seconds that stand in the file CLOCK_FILE (tools/node clock). All other
// clocks, and timers on them, stay as they are, as on a machine whose wall clock is set.
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_FILE "/run/node/disk/clock"

enum { TEXT_SIZE = 16 }; // a signed number, right-aligned; the file never changes its size

static const volatile char *clock_text;

__attribute__((constructor)) static void clock_open(void)
{
    int file = open(CLOCK_FILE, O_RDONLY | O_CLOEXEC);

    if (file < 0) {
        return;
    }
    if (lseek(file, 0, SEEK_END) >= TEXT_SIZE) {
        void *map = mmap(NULL, TEXT_SIZE, PROT_READ, MAP_SHARED, file, 0);
        clock_text = map != MAP_FAILED ? map : NULL;
    }
    (void)close(file);
}

static int64_t clock_offset_s(void)
{
    int64_t seconds = 0;
    int sign = 1;

    for (int i = 0; clock_text && i < TEXT_SIZE; i++) {
        char c = clock_text[i];
        if (c == '-') {
            sign = -1;
        } else if (c >= '0' && c <= '9') {
            seconds = seconds * 10 + (c - '0');
        }
    }
    return sign * seconds;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int r = (int)syscall(SYS_clock_gettime, id, ret);

    if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI)) {
        ret->tv_sec += clock_offset_s();
    }
    return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return -1;
    }
    ret->tv_sec = now.tv_sec;
    ret->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return -1;
    }
    if (ret) {
        *ret = now.tv_sec;
    }
    return now.tv_sec;
}
