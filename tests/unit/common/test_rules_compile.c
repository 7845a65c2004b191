// SPDX-License-Identifier: Apache-2.0
// Transformation and compilation of rules, on files as operators write them (three nodes).
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "common/model/rules_compile.h"
#include "tests/lib/fixture.h"

#define NODE(id, options, sids) "node-affinity: " id "\n\tresources " sids "\n\t" options "\n\n"
#define POSITIVE(id, sids)                                                                         \
    "resource-affinity: " id "\n\taffinity positive\n\tresources " sids "\n\n"
#define NEGATIVE(id, sids)                                                                         \
    "resource-affinity: " id "\n\taffinity negative\n\tresources " sids "\n\n"

static struct map three_nodes(struct arena *arena)
{
    struct map nodes;
    map_init_arena(&nodes, arena);
    map_put(&nodes, "n1", NULL);
    map_put(&nodes, "n2", NULL);
    map_put(&nodes, "n3", NULL);
    return nodes;
}

static struct rule_set parse_ok(struct arena *arena, const char *text)
{
    struct rule_set set;
    assert_int_equal(rule_set_parse(arena, text, strlen(text), &set, NULL), 0);
    assert_int_equal(set.warnings_count, 0);
    return set;
}

// "id#order=resources;" for each rule of the transformed set, then "!id" for each dropped rule.
static const char *transform(struct arena *arena, const char *text)
{
    struct map nodes = three_nodes(arena);
    struct rule_set set = parse_ok(arena, text);
    struct rule_set result;
    struct map problems;
    rules_transform(arena, &set, &nodes, &result, &problems);
    struct strbuf out CLEANUP(strbuf_done) = {0};
    map_each (e, &result.rules) {
        const struct rule *rule = e->value;
        strbuf_appendf(&out, "%s#%" PRId64 "=%s;", rule->id, rule->order,
                       rule_resources_to_text(arena, &rule->resources));
    }
    map_each (e, &problems) {
        strbuf_appendf(&out, "!%s", e->key);
    }
    assert_string_equal(result.digest, set.digest);
    return arena_strdup(arena, strbuf_text(&out));
}

