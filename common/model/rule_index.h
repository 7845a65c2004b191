// SPDX-License-Identifier: Apache-2.0
// Which rules have a resource. Checks that compare rules with each other find those that matter
// through it, so that their cost grows with the rules and not with their square.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct map;
struct rule;

struct rule_index_entry {
    const char *sid;
    struct rule *rule;
    size_t position; // of the rule among those that were given
};

struct rule_index {
    struct arena *arena;
    struct rule_index_entry *entries; // ascending by sid, then by position
    size_t count;
};

// Rules, each once, in the order in which they were given to the index.
struct rule_list {
    struct rule **rules;
    size_t *positions;
    size_t count;
};

// `rules` and their maps of resources are borrowed and must not lose resources while the index is
// used. Memory is the arena's.
void rule_index_init(struct arena *arena, struct rule_index *index, struct rule *const *rules,
                     size_t count);
// The entries of one resource; their number is returned.
size_t rule_index_find(const struct rule_index *index, const char *sid,
                       const struct rule_index_entry **ret_first) WARN_UNUSED;
// The rules that have any of the keys of `resources`.
struct rule_list rule_index_collect(const struct rule_index *index,
                                    const struct map *resources) WARN_UNUSED;
