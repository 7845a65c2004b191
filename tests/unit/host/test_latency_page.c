// SPDX-License-Identifier: Apache-2.0
// Times that one process counts and another reads.
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/latency_page.h"
#include "common/host/loop.h"
#include "common/host/rounds.h"
#include "tests/lib/test.h"

#define PROGRAM "ha-test"

struct folder {
    char path[64], file[96];
};

static int folder_make(void **state, const char *place)
{
    static struct folder folder;
    (void)snprintf(folder.path, sizeof(folder.path), "%s/ha-latency-XXXXXX", place);
    assert_non_null(mkdtemp(folder.path));
    (void)snprintf(folder.file, sizeof(folder.file), "%s/" PROGRAM ".times", folder.path);
    assert_int_equal(setenv("HA_MANAGER_RUN_DIR", folder.path, 1), 0);
    *state = &folder;
    return 0;
}

static int setup_memory(void **state)
{
    return folder_make(state, "/dev/shm"); // in memory on any machine
}

static int teardown(void **state)
{
    const struct folder *folder = *state;
    (void)unlink(folder->file);
    return rmdir(folder->path);
}

static void times_are_seen_by_whoever_reads(void **state)
{
    (void)state;
    struct latency_figures figures;
    struct latency_page *page = latency_page_new(PROGRAM);
    latency_page_add(page, LATENCY_KIND_ROUND, -5, 0); // a clock that steps
    latency_page_add(page, LATENCY_KIND_ROUND, latency_bounds_us[0], 0);
    latency_page_add(page, LATENCY_KIND_ROUND, latency_bounds_us[0] + 1, 0);
    latency_page_add(page, LATENCY_KIND_DISK, INT64_C(3600) * 1000000, 512);
    latency_page_add(page, LATENCY_KIND_DISK, 2000, 30);
    assert_int_equal(latency_page_read(PROGRAM, &figures), 0);
    const struct latency *round = &figures.kinds[LATENCY_KIND_ROUND];
    const struct latency *disk = &figures.kinds[LATENCY_KIND_DISK];
    assert_int_equal(round->counts[0], 2);
    assert_int_equal(round->counts[1], 1);
    assert_int_equal(round->sum_us, 2 * latency_bounds_us[0] + 1);
    assert_int_equal(disk->counts[LATENCY_BOUNDS_COUNT], 1);
    assert_int_equal(disk->counts[4], 1);
    assert_int_equal(disk->size_bytes, 542);
    latency_page_free(page);
}

static void page_begins_anew_with_its_program_and_ends_with_it(void **state)
{
    (void)state;
    struct latency_figures figures = {.kinds = {{.sum_us = 77}}};
    assert_int_equal(latency_page_read(PROGRAM, &figures), -ENOENT);
    assert_int_equal(figures.kinds[0].sum_us, 77); // untouched
    struct latency_page *dead = latency_page_new(PROGRAM);
    latency_page_add(dead, LATENCY_KIND_ROUND, 1, 0);
    struct latency_page *page = latency_page_new(PROGRAM);
    latency_page_add(dead, LATENCY_KIND_ROUND, 1, 0);
    assert_int_equal(latency_page_read(PROGRAM, &figures), 0);
    assert_int_equal(figures.kinds[LATENCY_KIND_ROUND].counts[0], 0);
    latency_page_free(dead);
    latency_page_free(page);
    assert_int_equal(latency_page_read(PROGRAM, &figures), -ENOENT);
}

static void what_is_no_page_is_refused(void **state)
{
    const struct folder *folder = *state;
    struct latency_figures figures = {.kinds = {{.sum_us = 77}}};
    struct error err = {0};
    static const char other[2048] = "something else";
    assert_int_equal(file_replace(folder->file, "short", 5, 0600, &err), 0);
    assert_int_equal(latency_page_read(PROGRAM, &figures), -EBADMSG);
    assert_int_equal(file_replace(folder->file, other, sizeof(other), 0600, &err), 0);
    assert_int_equal(latency_page_read(PROGRAM, &figures), -EBADMSG);
    assert_int_equal(figures.kinds[0].sum_us, 77);
}

static int setup_disk(void **state)
{
    return folder_make(state, "/var/tmp"); // kept over restarts: on a disk
}

static void page_is_never_on_a_disk(void **state)
{
    const struct folder *folder = *state;
    struct latency_figures figures;
    struct statfs place;
    assert_int_equal(statfs(folder->path, &place), 0);
    if (place.f_type == TMPFS_MAGIC) {
        skip();
    }
    struct latency_page *page = latency_page_new(PROGRAM);
    latency_page_add(page, LATENCY_KIND_ROUND, 1, 0); // the daemon goes on
    assert_int_equal(latency_page_read(PROGRAM, &figures), -ENOENT);
    latency_page_free(page);
    latency_page_add(NULL, LATENCY_KIND_ROUND, 1, 0);
}

static bool round_of_a_millisecond(void *userdata, int64_t *ret_wake_ms)
{
    int *rounds = userdata;
    int64_t begin_us = host_clock_us();
    while (host_clock_us() - begin_us < 1000) {
        continue;
    }
    *ret_wake_ms = 0;
    return ++*rounds < 3;
}

static void rounds_are_counted_with_their_times(void **state)
{
    (void)state;
    struct latency_figures figures;
    struct loop *loop = NULL;
    struct error err = {0};
    int count = 0;
    assert_int_equal(loop_new(&loop, &err), 0);
    struct latency_page *page = latency_page_new(PROGRAM);
    struct rounds *rounds = rounds_new(loop, round_of_a_millisecond, &count);
    rounds_count(rounds, page);
    assert_int_equal(loop_run(loop, &err), 0);
    assert_int_equal(latency_page_read(PROGRAM, &figures), 0);
    const struct latency *round = &figures.kinds[LATENCY_KIND_ROUND];
    uint64_t counted = 0;
    for (size_t i = 0; i <= LATENCY_BOUNDS_COUNT; i++) {
        counted += round->counts[i];
    }
    assert_int_equal(counted, 3);
    assert_true(round->sum_us >= 3000);
    rounds_free(rounds);
    latency_page_free(page);
    loop_free(loop);
}

int main(void)
{
#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, setup_memory, teardown)
    const struct CMUnitTest tests[] = {
        IN_MEMORY(times_are_seen_by_whoever_reads),
        IN_MEMORY(page_begins_anew_with_its_program_and_ends_with_it),
        IN_MEMORY(what_is_no_page_is_refused),
        cmocka_unit_test_setup_teardown(page_is_never_on_a_disk, setup_disk, teardown),
        IN_MEMORY(rounds_are_counted_with_their_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
