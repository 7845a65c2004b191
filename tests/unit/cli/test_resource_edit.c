// SPDX-License-Identifier: Apache-2.0
// Changes to resources: what is written, and for each refusal why, with nothing changed.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/resource_edit.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "tests/lib/fake_session.h"
#include "tests/lib/fixture.h"

struct fixture {
    struct arena *arena;
    struct fake_session fake;
    struct cluster_view view;
    struct resource_request request;
    struct error err;
};

#define GUEST(sid) "{\"sid\":\"" sid "\",\"node\":\"node1\",\"config\":{}}"

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    fake_session_init(&f->fake, 3);
    resource_request_init(f->arena, &f->request);
    fake_store_put(f->fake.store, "guest/ct:100", GUEST("ct:100"));
    fake_store_put(f->fake.store, "guest/ct:101", GUEST("ct:101"));
    fake_store_put(f->fake.store, "guest/vm:102", GUEST("vm:102"));
    fake_store_put(f->fake.store, "resource/ct:101",
                   "ct: 101\n\tcomment x\n\tmax_restart 3\n\tstate started\n\n");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fake_session_done(&f->fake);
    arena_free(f->arena);
    free(f);
    return 0;
}

static void read_view(struct fixture *f)
{
    assert_int_equal(cluster_view_read(f->arena, &f->fake.session, &f->view, &f->err), 0);
}

static void set(struct fixture *f, const char *key, const char *value)
{
    map_put(&f->request.set, key, arena_strdup(f->arena, value));
}

static int add(struct fixture *f, const char *typed)
{
    read_view(f);
    return resource_add(f->arena, &f->fake.session, &f->view, typed, &f->request, &f->err);
}

static int change(struct fixture *f, const char *typed)
{
    read_view(f);
    return resource_change(f->arena, &f->fake.session, &f->view, typed, &f->request, &f->err);
}

static int take_away(struct fixture *f, const char *typed, enum resource_purge purge)
{
    read_view(f);
    return resource_remove(f->arena, &f->fake.session, &f->view, typed, purge, &f->err);
}

static void assert_refused(struct fixture *f, int r, int code, const char *words)
{
    fixture_refuses(f, r, code, words);
    assert_int_equal(fake_store_commits(f->fake.store), 0);
}

static void resource_added_is_stored_without_defaults(void **state)
{
    struct fixture *f = *state;
    set(f, "max_relocate", "2");
    set(f, "state", "enabled");
    assert_int_equal(add(f, "ct:100"), 0);
    assert_string_equal(fake_store_get(f->fake.store, "resource/ct:100"),
                        "ct: 100\n\tmax_relocate 2\n\tstate started\n\n");
}

static void resource_added_by_number_is_that_of_the_guest(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add(f, "102"), 0);
    assert_string_equal(fake_store_get(f->fake.store, "resource/vm:102"), "vm: 102\n\n");
}

static void resource_added_to_a_group_needs_the_group(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "config/groups", "group: fast\n\tnodes node1\n\n");
    set(f, "group", "quick");
    assert_refused(f, add(f, "ct:100"), -ENOENT, "group 'quick' does not exist: there are fast");
    set(f, "group", "fast");
    assert_int_equal(add(f, "ct:100"), 0);
    assert_string_equal(fake_store_get(f->fake.store, "resource/ct:100"),
                        "ct: 100\n\tgroup fast\n\n");
}

static void resource_add_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, add(f, "ct:101"), -EEXIST, "'ct:101' is already under HA");
    assert_refused(f, add(f, "ct:999"), -ENOENT, "guest 'ct:999' does not exist");
    assert_refused(f, add(f, "vm:100"), -ENOENT, "guest 'vm:100' does not exist");
    assert_refused(f, add(f, "999"), -ENOENT, "no guest has the number 999");
    assert_refused(f, add(f, "fa:100"), -EINVAL, "unknown type 'fa'");
    f->request.type = "vm";
    assert_refused(f, add(f, "ct:100"), -EINVAL, "'ct:100' is not of type 'vm'");
    f->request.type = NULL;
    set(f, "group", "g1");
    assert_refused(f, add(f, "ct:100"), -EOPNOTSUPP, "groups were migrated to rules");
}

#define SERVICE "{\"sid\":\"ocf:db1\",\"node\":\"node2\",\"config\":{\"agent\":\"test:none\"}}"

