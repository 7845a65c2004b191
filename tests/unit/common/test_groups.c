// SPDX-License-Identifier: Apache-2.0
// Older groups: the file, and the rules that they become.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/model/groups.h"
#include "common/model/rules.h"
#include "tests/lib/fixture.h"

static struct group_set parse_ok(struct arena *arena, const char *text)
{
    struct group_set set;
    assert_int_equal(group_set_parse(arena, text, strlen(text), &set, NULL), 0);
    return set;
}

static void group_file_rows(void **state)
{
    static const struct {
        const char *text;
        const char *written; // warnings after "!"
    } rows[] = {
        {"", ""},
        {"group: group2\n\tnofailback\n\tnodes node2:2,node3\n\ngroup: group1\n\trestricted 1\n\tnodes node1\n"
         "\tcomment x%25\n",
         "group: group2\n\tnodes node2:2,node3\n\tnofailback 1\n\n"
         "group: group1\n\tcomment x%25\n\tnodes node1\n\trestricted 1\n\n"},
        {"group: g1\n\tnodes n1\n\trestricted 0\n\tnofailback no\n", "group: g1\n\tnodes n1\n\n"},
        {"group: g1\n\tnodes n1\n\tcomment\n", "group: g1\n\tnodes n1\n\n"},
        {"group: g1\n\trestricted 1\n", "!line 1: group 'g1': key 'nodes' is missing\n"},
        {"group: 1\n\tnodes n1\n",
         "!line 1: invalid name '1': expected a letter, then at least one of letters, digits, '_', '-'\n"},
        {"rule: g1\n\tnodes n1\n", "!line 1: unknown type 'rule': allowed is group\n"},
        {"group: g1\n\tnodes n1\n\trestricted x\n\tcolour red\n",
         "group: g1\n\tnodes n1\n\n!line 3: key 'restricted': expected 0 or 1, not 'x'\n"
         "!line 4: unknown key 'colour': allowed are comment, nodes, nofailback, restricted\n"},
        {"group: g1\n\tnodes n1\n\ngroup: g1\n\tnodes n2\n",
         "group: g1\n\tnodes n1\n\n!line 4: duplicate group 'g1'\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct group_set set = parse_ok(*state, rows[i].text);
        struct strbuf out CLEANUP(strbuf_done) = {0};
        group_set_format(&set, &out);
        for (size_t k = 0; k < set.warnings_count; k++) {
            strbuf_appendf(&out, "!%s\n", set.warnings[k]);
        }
        if (strcmp(strbuf_text(&out), rows[i].written) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, strbuf_text(&out));
        }
    }
}

static void groups_in_use_become_rules_behind_the_others(void **state)
{
    struct arena *arena = *state;
    struct group_set groups =
        parse_ok(arena, "group: zz\n\tnodes n1\n\trestricted 1\n\ngroup: unused\n\tnodes n1\n\n"
                        "group: aa\n\tnodes n2:2,n3\n\tnofailback 1\n\tcomment mine\n");
    static const char rules_text[] = "node-affinity: r1\n\tnodes n1\n\tresources vm:109\n\n"
                                     "node-affinity: ha-group-zz\n\tnodes n9\n\tresources vm:101\n";
    struct rule_set rules;
    assert_int_equal(rule_set_parse(arena, rules_text, strlen(rules_text), &rules, NULL), 0);
    struct map members;
    map_init_arena(&members, arena);
    map_put(&members, "vm:102", arena_strdup(arena, "zz"));
    map_put(&members, "vm:101", arena_strdup(arena, "zz"));
    map_put(&members, "vm:103", arena_strdup(arena, "aa"));
    map_put(&members, "vm:104", arena_strdup(arena, "no-such-group"));
    map_put(&members, "vm:105", NULL);
    group_set_add_rules(&groups, &members, &rules);
    struct strbuf out CLEANUP(strbuf_done) = {0};
    rule_set_format(&rules, &out);
    assert_string_equal(
        strbuf_text(&out),
        "node-affinity: r1\n\tnodes n1\n\tresources vm:109\n\n"
        "node-affinity: ha-group-zz\n\tcomment made from group 'zz'\n\tnodes n1\n"
        "\tresources vm:101,vm:102\n\tstrict 1\n\n"
        "node-affinity: ha-group-aa\n\tcomment mine\n\tnodes n2:2,n3\n\tresources vm:103\n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(group_file_rows),
        fixture_test(groups_in_use_become_rules_behind_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
