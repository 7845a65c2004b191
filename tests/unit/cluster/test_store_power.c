// SPDX-License-Identifier: Apache-2.0
// Power cuts and failures at every single operation of the disk (tests/lib/crash_vfs.h). Whatever
// the disk has kept of what was not synced: the file is as after some step, and no step that was
// reported as done is missing.
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_file.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "tests/lib/crash_vfs.h"
#include "tests/lib/store_place.h"
#include "tests/lib/test.h"

enum {
    STEPS = 6,
    ROWS_MANY = 12,
    VALUE_BYTES = 3000, // some rows make a page overflow
    SEEDS = 2,
    OPERATIONS_MAX = 400,
};

// Step n of the work. The file is open.
static int step_run(struct store_file *file, struct arena *arena, uint64_t n, struct error *err)
{
    if (n == 1) {
        return store_file_label(file, "cluster-1", err);
    }
    bool anew = n == 4;
    size_t count = n == 5 ? ROWS_MANY : 2;
    int r = store_file_begin(file, anew, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        const char *value = arena_printf(arena, "%0*d", i == 0 ? 4 : VALUE_BYTES, (int)n);
        struct replica_row row =
            store_place_row(arena_printf(arena, "row-%02d", (int)(n * i)), value, n);
        r = store_file_put(file, &row, err);
    }
    if (r == 0) {
        struct replica_row gone = store_place_row("gone", NULL, n);
        r = store_file_put(file, &gone, err);
    }
    if (r == 0) {
        r = store_file_commit(file, 7, n, err);
    }
    if (r == 0 && n == 3) {
        store_file_rest(file);
    }
    return r;
}

// Opens the file and does what is left to do, until something fails. How many steps are done.
static uint64_t work(struct store_place *place, uint64_t done, struct error *err)
{
    struct store_file *file CLEANUP(store_file_closep) = NULL;
    if (store_file_open(place->path, &file, err) < 0) {
        return done;
    }
    while (done < STEPS && step_run(file, place->arena, done + 1, err) == 0) {
        done++;
    }
    return done;
}

struct plan {
    struct store_place *place;
    char *contents[STEPS + 1]; // after each step
    char *image;               // folder
    char *image_path;
};

static void place_clear(struct store_place *place)
{
    int r = system(arena_printf(place->arena, "rm -rf '%s'/store.db*", place->folder));
    assert_int_equal(r, 0);
}

static void plan_init(struct plan *plan, struct store_place *place)
{
    *plan = (struct plan){.place = place};
    plan->image = arena_printf(place->arena, "%s/image", place->folder);
    plan->image_path = arena_printf(place->arena, "%s/store.db", plan->image);
    assert_int_equal(system(arena_printf(place->arena, "mkdir '%s'", plan->image)), 0);
    struct error err = {0};
    struct store_file *file = NULL;
    store_place_must(store_file_open(place->path, &file, &err), &err);
    for (uint64_t done = 0; done <= STEPS; done++) {
        if (done > 0) {
            store_place_must(step_run(file, place->arena, done, &err), &err);
        }
        store_file_close(file);
        plan->contents[done] = store_place_content(place->arena, place->path, NULL, &err);
        assert_non_null(plan->contents[done]);
        store_place_must(store_file_open(place->path, &file, &err), &err);
    }
    store_file_close(file);
}

// A new, empty database under a disk that counts.
static struct crash_vfs *plan_begin(struct plan *plan)
{
    struct error err = {0};
    struct store_file *file = NULL;
    place_clear(plan->place);
    store_place_must(store_file_open(plan->place->path, &file, &err), &err);
    store_file_close(file);
    return crash_vfs_new(plan->place->folder);
}

static uint64_t content_step(const struct plan *plan, const char *content)
{
    uint64_t step = 0;
    while (step <= STEPS && strcmp(content, plan->contents[step]) != 0) {
        step++;
    }
    return step;
}

// The steps that an image has; fails when it is not whole or lacks one that was done.
static uint64_t image_check(struct plan *plan, const struct crash_vfs *vfs, size_t n,
                            enum crash_image image, uint64_t seed, uint64_t done)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    crash_vfs_image(vfs, image, seed, plan->image);
    char *content = store_place_content(arena, plan->image_path, NULL, &err);
    if (content == NULL) {
        fail_msg("operation %zu, image %d, seed %d: %s", n, (int)image, (int)seed, err.text);
        return 0;
    }
    uint64_t step = content_step(plan, content);
    if (step < done || step > done + 1 || step > STEPS) {
        fail_msg("operation %zu, image %d, seed %d: step %d, but %d were done", n, (int)image,
                 (int)seed, (int)step, (int)done);
    }
    return step;
}