static void define(struct fixture *f, const char *key, const char *value)
{
    map_put(&f->request.define, key, arena_strdup(f->arena, value));
}

static void guest_takes_no_definition(void **state)
{
    struct fixture *f = *state;
    define(f, "param.x", "1");
    assert_refused(f, add(f, "ct:100"), -EINVAL, "'ct:100' is a guest: 'param.x' is not for it");
    assert_refused(f, change(f, "ct:101"), -EINVAL, "is changed with ha-guest");
}

static void service_without_a_good_definition_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, add(f, "ocf:db1"), -EINVAL, "key 'agent' is missing");
    define(f, "agent", "test:none");
    assert_refused(f, add(f, "ocf:db1"), -ENOENT, "agent 'test:none' is not installed");
    define(f, "agent", "a/b");
    assert_refused(f, add(f, "ocf:db1"), -EINVAL, "'a/b' is no agent's name");
}

// Its place is part of the definition, and may be one where it runs.
static void service_that_is_defined_keeps_its_definition(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "guest/ocf:db1", SERVICE);
    define(f, "agent", "test:none");
    assert_refused(f, add(f, "ocf:db1"), -EEXIST,
                   "'ocf:db1' is defined already, on node 'node2': add it without 'agent', and "
                   "change it with 'set'");
    map_clear(&f->request.define);
    f->fake.membership.members[1].online = false;
    assert_refused(f, add(f, "ocf:db1"), -EHOSTUNREACH, "on node 'node2', which is not online");
    f->fake.membership.members[1].online = true;
    assert_int_equal(add(f, "ocf:db1"), 0);
    assert_string_equal(fake_store_get(f->fake.store, "resource/ocf:db1"), "ocf: db1\n\n");
    assert_string_equal(fake_store_get(f->fake.store, "guest/ocf:db1"), SERVICE);
}

static int forget(struct fixture *f, const char *typed)
{
    read_view(f);
    return resource_remove_definition(f->arena, &f->fake.session, &f->view, typed,
                                      RESOURCE_PURGE_NO, &f->err);
}

static void definition_is_forgotten_only_when_nothing_can_run(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *resource;
        const char *service; // or NULL
    } rows[] = {
        {"ocf: db1\n\n", "{\"node\":\"node2\",\"state\":\"stopped\"}"},
        {"ocf: db1\n\tstate disabled\n\n", "{\"node\":\"node2\",\"state\":\"request_stop\"}"},
        {"ocf: db1\n\tstate disabled\n\n", "{\"node\":\"node2\",\"state\":\"error\"}"},
        {"ocf: db1\n\tstate disabled\n\n", NULL},
    };
    fake_store_put(f->fake.store, "guest/ocf:db1", SERVICE);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_store_put(f->fake.store, "resource/ocf:db1", rows[i].resource);
        fake_store_put(f->fake.store, "service/ocf:db1", rows[i].service);
        assert_refused(f, forget(f, "ocf:db1"), -EBUSY, "is not known to be stopped");
    }
    assert_refused(f, forget(f, "ct:101"), -EINVAL, "it is destroyed with ha-guest");
    fake_store_put(f->fake.store, "service/ocf:db1", "{\"node\":\"node2\",\"state\":\"stopped\"}");
    assert_int_equal(forget(f, "ocf:db1"), 0);
    assert_null(fake_store_get(f->fake.store, "guest/ocf:db1"));
    assert_null(fake_store_get(f->fake.store, "resource/ocf:db1"));
}

static void resource_on_a_node_that_is_not_online_is_not_taken_over(void **state)
{
    struct fixture *f = *state;
    f->fake.membership.members[0].online = false;
    assert_refused(f, add(f, "ct:100"), -EHOSTUNREACH, "on node 'node1', which is not online");
    fake_store_put(f->fake.store, "resource/ct:101", "ct: 101\n\tstate ignored\n\n");
    set(f, "state", "started");
    assert_refused(f, change(f, "ct:101"), -EHOSTUNREACH, "which is not online");
    f->fake.membership.members[0].online = true;
    assert_int_equal(change(f, "ct:101"), 0);
}

static void resource_add_without_quorum_changes_nothing(void **state)
{
    struct fixture *f = *state;
    f->fake.session.quorate = false;
    assert_refused(f, add(f, "ct:100"), -EHOSTDOWN, "no quorum on node 'node1'");
}

