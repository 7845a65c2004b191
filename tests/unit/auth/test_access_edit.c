// SPDX-License-Identifier: Apache-2.0
// Changes of users, tokens, roles and permissions: what is written with what, refusals that change
// nothing, and that nobody can give what they do not have.
#include <errno.h>
#include <string.h>

#include "api/auth/identity.h"
#include "api/auth/password.h"
#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "api/auth/ticket.h"
#include "cli/access_edit.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "tests/lib/fake_session.h"
#include "tests/lib/fixture.h"

enum { NOW = 5000 };

struct fixture {
    struct arena *arena;
    struct fake_session fake;
    struct access_edit edit;
    struct error err;
};

static int setup(void **state)
{
    struct fixture *f = alloc_zero(sizeof(*f));
    f->arena = arena_new();
    fake_session_init(&f->fake, 3);
    fake_store_put(f->fake.store, "access/user/admin@pve", "{}");
    fake_store_put(f->fake.store, "access/user/boss@pve", "{}");
    fake_store_put(f->fake.store, "access/user/low@pve", "{}");
    fake_store_put(f->fake.store, "access/user/users@pve", "{}");
    fake_store_put(f->fake.store, "access/user/vmboss@pve", "{}");
    fake_store_put(f->fake.store, "access/user/gone@pve", "{\"enable\":false}");
    fake_store_put(f->fake.store, "access/user/off@pve", "{\"enable\":false}");
    fake_store_put(f->fake.store, "access/token/boss@pve!sep", "{\"privsep\":true}");
    fake_store_put(f->fake.store, "access/group/ops", "{}");
    fake_store_put(f->fake.store, "access/role/Grant",
                   "{\"privs\":[\"Permissions.Modify\",\"VM.Audit\"]}");
    fake_store_put(
        f->fake.store, "access/acl",
        "[{\"path\":\"/\",\"type\":\"user\",\"ugid\":\"boss@pve\",\"roleid\":\"Administrator\"},"
        "{\"path\":\"/\",\"type\":\"user\",\"ugid\":\"gone@pve\",\"roleid\":\"PVEAdmin\"},"
        "{\"path\":\"/\",\"type\":\"token\",\"ugid\":\"boss@pve!sep\",\"roleid\":\"PVEUserAdmin\"},"
        "{\"path\":\"/\",\"type\":\"group\",\"ugid\":\"ops\",\"roleid\":\"Operator\"},"
        "{\"path\":\"/access\",\"type\":\"user\",\"ugid\":\"users@pve\",\"roleid\":\"PVEUserAdmin\"},"
        "{\"path\":\"/vms/5\",\"type\":\"user\",\"ugid\":\"low@pve\",\"roleid\":\"Grant\"}]");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fake_session_done(&f->fake);
    arena_free(f->arena);
    alloc_freep(state);
    return 0;
}

#define edit_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

// Begins a change by this user; NULL: the operator at the machine.
static struct access_edit *as(struct fixture *f, const char *user, const char *token)
{
    error_clear(&f->err);
    assert_int_equal(
        access_edit_open(f->arena, &f->fake.session, NOW, user, token, &f->edit, &f->err), 0);
    return &f->edit;
}

static struct json *words(struct fixture *f, const char *text)
{
    struct json *list = json_new_array(f->arena);
    struct parse_words all = parse_list(f->arena, text);
    for (size_t i = 0; i < all.count; i++) {
        json_append(list, json_new_string(f->arena, all.words[i]));
    }
    return list;
}

static int grant(struct fixture *f, const char *user, const char *path, const char *role,
                 const char *to)
{
    struct access_acl_change change = {
        .path = path, .roles = words(f, role), .users = words(f, to), .propagate = true};
    return access_acl_change(as(f, user, NULL), &change, &f->err);
}

static int put_user(struct fixture *f, const char *maker, const char *token,
                    struct access_user_change change, bool exists)
{
    return access_user_put(as(f, maker, token), &change, exists, &f->err);
}

