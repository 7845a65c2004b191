// SPDX-License-Identifier: Apache-2.0
// Which rules are blamed for what. A row's rules are written short: "n" node affinity
// "nodes>resources" (strict does not matter to the checks), "+" and "-" resource affinity, each
// with its name.
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "tests/lib/fixture.h"

enum { RULES_PER_ROW = 8 };

struct short_rule {
    const char *id;
    const char *kind;  // n, +, -; with a "d" behind it: disabled
    const char *nodes; // n only
    const char *resources;
};

static struct rule_set build(struct arena *arena, const struct short_rule *rules)
{
    struct rule_set set;
    rule_set_init(arena, &set);
    for (size_t i = 0; i < RULES_PER_ROW && rules[i].id != NULL; i++) {
        bool is_node = rules[i].kind[0] == 'n';
        struct rule *rule = rule_new(
            arena, rules[i].id, is_node ? RULE_TYPE_NODE_AFFINITY : RULE_TYPE_RESOURCE_AFFINITY);
        rule->order = (int64_t)i + 1;
        rule->disabled = rules[i].kind[1] == 'd';
        if (is_node) {
            assert_int_equal(rule_set_option(arena, rule, "nodes", rules[i].nodes, NULL), 0);
        } else {
            rule->affinity =
                rules[i].kind[0] == '+' ? RULE_AFFINITY_POSITIVE : RULE_AFFINITY_NEGATIVE;
        }
        struct parse_words words = parse_fields(arena, rules[i].resources);
        for (size_t k = 0; k < words.count; k++) {
            rule_add_resource(rule, words.words[k]);
        }
        map_put(&set.rules, rule->id, rule);
    }
    return set;
}

// One digit for each check, so that expectations stay short: "rule:4,4;" for a rule blamed twice by
// check 4.
static char check_number(const char *reason)
{
    static const char *const starts[] = {"resource '",
                                         "rule has no effect",
                                         "rule has more",
                                         "rule shares",
                                         "resources are in a resource affinity rule",
                                         "resources that belong together",
                                         "resources that must be apart"};
    for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
        if (strncmp(reason, starts[i], strlen(starts[i])) == 0) {
            return (char)('1' + i);
        }
    }
    fail_msg("unknown reason '%s'", reason);
    return '?';
}

static const char *blame(struct arena *arena, const struct rule_set *set, size_t nodes_count)
{
    struct map nodes;
    struct map problems;
    map_init_arena(&nodes, arena);
    for (size_t i = 1; i <= nodes_count; i++) {
        map_put(&nodes, arena_printf(arena, "n%zu", i), NULL);
    }
    rules_check(arena, set, &nodes, &problems);
    struct strbuf out CLEANUP(strbuf_done) = {0};
    map_each (e, &problems) {
        const struct rule_problems *list = e->value;
        strbuf_appendf(&out, "%s:", e->key);
        for (size_t i = 0; i < list->count; i++) {
            strbuf_append_char(&out, check_number(list->reasons[i]));
        }
        strbuf_append_char(&out, ';');
    }
    return arena_strdup(arena, strbuf_text(&out));
}

