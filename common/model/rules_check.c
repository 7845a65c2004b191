// SPDX-License-Identifier: Apache-2.0
// The seven checks of a set of rules, in their fixed order.
#include "common/model/rules_check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/rules.h"

enum { RULE_PROBLEMS_CAPACITY_MIN = 4 };

struct rules_checker {
    struct arena *arena;
    const struct rule_set *set;
    const struct map *cluster_nodes;
    struct rule_bundles bundles;
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

static bool rules_overlap(const struct map *a, const struct map *b)
{
    return rules_count_common(a, b) > 0;
}

static int rule_compare_lowest(const void *left, const void *right)
{
    const struct rule *a = *(const struct rule *const *)left;
    const struct rule *b = *(const struct rule *const *)right;
    int order = strcmp(a->resources.entries[0].key, b->resources.entries[0].key);
    return order != 0 ? order : strcmp(a->id, b->id);
}

// The rule joins the first bundle that it touches, and with it all others that it touches; else it
// opens a new one.
static void bundles_add(struct arena *arena, struct rule_bundles *bundles, size_t rules_max,
                        const struct rule *rule)
{
    struct rule_bundle *home = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < bundles->count; i++) {
        struct rule_bundle *bundle = &bundles->bundles[i];
        bool touches = rules_overlap(&rule->resources, &bundle->resources);
        if (touches && home != NULL) {
            for (size_t k = 0; k < bundle->count; k++) {
                home->rules[home->count++] = bundle->rules[k];
            }
            map_each (e, &bundle->resources) {
                map_put(&home->resources, e->key, e->value);
            }
            continue;
        }
        bundles->bundles[kept] = *bundle;
        if (touches) {
            home = &bundles->bundles[kept];
        }
        kept++;
    }
    bundles->count = kept;
    if (home == NULL) {
        home = &bundles->bundles[bundles->count++];
        *home =
            (struct rule_bundle){.rules = arena_array_of(arena, const struct rule *, rules_max)};
        map_init_arena(&home->resources, arena);
    }
    assert(home->count < rules_max);
    home->rules[home->count++] = rule;
    map_each (e, &rule->resources) {
        map_put(&home->resources, e->key, e->value);
    }
}

struct rule_bundles rules_bundle_positive(struct arena *arena, const struct rule_set *set)
{
    const struct rule **rules = arena_array_of(arena, const struct rule *, set->rules.count);
    size_t count = 0;
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        if (rule_is_affinity(rule, RULE_AFFINITY_POSITIVE) && rule->resources.count > 0) {
            rules[count++] = rule;
        }
    }
    qsort(rules, count, sizeof(rules[0]), rule_compare_lowest);
    struct rule_bundles bundles = {arena_array_of(arena, struct rule_bundle, count), 0};
    for (size_t i = 0; i < count; i++) {
        bundles_add(arena, &bundles, count, rules[i]);
    }
    return bundles;
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
            size_t users = 0;
            map_each (b, &checker->set->rules) {
                const struct rule *other = b->value;
                users += rule_is_active(other, RULE_TYPE_NODE_AFFINITY) &&
                                 map_has(&other->resources, resource->key)
                             ? 1
                             : 0;
            }
            if (users > 1) {
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
        map_each (e, &checker->set->rules) {
            const struct rule *rule = e->value;
            if (rule_is_affinity(rule, RULE_AFFINITY_NEGATIVE) &&
                rules_count_common(&rule->resources, &bundle->resources) >= 2) {
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

// Calls for the next node affinity rule in force, from `*position` on, that has one of the
// resources; NULL at the end.
static const struct rule *checker_next_node_rule(const struct rules_checker *checker,
                                                 const struct map *resources, size_t *position)
{
    while (*position < checker->set->rules.count) {
        const struct rule *rule = checker->set->rules.entries[(*position)++].value;
        if (rule_is_active(rule, RULE_TYPE_NODE_AFFINITY) &&
            rules_overlap(&rule->resources, resources)) {
            return rule;
        }
    }
    return NULL;
}

static void checker_blame_node_rules(struct rules_checker *checker, const struct map *resources,
                                     const char *reason)
{
    size_t position = 0;
    const struct rule *rule = NULL;
    while ((rule = checker_next_node_rule(checker, resources, &position)) != NULL) {
        checker_blame(checker, rule, reason);
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
        size_t position = 0;
        const struct rule *node_rule = NULL;
        while ((node_rule = checker_next_node_rule(checker, &rule->resources, &position)) != NULL) {
            has_priorities = has_priorities || rule_has_priorities(node_rule);
        }
        if (has_priorities) {
            const char *reason =
                "resources are in a resource affinity rule and in a node affinity rule with more "
                "than one priority";
            checker_blame(checker, rule, reason);
            checker_blame_node_rules(checker, &rule->resources, reason);
        }
    }
}

// 6: what must be together cannot follow two rules about where.
static void check_positive_has_one_place(struct rules_checker *checker)
{
    for (size_t i = 0; i < checker->bundles.count; i++) {
        const struct rule_bundle *bundle = &checker->bundles.bundles[i];
        size_t position = 0;
        size_t count = 0;
        while (checker_next_node_rule(checker, &bundle->resources, &position) != NULL) {
            count++;
        }
        if (count > 1) {
            const char *reason =
                "resources that belong together are in more than one node affinity rule";
            checker_blame_bundle(checker, bundle, reason);
            checker_blame_node_rules(checker, &bundle->resources, reason);
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
        size_t position = 0;
        const struct rule *node_rule = NULL;
        while ((node_rule = checker_next_node_rule(checker, &rule->resources, &position)) != NULL) {
            map_each (node, &node_rule->nodes) {
                map_put(&nodes, node->key, node->value);
            }
            map_each (resource, &node_rule->resources) {
                if (map_has(&rule->resources, resource->key)) {
                    map_put(&bound, resource->key, resource->value);
                }
            }
        }
        if (nodes.count < bound.count) {
            const char *reason =
                "resources that must be apart have fewer nodes in node affinity rules than they are";
            checker_blame(checker, rule, reason);
            checker_blame_node_rules(checker, &rule->resources, reason);
        }
    }
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
    check_node_affinity_unique(&checker);
    check_affinity_effective(&checker);
    check_negative_fits(&checker);
    check_positive_against_negative(&checker);
    check_single_priority(&checker);
    check_positive_has_one_place(&checker);
    check_negative_has_places(&checker);
    *ret_problems = checker.problems;
}
