// SPDX-License-Identifier: Apache-2.0
// Rules: the file, the options, the warnings, the stored form.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/rules.h"
#include "tests/lib/fixture.h"

static const char *format(struct arena *arena, const struct rule_set *set)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    rule_set_format(set, &out);
    for (size_t i = 0; i < set->warnings_count; i++) {
        strbuf_appendf(&out, "!%s\n", set->warnings[i]);
    }
    return arena_strdup(arena, strbuf_text(&out));
}

static struct rule_set parse_ok(struct arena *arena, const char *text)
{
    struct rule_set set;
    assert_int_equal(rule_set_parse(arena, text, strlen(text), &set, NULL), 0);
    return set;
}

static void rule_file_rows(void **state)
{
    static const struct {
        const char *text;
        const char *written; // warnings after "!"
    } rows[] = {
        {"", ""},
        {"node-affinity: r1\n\tstrict 1\n\tresources vm:102,ct:100; vm:101\n\tnodes n2:1,n1\n",
         "node-affinity: r1\n\tnodes n1,n2:1\n\tresources ct:100,vm:101,vm:102\n\tstrict 1\n\n"},
        {"node-affinity: r1\n\tnodes b,a\n\tresources fa:1\n\tcomment\n",
         "node-affinity: r1\n\tnodes a,b\n\tresources fa:1\n\n"},
        {"node-affinity: r1\n\tnodes n1\n\tresources vm:101\n\tstrict\n\tcomment a%0Ab\n\tdisable\n",
         "node-affinity: r1\n\tcomment a%0Ab\n\tdisable\n\tnodes n1\n\tresources vm:101\n\tstrict 1\n\n"},
        {"node-affinity: r1\n\tnodes n1\n\tresources vm:101\n\tstrict 0\n\tdisable 0\n",
         "node-affinity: r1\n\tdisable\n\tnodes n1\n\tresources vm:101\n\tstrict 0\n\n"},
        {"resource-affinity: zz\n\taffinity negative\n\tresources vm:101,vm:102\n"
         "resource-affinity: aa\n\tresources vm:103,vm:104\n\taffinity positive\n",
         "resource-affinity: zz\n\taffinity negative\n\tresources vm:101,vm:102\n\n"
         "resource-affinity: aa\n\taffinity positive\n\tresources vm:103,vm:104\n\n"},
        {"colour: r1\n\tnodes n1\n",
         "!line 1: unknown type 'colour': allowed are node-affinity, resource-affinity\n"},
        {"node-affinity: 1\n\tnodes n1\n\tresources vm:101\n",
         "!line 1: invalid name '1': expected a letter, then at least one of letters, digits, '_', '-'\n"},
        {"node-affinity: r1\n\tresources vm:101\n", "!line 1: rule 'r1': key 'nodes' is missing\n"},
        {"node-affinity: r1\n\tnodes n1\n", "!line 1: rule 'r1': key 'resources' is missing\n"},
        {"resource-affinity: r1\n\tresources vm:101,vm:102\n",
         "!line 1: rule 'r1': key 'affinity' is missing\n"},
        {"resource-affinity: r1\n\tresources vm:101\n\taffinity positive\n\tnodes n1\n",
         "resource-affinity: r1\n\taffinity positive\n\tresources vm:101\n\n"
         "!line 4: unknown key 'nodes': allowed are comment, disable, resources, affinity\n"},
        {"node-affinity: r1\n\tnodes n1:-1,n2\n\tresources vm:101\n",
         "!line 2: key 'nodes': invalid entry 'n1:-1': expected <node>[:<priority>]\n"
         "!line 1: rule 'r1': key 'nodes' is missing\n"},
        {"node-affinity: r1\n\tnodes n1\n\tresources vm:101\n\tstrict maybe\n",
         "node-affinity: r1\n\tnodes n1\n\tresources vm:101\n\n"
         "!line 4: key 'strict': expected 0 or 1, not 'maybe'\n"},
        {"node-affinity: r1\n\tnodes n1\n\tresources vm:101\n\nnode-affinity: r1\n\tnodes n2\n\tresources vm:101\n",
         "node-affinity: r1\n\tnodes n1\n\tresources vm:101\n\n!line 5: duplicate rule 'r1'\n"},
        {"node-affinity r1\n", "!line 1: expected '<type>: <id>'\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct rule_set set = parse_ok(*state, rows[i].text);
        const char *written = format(*state, &set);
        if (strcmp(written, rows[i].written) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, written);
        }
    }
}

