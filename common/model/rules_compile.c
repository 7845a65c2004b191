// SPDX-License-Identifier: Apache-2.0
// The three transformations, in their order, and the compilation.
#include "common/model/rules_compile.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/model/rule_index.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"

// Overlapping positive rules become one.
static void rules_merge_positive(struct arena *arena, struct rule_set *set)
{
    struct rule_bundles bundles = rules_bundle_positive(arena, set);
    for (size_t i = 0; i < bundles.count; i++) {
        const struct rule_bundle *bundle = &bundles.bundles[i];
        if (bundle->count < 2) {
            continue;
        }
        struct strbuf id CLEANUP(strbuf_done) = {0};
        strbuf_append(&id, "_merged");
        for (size_t k = 0; k < bundle->count; k++) {
            strbuf_appendf(&id, "-%s", bundle->rules[k]->id);
        }
        struct rule *merged = rule_new(arena, strbuf_text(&id), RULE_TYPE_RESOURCE_AFFINITY);
        merged->affinity = RULE_AFFINITY_POSITIVE;
        merged->order = bundle->rules[0]->order;
        map_each (e, &bundle->resources) {
            rule_add_resource(merged, e->key);
        }
        for (size_t k = 0; k < bundle->count; k++) {
            (void)map_remove(&set->rules, bundle->rules[k]->id); // it is there
        }
        map_put(&set->rules, merged->id, merged);
    }
}

// Whether a negative rule, of those there were before inferring, keeps the two apart.
static bool rules_separate(const struct rule_index *negatives, const char *a, const char *b)
{
    const struct rule_index_entry *first = NULL;
    size_t users = rule_index_find(negatives, a, &first);
    for (size_t i = 0; i < users; i++) {
        if (map_has(&first[i].rule->resources, b)) {
            return true;
        }
    }
    return false;
}

// Adds to `inferred` what the company `positive` must be apart from because one of it must.
static void rules_infer_for(struct arena *arena, const struct rule_index *negatives,
                            const struct rule *positive, int64_t order, struct map *inferred)
{
    struct map apart; // what any of the company must be apart from
    map_init_arena(&apart, arena);
    struct rule_list touched = rule_index_collect(negatives, &positive->resources);
    for (size_t i = 0; i < touched.count; i++) {
        map_each (other, &touched.rules[i]->resources) {
            if (!map_has(&positive->resources, other->key)) {
                map_put(&apart, other->key, touched.rules[i]);
            }
        }
    }
    map_each (other, &apart) {
        map_each (member, &positive->resources) {
            if (rules_separate(negatives, member->key, other->key)) {
                continue;
            }
            const char *id = arena_printf(arena, "_implicit-negative-%s-%s-%s", positive->id,
                                          member->key, other->key);
            struct rule *rule = rule_new(arena, id, RULE_TYPE_RESOURCE_AFFINITY);
            rule->affinity = RULE_AFFINITY_NEGATIVE;
            rule->order = order;
            rule_add_resource(rule, member->key);
            rule_add_resource(rule, other->key);
            map_put(inferred, id, rule);
        }
    }
}

static bool rule_is_negative(const struct rule *rule)
{
    return rule_is_affinity(rule, RULE_AFFINITY_NEGATIVE);
}

static bool rule_is_of_nodes(const struct rule *rule)
{
    return rule_is_active(rule, RULE_TYPE_NODE_AFFINITY);
}

static void rules_build_index(struct arena *arena, const struct rule_set *set,
                              bool (*is_wanted)(const struct rule *rule), struct rule_index *index)
{
    struct rule **rules = arena_array_of(arena, struct rule *, set->rules.count);
    size_t count = 0;
    map_each (e, &set->rules) {
        if (is_wanted(e->value)) {
            rules[count++] = e->value;
        }
    }
    rule_index_init(arena, index, rules, count);
}

// Company of a resource that must be apart from another must be apart from it too.
static void rules_infer_negative(struct arena *arena, struct rule_set *set)
{
    int64_t lowest = INT64_MAX - 1;
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        lowest = rule->order < lowest ? rule->order : lowest;
    }
    struct rule_index negatives;
    rules_build_index(arena, set, rule_is_negative, &negatives);
    struct map inferred;
    map_init_arena(&inferred, arena);
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        if (rule_is_affinity(rule, RULE_AFFINITY_POSITIVE)) {
            rules_infer_for(arena, &negatives, rule, lowest + 1, &inferred);
        }
    }
    map_each (e, &inferred) {
        map_put(&set->rules, e->key, e->value);
    }
}

// The first of the rules about nodes that has one of the resources, be it since it was added here.
static struct rule *rules_find_place(const struct rule_index *node_rules, const struct map *added,
                                     const struct map *resources)
{
    struct rule_list found = rule_index_collect(node_rules, resources);
    struct rule *first = found.count > 0 ? found.rules[0] : NULL;
    map_each (resource, resources) {
        struct rule *rule = map_find(added, resource->key);
        if (rule != NULL && (first == NULL || strcmp(rule->id, first->id) < 0)) {
            first = rule;
        }
    }
    return first;
}

