// SPDX-License-Identifier: Apache-2.0
// Any bytes as rules and, as far as they say so, as groups: rules that are blamed are not used, and
// what is used is symmetric and without contradiction, whether merged over all overlaps or once.
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/groups.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "common/model/rules_compile.h"
#include "tests/fuzz/fuzz.h"

// Larger sets take the time of many small ones.
enum { FUZZ_RULES_MAX = 64, FUZZ_RESOURCES_MAX = 64 };

static bool fuzz_is_small(const struct rule_set *set)
{
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        if (rule->resources.count > FUZZ_RESOURCES_MAX) {
            return false;
        }
    }
    return set->rules.count <= FUZZ_RULES_MAX;
}

// All services that a rule names are members of the first group.
static void fuzz_add_groups(struct arena *arena, const char *data, size_t size_bytes,
                            struct rule_set *set)
{
    struct group_set groups;
    struct map members;
    map_init_arena(&members, arena);
    int r = group_set_parse(arena, data, size_bytes, &groups, NULL);
    assert(r == 0);
    if (groups.groups.count == 0) {
        return;
    }
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        map_each (resource, &rule->resources) {
            map_put(&members, resource->key, (void *)(uintptr_t)groups.groups.entries[0].key);
        }
    }
    group_set_add_rules(&groups, &members, set);
}

static void fuzz_nodes(struct arena *arena, struct map *nodes)
{
    static const char *const names[] = {"node1", "node2", "node3"};
    map_init_arena(nodes, arena);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        map_put(nodes, names[i], NULL);
    }
}

static void fuzz_partners(const struct affinity *affinity, const struct affinity_entry *entry,
                          bool positive)
{
    map_each (e, positive ? &entry->positive : &entry->negative) {
        const struct affinity_entry *other = affinity_find(affinity, e->key);
        assert(other == e->value);
        assert(other != entry);
        assert(map_has(positive ? &other->positive : &other->negative, entry->sid));
    }
}

static void fuzz_compile(struct arena *arena, const struct rule_set *set)
{
    struct map nodes;
    struct map problems;
    struct rule_set used;
    fuzz_nodes(arena, &nodes);
    rules_transform(arena, set, &nodes, &used, &problems);
    map_each (e, &problems) {
        const struct rule *rule = map_find(&set->rules, e->key);
        const struct rule_problems *of_rule = e->value;
        assert(rule != NULL);
        assert(!rule->disabled);
        assert(of_rule->count > 0);
        assert(!map_has(&used.rules, e->key));
    }
    const struct affinity *affinity = affinity_compile(arena, &used, &nodes);
    map_each (e, &affinity->entries) {
        const struct affinity_entry *entry = e->value;
        fuzz_partners(affinity, entry, true);
        fuzz_partners(affinity, entry, false);
        map_each (partner, &entry->positive) {
            // Merged over all overlaps, nobody must be both with another and apart from it.
            assert(set->merge_once || !map_has(&entry->negative, partner->key));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct rule_set set;
    if (rule_set_parse(arena, (const char *)data, size_bytes, &set, NULL) < 0) {
        assert(memchr(data, '\0', size_bytes) != NULL);
        return 0;
    }
    if (!fuzz_is_small(&set)) {
        return 0;
    }
    fuzz_add_groups(arena, (const char *)data, size_bytes, &set);
    fuzz_compile(arena, &set);
    set.merge_once = true;
    fuzz_compile(arena, &set);
    return 0;
}
