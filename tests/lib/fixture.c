// SPDX-License-Identifier: Apache-2.0
// Shared pieces of unit tests.
#include "tests/lib/fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/enum_table.h"
#include "common/base/error.h"

int fixture_arena_setup(void **state)
{
    *state = arena_new();
    return 0;
}

int fixture_arena_teardown(void **state)
{
    arena_free(*state);
    return 0;
}

bool fixture_aborts(void (*function)(void *data), void *data)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        // The abort is wanted: no core file, no words on the terminal, and none of cmocka's signal
        // handlers.
        struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none); // only tidiness depends on it
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO);
        function(data);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

void fixture_check_ok(int r, const struct error *err, const char *file, int line)
{
    if (r != 0) {
        print_error("%d: %s\n", r, err->text);
    }
    _assert_int_equal(cast_to_largest_integral_type(r), 0, file, line);
}

void fixture_check_fails(int r, int code, const char *words, bool is_whole, const struct error *err,
                         const char *file, int line)
{
    bool is_said = is_whole ? strcmp(err->text, words) == 0 : strstr(err->text, words) != NULL;
    if (r != code || !is_said) {
        print_error("%d: %s\n", r, err->text);
    }
    _assert_int_equal(cast_to_largest_integral_type(r), cast_to_largest_integral_type(code), file,
                      line);
    _assert_true(is_said, words, file, line);
}

void fixture_check_enum_table(const struct enum_table *table)
{
    size_t named = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->names[i] == NULL) {
            continue; // a value without spelling, such as "none"
        }
        named++;
        fixture_row(table->names[i], *table->names[i] != '\0');
        fixture_row(table->names[i], enum_table_value(table, table->names[i]) == (int)i);
        fixture_row(table->names[i], strcmp(enum_table_name(table, (int)i), table->names[i]) == 0);
    }
    assert_true(named > 0);
    assert_int_equal(enum_table_value(table, "no such name"), -EINVAL);
    assert_int_equal(enum_table_value(table, ""), -EINVAL);
}
