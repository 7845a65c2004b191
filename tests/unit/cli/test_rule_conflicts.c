// SPDX-License-Identifier: Apache-2.0
// A change of one rule that another pays for.
#include <errno.h>
#include <string.h>

#include "cli/rule_conflicts.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "tests/lib/test.h"

// Three that must be apart have three nodes in two rules; without the second rule the first leaves
// two of them one node.
#define APART  "resource-affinity: apart\n\taffinity negative\n\tresources ct:101,ct:102,ct:103\n\n"
#define FIRST  "node-affinity: first\n\tnodes node1\n\tresources ct:101,ct:102\n\n"
#define SECOND "node-affinity: second\n\tnodes node2,node3\n\tresources ct:103\n\n"
#define OTHER  "node-affinity: second\n\tnodes node2,node3\n\tresources ct:104\n\n"

static struct map problems_of(struct arena *arena, const char *text)
{
    struct rule_set set;
    struct map nodes;
    struct map problems;
    map_init_arena(&nodes, arena);
    map_put(&nodes, "node1", NULL);
    map_put(&nodes, "node2", NULL);
    map_put(&nodes, "node3", NULL);
    assert_int_equal(rule_set_parse(arena, text, strlen(text), &set, NULL), 0);
    rules_check(arena, &set, &nodes, &problems);
    return problems;
}

static int check(const char *before, const char *after, const char *own, struct error *err)
{
    struct arena *arena = arena_new();
    struct map old = problems_of(arena, before);
    struct map new = problems_of(arena, after);
    int r = rule_conflicts_check(&old, &new, own, err);
    arena_free(arena);
    return r;
}

static void change_that_breaks_another_rule_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(check(APART FIRST SECOND, APART FIRST OTHER, "second", &err), -EINVAL);
    assert_non_null(strstr(err.text, "rule 'apart'"));
    assert_non_null(strstr(err.text, "fewer nodes"));
    assert_non_null(strstr(err.text, "--force 1"));
}

static void removal_that_breaks_another_rule_is_refused(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(check(APART FIRST SECOND, APART FIRST, "second", &err), -EINVAL);
}

static void change_that_breaks_nothing_passes(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(check(FIRST SECOND, FIRST OTHER, "second", &err), 0);
}

static void conflict_that_was_there_before_does_not_count(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(check(APART FIRST, APART FIRST OTHER, "second", &err), 0);
}

static void conflict_of_the_changed_rule_itself_is_not_asked_here(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(
        check("", "resource-affinity: one\n\taffinity positive\n\tresources ct:1\n\n", "one", &err),
        0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(change_that_breaks_another_rule_is_refused_with_the_reason),
        cmocka_unit_test(removal_that_breaks_another_rule_is_refused),
        cmocka_unit_test(change_that_breaks_nothing_passes),
        cmocka_unit_test(conflict_that_was_there_before_does_not_count),
        cmocka_unit_test(conflict_of_the_changed_rule_itself_is_not_asked_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