static const struct {
    const char *name;
    struct short_rule rules[RULES_PER_ROW];
    const char *blamed;
} rows[] = {
    {"nothing", {{0}}, ""},
    {"1 one resource in two node rules",
     {{"a", "n", "n1", "x y"}, {"b", "n", "n2", "y"}, {"c", "n", "n2", "z"}},
     "a:1;b:1;"},
    {"1 two resources in two node rules, once for each",
     {{"a", "n", "n1", "x y"}, {"b", "n", "n1", "x y"}},
     "a:11;b:11;"},
    {"1 three node rules share one resource",
     {{"a", "n", "n1", "x"}, {"b", "n", "n2", "x"}, {"c", "n", "n3", "x"}},
     "a:1;b:1;c:1;"},
    {"1 disabled rules do not count", {{"a", "n", "n1", "x"}, {"b", "nd", "n2", "x"}}, ""},
    {"2 one member",
     {{"a", "+", NULL, "x"}, {"b", "-", NULL, "y"}, {"c", "+d", NULL, "z"}},
     "a:2;b:2;"},
    {"3 as many as nodes", {{"a", "-", NULL, "x y z"}}, ""},
    {"3 more than nodes", {{"a", "-", NULL, "w x y z"}, {"b", "-", NULL, "1 2 3 4 5"}}, "a:3;b:3;"},
    {"3 positive rules may be large", {{"a", "+", NULL, "1 2 3 4 5"}}, ""},
    {"4 positive against negative", {{"a", "+", NULL, "x y"}, {"b", "-", NULL, "x y"}}, "a:4;b:4;"},
    {"4 one common resource is fine", {{"a", "+", NULL, "x y"}, {"b", "-", NULL, "x z"}}, ""},
    {"4 once for each partner",
     {{"a", "+", NULL, "x y z"}, {"b", "-", NULL, "x y"}, {"c", "-", NULL, "y z"}},
     "a:44;b:4;c:4;"},
    {"4 through two overlapping positive rules",
     {{"a", "+", NULL, "x y"}, {"b", "+", NULL, "y z"}, {"c", "-", NULL, "x z"}},
     "a:4;b:4;c:4;"},
    {"4 disabled rules do not count", {{"a", "+", NULL, "x y"}, {"b", "-d", NULL, "x y"}}, ""},
    {"5 priorities with company",
     {{"a", "n", "n1:2,n2:1", "x"}, {"b", "+", NULL, "x y"}},
     "a:5;b:5;"},
    {"5 priorities with separation, and all overlapping node rules",
     {{"a", "n", "n1:2,n2:1", "x"}, {"b", "n", "n1,n2", "y"}, {"c", "-", NULL, "x y"}},
     "a:5;b:5;c:5;"},
    {"5 one priority each is fine, also when they differ",
     {{"a", "n", "n1:2,n2:2", "x"}, {"b", "n", "n1:1,n2:1", "y"}, {"c", "-", NULL, "x y"}},
     ""},
    {"5 priorities without company are fine",
     {{"a", "n", "n1:2,n2:1", "x"}, {"b", "+", NULL, "y z"}},
     ""},
    {"6 company in two node rules",
     {{"a", "n", "n1", "x"}, {"b", "n", "n2", "y"}, {"c", "+", NULL, "x y"}},
     "a:6;b:6;c:6;"},
    {"6 company in one node rule is fine", {{"a", "n", "n1", "x y"}, {"c", "+", NULL, "x y"}}, ""},
    {"6 overlapping company in two node rules",
     {{"a", "n", "n1", "x"},
      {"b", "n", "n1", "z"},
      {"c", "+", NULL, "x y"},
      {"d", "+", NULL, "y z"}},
     "a:6;b:6;c:6;d:6;"},
    {"7 both must be on one node", {{"a", "n", "n1", "x y"}, {"c", "-", NULL, "x y"}}, "a:7;c:7;"},
    {"7 a node for each",
     {{"a", "n", "n1", "x"}, {"b", "n", "n2", "y"}, {"c", "-", NULL, "x y"}},
     ""},
    {"7 only bound ones count", {{"a", "n", "n1", "x"}, {"c", "-", NULL, "x y"}}, ""},
    {"7 two rules for one node",
     {{"a", "n", "n1", "x"}, {"b", "n", "n1", "y"}, {"c", "-", NULL, "x y"}},
     "a:7;b:7;c:7;"},
    {"all checks are made before any rule is dropped",
     {{"a", "+", NULL, "x y"},
      {"b", "-", NULL, "x y"},
      {"c", "n", "n1", "x"},
      {"d", "n", "n1", "y"}},
     "a:46;b:47;c:67;d:67;"},
};