struct write_failure {
    int code;
    const char *words;
};

static const struct write_failure write_failures[] = {
    {-EAGAIN, "resource 'ct:100' was changed by someone else"},
    {-EHOSTDOWN, "no quorum: resource 'ct:100' was not changed"},
    {-ETIMEDOUT, "whether resource 'ct:100' was changed is not known"},
};

static void resource_add_tells_why_the_store_refused(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(write_failures); i++) {
        fake_store_fail(f->fake.store, 0, 0, write_failures[i].code);
        assert_refused(f, add(f, "ct:100"), write_failures[i].code, write_failures[i].words);
    }
}

// Two operators add the same guest: the second one's condition fails.
static void resource_added_meanwhile_is_not_overwritten(void **state)
{
    struct fixture *f = *state;
    read_view(f);
    fake_store_put(f->fake.store, "resource/ct:100", "ct: 100\n\tstate stopped\n\n");
    int r = resource_add(f->arena, &f->fake.session, &f->view, "ct:100", &f->request, &f->err);
    assert_refused(f, r, -EAGAIN, "was changed by someone else");
    assert_string_equal(fake_store_get(f->fake.store, "resource/ct:100"),
                        "ct: 100\n\tstate stopped\n\n");
}

static void resource_changed_keeps_what_was_not_named(void **state)
{
    struct fixture *f = *state;
    set(f, "state", "stopped");
    set(f, "failback", "0");
    f->request.unset = "max_restart";
    assert_int_equal(change(f, "101"), 0);
    assert_string_equal(fake_store_get(f->fake.store, "resource/ct:101"),
                        "ct: 101\n\tcomment x\n\tfailback 0\n\tstate stopped\n\n");
}

static void resource_change_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;
    set(f, "max_restart", "1");
    assert_refused(f, change(f, "ct:100"), -ENOENT, "'ct:100' is not under HA");
    f->request.unset = "max_restart";
    assert_refused(f, change(f, "ct:101"), -EINVAL, "set and deleted at once");
    f->request.unset = "colour";
    assert_refused(f, change(f, "ct:101"), -EINVAL, "unknown key 'colour'");
    f->request.unset = NULL;
    f->request.digest = "00";
    assert_refused(f, change(f, "ct:101"), -ESTALE, "was changed since its digest was read");
}

static void resource_change_with_its_digest_is_done(void **state)
{
    struct fixture *f = *state;
    const char *text = fake_store_get(f->fake.store, "resource/ct:101");
    set(f, "state", "stopped");
    f->request.digest = digest_sha1_hex(f->arena, text, strlen(text));
    assert_int_equal(change(f, "ct:101"), 0);
}

static void resource_in_error_can_only_be_disabled(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "service/ct:101",
                   "{\"node\":\"node1\",\"state\":\"error\",\"uid\":\"u\"}");
    set(f, "state", "started");
    assert_refused(f, change(f, "ct:101"), -EBUSY, "in error state: set it to 'disabled' first");
    assert_refused(f, resource_check_commandable(&f->view, "ct:101", &f->err), -EBUSY,
                   "in error state");
    set(f, "state", "disabled");
    assert_int_equal(change(f, "ct:101"), 0);
}

#define RULES                                                                                      \
    "node-affinity: one\n\tnodes node1\n\tresources ct:101\n\n"                                    \
    "resource-affinity: two\n\taffinity positive\n\tresources ct:100,ct:101\n\n"

static void resource_removed_leaves_its_rules(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "config/rules", RULES);
    assert_int_equal(take_away(f, "ct:101", RESOURCE_PURGE_CHECK), 0);
    assert_null(fake_store_get(f->fake.store, "resource/ct:101"));
    assert_string_equal(fake_store_get(f->fake.store, "config/rules"),
                        "resource-affinity: two\n\taffinity positive\n\tresources ct:100\n\n");
    assert_int_equal(fake_store_commits(f->fake.store), 1);
}

// As long as ct:101 is there, three services that must be apart have three nodes in their rules;
// the two others alone have one.
#define RULES_NARROW                                                                               \
    "node-affinity: narrow\n\tnodes node1\n\tresources ct:100,ct:102\n\n"                          \
    "node-affinity: wide\n\tnodes node1,node2,node3\n\tresources ct:101\n\n"                       \
    "resource-affinity: apart\n\taffinity negative\n\tresources ct:100,ct:101,ct:102\n\n"

