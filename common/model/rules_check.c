// SPDX-License-Identifier: Apache-2.0
// The seven checks of a set of rules, in their fixed order.
#include "common/model/rules_check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/rule_index.h"
#include "common/model/rules.h"

enum { RULE_PROBLEMS_CAPACITY_MIN = 4, RULE_BUNDLE_CAPACITY_MIN = 4 };

struct rules_checker {
    struct arena *arena;
    const struct rule_set *set;
    const struct map *cluster_nodes;
    struct rule_bundles bundles;
    struct rule_index node_rules; // in force, in the order of the set
    struct rule_index negative_rules;
    struct map problems;
};

static void checker_blame(struct rules_checker *checker, const struct rule *rule,
                          const char *reason)
{
    struct rule_problems *problems = map_find(&checker->problems, rule->id);
    if (problems == NULL) {
        problems = arena_new_of(checker->arena, struct rule_problems);
        map_put(&checker->problems, rule->id, problems);
    }
    if (problems->count == problems->capacity) {
        size_t capacity =
            problems->capacity > 0 ? 2 * problems->capacity : RULE_PROBLEMS_CAPACITY_MIN;
        const char **reasons = arena_array_of(checker->arena, const char *, capacity);
        if (problems->count > 0) {
            memcpy(reasons, problems->reasons, problems->count * sizeof(*reasons));
        }
        problems->reasons = reasons;
        problems->capacity = capacity;
    }
    problems->reasons[problems->count++] = reason;
}

size_t rules_count_common(const struct map *a, const struct map *b)
{
    size_t count = 0;
    map_each (e, a) {
        count += map_has(b, e->key) ? 1 : 0;
    }
    return count;
}

static int rule_compare_lowest(const void *left, const void *right)
{
    const struct rule *a = *(const struct rule *const *)left;
    const struct rule *b = *(const struct rule *const *)right;
    int order = strcmp(a->resources.entries[0].key, b->resources.entries[0].key);
    return order != 0 ? order : strcmp(a->id, b->id);
}

// Bundles while they are built. One that became part of another is empty.
struct bundler {
    struct arena *arena;
    struct rule_bundles bundles;
    bool merge_once; // the rule joins one bundle, the others stay as they are
    size_t *parents; // bundle → the one that it became part of, or itself
    size_t *homes;   // rule → the bundle that it joined
};

static size_t bundler_find(const struct bundler *bundler, size_t bundle)
{
    while (bundler->parents[bundle] != bundle) {
        bundler->parents[bundle] = bundler->parents[bundler->parents[bundle]];
        bundle = bundler->parents[bundle];
    }
    return bundle;
}

static void bundle_add_rule(struct arena *arena, struct rule_bundle *bundle,
                            const struct rule *rule)
{
    if (bundle->count == bundle->capacity) {
        size_t capacity = bundle->capacity > 0 ? 2 * bundle->capacity : RULE_BUNDLE_CAPACITY_MIN;
        const struct rule **rules = arena_array_of(arena, const struct rule *, capacity);
        if (bundle->count > 0) {
            memcpy(rules, bundle->rules, bundle->count * sizeof(*rules));
        }
        bundle->rules = rules;
        bundle->capacity = capacity;
    }
    bundle->rules[bundle->count++] = rule;
    map_each (e, &rule->resources) {
        map_put(&bundle->resources, e->key, e->value);
    }
}

static int compare_sizes(const void *left, const void *right)
{
    const size_t *a = left;
    const size_t *b = right;
    return *a < *b ? -1 : *a > *b;
}

// The rule joins the first bundle that it touches, and with it all others that it touches; else it
// opens a new one. `touched`: rules with some of its resources, of which the first ones have joined
// already.
static void bundler_add(struct bundler *bundler, struct rule *rule, size_t position,
                        const struct rule_list *touched)
{
    size_t *others = arena_array_of(bundler->arena, size_t, touched->count);
    size_t count = 0;
    for (size_t i = 0; i < touched->count && touched->positions[i] < position; i++) {
        others[count++] = bundler_find(bundler, bundler->homes[touched->positions[i]]);
    }
    qsort(others, count, sizeof(others[0]), compare_sizes);
    size_t home = count > 0 ? others[0] : bundler->bundles.count;
    struct rule_bundle *bundle = &bundler->bundles.bundles[home];
    if (count == 0) {
        *bundle = (struct rule_bundle){0};
        map_init_arena(&bundle->resources, bundler->arena);
        bundler->parents[home] = home;
        bundler->bundles.count++;
    }
    for (size_t i = 1; !bundler->merge_once && i < count; i++) {
        struct rule_bundle *other = &bundler->bundles.bundles[others[i]];
        for (size_t k = 0; others[i] != home && k < other->count; k++) {
            bundle_add_rule(bundler->arena, bundle, other->rules[k]);
        }
        if (others[i] != home) {
            bundler->parents[others[i]] = home;
            other->count = 0; // so that it is not taken over twice
        }
    }
    bundle_add_rule(bundler->arena, bundle, rule);
    bundler->homes[position] = home;
}

