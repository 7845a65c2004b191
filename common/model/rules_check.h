// SPDX-License-Identifier: Apache-2.0
// Which rules cannot be kept together. Only rules in force are looked at. A rule that is blamed is
// not used; the file stays as it is.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct rule;
struct rule_set;

// What is wrong with one rule, in the order of the checks. A text can occur more than once: once
// for each other rule that it contradicts. All concern the key 'resources'.
struct rule_problems {
    const char **reasons;
    size_t count;
    size_t capacity;
};

// Checks all rules. `nodes`: names of the cluster's nodes as keys. Result: id → struct
// rule_problems *, only for rules that are blamed, in the arena.
void rules_check(struct arena *arena, const struct rule_set *set, const struct map *nodes,
                 struct map *ret_problems);

// Positive rules that share resources, directly or through others: all their resources belong
// together.
struct rule_bundle {
    const struct rule **rules; // in the order in which they joined
    size_t count;
    size_t capacity;
    struct map resources; // of all of them; values mean nothing
};

struct rule_bundles {
    struct rule_bundle *bundles;
    size_t count;
};

// The positive rules in force, taken by their lowest sid (ties: id): each joins the first bundle
// that has one of its resources, else it opens a new one. Bundles that a later rule touches become
// one with the first of them; with `merge_once` in the set, as the reference has it, they stay
// apart.
struct rule_bundles rules_bundle_positive(struct arena *arena,
                                          const struct rule_set *set) WARN_UNUSED;
// How many keys the maps share.
size_t rules_count_common(const struct map *a, const struct map *b) WARN_UNUSED;
