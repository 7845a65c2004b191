// SPDX-License-Identifier: Apache-2.0
// State variables change only here: a table says which moves exist, any other aborts, and every
// move makes an event.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/enum_table.h"

// `allowed` is a matrix of count × count: allowed[from * count + to].
struct transition_table {
    const struct enum_table *states;
    const bool *allowed;
};

// One allowed move in words, for documentation and tests.
struct transition_row {
    int from;
    int to;
    const char *when;
};

bool transition_is_allowed(const struct transition_table *table, int from, int to) WARN_UNUSED;
// Sets *state; asserts that the move is in the table.
void transition_move(const struct transition_table *table, int *state, int to);