static size_t bundles_drop_empty(struct rule_bundles *bundles)
{
    size_t kept = 0;
    for (size_t i = 0; i < bundles->count; i++) {
        if (bundles->bundles[i].count > 0) {
            bundles->bundles[kept++] = bundles->bundles[i];
        }
    }
    return kept;
}

struct rule_bundles rules_bundle_positive(struct arena *arena, const struct rule_set *set)
{
    struct rule **rules = arena_array_of(arena, struct rule *, set->rules.count);
    size_t count = 0;
    map_each (e, &set->rules) {
        struct rule *rule = e->value;
        if (rule_is_affinity(rule, RULE_AFFINITY_POSITIVE) && rule->resources.count > 0) {
            rules[count++] = rule;
        }
    }
    qsort(rules, count, sizeof(rules[0]), rule_compare_lowest);
    struct rule_index index;
    rule_index_init(arena, &index, rules, count);
    struct bundler bundler = {.arena = arena,
                              .bundles = {arena_array_of(arena, struct rule_bundle, count), 0},
                              .merge_once = set->merge_once,
                              .parents = arena_array_of(arena, size_t, count),
                              .homes = arena_array_of(arena, size_t, count)};
    for (size_t i = 0; i < count; i++) {
        struct rule_list touched = rule_index_collect(&index, &rules[i]->resources);
        bundler_add(&bundler, rules[i], i, &touched);
    }
    bundler.bundles.count = bundles_drop_empty(&bundler.bundles);
    return bundler.bundles;
}

// 1: a resource has one place to say where it may run.
static void check_node_affinity_unique(struct rules_checker *checker)
{
    map_each (a, &checker->set->rules) {
        const struct rule *rule = a->value;
        if (!rule_is_active(rule, RULE_TYPE_NODE_AFFINITY)) {
            continue;
        }
        map_each (resource, &rule->resources) {
            const struct rule_index_entry *first = NULL;
            if (rule_index_find(&checker->node_rules, resource->key, &first) > 1) {
                checker_blame(checker, rule,
                              arena_printf(checker->arena,
                                           "resource '%s' is used in another node affinity rule",
                                           resource->key));
            }
        }
    }
}

// 2: one resource alone has no company.
static void check_affinity_effective(struct rules_checker *checker)
{
    map_each (e, &checker->set->rules) {
        const struct rule *rule = e->value;
        if (rule_is_active(rule, RULE_TYPE_RESOURCE_AFFINITY) && rule->resources.count < 2) {
            checker_blame(checker, rule, "rule has no effect with less than two resources");
        }
    }
}

// 3: each resource of a negative rule needs a node for itself.
static void check_negative_fits(struct rules_checker *checker)
{
    map_each (e, &checker->set->rules) {
        const struct rule *rule = e->value;
        if (rule_is_affinity(rule, RULE_AFFINITY_NEGATIVE) &&
            rule->resources.count > checker->cluster_nodes->count) {
            checker_blame(checker, rule, "rule has more resources than the cluster has nodes");
        }
    }
}

static void checker_blame_bundle(struct rules_checker *checker, const struct rule_bundle *bundle,
                                 const char *reason)
{
    for (size_t i = 0; i < bundle->count; i++) {
        checker_blame(checker, bundle->rules[i], reason);
    }
}

// 4: what must be together cannot be apart.
static void check_positive_against_negative(struct rules_checker *checker)
{
    for (size_t i = 0; i < checker->bundles.count; i++) {
        const struct rule_bundle *bundle = &checker->bundles.bundles[i];
        struct rule_list negatives =
            rule_index_collect(&checker->negative_rules, &bundle->resources);
        for (size_t k = 0; k < negatives.count; k++) {
            const struct rule *rule = negatives.rules[k];
            if (rules_count_common(&rule->resources, &bundle->resources) >= 2) {
                const char *reason =
                    "rule shares two or more resources with one of the opposite affinity";
                checker_blame(checker, rule, reason);
                checker_blame_bundle(checker, bundle, reason);
            }
        }
    }
}

static bool rule_has_priorities(const struct rule *rule)
{
    const struct rule_node *first = rule->nodes.entries[0].value;
    map_each (e, &rule->nodes) {
        const struct rule_node *node = e->value;
        if (node->priority != first->priority) {
            return true;
        }
    }
    return false;
}

