// SPDX-License-Identifier: Apache-2.0
// Files of tasks: logs, the index, and what is left when the daemon dies at any point.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/task/task_files.h"
#include "api/task/task_list.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "tests/lib/fixture.h"

#define ONE "UPID:n1:00000001:00000002:5F00000A:vzstart:100:root@pam:"
#define TWO "UPID:n1:00000003:00000002:5F00000B:vzstart:101:root@pam:"

static const char *folder_new(struct arena *arena)
{
    const char *base = getenv("TMPDIR");
    char *top = arena_printf(arena, "%s/tasks.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(top));
    const char *folder = arena_printf(arena, "%s/tasks", top);
    assert_int_equal(task_files_prepare(folder, NULL), 0);
    assert_int_equal(task_files_prepare(folder, NULL), 0); // it may be there
    return folder;
}

static void folder_remove(struct arena *arena, const char *folder)
{
    assert_int_equal(
        system(arena_printf(arena, "rm -rf '%.*s'", (int)(strrchr(folder, '/') - folder), folder)),
        0);
}

static void text_write(const char *path, const char *text)
{
    assert_int_equal(file_replace(path, text, strlen(text), 0600, NULL), 0);
}

static const char *text_read(struct arena *arena, const char *path)
{
    char *text;
    size_t size;
    assert_int_equal(file_read(arena, path, 1 << 20, &text, &size, NULL), 0);
    return text;
}

static const char *path_of(struct arena *arena, const char *folder, const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

static void log_is_under_the_last_digit_for_root_only(void **state)
{
    const char *folder = folder_new(*state);
    struct stat status;
    assert_string_equal(task_files_log_path(*state, folder, ONE),
                        path_of(*state, folder, "A/" ONE));
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(task_files_end(folder, ONE, 1, "OK", NULL), 0);
    assert_int_equal(stat(task_files_log_path(*state, folder, ONE), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    folder_remove(*state, folder);
}

static void end_is_the_last_line_and_in_the_index(void **state)
{
    static const struct {
        const char *log, *status, *expected;
    } table[] = {
        {"words\n", "OK", "words\nTASK OK\n"},
        {"torn", "no luck", "torn\nTASK ERROR: no luck\n"},
        {"", "WARNINGS: 2", "TASK WARNINGS: 2\n"},
        {"", "two\nlines", "TASK ERROR: two lines\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *folder = folder_new(*state);
        struct task_entries entries;
        text_write(task_files_log_path(*state, folder, ONE), table[i].log);
        fixture_row(table[i].expected, task_files_end(folder, ONE, 99, table[i].status, NULL) == 0);
        fixture_row(table[i].expected,
                    strcmp(text_read(*state, task_files_log_path(*state, folder, ONE)),
                           table[i].expected) == 0);
        fixture_row(table[i].expected, task_files_read_index(*state, folder, &entries, NULL) == 0);
        fixture_row(table[i].expected, entries.count == 1 && entries.entries[0].end_s == 99);
        folder_remove(*state, folder);
    }
}

static void index_goes_on_behind_a_torn_line(void **state)
{
    const char *folder = folder_new(*state);
    struct task_entries entries;
    text_write(path_of(*state, folder, "index"), ONE " 5F0000");
    assert_int_equal(task_files_end(folder, TWO, 99, "OK", NULL), 0);
    assert_int_equal(task_files_read_index(*state, folder, &entries, NULL), 0);
    assert_int_equal(entries.count, 1);
    assert_string_equal(entries.entries[0].name, TWO);
    folder_remove(*state, folder);
}

static void what_ran_is_ended_once(void **state)
{
    static const char *const both[] = {ONE, TWO};
    const char *folder = folder_new(*state);
    struct task_entries entries;
    // The daemon died between the index and the list of those that run: ONE has ended.
    assert_int_equal(task_files_end(folder, ONE, 5, "OK", NULL), 0);
    assert_int_equal(task_files_write_active(folder, both, 2, NULL), 0);
    assert_int_equal(task_files_recover(folder, 77, NULL), 0);
    assert_int_equal(task_files_recover(folder, 88, NULL), 0);
    assert_int_equal(task_files_read_index(*state, folder, &entries, NULL), 0);
    assert_int_equal(entries.count, 2);
    assert_string_equal(entries.entries[0].status, "OK");
    assert_int_equal(entries.entries[1].end_s, 77);
    assert_string_equal(entries.entries[1].status, "ha-execd ended while the task was running");
    assert_string_equal(text_read(*state, path_of(*state, folder, "active")), "");
    folder_remove(*state, folder);
}

static void trim_keeps_the_newest_and_removes_logs(void **state)
{
    const char *folder = folder_new(*state);
    struct task_entries entries;
    assert_int_equal(task_files_end(folder, ONE, 5, "OK", NULL), 0);
    assert_int_equal(task_files_end(folder, TWO, 6, "no", NULL), 0);
    assert_int_equal(task_files_read_index(*state, folder, &entries, NULL), 0);
    assert_int_equal(task_files_trim(folder, &entries, 1, NULL), 0);
    assert_int_equal(task_files_read_index(*state, folder, &entries, NULL), 0);
    assert_int_equal(entries.count, 1);
    assert_string_equal(entries.entries[0].name, TWO);
    assert_int_equal(access(task_files_log_path(*state, folder, ONE), F_OK), -1);
    assert_int_equal(access(task_files_log_path(*state, folder, TWO), F_OK), 0);
    folder_remove(*state, folder);
}

static void log_is_read_in_pages(void **state)
{
    static const struct {
        const char *log;
        int64_t start, limit;
        const char *expected;
        int64_t total;
    } table[] = {
        {"a\nb\nc\n", 0, 50, "[{\"n\":1,\"t\":\"a\"},{\"n\":2,\"t\":\"b\"},{\"n\":3,\"t\":\"c\"}]",
         3},
        {"a\nb\nc\n", 1, 1, "[{\"n\":2,\"t\":\"b\"}]", 3},
        {"a\nb", 0, 50, "[{\"n\":1,\"t\":\"a\"},{\"n\":2,\"t\":\"b\"}]", 2},
        {"a\n", 5, 50, "[]", 1},
        {"", 0, 50, "[{\"n\":1,\"t\":\"no content\"}]", 1},
        {"a\r\x1b[1mb\xff\tc\n", 0, 50, "[{\"n\":1,\"t\":\"a?[1mb?\\tc\"}]", 1},
    };
    const char *folder = folder_new(*state);
    struct json *list;
    int64_t total;
    assert_int_equal(task_files_read_log(*state, folder, ONE, 0, 5, &list, &total, NULL), 0);
    assert_string_equal(json_to_text(*state, list), "[{\"n\":1,\"t\":\"no content\"}]");
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        text_write(task_files_log_path(*state, folder, ONE), table[i].log);
        fixture_row(table[i].log, task_files_read_log(*state, folder, ONE, table[i].start,
                                                      table[i].limit, &list, &total, NULL) == 0);
        fixture_row(table[i].log, strcmp(json_to_text(*state, list), table[i].expected) == 0);
        fixture_row(table[i].log, total == table[i].total);
    }
    folder_remove(*state, folder);
}

static void last_line_is_the_last_that_says_something(void **state)
{
    const char *folder = folder_new(*state);
    assert_string_equal(task_files_last_line(*state, folder, ONE), "");
    text_write(task_files_log_path(*state, folder, ONE), "first\nlast words\n\n \n");
    assert_string_equal(task_files_last_line(*state, folder, ONE), "last words");
    folder_remove(*state, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(log_is_under_the_last_digit_for_root_only),
        fixture_test(end_is_the_last_line_and_in_the_index),
        fixture_test(index_goes_on_behind_a_torn_line),
        fixture_test(what_ran_is_ended_once),
        fixture_test(trim_keeps_the_newest_and_removes_logs),
        fixture_test(log_is_read_in_pages),
        fixture_test(last_line_is_the_last_that_says_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
