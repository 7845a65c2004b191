// SPDX-License-Identifier: Apache-2.0
// Compiled rules over random sets: symmetric, without contradiction, independent of the order in
// the file.
#include <string.h>

#include "common/base/arena.h"
#include "common/base/prng.h"
#include "common/base/strbuf.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "common/model/rules_compile.h"
#include "tests/lib/fixture.h"
#include "tests/property/random_document.h"

enum { SEEDS = 3000 };

#define check(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("seed %llu: %s", (unsigned long long)seed, #condition);                       \
        }                                                                                          \
    } while (0)

static struct map cluster_nodes(struct arena *arena)
{
    struct map nodes;
    map_init_arena(&nodes, arena);
    map_put(&nodes, "n", NULL);
    map_put(&nodes, "n1", NULL);
    map_put(&nodes, "node2", NULL);
    map_put(&nodes, "a-b", NULL);
    return nodes;
}

// All that was compiled, as text.
static const char *describe(struct arena *arena, const struct affinity *affinity,
                            const struct map *problems)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    map_each (e, &affinity->entries) {
        const struct affinity_entry *entry = e->value;
        strbuf_appendf(&out, "%s@%s+%s-%s;", entry->sid,
                       entry->has_nodes ? rule_nodes_to_text(arena, &entry->nodes) : "any",
                       rule_resources_to_text(arena, &entry->positive),
                       rule_resources_to_text(arena, &entry->negative));
    }
    map_each (e, problems) {
        const struct rule_problems *list = e->value;
        for (size_t i = 0; i < list->count; i++) {
            strbuf_appendf(&out, "!%s %s", e->key, list->reasons[i]);
        }
    }
    return arena_strdup(arena, strbuf_text(&out));
}

static void check_entry(const struct affinity *affinity, const struct affinity_entry *entry,
                        uint64_t seed)
{
    check(entry->has_nodes || entry->positive.count + entry->negative.count > 0);
    check(!map_has(&entry->positive, entry->sid));
    check(!map_has(&entry->negative, entry->sid));
    map_each (e, &entry->positive) {
        const struct affinity_entry *partner = affinity_find(affinity, e->key);
        check(partner == e->value);
        check(map_has(&partner->positive, entry->sid));
        // Together and apart at once is what the checks keep out.
        check(!map_has(&entry->negative, e->key));
    }
    map_each (e, &entry->negative) {
        const struct affinity_entry *partner = affinity_find(affinity, e->key);
        check(partner == e->value);
        check(map_has(&partner->negative, entry->sid));
    }
}

static void compiled_rules_are_consistent(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct random_source source = {*state, &prng};
        const struct rule_set *set = random_rules(&source);
        struct map nodes = cluster_nodes(*state);
        struct map problems;
        const struct affinity *affinity = rules_compile(*state, set, &nodes, &problems);
        map_each (e, &affinity->entries) {
            check_entry(affinity, e->value, seed);
        }
        map_each (e, &problems) {
            const struct rule *rule = map_find(&set->rules, e->key);
            check(rule != NULL);
            check(!rule->disabled);
        }
        arena_clear(*state);
    }
}

static void compiled_rules_do_not_depend_on_the_order_in_the_file(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct random_source source = {*state, &prng};
        struct rule_set *set = random_rules(&source);
        struct map nodes = cluster_nodes(*state);
        struct map problems;
        const struct affinity *affinity = rules_compile(*state, set, &nodes, &problems);
        const char *before = describe(*state, affinity, &problems);
        map_each (e, &set->rules) {
            struct rule *rule = e->value;
            rule->order = (int64_t)prng_below(&prng, 1000);
        }
        affinity = rules_compile(*state, set, &nodes, &problems);
        check(strcmp(before, describe(*state, affinity, &problems)) == 0);
        arena_clear(*state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(compiled_rules_are_consistent),
        fixture_test(compiled_rules_do_not_depend_on_the_order_in_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
