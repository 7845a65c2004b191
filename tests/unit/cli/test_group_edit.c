// SPDX-License-Identifier: Apache-2.0
// Changes to groups: only where there are groups, and for each refusal why, with nothing changed.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/group_edit.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/groups.h"
#include "tests/lib/fake_session.h"
#include "tests/lib/fixture.h"

#define GROUPS                                                                                     \
    "group: fast\n\tnodes node1:2,node2\n\n"                                                       \
    "group: slow\n\tcomment old\n\tnodes node3\n\tnofailback 1\n\n"

struct fixture {
    struct arena *arena;
    struct fake_session fake;
    struct group_request request;
    struct error err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    fake_session_init(&f->fake, 3);
    group_request_init(f->arena, &f->request);
    fake_store_put(f->fake.store, "config/groups", GROUPS);
    fake_store_put(f->fake.store, "resource/ct:100", "ct: 100\n\tgroup slow\n\n");
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

static void set(struct fixture *f, const char *key, const char *value)
{
    map_put(&f->request.set, key, arena_strdup(f->arena, value));
}

static int add(struct fixture *f, const char *id)
{
    return group_add(f->arena, &f->fake.session, id, &f->request, &f->err);
}

static int change(struct fixture *f, const char *id)
{
    return group_change(f->arena, &f->fake.session, id, &f->request, &f->err);
}

static int take_away(struct fixture *f, const char *id)
{
    return group_remove(f->arena, &f->fake.session, id, &f->err);
}

static void assert_refused(struct fixture *f, int r, int code, const char *words)
{
    fixture_refuses(f, r, code, words);
    assert_int_equal(fake_store_commits(f->fake.store), 0);
}

static void groups_migrated_are_refused_by_everything(void **state)
{
    struct fixture *f = *state;
    struct group_set groups;
    const char *words = "groups were migrated to rules";
    set(f, "nodes", "node1");
    for (int i = 0; i < 2; i++) {
        fake_store_put(f->fake.store, "config/groups", i == 0 ? NULL : "");
        assert_refused(f, add(f, "new"), -EOPNOTSUPP, words);
        assert_refused(f, change(f, "fast"), -EOPNOTSUPP, words);
        assert_refused(f, take_away(f, "fast"), -EOPNOTSUPP, words);
        assert_refused(f, group_read(f->arena, &f->fake.session, &groups, &f->err), -EOPNOTSUPP,
                       words);
        assert_refused(f, group_check_exists(f->arena, &f->fake.session, "fast", &f->err),
                       -EOPNOTSUPP, words);
    }
}

static void group_added_comes_last(void **state)
{
    struct fixture *f = *state;
    set(f, "nodes", "node2:1,node1");
    set(f, "restricted", "1");
    set(f, "comment", "a b");
    assert_int_equal(add(f, "another"), 0);
    assert_string_equal(fake_store_get(f->fake.store, "config/groups"), GROUPS
                        "group: another\n\tcomment a b\n\tnodes node1,node2:1\n\trestricted 1\n\n");
}

static void group_add_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, add(f, "new"), -EINVAL, "'nodes' is missing");
    set(f, "nodes", "node1");
    assert_refused(f, add(f, "fast"), -EEXIST, "'fast' exists already");
    set(f, "nodes", "node9");
    assert_refused(f, add(f, "new"), -ENOENT, "node9");
    set(f, "nodes", "node1:x");
    assert_refused(f, add(f, "new"), -EINVAL, "node1:x");
    set(f, "nodes", "node1");
    f->fake.session.quorate = false;
    assert_refused(f, add(f, "new"), -EHOSTDOWN, "quorum");
}

static void group_changed_keeps_the_rest(void **state)
{
    struct fixture *f = *state;
    set(f, "nodes", "node1");
    f->request.unset = "comment,nofailback";
    assert_int_equal(change(f, "slow"), 0);
    assert_string_equal(fake_store_get(f->fake.store, "config/groups"),
                        "group: fast\n\tnodes node1:2,node2\n\ngroup: slow\n\tnodes node1\n\n");
}

static void group_change_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;
    set(f, "comment", "x");
    assert_refused(f, change(f, "gone"), -ENOENT,
                   "group 'gone' does not exist: there are fast, slow");
    f->request.unset = "nodes";
    assert_refused(f, change(f, "slow"), -EINVAL, "'nodes' cannot be deleted");
    f->request.unset = "comment";
    assert_refused(f, change(f, "slow"), -EINVAL, "set and deleted at once");
    f->request.unset = NULL;
    f->request.digest = "0000";
    assert_refused(f, change(f, "slow"), -ESTALE, "try again");
}

static void group_change_with_the_right_digest_is_done(void **state)
{
    struct fixture *f = *state;
    struct group_set groups;
    assert_int_equal(group_read(f->arena, &f->fake.session, &groups, &f->err), 0);
    set(f, "comment", "new");
    f->request.digest = groups.digest;
    assert_int_equal(change(f, "slow"), 0);
    assert_non_null(strstr(fake_store_get(f->fake.store, "config/groups"), "comment new"));
}

static void group_in_use_cannot_be_removed(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, take_away(f, "slow"), -EBUSY, "'slow' is used by resource 'ct:100'");
    assert_refused(f, take_away(f, "gone"), -ENOENT, "'gone' does not exist");
}

static void last_group_removed_leaves_no_document(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(take_away(f, "fast"), 0);
    assert_string_equal(fake_store_get(f->fake.store, "config/groups"),
                        "group: slow\n\tcomment old\n\tnodes node3\n\tnofailback 1\n\n");
    fake_store_put(f->fake.store, "resource/ct:100", "ct: 100\n\n");
    assert_int_equal(take_away(f, "slow"), 0);
    assert_null(fake_store_get(f->fake.store, "config/groups"));
}

static void groups_with_an_unreadable_part_are_not_written(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "config/groups", GROUPS "group: bad\n\tcolour red\n\n");
    set(f, "nodes", "node1");
    assert_refused(f, add(f, "new"), -EINVAL, "before this is repaired");
}

static void group_named_must_exist(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(group_check_exists(f->arena, &f->fake.session, "fast", &f->err), 0);
    assert_refused(f, group_check_exists(f->arena, &f->fake.session, "quick", &f->err), -ENOENT,
                   "there are fast, slow");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(groups_migrated_are_refused_by_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(group_added_comes_last, setup, teardown),
        cmocka_unit_test_setup_teardown(group_add_refused_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(group_changed_keeps_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(group_change_refused_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(group_change_with_the_right_digest_is_done, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(group_in_use_cannot_be_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(last_group_removed_leaves_no_document, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_with_an_unreadable_part_are_not_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(group_named_must_exist, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
