// SPDX-License-Identifier: Apache-2.0
// Small files: read whole or not at all, replaced whole or not at all.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "tests/lib/test.h"

struct fixture {
    char folder[32];
    char *path;
    struct arena *arena;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/test_file.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->arena = arena_new();
    f->path = arena_printf(f->arena, "%s/file", f->folder);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->path);
    (void)rmdir(f->folder); // fails, and so tells, when something was left beside the file
    assert_int_not_equal(access(f->folder, F_OK), 0);
    arena_free(f->arena);
    free(f);
    return 0;
}

static void file_replaced_is_read_back_with_its_mode(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    char *text = NULL;
    size_t size = 0;
    struct stat st;
    assert_int_equal(file_replace(f->path, "one", 3, 0600, &err), 0);
    assert_int_equal(file_replace(f->path, "second\n", 7, 0600, &err), 0);
    assert_int_equal(file_read(f->arena, f->path, 7, &text, &size, &err), 0);
    assert_int_equal(size, 7);
    assert_string_equal(text, "second\n");
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void file_longer_than_the_bound_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    char *text = f->path;
    size_t size = 77;
    assert_int_equal(file_replace(f->path, "12345678", 8, 0600, &err), 0);
    assert_int_equal(file_read(f->arena, f->path, 7, &text, &size, &err), -EFBIG);
    assert_non_null(strstr(err.text, f->path));
    assert_ptr_equal(text, f->path);
    assert_int_equal(size, 77);
}

static void file_missing_is_told_with_its_path(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    char *text;
    size_t size;
    assert_int_equal(file_read(f->arena, f->path, 7, &text, &size, &err), -ENOENT);
    assert_non_null(strstr(err.text, f->path));
    assert_int_equal(file_write_value(f->path, "1", &err), -ENOENT); // it makes none
}

static void file_of_proc_without_a_size_is_read(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(file_read(f->arena, "/proc/self/stat", 4096, &text, &size, &err), 0);
    assert_true(size > 0);
    assert_int_equal(strlen(text), size);
}

static void directory_made_twice_is_fine_and_a_file_in_its_place_is_not(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    char *folder = arena_printf(f->arena, "%s/sub", f->folder);
    assert_int_equal(file_make_directory(folder, 0700, &err), 0);
    assert_int_equal(file_make_directory(folder, 0700, &err), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(file_replace(f->path, "", 0, 0600, &err), 0);
    assert_int_equal(file_make_directory(f->path, 0700, &err), -ENOTDIR);
}

static void directory_is_tried_by_reading_it(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(file_try_directory(f->folder), 0); // an empty one, too
    assert_int_equal(file_replace(f->path, "", 0, 0600, NULL), 0);
    assert_int_equal(file_try_directory(f->folder), 0);
    assert_int_equal(file_try_directory(f->path), -ENOTDIR);
    assert_int_equal(file_try_directory("/nonexistent"), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(file_replaced_is_read_back_with_its_mode),
        TEST(file_longer_than_the_bound_is_refused),
        TEST(file_missing_is_told_with_its_path),
        TEST(file_of_proc_without_a_size_is_read),
        TEST(directory_made_twice_is_fine_and_a_file_in_its_place_is_not),
        TEST(directory_is_tried_by_reading_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
