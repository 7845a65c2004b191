// SPDX-License-Identifier: Apache-2.0
// Older groups of nodes (groups.cfg), the value under "config/groups": each becomes a node affinity
// rule of the resources that name it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct rule_set;
struct strbuf;

struct group {
    const char *id;
    int64_t order;       // place in the file, from 1
    const char *comment; // NULL: none; decoded
    struct map nodes;    // node → struct rule_node *
    bool restricted;     // only these nodes
    bool nofailback;     // its resources do not return by themselves
};

struct group_set {
    struct map groups;     // id → struct group *
    const char *digest;    // SHA-1 hex of the text
    const char **warnings; // "line 3: …": what was skipped
    size_t warnings_count;
};

// Reads a file, as rule_set_parse() does.
int group_set_parse(struct arena *arena, const char *text, size_t size_bytes,
                    struct group_set *ret_set, struct error *err) WARN_UNUSED;
// The whole file, groups in the order of their numbers.
void group_set_format(const struct group_set *set, struct strbuf *out);

// Adds a rule "ha-group-<id>" for each group that at least one resource names, behind the rules
// that are there; one of that name is replaced. `members`: sid → const char *, the group a resource
// names.
void group_set_add_rules(const struct group_set *set, const struct map *members,
                         struct rule_set *rules);
