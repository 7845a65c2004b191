// SPDX-License-Identifier: Apache-2.0
// The three transformations, in their order, and the compilation.
#include "common/model/rules_compile.h"

#include "common/base/arena.h"
#include "common/base/strbuf.h"
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

// Whether a negative rule of the set, as it was before inferring, keeps the two apart.
static bool rules_separate(const struct rule_set *set, const char *a, const char *b)
{
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        if (rule_is_affinity(rule, RULE_AFFINITY_NEGATIVE) && map_has(&rule->resources, a) &&
            map_has(&rule->resources, b)) {
            return true;
        }
    }
    return false;
}

// Adds to `inferred` what the company `positive` must be apart from because one of it must.
static void rules_infer_for(struct arena *arena, const struct rule_set *set,
                            const struct rule *positive, int64_t order, struct map *inferred)
{
    struct map apart; // what any of the company must be apart from
    map_init_arena(&apart, arena);
    map_each (e, &set->rules) {
        struct rule *negative = e->value;
        if (!rule_is_affinity(negative, RULE_AFFINITY_NEGATIVE) ||
            rules_count_common(&negative->resources, &positive->resources) == 0) {
            continue;
        }
        map_each (other, &negative->resources) {
            if (!map_has(&positive->resources, other->key)) {
                map_put(&apart, other->key, negative);
            }
        }
    }
    map_each (other, &apart) {
        map_each (member, &positive->resources) {
            if (rules_separate(set, member->key, other->key)) {
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

// Company of a resource that must be apart from another must be apart from it too.
static void rules_infer_negative(struct arena *arena, struct rule_set *set)
{
    int64_t lowest = INT64_MAX - 1;
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        lowest = rule->order < lowest ? rule->order : lowest;
    }
    struct map inferred;
    map_init_arena(&inferred, arena);
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        if (rule_is_affinity(rule, RULE_AFFINITY_POSITIVE)) {
            rules_infer_for(arena, set, rule, lowest + 1, &inferred);
        }
    }
    map_each (e, &inferred) {
        map_put(&set->rules, e->key, e->value);
    }
}

// Where one may run, its company may run.
static void rules_infer_nodes(struct rule_set *set)
{
    map_each (e, &set->rules) {
        const struct rule *positive = e->value;
        if (!rule_is_affinity(positive, RULE_AFFINITY_POSITIVE)) {
            continue;
        }
        struct rule *found = NULL;
        map_each (candidate, &set->rules) {
            struct rule *rule = candidate->value;
            if (found == NULL && rule_is_active(rule, RULE_TYPE_NODE_AFFINITY) &&
                rules_count_common(&rule->resources, &positive->resources) > 0) {
                found = rule;
            }
        }
        if (found != NULL) {
            map_each (resource, &positive->resources) {
                rule_add_resource(found, resource->key);
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
    map_each (e, &set->rules) {
        if (!map_has(ret_problems, e->key)) {
            struct rule *copy = rule_copy(arena, e->value);
            map_put(&kept.rules, copy->id, copy);
        }
    }
    rules_merge_positive(arena, &kept);
    rules_infer_negative(arena, &kept);
    rules_infer_nodes(&kept);
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

struct affinity *affinity_compile(struct arena *arena, const struct rule_set *set,
                                  const struct map *nodes)
{
    struct affinity *affinity = arena_new_of(arena, struct affinity);
    map_init_arena(&affinity->entries, arena);
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