static void checker_blame_list(struct rules_checker *checker, const struct rule_list *list,
                               const char *reason)
{
    for (size_t i = 0; i < list->count; i++) {
        checker_blame(checker, list->rules[i], reason);
    }
}

// 5: which of two preferred nodes company should follow is not decidable rule by rule.
static void check_single_priority(struct rules_checker *checker)
{
    map_each (e, &checker->set->rules) {
        const struct rule *rule = e->value;
        if (!rule_is_active(rule, RULE_TYPE_RESOURCE_AFFINITY)) {
            continue;
        }
        bool has_priorities = false;
        struct rule_list node_rules = rule_index_collect(&checker->node_rules, &rule->resources);
        for (size_t i = 0; i < node_rules.count; i++) {
            has_priorities = has_priorities || rule_has_priorities(node_rules.rules[i]);
        }
        if (has_priorities) {
            const char *reason =
                "resources are in a resource affinity rule and in a node affinity rule with more "
                "than one priority";
            checker_blame(checker, rule, reason);
            checker_blame_list(checker, &node_rules, reason);
        }
    }
}

// 6: what must be together cannot follow two rules about where.
static void check_positive_has_one_place(struct rules_checker *checker)
{
    for (size_t i = 0; i < checker->bundles.count; i++) {
        const struct rule_bundle *bundle = &checker->bundles.bundles[i];
        struct rule_list node_rules = rule_index_collect(&checker->node_rules, &bundle->resources);
        if (node_rules.count > 1) {
            const char *reason =
                "resources that belong together are in more than one node affinity rule";
            checker_blame_bundle(checker, bundle, reason);
            checker_blame_list(checker, &node_rules, reason);
        }
    }
}

// 7: enough nodes for those that must be apart and may only run on some nodes.
static void check_negative_has_places(struct rules_checker *checker)
{
    map_each (e, &checker->set->rules) {
        const struct rule *rule = e->value;
        if (!rule_is_affinity(rule, RULE_AFFINITY_NEGATIVE)) {
            continue;
        }
        struct map bound; // resources with a node affinity
        struct map nodes; // of all their rules
        map_init_arena(&bound, checker->arena);
        map_init_arena(&nodes, checker->arena);
        struct rule_list node_rules = rule_index_collect(&checker->node_rules, &rule->resources);
        for (size_t i = 0; i < node_rules.count; i++) {
            map_each (node, &node_rules.rules[i]->nodes) {
                map_put(&nodes, node->key, node->value);
            }
            map_each (resource, &rule->resources) {
                if (map_has(&node_rules.rules[i]->resources, resource->key)) {
                    map_put(&bound, resource->key, resource->value);
                }
            }
        }
        if (nodes.count < bound.count) {
            const char *reason =
                "resources that must be apart have fewer nodes in node affinity rules than they are";
            checker_blame(checker, rule, reason);
            checker_blame_list(checker, &node_rules, reason);
        }
    }
}

static void checker_build_indexes(struct rules_checker *checker)
{
    const struct map *rules = &checker->set->rules;
    struct rule **node_rules = arena_array_of(checker->arena, struct rule *, rules->count);
    struct rule **negatives = arena_array_of(checker->arena, struct rule *, rules->count);
    size_t node_rules_count = 0;
    size_t negatives_count = 0;
    map_each (e, rules) {
        struct rule *rule = e->value;
        if (rule_is_active(rule, RULE_TYPE_NODE_AFFINITY)) {
            node_rules[node_rules_count++] = rule;
        } else if (rule_is_affinity(rule, RULE_AFFINITY_NEGATIVE)) {
            negatives[negatives_count++] = rule;
        }
    }
    rule_index_init(checker->arena, &checker->node_rules, node_rules, node_rules_count);
    rule_index_init(checker->arena, &checker->negative_rules, negatives, negatives_count);
}

void rules_check(struct arena *arena, const struct rule_set *set, const struct map *nodes,
                 struct map *ret_problems)
{
    struct rules_checker checker = {
        .arena = arena,
        .set = set,
        .cluster_nodes = nodes,
        .bundles = rules_bundle_positive(arena, set),
    };
    map_init_arena(&checker.problems, arena);
    checker_build_indexes(&checker);
    check_node_affinity_unique(&checker);
    check_affinity_effective(&checker);
    check_negative_fits(&checker);
    check_positive_against_negative(&checker);
    check_single_priority(&checker);
    check_positive_has_one_place(&checker);
    check_negative_has_places(&checker);
    *ret_problems = checker.problems;
}