static void user_is_added_with_its_password(void **state)
{
    struct fixture *f = *state;
    struct access_user_change change = {.userid = "new@pve",
                                        .comment = "x",
                                        .groups = words(f, "ops"),
                                        .password = "correct horse"};
    assert_int_equal(put_user(f, NULL, NULL, change, false), 0);
    assert_int_equal(fake_store_commits(f->fake.store), 1);
    assert_string_equal(fake_store_get(f->fake.store, "access/user/new@pve"),
                        "{\"comment\":\"x\",\"enable\":true,\"groups\":[\"ops\"]}");
    const char *secret = fake_store_get(f->fake.store, "secret/user/new@pve");
    assert_memory_equal(secret, "$y$", 3);
    assert_null(strstr(secret, "horse"));
    struct store_entries secrets;
    assert_int_equal(store_read(f->fake.session.store, "secret/", 0, f->arena, &secrets, NULL), 0);
    struct identity_book book = {
        .rights = as(f, NULL, NULL)->rights, .secrets = &secrets, .now_s = NOW};
    assert_true(password_check(f->arena, &book, "new@pve", "correct horse", NULL, NULL));
    assert_false(password_check(f->arena, &book, "new@pve", "correct hors", NULL, NULL));
    assert_false(password_check(f->arena, &book, "new@pve", "", NULL, NULL));
    assert_false(password_check(f->arena, &book, "low@pve", "correct horse", NULL, NULL));
    assert_false(password_check(f->arena, &book, "ghost@pve", "correct horse", NULL, NULL));
    assert_int_equal(put_user(f, NULL, NULL, change, false), -EEXIST);
}

static void user_is_removed_with_all_that_is_its_own(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "secret/token/boss@pve!sep", "x");
    fake_store_put(f->fake.store, "secret/user/boss@pve", "x");
    assert_int_equal(access_user_remove(as(f, NULL, NULL), "boss@pve", &f->err), 0);
    assert_null(fake_store_get(f->fake.store, "access/user/boss@pve"));
    assert_null(fake_store_get(f->fake.store, "access/token/boss@pve!sep"));
    assert_null(fake_store_get(f->fake.store, "secret/token/boss@pve!sep"));
    assert_null(fake_store_get(f->fake.store, "secret/user/boss@pve"));
    assert_null(strstr(fake_store_get(f->fake.store, "access/acl"), "boss"));
    assert_non_null(strstr(fake_store_get(f->fake.store, "access/acl"), "low@pve"));
    assert_int_equal(fake_store_commits(f->fake.store), 1);
    assert_int_equal(access_user_remove(as(f, NULL, NULL), "boss@pve", &f->err), -ENOENT);
}

static void root_cannot_be_locked_out(void **state)
{
    struct fixture *f = *state;
    struct access_user_change off = {.userid = "root@pam", .has_enable = true};
    struct access_user_change over = {.userid = "root@pam", .has_expire = true, .expire_s = 1};
    struct access_user_change comment = {.userid = "root@pam", .comment = "me"};
    assert_int_equal(put_user(f, NULL, NULL, off, true), -EINVAL);
    assert_int_equal(put_user(f, NULL, NULL, over, true), -EINVAL);
    assert_int_equal(access_user_remove(as(f, NULL, NULL), "root@pam", &f->err), -EINVAL);
    assert_int_equal(put_user(f, NULL, NULL, comment, false), -EEXIST);
    assert_int_equal(fake_store_commits(f->fake.store), 0);
    assert_int_equal(put_user(f, NULL, NULL, comment, true), 0);
    assert_int_equal(grant(f, NULL, "/", "NoAccess", "root@pam"), 0);
    assert_true(
        rights_allow(as(f, NULL, NULL)->rights, "root@pam", NULL, PRIVILEGE_SYS_MODIFY, "/", NOW));
}

static void passwords_that_are_none_are_refused(void **state)
{
    struct fixture *f = *state;
    char *longest = arena_alloc(f->arena, 600);
    memset(longest, 'x', 512);
    assert_int_equal(access_user_password(as(f, NULL, NULL), "low@pve", "short", &f->err), -EINVAL);
    assert_int_equal(access_user_password(as(f, NULL, NULL), "low@pve", longest, &f->err), -EINVAL);
    assert_int_equal(access_user_password(as(f, NULL, NULL), "low@pve", "with\nline", &f->err),
                     -EINVAL);
    assert_int_equal(access_user_password(as(f, NULL, NULL), "root@pam", "long enough", &f->err),
                     -EOPNOTSUPP);
    assert_int_equal(access_user_password(as(f, NULL, NULL), "ghost@pve", "long enough", &f->err),
                     -ENOENT);
    assert_int_equal(fake_store_commits(f->fake.store), 0);
}