// Where one may run, its company may run. Only positive rules that were merged once (classic
// replay) can have a resource in common, so that what one adds matters to the next.
static void rules_infer_nodes(struct arena *arena, struct rule_set *set)
{
    struct rule_index node_rules;
    rules_build_index(arena, set, rule_is_of_nodes, &node_rules);
    struct map added; // resource → the rule that it was added to
    map_init_arena(&added, arena);
    map_each (e, &set->rules) {
        const struct rule *positive = e->value;
        if (!rule_is_affinity(positive, RULE_AFFINITY_POSITIVE)) {
            continue;
        }
        struct rule *place = rules_find_place(&node_rules, &added, &positive->resources);
        map_each (resource, &positive->resources) {
            if (place != NULL) {
                rule_add_resource(place, resource->key);
                map_put(&added, resource->key, place);
            }
        }
    }
}

void rules_transform(struct arena *arena, const struct rule_set *set, const struct map *nodes,
                     struct rule_set *ret_set, struct map *ret_problems)
{
    rules_check(arena, set, nodes, ret_problems);
    struct rule_set kept;
    rule_set_init(arena, &kept);
    kept.digest = set->digest;
    kept.merge_once = set->merge_once;
    map_each (e, &set->rules) {
        if (!map_has(ret_problems, e->key)) {
            struct rule *copy = rule_copy(arena, e->value);
            map_put(&kept.rules, copy->id, copy);
        }
    }
    rules_merge_positive(arena, &kept);
    rules_infer_negative(arena, &kept);
    rules_infer_nodes(arena, &kept);
    *ret_set = kept;
}

static struct affinity_entry *affinity_get(struct arena *arena, struct affinity *affinity,
                                           const char *sid)
{
    struct affinity_entry *entry = map_find(&affinity->entries, sid);
    if (entry == NULL) {
        entry = arena_new_of(arena, struct affinity_entry);
        entry->sid = arena_strdup(arena, sid);
        map_init_arena(&entry->nodes, arena);
        map_init_arena(&entry->positive, arena);
        map_init_arena(&entry->negative, arena);
        map_put(&affinity->entries, sid, entry);
    }
    return entry;
}

static void affinity_add_nodes(struct arena *arena, struct affinity *affinity,
                               const struct rule *rule, const struct map *cluster_nodes)
{
    struct map allowed;
    map_init_arena(&allowed, arena);
    if (!rule->strict) {
        map_each (e, cluster_nodes) {
            struct rule_node *node = arena_new_of(arena, struct rule_node);
            node->priority = AFFINITY_PRIORITY_OTHER;
            map_put(&allowed, e->key, node);
        }
    }
    map_each (e, &rule->nodes) {
        const struct rule_node *named = e->value;
        struct rule_node *node = arena_new_of(arena, struct rule_node);
        *node = *named;
        map_put(&allowed, e->key, node);
    }
    map_each (e, &rule->resources) {
        struct affinity_entry *entry = affinity_get(arena, affinity, e->key);
        // The checks leave a resource in one node affinity rule; in an unchecked set the first one
        // counts.
        if (!entry->has_nodes) {
            entry->has_nodes = true;
            entry->nodes = allowed; // shared, and not changed any more
        }
    }
}

static void affinity_add_partners(struct arena *arena, struct affinity *affinity,
                                  const struct rule *rule)
{
    map_each (a, &rule->resources) {
        struct affinity_entry *entry = affinity_get(arena, affinity, a->key);
        map_each (b, &rule->resources) {
            struct affinity_entry *partner = affinity_get(arena, affinity, b->key);
            if (partner != entry) {
                map_put(rule->affinity == RULE_AFFINITY_POSITIVE ? &entry->positive
                                                                 : &entry->negative,
                        b->key, partner);
            }
        }
    }
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

// Makes all entries in ascending order, which is the cheap one for a map.
static void affinity_add_entries(struct arena *arena, struct affinity *affinity,
                                 const struct rule_set *set)
{
    size_t total = 0;
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        total += rule->disabled ? 0 : rule->resources.count;
    }
    const char **sids = arena_array_of(arena, const char *, total);
    size_t count = 0;
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        map_each (resource, &rule->resources) {
            if (!rule->disabled) {
                sids[count++] = resource->key;
            }
        }
    }
    qsort(sids, count, sizeof(sids[0]), compare_texts);
    for (size_t i = 0; i < count; i++) {
        (void)affinity_get(arena, affinity, sids[i]); // it is there from now on
    }
}

struct affinity *affinity_compile(struct arena *arena, const struct rule_set *set,
                                  const struct map *nodes)
{
    struct affinity *affinity = arena_new_of(arena, struct affinity);
    map_init_arena(&affinity->entries, arena);
    affinity_add_entries(arena, affinity, set);
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        if (rule_is_active(rule, RULE_TYPE_NODE_AFFINITY)) {
            affinity_add_nodes(arena, affinity, rule, nodes);
        } else if (rule_is_active(rule, RULE_TYPE_RESOURCE_AFFINITY)) {
            affinity_add_partners(arena, affinity, rule);
        }
    }
    return affinity;
}

struct affinity *rules_compile(struct arena *arena, const struct rule_set *set,
                               const struct map *nodes, struct map *ret_problems)
{
    struct rule_set transformed;
    rules_transform(arena, set, nodes, &transformed, ret_problems);
    return affinity_compile(arena, &transformed, nodes);
}

const struct affinity_entry *affinity_find(const struct affinity *affinity, const char *sid)
{
    return map_find(&affinity->entries, sid);
}
