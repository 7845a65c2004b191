// SPDX-License-Identifier: Apache-2.0
// The guard of all state variables.
#include "common/model/transition.h"

#include <assert.h>

bool transition_is_allowed(const struct transition_table *table, int from, int to)
{
    assert(from >= 0);
    assert((size_t)from < table->states->count);
    assert(to >= 0);
    assert((size_t)to < table->states->count);
    return table->allowed[(size_t)from * table->states->count + (size_t)to];
}

void transition_move(const struct transition_table *table, int *state, int to)
{
    assert(transition_is_allowed(table, *state, to));
    *state = to;
}