static void ticket_of_before_the_password_was_changed_renews_no_more(void **state)
{
    struct fixture *f = *state;
    struct ticket_keys keys = {.keys = {{NOW - 60, "11111111111111111111111111111111"}},
                               .count = 1};
    assert_int_equal(access_user_password(as(f, NULL, NULL), "low@pve", "long enough", &f->err), 0);
    fake_store_put(f->fake.store, "secret/ticket-keys", ticket_keys_format(f->arena, &keys));
    struct store_entries secrets;
    assert_int_equal(store_read(f->fake.session.store, "secret/", 0, f->arena, &secrets, NULL), 0);
    struct identity_book book = {
        .rights = as(f, NULL, NULL)->rights, .secrets = &secrets, .now_s = NOW + 5};
    const char *old = ticket_make(f->arena, &keys, "low@pve", NOW - 1);
    const char *new = ticket_make(f->arena, &keys, "low@pve", NOW + 1);
    assert_false(password_check(f->arena, &book, "low@pve", old, NULL, NULL));
    assert_true(password_check(f->arena, &book, "low@pve", new, NULL, NULL));
    assert_false(password_check(f->arena, &book, "boss@pve", new, NULL, NULL));
    assert_false(password_check(f->arena, &book, "gone@pve",
                                ticket_make(f->arena, &keys, "gone@pve", NOW), NULL, NULL));
    assert_true(password_check(f->arena, &book, "root@pam",
                               ticket_make(f->arena, &keys, "root@pam", NOW), NULL, NULL));
}

static void token_secret_is_told_once_and_only_its_hash_is_kept(void **state)
{
    struct fixture *f = *state;
    const char *secret = NULL;
    struct access_token_change change = {.userid = "low@pve", .tokenid = "lap", .comment = "c"};
    assert_int_equal(access_token_put(as(f, NULL, NULL), &change, false, &secret, &f->err), 0);
    assert_int_equal(strlen(secret), 36);
    const char *kept =
        arena_strdup(f->arena, fake_store_get(f->fake.store, "secret/token/low@pve!lap"));
    assert_int_equal(strlen(kept), 64);
    assert_string_equal(fake_store_get(f->fake.store, "access/token/low@pve!lap"),
                        "{\"comment\":\"c\",\"enable\":true,\"privsep\":true}");
    assert_int_equal(access_token_put(as(f, NULL, NULL), &change, false, &secret, &f->err),
                     -EEXIST);
    secret = "untouched";
    change.has_privsep = true;
    assert_int_equal(access_token_put(as(f, NULL, NULL), &change, true, &secret, &f->err), 0);
    assert_null(secret);
    assert_string_equal(fake_store_get(f->fake.store, "secret/token/low@pve!lap"), kept);
    change.regenerate = true;
    assert_int_equal(access_token_put(as(f, NULL, NULL), &change, true, &secret, &f->err), 0);
    assert_non_null(secret);
    assert_string_not_equal(fake_store_get(f->fake.store, "secret/token/low@pve!lap"), kept);
    assert_int_equal(access_token_remove(as(f, NULL, NULL), "low@pve", "lap", &f->err), 0);
    assert_null(fake_store_get(f->fake.store, "secret/token/low@pve!lap"));
    assert_int_equal(access_token_remove(as(f, NULL, NULL), "low@pve", "lap", &f->err), -ENOENT);
}

static void roles_are_changed_but_not_those_built_in_or_in_use(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        access_role_put(as(f, NULL, NULL), "Mine", words(f, "VM.Audit"), false, false, &f->err), 0);
    assert_int_equal(
        access_role_put(as(f, NULL, NULL), "Mine", words(f, "VM.Audit"), false, false, &f->err),
        -EEXIST);
    assert_int_equal(
        access_role_put(as(f, NULL, NULL), "Mine", words(f, "VM.Clone"), true, true, &f->err), 0);
    assert_string_equal(fake_store_get(f->fake.store, "access/role/Mine"),
                        "{\"privs\":[\"VM.Audit\",\"VM.Clone\"]}");
    assert_int_equal(
        access_role_put(as(f, NULL, NULL), "Mine", words(f, "No.Such"), false, true, &f->err),
        -EINVAL);
    assert_int_equal(
        access_role_put(as(f, NULL, NULL), "PVEAdmin", words(f, "VM.Audit"), false, true, &f->err),
        -EINVAL);
    assert_int_equal(access_role_remove(as(f, NULL, NULL), "Operator", &f->err), -EINVAL);
    assert_int_equal(access_role_remove(as(f, NULL, NULL), "Grant", &f->err), -EBUSY);
    assert_int_equal(access_role_remove(as(f, NULL, NULL), "Mine", &f->err), 0);
    assert_int_equal(access_role_remove(as(f, NULL, NULL), "Mine", &f->err), -ENOENT);
}

