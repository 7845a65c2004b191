// SPDX-License-Identifier: Apache-2.0
// A set of nodes as bits, indexed by the node's position in the round's sorted node table.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// More nodes than a cluster can have; the rest of a longer list is left out with an event.
enum { NODE_SET_MAX = 1024, NODE_SET_WORDS = NODE_SET_MAX / 64 };

struct node_set {
    uint64_t words[NODE_SET_WORDS];
};

static inline void node_set_add(struct node_set *set, int node)
{
    assert(node >= 0);
    assert(node < NODE_SET_MAX);
    set->words[node / 64] |= UINT64_C(1) << (node % 64);
}

static inline void node_set_remove(struct node_set *set, int node)
{
    assert(node >= 0);
    assert(node < NODE_SET_MAX);
    set->words[node / 64] &= ~(UINT64_C(1) << (node % 64));
}

// False for a node of no position (−1).
static inline bool node_set_has(const struct node_set *set, int node)
{
    return node >= 0 && (set->words[node / 64] & (UINT64_C(1) << (node % 64))) != 0;
}

static inline bool node_set_is_empty(const struct node_set *set)
{
    uint64_t any = 0;
    for (size_t i = 0; i < NODE_SET_WORDS; i++) {
        any |= set->words[i];
    }
    return any == 0;
}

static inline void node_set_unite(struct node_set *set, const struct node_set *other)
{
    for (size_t i = 0; i < NODE_SET_WORDS; i++) {
        set->words[i] |= other->words[i];
    }
}

static inline void node_set_subtract(struct node_set *set, const struct node_set *other)
{
    for (size_t i = 0; i < NODE_SET_WORDS; i++) {
        set->words[i] &= ~other->words[i];
    }
}
