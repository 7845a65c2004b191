// SPDX-License-Identifier: Apache-2.0
// The index finds the rules of a resource, and of several each once and in their order.
#include "common/base/arena.h"
#include "common/model/rule_index.h"
#include "common/model/rules.h"
#include "tests/lib/test.h"

struct fixture {
    struct arena *arena;
    struct rule *rules[3];
    struct rule_index index;
};

static struct rule *rule_of(struct fixture *f, const char *id, const char *one, const char *other)
{
    struct rule *rule = rule_new(f->arena, id, RULE_TYPE_RESOURCE_AFFINITY);
    rule_add_resource(rule, one);
    rule_add_resource(rule, other);
    return rule;
}

static void fixture_init(struct fixture *f)
{
    f->arena = arena_new();
    f->rules[0] = rule_of(f, "z", "ct:3", "ct:1");
    f->rules[1] = rule_of(f, "a", "ct:1", "ct:2");
    f->rules[2] = rule_of(f, "m", "ct:4", "ct:5");
    rule_index_init(f->arena, &f->index, f->rules, 3);
}

static void index_finds_the_rules_of_a_resource_in_the_given_order(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    const struct rule_index_entry *first = NULL;
    assert_int_equal(rule_index_find(&f.index, "ct:1", &first), 2);
    assert_ptr_equal(first[0].rule, f.rules[0]);
    assert_ptr_equal(first[1].rule, f.rules[1]);
    assert_int_equal(rule_index_find(&f.index, "ct:5", &first), 1);
    assert_int_equal(rule_index_find(&f.index, "ct:10", &first), 0);
    assert_int_equal(rule_index_find(&f.index, "ct:9", &first), 0);
    arena_free(f.arena);
}

static void index_collects_each_rule_once(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct rule_list list = rule_index_collect(&f.index, &f.rules[1]->resources);
    assert_int_equal(list.count, 2);
    assert_ptr_equal(list.rules[0], f.rules[0]);
    assert_ptr_equal(list.rules[1], f.rules[1]);
    assert_int_equal(list.positions[0], 0);
    assert_int_equal(list.positions[1], 1);
    list = rule_index_collect(&f.index, &f.rules[2]->resources);
    assert_int_equal(list.count, 1);
    assert_ptr_equal(list.rules[0], f.rules[2]);
    arena_free(f.arena);
}

static void index_of_nothing_is_empty(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    struct rule_index empty;
    const struct rule_index_entry *first = NULL;
    rule_index_init(f.arena, &empty, NULL, 0);
    assert_int_equal(rule_index_find(&empty, "ct:1", &first), 0);
    assert_int_equal(rule_index_collect(&empty, &f.rules[0]->resources).count, 0);
    arena_free(f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_finds_the_rules_of_a_resource_in_the_given_order),
        cmocka_unit_test(index_collects_each_rule_once),
        cmocka_unit_test(index_of_nothing_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