static void permissions_are_set_once_and_removed(void **state)
{
    struct fixture *f = *state;
    struct access_acl_change change = {.path = "/vms/9",
                                       .roles = words(f, "PVEVMUser"),
                                       .users = words(f, "low@pve"),
                                       .groups = words(f, "ops"),
                                       .tokens = words(f, "boss@pve!sep"),
                                       .propagate = false};
    const struct access_acl *all = NULL;
    size_t before = access_acl_all(f->arena, as(f, NULL, NULL)->rights, &all);
    assert_int_equal(access_acl_change(as(f, NULL, NULL), &change, &f->err), 0);
    assert_int_equal(access_acl_all(f->arena, as(f, NULL, NULL)->rights, &all), before + 3);
    change.propagate = true;
    assert_int_equal(access_acl_change(as(f, NULL, NULL), &change, &f->err), 0);
    assert_int_equal(access_acl_all(f->arena, as(f, NULL, NULL)->rights, &all), before + 3);
    change.remove = true;
    assert_int_equal(access_acl_change(as(f, NULL, NULL), &change, &f->err), 0);
    assert_int_equal(access_acl_all(f->arena, as(f, NULL, NULL)->rights, &all), before);
    assert_int_equal(grant(f, NULL, "/vms/9", "NoSuchRole", "low@pve"), -ENOENT);
    assert_int_equal(grant(f, NULL, "/vms/9", "Auditor", "ghost@pve"), -ENOENT);
    assert_int_equal(grant(f, NULL, "/elsewhere", "Auditor", "low@pve"), -EINVAL);
    assert_int_equal(grant(f, NULL, "/vms/9", "Auditor", ""), -EINVAL);
}

static void group_is_removed_from_its_users(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->fake.store, "access/user/low@pve", "{\"groups\":[\"ops\"]}");
    assert_int_equal(access_group_remove(as(f, NULL, NULL), "ops", &f->err), 0);
    assert_null(fake_store_get(f->fake.store, "access/group/ops"));
    assert_null(strstr(fake_store_get(f->fake.store, "access/user/low@pve"), "ops"));
    assert_null(strstr(fake_store_get(f->fake.store, "access/acl"), "ops"));
}

static void change_that_met_another_is_refused(void **state)
{
    struct fixture *f = *state;
    struct access_acl_change change = {
        .path = "/", .roles = words(f, "Auditor"), .users = words(f, "low@pve"), .propagate = true};
    struct access_edit *edit = as(f, NULL, NULL);
    fake_store_put(f->fake.store, "access/acl", "[]");
    assert_int_equal(access_acl_change(edit, &change, &f->err), -EAGAIN);
    assert_string_equal(fake_store_get(f->fake.store, "access/acl"), "[]");
}

// ---- Nobody gives what they do not have.

static void assert_not_allowed(struct fixture *f, int r)
{
    if (r != -EPERM) {
        fail_msg("%d '%s'", r, f->err.text);
    }
    assert_non_null(strstr(f->err.text, "Permission check failed ("));
    assert_int_equal(fake_store_commits(f->fake.store), 0);
}

static void permissions_beyond_the_makers_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_not_allowed(f, grant(f, "low@pve", "/vms/5", "PVEVMAdmin", "low@pve"));
    assert_not_allowed(f, grant(f, "low@pve", "/", "Grant", "low@pve"));
    assert_not_allowed(f, grant(f, "low@pve", "/vms/6", "Grant", "admin@pve"));
    assert_not_allowed(f, grant(f, "low@pve", "/vms/5", "PVEVMUser", "off@pve"));
    assert_int_equal(grant(f, "low@pve", "/vms/5", "Grant", "admin@pve"), 0);
    assert_int_equal(grant(f, "boss@pve", "/", "Administrator", "admin@pve"), 0);
}