static void transform_rows(void **state)
{
    static const struct {
        const char *name;
        const char *text;
        const char *expected;
    } rows[] = {
        {"nothing", "", ""},
        {"negative rules of the company's other members",
         POSITIVE("pos", "vm:201,vm:202,vm:203") NEGATIVE("neg", "vm:201,vm:204"),
         "_implicit-negative-pos-vm:202-vm:204#2=vm:202,vm:204;"
         "_implicit-negative-pos-vm:203-vm:204#2=vm:203,vm:204;"
         "neg#2=vm:201,vm:204;pos#1=vm:201,vm:202,vm:203;"},
        {"two negative rules at one company",
         POSITIVE("pos", "vm:301,vm:302,vm:303") NEGATIVE("neg1", "vm:303,vm:304")
             NEGATIVE("neg2", "vm:302,vm:305"),
         "_implicit-negative-pos-vm:301-vm:304#2=vm:301,vm:304;"
         "_implicit-negative-pos-vm:301-vm:305#2=vm:301,vm:305;"
         "_implicit-negative-pos-vm:302-vm:304#2=vm:302,vm:304;"
         "_implicit-negative-pos-vm:303-vm:305#2=vm:303,vm:305;"
         "neg1#2=vm:303,vm:304;neg2#3=vm:302,vm:305;pos#1=vm:301,vm:302,vm:303;"},
        {"nothing is inferred from dropped rules",
         POSITIVE("pos", "vm:401,vm:402,vm:403") NEGATIVE("good", "vm:401,vm:404")
             NEGATIVE("bad", "vm:402,vm:403,vm:405"),
         "good#2=vm:401,vm:404;!bad!pos"},
        {"overlapping positive rules merge, then infer",
         POSITIVE("infer-connected-positive1", "vm:101,vm:102") NEGATIVE("neg1", "vm:101,vm:104")
             POSITIVE("infer-connected-positive2", "vm:102,vm:103")
                 NEGATIVE("neg2", "vm:102,vm:105"),
         "_implicit-negative-_merged-infer-connected-positive1-infer-connected-positive2-vm:101-vm:105#2=vm:101,vm:105;"
         "_implicit-negative-_merged-infer-connected-positive1-infer-connected-positive2-vm:102-vm:104#2=vm:102,vm:104;"
         "_implicit-negative-_merged-infer-connected-positive1-infer-connected-positive2-vm:103-vm:104#2=vm:103,vm:104;"
         "_implicit-negative-_merged-infer-connected-positive1-infer-connected-positive2-vm:103-vm:105#2=vm:103,vm:105;"
         "_merged-infer-connected-positive1-infer-connected-positive2#1=vm:101,vm:102,vm:103;"
         "neg1#2=vm:101,vm:104;neg2#4=vm:102,vm:105;"},
        {"names join in the order of lowest resources",
         POSITIVE("p2", "vm:203,vm:204") POSITIVE("p3", "vm:202,vm:203")
             POSITIVE("p1", "vm:201,vm:202"),
         "_merged-p1-p3-p2#3=vm:201,vm:202,vm:203,vm:204;"},
        {"node affinity extends to the company",
         NODE("node", "nodes n1,n2", "vm:302") POSITIVE("pos", "vm:301,vm:302,vm:303"),
         "node#1=vm:301,vm:302,vm:303;pos#2=vm:301,vm:302,vm:303;"},
        {"node affinity with others extends to the company",
         NODE("node", "nodes n1", "vm:402,vm:404,vm:405")
             POSITIVE("pos", "vm:401,vm:402,vm:403,vm:404"),
         "node#1=vm:401,vm:402,vm:403,vm:404,vm:405;pos#2=vm:401,vm:402,vm:403,vm:404;"},
        {"negative rules extend nothing",
         NODE("node", "nodes n1,n2", "vm:302") NEGATIVE("neg", "vm:301,vm:302"),
         "neg#2=vm:301,vm:302;node#1=vm:302;"},
        {"disabled rules stay and do nothing",
         NODE("node", "nodes n1\n\tdisable", "vm:101") POSITIVE("pos", "vm:101,vm:102"),
         "node#1=vm:101;pos#2=vm:101,vm:102;"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *got = transform(*state, rows[i].text);
        if (strcmp(got, rows[i].expected) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].name, got);
        }
    }
}

static void transform_leaves_the_original(void **state)
{
    static const char text[] = NODE("node", "nodes n1", "vm:102") POSITIVE("p1", "vm:101,vm:102")
        POSITIVE("p2", "vm:102,vm:103");
    struct map nodes = three_nodes(*state);
    struct rule_set set = parse_ok(*state, text);
    struct strbuf before CLEANUP(strbuf_done) = {0};
    struct strbuf after CLEANUP(strbuf_done) = {0};
    struct rule_set result;
    struct map problems;
    rule_set_format(&set, &before);
    rules_transform(*state, &set, &nodes, &result, &problems);
    rule_set_format(&set, &after);
    assert_string_equal(strbuf_text(&before), strbuf_text(&after));
    assert_int_equal(result.rules.count, 2);
}

static const char *keys(struct arena *arena, const struct map *map)
{
    return rule_resources_to_text(arena, map);
}

static const struct affinity *compile(struct arena *arena, const char *text,
                                      struct map *ret_problems)
{
    struct map nodes = three_nodes(arena);
    struct rule_set set = parse_ok(arena, text);
    return rules_compile(arena, &set, &nodes, ret_problems);
}

// "n1:0,n2:-1": the nodes that the resource may run on.
static const char *places(struct arena *arena, const struct affinity *affinity, const char *sid)
{
    const struct affinity_entry *entry = affinity_find(affinity, sid);
    if (entry == NULL || !entry->has_nodes) {
        return "any";
    }
    return rule_nodes_to_text(arena, &entry->nodes);
}