static void images_check(struct plan *plan, struct crash_vfs *vfs, size_t n, uint64_t done)
{
    // The images are read with the system's own VFS.
    struct sqlite3_vfs *crash = sqlite3_vfs_find("crash");
    assert_int_equal(sqlite3_vfs_register(sqlite3_vfs_find("unix"), 1), SQLITE_OK);
    (void)image_check(plan, vfs, n, CRASH_IMAGE_SYNCED, 0, done);
    (void)image_check(plan, vfs, n, CRASH_IMAGE_ALL, 0, done);
    (void)image_check(plan, vfs, n, CRASH_IMAGE_TORN, 0, done);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        (void)image_check(plan, vfs, n, CRASH_IMAGE_SECTORS, n * SEEDS + seed, done);
    }
    assert_int_equal(sqlite3_vfs_register(crash, 1), SQLITE_OK);
}

static void power_cut_at_any_operation_leaves_whole_steps(void **state)
{
    struct plan plan;
    plan_init(&plan, *state);
    bool stopped = true;
    size_t n = 0;
    for (n = 1; stopped && n < OPERATIONS_MAX; n++) {
        struct error err = {0};
        struct crash_vfs *vfs = plan_begin(&plan);
        crash_vfs_stop_at(vfs, n);
        uint64_t done = work(plan.place, 0, &err);
        stopped = crash_vfs_has_stopped(vfs);
        assert_true(stopped || done == STEPS);
        images_check(&plan, vfs, n, done);
        crash_vfs_free(vfs);
    }
    assert_false(stopped); // the last run met no power cut: all operations had theirs
    assert_true(n > 40);
}

// The process is killed, the next one reads what is in the system's cache, and tells others that it
// has it. A power cut after that must not take it away.
static void what_was_read_after_a_kill_survives_a_power_cut(void **state)
{
    struct plan plan;
    plan_init(&plan, *state);
    bool stopped = true;
    size_t n = 0;
    for (n = 1; stopped && n < OPERATIONS_MAX; n++) {
        struct error err = {0};
        struct crash_vfs *vfs = plan_begin(&plan);
        crash_vfs_stop_at(vfs, n);
        uint64_t done = work(plan.place, 0, &err);
        stopped = crash_vfs_has_stopped(vfs);
        crash_vfs_restart(vfs);
        struct store_file *file = NULL;
        struct store_label label;
        const struct replica_row *rows;
        size_t count;
        store_place_must(store_file_open(plan.place->path, &file, &err), &err);
        store_place_must(store_file_load(file, plan.place->arena, &label, &rows, &count, &err),
                         &err);
        uint64_t read = label.last_version;
        crash_vfs_stop_at(vfs, 1);
        assert_true(read <= done + 1);
        images_check(&plan, vfs, n, read > done ? read : done);
        store_file_close(file);
        crash_vfs_free(vfs);
    }
    assert_false(stopped);
}

static void failed_operation_leaves_whole_steps(void **state)
{
    static const int results[] = {SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, SQLITE_FULL};
    struct plan plan;
    plan_init(&plan, *state);
    for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
        bool met = true;
        for (size_t n = 1; met && n < OPERATIONS_MAX; n++) {
            struct error err = {0};
            struct crash_vfs *vfs = plan_begin(&plan);
            crash_vfs_fail_at(vfs, n, results[i]);
            uint64_t done = work(plan.place, 0, &err);
            met = crash_vfs_operations(vfs) >= n;
            // The process ends, and another takes over. Then the power goes.
            crash_vfs_restart(vfs);
            images_check(&plan, vfs, n, done);
            crash_vfs_free(vfs);
        }
        assert_false(met);
    }
}

static void full_disk_refuses_a_step_and_takes_it_later(void **state)
{
    struct plan plan;
    plan_init(&plan, *state);
    bool met = true;
    size_t refused = 0;
    for (size_t n = 1; met && n < OPERATIONS_MAX; n++) {
        struct error err = {0};
        struct store_file *file = NULL;
        struct crash_vfs *vfs = plan_begin(&plan);
        store_place_must(store_file_open(plan.place->path, &file, &err), &err);
        crash_vfs_fail_at(vfs, n, SQLITE_FULL);
        for (uint64_t done = 0; done < STEPS; done++) {
            int r = step_run(file, plan.place->arena, done + 1, &err);
            if (r < 0) {
                assert_int_equal(r, -ENOSPC);
                refused++;
                store_place_must(step_run(file, plan.place->arena, done + 1, &err), &err);
            }
        }
        met = crash_vfs_operations(vfs) >= n;
        store_file_close(file);
        images_check(&plan, vfs, n, STEPS);
        crash_vfs_free(vfs);
    }
    assert_false(met);
    assert_true(refused > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_place_test(power_cut_at_any_operation_leaves_whole_steps),
        store_place_test(what_was_read_after_a_kill_survives_a_power_cut),
        store_place_test(failed_operation_leaves_whole_steps),
        store_place_test(full_disk_refuses_a_step_and_takes_it_later),
    };
    return cmocka_run_group_tests_name("store_power", tests, NULL, NULL);
}
