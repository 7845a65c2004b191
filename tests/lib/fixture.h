// SPDX-License-Identifier: Apache-2.0
// What most unit tests share: an arena as test state, rows of tables, code that must abort.
#pragma once

#include <stdbool.h>

#include "tests/lib/test.h"

struct arena;

// Setup and teardown for cmocka: *state is a struct arena *.
int fixture_arena_setup(void **state);
int fixture_arena_teardown(void **state);
// A test with them.
#define fixture_test(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, fixture_arena_setup, fixture_arena_teardown)

// Runs the function in a child process; true when it ended by abort(), as a failed assert does.
bool fixture_aborts(void (*function)(void *data), void *data);

// Fails with the row's name when the condition does not hold.
#define fixture_row(name, condition)                                                               \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("row '%s': %s", (name), #condition);                                          \
        }                                                                                          \
    } while (0)

// For a fixture `f` with a member `err`: the call answered 0; it answered this code with just these
// words; with these words among its own. What it said is shown else.
#define fixture_ok(f, r) fixture_check_ok((r), &(f)->err, __FILE__, __LINE__)
#define fixture_fails(f, r, code, words)                                                           \
    fixture_check_fails((r), (code), (words), true, &(f)->err, __FILE__, __LINE__)
#define fixture_refuses(f, r, code, words)                                                         \
    fixture_check_fails((r), (code), (words), false, &(f)->err, __FILE__, __LINE__)
struct error;
void fixture_check_ok(int r, const struct error *err, const char *file, int line);
void fixture_check_fails(int r, int code, const char *words, bool is_whole, const struct error *err,
                         const char *file, int line);

struct enum_table;
// Every value of the table has a name that is found again, no two are the same, and a word that is
// no name is refused.
void fixture_check_enum_table(const struct enum_table *table);