static void rules_check_rows(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct rule_set set = build(*state, rows[i].rules);
        const char *got = blame(*state, &set, 3);
        if (strcmp(got, rows[i].blamed) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].name, got);
        }
    }
}

static void rules_bundles_join_the_first_that_they_touch(void **state)
{
    static const struct short_rule rules[RULES_PER_ROW] = {
        {"p1", "+", NULL, "a b"}, {"p2", "+", NULL, "d e"}, {"p3", "+", NULL, "b c"},
        {"p4", "+", NULL, "c d"}, {"p5", "-", NULL, "a z"}, {"p6", "+d", NULL, "a e"}};
    struct rule_set set = build(*state, rules);
    struct rule_bundles bundles = rules_bundle_positive(*state, &set);
    // In the order of lowest resources: p1 (a), p3 (b), p4 (c), p2 (d).
    assert_int_equal(bundles.count, 1);
    assert_int_equal(bundles.bundles[0].count, 4);
    assert_string_equal(bundles.bundles[0].rules[0]->id, "p1");
    assert_string_equal(bundles.bundles[0].rules[1]->id, "p3");
    assert_string_equal(bundles.bundles[0].rules[2]->id, "p4");
    assert_string_equal(bundles.bundles[0].rules[3]->id, "p2");
    assert_int_equal(bundles.bundles[0].resources.count, 5);
}

static void rules_bundles_bridged_later_become_one(void **state)
{
    static const struct short_rule rules[RULES_PER_ROW] = {{"p0", "+", NULL, "a w"},
                                                           {"p1", "+", NULL, "b x"},
                                                           {"p2", "+", NULL, "c y"},
                                                           {"p3", "+", NULL, "d z"},
                                                           {"p4", "+", NULL, "e x y"}};
    struct rule_set set = build(*state, rules);
    struct rule_bundles bundles = rules_bundle_positive(*state, &set);
    assert_int_equal(bundles.count, 3);
    assert_string_equal(bundles.bundles[0].rules[0]->id, "p0");
    assert_int_equal(bundles.bundles[1].count, 3);
    assert_string_equal(bundles.bundles[1].rules[0]->id, "p1");
    assert_string_equal(bundles.bundles[1].rules[1]->id, "p2");
    assert_string_equal(bundles.bundles[1].rules[2]->id, "p4");
    assert_int_equal(bundles.bundles[1].resources.count, 5);
    assert_string_equal(bundles.bundles[2].rules[0]->id, "p3");
}

// p4 touches two bundles and joins the first one only, as the reference has it.
static void rules_bundles_merged_once_stay_apart(void **state)
{
    static const struct short_rule rules[RULES_PER_ROW] = {
        {"p1", "+", NULL, "b x"}, {"p2", "+", NULL, "c y"}, {"p4", "+", NULL, "e x y"}};
    struct rule_set set = build(*state, rules);
    set.merge_once = true;
    struct rule_bundles bundles = rules_bundle_positive(*state, &set);
    assert_int_equal(bundles.count, 2);
    assert_int_equal(bundles.bundles[0].count, 2);
    assert_string_equal(bundles.bundles[0].rules[1]->id, "p4");
    assert_int_equal(bundles.bundles[0].resources.count, 4);
    assert_int_equal(bundles.bundles[1].count, 1);
    assert_string_equal(bundles.bundles[1].rules[0]->id, "p2");
}

static void rules_check_twice_gives_the_same(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct rule_set set = build(*state, rows[i].rules);
        const char *first = blame(*state, &set, 3);
        fixture_row(rows[i].name, strcmp(first, blame(*state, &set, 3)) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(rules_check_rows),
        fixture_test(rules_bundles_join_the_first_that_they_touch),
        fixture_test(rules_bundles_bridged_later_become_one),
        fixture_test(rules_bundles_merged_once_stay_apart),
        fixture_test(rules_check_twice_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