static void resource_whose_removal_breaks_a_rule_is_kept(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "config/rules", RULES_NARROW);
    assert_refused(f, take_away(f, "ct:101", RESOURCE_PURGE_CHECK), -EINVAL,
                   "rule 'apart' could not be used any more");
    assert_string_equal(fake_store_get(f->fake.store, "config/rules"), RULES_NARROW);
    assert_non_null(fake_store_get(f->fake.store, "resource/ct:101"));
    assert_int_equal(take_away(f, "ct:101", RESOURCE_PURGE_FORCE), 0);
    assert_null(strstr(fake_store_get(f->fake.store, "config/rules"), "ct:101"));
    assert_null(fake_store_get(f->fake.store, "resource/ct:101"));
}

// What was in conflict before is nobody's fault now.
static void resource_in_a_broken_rule_can_be_removed(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "config/rules",
                   "node-affinity: one\n\tnodes node1\n\tresources ct:100,ct:101\n\n"
                   "node-affinity: two\n\tnodes node2\n\tresources ct:100\n\n");
    assert_int_equal(take_away(f, "ct:101", RESOURCE_PURGE_CHECK), 0);
}

static void resource_removed_without_purge_stays_in_rules(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "config/rules", RULES);
    assert_int_equal(take_away(f, "ct:101", RESOURCE_PURGE_NO), 0);
    assert_string_equal(fake_store_get(f->fake.store, "config/rules"), RULES);
}

static void resource_remove_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, take_away(f, "ct:100", RESOURCE_PURGE_CHECK), -ENOENT,
                   "'ct:100' is not under HA");
    fake_store_put(f->fake.store, "config/rules", "node-affinity: one\n\tcolour red\n\n");
    assert_refused(f, take_away(f, "ct:101", RESOURCE_PURGE_CHECK), -EINVAL, "rules: line 2");
}

static void resource_whose_guest_is_gone_can_be_removed_by_number(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "guest/ct:101", NULL);
    assert_int_equal(take_away(f, "101", RESOURCE_PURGE_CHECK), 0);
    assert_null(fake_store_get(f->fake.store, "resource/ct:101"));
}

static void commands_are_for_managed_services_only(void **state)
{
    struct fixture *f = *state;
    read_view(f);
    assert_refused(f, resource_check_commandable(&f->view, "ct:100", &f->err), -ENOENT,
                   "not under HA");
    assert_int_equal(resource_check_commandable(&f->view, "ct:101", &f->err), 0);
    fake_store_put(f->fake.store, "resource/ct:101", "ct: 101\n\tstate ignored\n\n");
    read_view(f);
    assert_refused(f, resource_check_commandable(&f->view, "ct:101", &f->err), -EBUSY, "ignored");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(resource_added_is_stored_without_defaults),
        TEST(resource_added_by_number_is_that_of_the_guest),
        TEST(resource_added_to_a_group_needs_the_group),
        TEST(resource_add_refused_changes_nothing),
        TEST(guest_takes_no_definition),
        TEST(service_without_a_good_definition_is_refused),
        TEST(service_that_is_defined_keeps_its_definition),
        TEST(definition_is_forgotten_only_when_nothing_can_run),
        TEST(resource_on_a_node_that_is_not_online_is_not_taken_over),
        TEST(resource_add_without_quorum_changes_nothing),
        TEST(resource_add_tells_why_the_store_refused),
        TEST(resource_added_meanwhile_is_not_overwritten),
        TEST(resource_changed_keeps_what_was_not_named),
        TEST(resource_change_refused_changes_nothing),
        TEST(resource_change_with_its_digest_is_done),
        TEST(resource_in_error_can_only_be_disabled),
        TEST(resource_removed_leaves_its_rules),
        TEST(resource_whose_removal_breaks_a_rule_is_kept),
        TEST(resource_in_a_broken_rule_can_be_removed),
        TEST(resource_removed_without_purge_stays_in_rules),
        TEST(resource_remove_refused_changes_nothing),
        TEST(resource_whose_guest_is_gone_can_be_removed_by_number),
        TEST(commands_are_for_managed_services_only),
    };
    return cmocka_run_group_tests_name("resource_edit", tests, NULL, NULL);
}
