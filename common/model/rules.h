// SPDX-License-Identifier: Apache-2.0
// Affinity rules (rules.cfg): which nodes a resource may run on, and which resources belong
// together or apart. The value under "config/rules". rules_check.h says which rules contradict each
// other, rules_compile.h makes of a set of rules what placement asks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct section_property;
struct strbuf;

enum rule_type { RULE_TYPE_NODE_AFFINITY, RULE_TYPE_RESOURCE_AFFINITY, RULE_TYPE_MAX };
ENUM_TABLE_DECLARE(rule_type);

enum rule_affinity { RULE_AFFINITY_POSITIVE, RULE_AFFINITY_NEGATIVE, RULE_AFFINITY_MAX };
ENUM_TABLE_DECLARE(rule_affinity);

enum { RULE_PRIORITY_MAX = 1000000, RULE_COMMENT_MAX = 4096 };

struct rule_node {
    int64_t priority; // higher is preferred
};

struct rule {
    const char *id;
    enum rule_type type;
    int64_t order;        // place in the file, from 1
    bool disabled;        // the mere presence of the key disables, whatever its value
    const char *comment;  // NULL: none; decoded
    struct map resources; // sid → this rule
    // Node affinity:
    struct map nodes; // node → struct rule_node *
    bool strict;      // only these nodes; false: a preference
    bool has_strict;  // the text has the key
    // Resource affinity:
    enum rule_affinity affinity; // positive: all on one node, negative: all on different nodes
};

struct rule_set {
    struct arena *arena;
    struct map rules;      // id → struct rule *
    const char *digest;    // SHA-1 hex of the text it was read from
    bool merge_once;       // classic replay: see rules_bundle_positive()
    const char **warnings; // "line 3: …": what was skipped; the reader decides whether to refuse
    size_t warnings_count;
};

struct rule *rule_new(struct arena *arena, const char *id, enum rule_type type) WARN_UNUSED;
// A copy whose maps can be changed without changing the original's.
struct rule *rule_copy(struct arena *arena, const struct rule *rule) WARN_UNUSED;
void rule_add_resource(struct rule *rule, const char *sid);
void rule_add_node(struct arena *arena, struct rule *rule, const char *node, int64_t priority);
// Whether the rule is in force and of that type.
bool rule_is_active(const struct rule *rule, enum rule_type type) WARN_UNUSED;
// Whether the rule is in force and a resource affinity of that kind.
bool rule_is_affinity(const struct rule *rule, enum rule_affinity affinity) WARN_UNUSED;

// Sets one option from its text: resources, comment, disable; nodes, strict (node affinity);
// affinity (resource affinity). A key without value is true. -EINVAL with key and allowed values;
// then nothing changed.
int rule_set_option(struct arena *arena, struct rule *rule, const char *key, const char *value,
                    struct error *err) WARN_UNUSED;
// Back to the default. -EINVAL for an unknown key and for one that a rule cannot be without.
int rule_unset_option(struct rule *rule, const char *key, struct error *err) WARN_UNUSED;
// -EINVAL naming the key that the rule cannot be without.
int rule_check_complete(const struct rule *rule, struct error *err) WARN_UNUSED;

void rule_set_init(struct arena *arena, struct rule_set *ret_set);
// Reads a file. Fatal is only a text with a NUL byte (-EINVAL); what else is wrong is skipped and
// told as a warning: sections of unknown type, with invalid or duplicate id, or without what they
// need; properties with bad keys or values.
int rule_set_parse(struct arena *arena, const char *text, size_t size_bytes,
                   struct rule_set *ret_set, struct error *err) WARN_UNUSED;
// The rules in the order of their numbers, ties by id. In the arena; `rules.count` many.
struct rule **rule_set_in_order(struct arena *arena, const struct rule_set *set) WARN_UNUSED;
// The whole file.
void rule_set_format(const struct rule_set *set, struct strbuf *out);
// "node1:2,node2": names ascending, priority 0 left out. In the arena.
char *rule_nodes_to_text(struct arena *arena, const struct map *nodes) WARN_UNUSED;
// "ct:100,vm:101": ascending. In the arena.
char *rule_resources_to_text(struct arena *arena, const struct map *resources) WARN_UNUSED;
// Reads "<node>[:<priority>]…" into an empty map; -EINVAL names the entry.
int rule_nodes_parse(struct arena *arena, const char *text, struct map *ret_nodes,
                     struct error *err) WARN_UNUSED;