static void compile_strict_keeps_only_its_nodes(void **state)
{
    struct map problems;
    const struct affinity *affinity =
        compile(*state,
                NODE("aa", "nodes n1", "vm:101") NODE("bb", "nodes n1:2,n3:1\n\tstrict", "vm:102")
                    NODE("cc", "nodes n2\n\tdisable", "vm:103")
                        NODE("dd", "nodes n9\n\tstrict 1", "vm:104"),
                &problems);
    assert_string_equal(places(*state, affinity, "vm:101"), "n1,n2:-1,n3:-1");
    assert_string_equal(places(*state, affinity, "vm:102"), "n1:2,n3:1");
    assert_string_equal(places(*state, affinity, "vm:103"), "any");
    assert_string_equal(places(*state, affinity, "vm:104"), "n9");
    assert_null(affinity_find(affinity, "vm:105"));
    assert_int_equal(problems.count, 0);
}

static void compile_gives_partners_of_all_rules(void **state)
{
    struct map problems;
    const struct affinity *affinity =
        compile(*state,
                POSITIVE("p1", "vm:101,vm:102") NEGATIVE("m1", "vm:101,vm:201")
                    NEGATIVE("m2", "vm:101,vm:202"),
                &problems);
    const struct affinity_entry *entry = affinity_find(affinity, "vm:101");
    assert_string_equal(entry->sid, "vm:101");
    assert_false(entry->has_nodes);
    assert_string_equal(keys(*state, &entry->positive), "vm:102");
    assert_string_equal(keys(*state, &entry->negative), "vm:201,vm:202");
    // Inferred: what vm:101 must be apart from, vm:102 must be too; and the other way round.
    assert_string_equal(keys(*state, &affinity_find(affinity, "vm:102")->negative),
                        "vm:201,vm:202");
    assert_string_equal(keys(*state, &affinity_find(affinity, "vm:201")->negative),
                        "vm:101,vm:102");
    assert_string_equal(keys(*state, &affinity_find(affinity, "vm:201")->positive), "");
    assert_ptr_equal(map_find(&entry->positive, "vm:102"), affinity_find(affinity, "vm:102"));
}

static void compile_tells_dropped_rules_with_reasons(void **state)
{
    struct map problems;
    const struct affinity *affinity = compile(
        *state, NODE("aa", "nodes n1", "vm:101") NODE("bb", "nodes n2", "vm:101"), &problems);
    assert_int_equal(affinity->entries.count, 0);
    assert_int_equal(problems.count, 2);
    const struct rule_problems *list = map_find(&problems, "aa");
    assert_int_equal(list->count, 1);
    assert_string_equal(list->reasons[0],
                        "resource 'vm:101' is used in another node affinity rule");
}

static void compile_of_bridged_companies_with_two_places_drops_them(void **state)
{
    struct map problems;
    const struct affinity *affinity = compile(
        *state,
        POSITIVE("p1", "vm:101,vm:110") POSITIVE("p2", "vm:102,vm:120")
            POSITIVE("p3", "vm:103,vm:110,vm:120") NODE("aa", "nodes n1\n\tstrict", "vm:101")
                NODE("bb", "nodes n2\n\tstrict", "vm:102"),
        &problems);
    assert_int_equal(problems.count, 5);
    assert_int_equal(affinity->entries.count, 0);
}

static void compile_of_an_unchecked_set_takes_the_first_place(void **state)
{
    struct map nodes = three_nodes(*state);
    struct rule_set set = parse_ok(*state, NODE("bb", "nodes n2\n\tstrict", "vm:101")
                                               NODE("aa", "nodes n1\n\tstrict", "vm:101"));
    assert_string_equal(places(*state, affinity_compile(*state, &set, &nodes), "vm:101"), "n1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(transform_rows),
        fixture_test(transform_leaves_the_original),
        fixture_test(compile_strict_keeps_only_its_nodes),
        fixture_test(compile_gives_partners_of_all_rules),
        fixture_test(compile_tells_dropped_rules_with_reasons),
        fixture_test(compile_of_bridged_companies_with_two_places_drops_them),
        fixture_test(compile_of_an_unchecked_set_takes_the_first_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