static void groups_beyond_the_makers_are_refused(void **state)
{
    struct fixture *f = *state;
    struct access_user_change self = {.userid = "users@pve", .groups = words(f, "ops")};
    struct access_user_change added = {.userid = "x@pve", .groups = words(f, "ops")};
    struct access_user_change plain = {.userid = "x@pve"};
    assert_not_allowed(f, put_user(f, "users@pve", NULL, self, true));
    assert_not_allowed(f, put_user(f, "users@pve", NULL, added, false));
    assert_int_equal(put_user(f, "users@pve", NULL, plain, false), 0);
}

static void enabling_a_user_that_may_more_is_refused(void **state)
{
    struct fixture *f = *state;
    struct access_user_change change = {.userid = "gone@pve", .has_enable = true, .enable = true};
    assert_not_allowed(f, put_user(f, "users@pve", NULL, change, true));
    assert_int_equal(put_user(f, "boss@pve", NULL, change, true), 0);
}

static void acting_as_a_user_that_may_more_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *secret = NULL;
    struct access_token_change token = {.userid = "boss@pve", .tokenid = "mine"};
    struct access_token_change root = {.userid = "root@pam", .tokenid = "mine"};
    assert_not_allowed(
        f, access_user_password(as(f, "users@pve", NULL), "boss@pve", "long enough", &f->err));
    assert_not_allowed(
        f, access_user_password(as(f, "users@pve", NULL), "gone@pve", "long enough", &f->err));
    assert_not_allowed(f,
                       access_token_put(as(f, "users@pve", NULL), &token, false, &secret, &f->err));
    assert_not_allowed(f,
                       access_token_put(as(f, "boss@pve", NULL), &root, false, &secret, &f->err));
    // A token that has less than its user does not become its user.
    token.has_privsep = true;
    token.privsep = false;
    assert_not_allowed(f,
                       access_token_put(as(f, "boss@pve", "sep"), &token, false, &secret, &f->err));
    assert_not_allowed(
        f, access_user_password(as(f, "boss@pve", "sep"), "boss@pve", "long enough", &f->err));
    assert_null(secret);
    assert_int_equal(
        access_user_password(as(f, "users@pve", NULL), "admin@pve", "long enough", &f->err), 0);
    assert_int_equal(access_token_put(as(f, "boss@pve", NULL), &token, false, &secret, &f->err), 0);
    assert_int_equal(
        access_user_password(as(f, "low@pve", NULL), "low@pve", "long enough", &f->err), 0);
}

static void role_made_bigger_than_its_maker_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_not_allowed(f, access_role_put(as(f, "low@pve", NULL), "Grant",
                                          words(f, "VM.Audit,Permissions.Modify,VM.Allocate"),
                                          false, true, &f->err));
    assert_int_equal(access_role_put(as(f, "low@pve", NULL), "Grant", words(f, "VM.Audit"), false,
                                     true, &f->err),
                     0);
}

static void limit_of_oneself_stays(void **state)
{
    struct fixture *f = *state;
    fake_store_put(
        f->fake.store, "access/acl",
        "[{\"path\":\"/\",\"type\":\"user\",\"ugid\":\"low@pve\",\"roleid\":\"Administrator\"},"
        "{\"path\":\"/vms/7\",\"type\":\"user\",\"ugid\":\"low@pve\",\"roleid\":\"Grant\"}]");
    struct access_acl_change change = {
        .path = "/vms/7", .roles = words(f, "Grant"), .users = words(f, "low@pve"), .remove = true};
    assert_not_allowed(f, access_acl_change(as(f, "low@pve", NULL), &change, &f->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        edit_test(user_is_added_with_its_password),
        edit_test(user_is_removed_with_all_that_is_its_own),
        edit_test(root_cannot_be_locked_out),
        edit_test(passwords_that_are_none_are_refused),
        edit_test(ticket_of_before_the_password_was_changed_renews_no_more),
        edit_test(token_secret_is_told_once_and_only_its_hash_is_kept),
        edit_test(roles_are_changed_but_not_those_built_in_or_in_use),
        edit_test(permissions_are_set_once_and_removed),
        edit_test(group_is_removed_from_its_users),
        edit_test(change_that_met_another_is_refused),
        edit_test(permissions_beyond_the_makers_are_refused),
        edit_test(groups_beyond_the_makers_are_refused),
        edit_test(enabling_a_user_that_may_more_is_refused),
        edit_test(acting_as_a_user_that_may_more_is_refused),
        edit_test(role_made_bigger_than_its_maker_is_refused),
        edit_test(limit_of_oneself_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
