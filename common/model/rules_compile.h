// SPDX-License-Identifier: Apache-2.0
// From rules as operators write them to what placement asks: for each resource the nodes it may run
// on, and the resources it must be together with or apart from.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct rule_set;

// Priority of nodes that a rule without `strict` does not name.
enum { AFFINITY_PRIORITY_OTHER = -1 };

// All that the rules say about one resource.
struct affinity_entry {
    const char *sid;
    bool has_nodes;   // some rule says where it may run
    struct map nodes; // node → struct rule_node *: where it may run; higher priority is preferred
    struct map positive; // sid → struct affinity_entry *: must be on the same node
    struct map negative; // sid → struct affinity_entry *: must be on another node
};

struct affinity {
    struct map entries; // sid → struct affinity_entry *; resources without any rule have none
};

// The set without the rules that rules_check() blames, and with what follows from the rest:
// overlapping positive rules merged ("_merged-<id>-<id>…"), negative rules inferred for the company
// of a separated resource ("_implicit-negative-<rule>-<sid>-<sid>"), node affinity extended to the
// company. The result shares nothing with `set`. `ret_problems`: id → struct rule_problems *, the
// rules that were dropped.
void rules_transform(struct arena *arena, const struct rule_set *set, const struct map *nodes,
                     struct rule_set *ret_set, struct map *ret_problems);

// What a transformed set says. `nodes`: names of the cluster's nodes as keys. Both results live as
// long as the arena.
struct affinity *affinity_compile(struct arena *arena, const struct rule_set *set,
                                  const struct map *nodes) WARN_UNUSED;

// Both steps at once.
struct affinity *rules_compile(struct arena *arena, const struct rule_set *set,
                               const struct map *nodes, struct map *ret_problems) WARN_UNUSED;

// The entry, or NULL when no rule concerns the resource.
const struct affinity_entry *affinity_find(const struct affinity *affinity,
                                           const char *sid) WARN_UNUSED;