static void rule_defaults_are_told_from_given_values(void **state)
{
    struct rule_set set =
        parse_ok(*state, "node-affinity: r1\n\tnodes n1:2\n\tresources vm:101\n\n"
                         "resource-affinity: r2\n\taffinity negative\n\tresources vm:101,vm:102\n"
                         "\tdisable\n");
    const struct rule *r1 = map_find(&set.rules, "r1");
    const struct rule *r2 = map_find(&set.rules, "r2");
    assert_false(r1->strict);
    assert_false(r1->has_strict);
    assert_false(r1->disabled);
    assert_int_equal(r1->order, 1);
    assert_int_equal(r2->order, 2);
    const struct rule_node *node = map_find(&r1->nodes, "n1");
    assert_int_equal(node->priority, 2);
    assert_true(rule_is_active(r1, RULE_TYPE_NODE_AFFINITY));
    assert_false(rule_is_active(r1, RULE_TYPE_RESOURCE_AFFINITY));
    assert_false(rule_is_affinity(r1, RULE_AFFINITY_POSITIVE));
    assert_false(rule_is_active(r2, RULE_TYPE_RESOURCE_AFFINITY));
    assert_false(rule_is_affinity(r2, RULE_AFFINITY_NEGATIVE));
}

static void rule_set_option_error_changes_nothing(void **state)
{
    static const struct {
        const char *key, *value;
    } rows[] = {{"nodes", ""},          {"nodes", "n1,n_2"},       {"nodes", "n1:x"},
                {"nodes", "n1:"},       {"nodes", ":1"},           {"resources", ""},
                {"resources", ","},     {"resources", "vm:101,x"}, {"resources", "x,vm:101"},
                {"strict", "2"},        {"affinity", "positive"},  {"colour", "red"},
                {"nodes", "n1:1000001"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct rule_set set =
            parse_ok(*state, "node-affinity: r1\n\tnodes n1:2\n\tresources vm:101\n\tstrict 1\n");
        const char *before = format(*state, &set);
        struct error err = {0};
        fixture_row(rows[i].value, rule_set_option(*state, map_find(&set.rules, "r1"), rows[i].key,
                                                   rows[i].value, &err) == -EINVAL);
        fixture_row(rows[i].value,
                    strstr(err.text, arena_printf(*state, "key '%s'", rows[i].key)) != NULL);
        fixture_row(rows[i].value, strcmp(before, format(*state, &set)) == 0);
    }
}

static void rule_options_are_set_and_unset(void **state)
{
    struct rule_set set;
    rule_set_init(*state, &set);
    struct rule *rule = rule_new(*state, "r1", RULE_TYPE_NODE_AFFINITY);
    map_put(&set.rules, rule->id, rule);
    struct error err = {0};
    assert_int_equal(rule_check_complete(rule, &err), -EINVAL);
    assert_int_equal(rule_set_option(*state, rule, "resources", "vm:101", &err), 0);
    assert_int_equal(rule_set_option(*state, rule, "resources", "vm:102 vm:103", &err), 0);
    assert_int_equal(rule_set_option(*state, rule, "nodes", "n1,n1:3", &err), 0);
    assert_int_equal(rule_check_complete(rule, &err), 0);
    assert_int_equal(rule_set_option(*state, rule, "strict", "yes", &err), 0);
    assert_int_equal(rule_set_option(*state, rule, "disable", "1", &err), 0);
    assert_int_equal(rule_set_option(*state, rule, "comment", "x", &err), 0);
    assert_string_equal(format(*state, &set),
                        "node-affinity: r1\n\tcomment x\n\tdisable\n\tnodes n1:3\n"
                        "\tresources vm:102,vm:103\n\tstrict 1\n\n");
    assert_int_equal(rule_unset_option(rule, "strict", &err), 0);
    assert_int_equal(rule_unset_option(rule, "disable", &err), 0);
    assert_int_equal(rule_unset_option(rule, "comment", &err), 0);
    assert_string_equal(format(*state, &set),
                        "node-affinity: r1\n\tnodes n1:3\n\tresources vm:102,vm:103\n\n");
    assert_int_equal(rule_unset_option(rule, "nodes", &err), -EINVAL);
    assert_string_equal(err.text, "key 'nodes' cannot be deleted from a rule");
    assert_int_equal(rule_unset_option(rule, "affinity", &err), -EINVAL);
}

static void rule_copy_shares_nothing(void **state)
{
    struct rule_set set = parse_ok(*state, "node-affinity: r1\n\tnodes n1\n\tresources vm:101\n");
    struct rule *rule = map_find(&set.rules, "r1");
    struct rule *copy = rule_copy(*state, rule);
    rule_add_resource(copy, "vm:102");
    rule_add_node(*state, copy, "n2", 1);
    assert_int_equal(rule->resources.count, 1);
    assert_int_equal(rule->nodes.count, 1);
    assert_int_equal(copy->resources.count, 2);
    assert_int_equal(copy->nodes.count, 2);
}

static void rule_file_with_nul_is_refused(void **state)
{
    struct rule_set set;
    assert_int_equal(rule_set_parse(*state, "a\0", 2, &set, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(rule_file_rows),
        fixture_test(rule_defaults_are_told_from_given_values),
        fixture_test(rule_set_option_error_changes_nothing),
        fixture_test(rule_options_are_set_and_unset),
        fixture_test(rule_copy_shares_nothing),
        fixture_test(rule_file_with_nul_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
