// SPDX-License-Identifier: Apache-2.0
// Who may do what: propagation, the nearest path, NoAccess, groups, tokens, users that are gone.
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/rights.h"
#include "api/auth/roles.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/port/store.h"
#include "tests/lib/fixture.h"

enum { NOW = 1000 };

#define ACL(path, type, ugid, role, propagate)                                                     \
    "{\"path\":\"" path "\",\"type\":\"" type "\",\"ugid\":\"" ugid "\",\"roleid\":\"" role        \
    "\",\"propagate\":" propagate "}"

static const struct {
    const char *key, *value;
} documents[] = {
    {"access/acl", "[" ACL("/", "user", "all@pve", "Administrator", "true") "," //
     ACL("/vms/7", "user", "all@pve", "NoAccess", "true") ","                   //
     ACL("/vms/8", "user", "all@pve", "PVEAuditor", "true") ","                 //
     ACL("/vms/9", "user", "all@pve", "Gone", "true") ","                       //
     ACL("/vms", "user", "flat@pve", "PVEVMUser", "false") ","                  //
     ACL("/", "user", "flat@pve", "Auditor", "true") ","                        //
     ACL("/", "user", "op@pam", "Operator", "true") ","                         //
     ACL("/", "user", "off@pve", "Administrator", "true") ","                   //
     ACL("/", "user", "old@pve", "Administrator", "true") ","                   //
     ACL("/", "user", "bad@pve", "Administrator", "true") ","                   //
     ACL("/", "user", "ghost@pve", "Administrator", "true") ","                 //
     ACL("/", "group", "watch", "Auditor", "true") ","                          //
     ACL("/vms", "group", "watch", "PVEVMUser", "true") ","                     //
     ACL("/vms", "user", "both@pve", "Migrator", "true") ","                    //
     ACL("/", "token", "all@pve!sep", "Auditor", "true") ","                    //
     ACL("/vms/7", "token", "all@pve!sep", "PVEVMAdmin", "true") ","            //
     ACL("/", "token", "op@pam!more", "Administrator", "true") ","              //
     ACL("/", "token", "root@pam!sep", "Auditor", "true") ","                   //
     ACL("/nodes/n1", "user", "mix@pve", "Auditor", "true") ","                 //
     ACL("/nodes/n1", "user", "mix@pve", "PVESysAdmin", "true") ","             //
     ACL("/nodes/n2", "user", "mix@pve", "PVESysAdmin", "true") ","             //
     ACL("/nodes/n2", "user", "mix@pve", "NoAccess", "true") "]"},
    {"access/group/watch", "{}"},
    {"access/role/Migrator", "{\"privs\":[\"VM.Migrate\",\"Not.Known\"]}"},
    {"access/token/all@pve!full", "{\"privsep\":false}"},
    {"access/token/all@pve!none", "{}"},
    {"access/token/all@pve!off", "{\"privsep\":false,\"enable\":false}"},
    {"access/token/all@pve!old", "{\"privsep\":false,\"expire\":999}"},
    {"access/token/all@pve!sep", "{\"privsep\":true}"},
    {"access/token/bad@pve!full", "{\"privsep\":false}"},
    {"access/token/off@pve!full", "{\"privsep\":false}"},
    {"access/token/op@pam!more", "{\"privsep\":true}"},
    {"access/token/root@pam!full", "{\"privsep\":false}"},
    {"access/token/root@pam!old", "{\"privsep\":false,\"expire\":1}"},
    {"access/token/root@pam!sep", "{\"privsep\":true}"},
    {"access/user/all@pve", "{\"enable\":true,\"expire\":1001}"},
    {"access/user/bad@pve", "{\"enable\":\"perhaps\"}"},
    {"access/user/both@pve", "{\"groups\":[\"watch\"]}"},
    {"access/user/flat@pve", "{}"},
    {"access/user/in@pve", "{\"groups\":[\"other\",\"watch\"]}"},
    {"access/user/mix@pve", "{}"},
    {"access/user/off@pve", "{\"enable\":false}"},
    {"access/user/old@pve", "{\"expire\":1000}"},
    {"access/user/op@pam", "{}"},
    {"access/user/root@pam", "{\"enable\":false,\"expire\":1}"},
};

static struct rights *a_book(struct arena *arena)
{
    struct store_entry *entries = arena_array_of(arena, struct store_entry, ARRAY_SIZE(documents));
    for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
        entries[i] = (struct store_entry){.key = documents[i].key,
                                          .value = documents[i].value,
                                          .size_bytes = strlen(documents[i].value),
                                          .version = i + 1};
    }
    struct store_entries all = {.entries = entries, .count = ARRAY_SIZE(documents)};
    return rights_read(arena, &all);
}

static void rights_of_each_row_are_as_the_list_says(void **state)
{
    static const struct {
        const char *name, *user, *token;
        enum privilege privilege;
        const char *path;
        bool allowed;
    } rows[] = {
        {"root has all", "root@pam", NULL, PRIVILEGE_SYS_MODIFY, "/", true},
        {"root has all although disabled and expired", "root@pam", NULL, PRIVILEGE_VM_ALLOCATE,
         "/vms/7", true},
        {"root's full token has all", "root@pam", "full", PRIVILEGE_SYS_MODIFY, "/", true},
        {"root's expired token has nothing", "root@pam", "old", PRIVILEGE_SYS_AUDIT, "/", false},
        {"root's unknown token has nothing", "root@pam", "none", PRIVILEGE_SYS_AUDIT, "/", false},
        {"root's separated token has its own", "root@pam", "sep", PRIVILEGE_SYS_AUDIT, "/", true},
        {"root's separated token has no more", "root@pam", "sep", PRIVILEGE_SYS_MODIFY, "/", false},
        {"a tree goes down", "all@pve", NULL, PRIVILEGE_SYS_CONSOLE, "/nodes/n1", true},
        {"NoAccess takes a branch", "all@pve", NULL, PRIVILEGE_VM_AUDIT, "/vms/7", false},
        {"NoAccess takes what is below", "all@pve", NULL, PRIVILEGE_VM_AUDIT, "/vms/7/x", false},
        {"NoAccess takes no neighbour", "all@pve", NULL, PRIVILEGE_VM_AUDIT, "/vms/70", true},
        {"the nearest path gives", "all@pve", NULL, PRIVILEGE_VM_AUDIT, "/vms/8", true},
        {"the nearest path replaces", "all@pve", NULL, PRIVILEGE_VM_MIGRATE, "/vms/8", false},
        {"a role that is gone gives nothing", "all@pve", NULL, PRIVILEGE_VM_AUDIT, "/vms/9", false},
        {"without propagate: here", "flat@pve", NULL, PRIVILEGE_VM_POWER_MGMT, "/vms", true},
        {"without propagate: not below", "flat@pve", NULL, PRIVILEGE_VM_POWER_MGMT, "/vms/1",
         false},
        {"without propagate: what is above goes on", "flat@pve", NULL, PRIVILEGE_VM_AUDIT, "/vms/1",
         true},
        {"operator steers HA", "op@pam", NULL, PRIVILEGE_SYS_CONSOLE, "/", true},
        {"operator migrates", "op@pam", NULL, PRIVILEGE_VM_MIGRATE, "/vms/1", true},
        {"operator changes no users", "op@pam", NULL, PRIVILEGE_USER_MODIFY, "/access", false},
        {"operator changes no rights", "op@pam", NULL, PRIVILEGE_PERMISSIONS_MODIFY, "/", false},
        {"operator makes no guests", "op@pam", NULL, PRIVILEGE_VM_ALLOCATE, "/vms/1", false},
        {"a disabled user", "off@pve", NULL, PRIVILEGE_SYS_AUDIT, "/", false},
        {"a disabled user's token", "off@pve", "full", PRIVILEGE_SYS_AUDIT, "/", false},
        {"an expired user", "old@pve", NULL, PRIVILEGE_SYS_AUDIT, "/", false},
        {"a user whose document is damaged", "bad@pve", NULL, PRIVILEGE_SYS_AUDIT, "/", false},
        {"and its token", "bad@pve", "full", PRIVILEGE_SYS_AUDIT, "/", false},
        {"a user that is not there", "ghost@pve", NULL, PRIVILEGE_SYS_AUDIT, "/", false},
        {"through a group", "in@pve", NULL, PRIVILEGE_SYS_AUDIT, "/nodes", true},
        {"through a group, nearer", "in@pve", NULL, PRIVILEGE_VM_POWER_MGMT, "/vms/3", true},
        {"a group gives no more", "in@pve", NULL, PRIVILEGE_VM_MIGRATE, "/vms/3", false},
        {"the user before its group: gives", "both@pve", NULL, PRIVILEGE_VM_MIGRATE, "/vms/3",
         true},
        {"the user before its group: replaces", "both@pve", NULL, PRIVILEGE_VM_POWER_MGMT, "/vms/3",
         false},
        {"elsewhere the group counts", "both@pve", NULL, PRIVILEGE_SYS_AUDIT, "/", true},
        {"two roles at one place", "mix@pve", NULL, PRIVILEGE_SYS_CONSOLE, "/nodes/n1", true},
        {"and the other of them", "mix@pve", NULL, PRIVILEGE_VM_AUDIT, "/nodes/n1", true},
        {"NoAccess beside another role", "mix@pve", NULL, PRIVILEGE_SYS_AUDIT, "/nodes/n2", false},
        {"nothing said of it", "mix@pve", NULL, PRIVILEGE_SYS_AUDIT, "/nodes", false},
        {"a full token has what its user has", "all@pve", "full", PRIVILEGE_SYS_MODIFY, "/", true},
        {"and not more", "all@pve", "full", PRIVILEGE_VM_AUDIT, "/vms/7", false},
        {"a separated token has what it was given", "all@pve", "sep", PRIVILEGE_SYS_AUDIT, "/",
         true},
        {"and no more", "all@pve", "sep", PRIVILEGE_SYS_MODIFY, "/", false},
        {"nor more than its user", "all@pve", "sep", PRIVILEGE_VM_ALLOCATE, "/vms/7", false},
        {"a separated token was given nothing", "all@pve", "none", PRIVILEGE_SYS_AUDIT, "/", false},
        {"a token cannot exceed", "op@pam", "more", PRIVILEGE_SYS_MODIFY, "/", false},
        {"a disabled token", "all@pve", "off", PRIVILEGE_SYS_AUDIT, "/", false},
        {"an expired token", "all@pve", "old", PRIVILEGE_SYS_AUDIT, "/", false},
        {"a path that is none", "all@pve", NULL, PRIVILEGE_SYS_AUDIT, "nodes", false},
        {"no path", "all@pve", NULL, PRIVILEGE_SYS_AUDIT, "", false},
        {"nobody", NULL, NULL, PRIVILEGE_SYS_AUDIT, "/", false},
    };
    const struct rights *rights = a_book(*state);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fixture_row(rows[i].name,
                    rights_allow(rights, rows[i].user, rows[i].token, rows[i].privilege,
                                 rows[i].path, NOW) == rows[i].allowed);
    }
}

static void rights_damaged_documents_are_told(void **state)
{
    const char *const *problems = NULL;
    assert_int_equal(rights_problems(a_book(*state), &problems), 1);
    assert_non_null(strstr(problems[0], "access/user/bad@pve"));
}

static void rights_damaged_list_leaves_only_root(void **state)
{
    struct store_entry entries[] = {
        {.key = "access/acl",
         .value = "[" ACL("/", "user", "a@pve", "Administrator", "true") ",{\"path\":\"/\"}]"},
        {.key = "access/user/a@pve", .value = "{}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        entries[i].size_bytes = strlen(entries[i].value);
    }
    struct store_entries all = {.entries = entries, .count = ARRAY_SIZE(entries)};
    const struct rights *rights = rights_read(*state, &all);
    assert_false(rights_allow(rights, "a@pve", NULL, PRIVILEGE_SYS_AUDIT, "/", NOW));
    assert_true(rights_allow(rights, "root@pam", NULL, PRIVILEGE_SYS_AUDIT, "/", NOW));
}

static void rights_covers_only_who_may_no_more(void **state)
{
    const struct rights *rights = a_book(*state);
    assert_true(rights_covers(rights, "root@pam", NULL, "all@pve", NOW));
    assert_true(rights_covers(rights, "root@pam", NULL, "root@pam", NOW));
    assert_false(rights_covers(rights, "root@pam", "full", "root@pam", NOW));
    assert_false(rights_covers(rights, "all@pve", NULL, "root@pam", NOW));
    assert_true(rights_covers(rights, "all@pve", NULL, "op@pam", NOW) ==
                false); // the operator may see /vms/7, which all@pve may not
    assert_true(rights_covers(rights, "op@pam", NULL, "mix@pve", NOW));
    assert_false(rights_covers(rights, "op@pam", NULL, "all@pve", NOW));
    assert_false(rights_covers(rights, "op@pam", NULL, "off@pve", NOW)); // it may be enabled again
    assert_true(rights_covers(rights, "mix@pve", NULL, "nobody@pve", NOW));
}

static void rights_show_has_what_is_there_and_whether_it_goes_down(void **state)
{
    const struct rights *rights = a_book(*state);
    struct json *shown = rights_show(*state, rights, "flat@pve", NULL, NULL, NOW);
    const struct json *vms = json_find(shown, "/vms");
    assert_non_null(vms);
    assert_int_equal(json_find(vms, "VM.PowerMgmt")->integer, 0);
    assert_int_equal(json_find(vms, "VM.Audit")->integer, 1);
    assert_non_null(json_find(shown, "/"));
    assert_null(json_find(rights_show(*state, rights, "mix@pve", NULL, NULL, NOW), "/"));
    shown = rights_show(*state, rights, "all@pve", NULL, "/vms/7", NOW);
    assert_int_equal(json_find(shown, "/vms/7")->members.count, 0);
    assert_int_equal(shown->members.count, 1);
    // What is taken away is said; what was never given is not.
    shown = rights_show(*state, rights, "all@pve", NULL, NULL, NOW);
    assert_int_equal(json_find(shown, "/vms/7")->members.count, 0);
    assert_int_equal(json_find(shown, "/vms/9")->members.count, 0);
    assert_true(json_find(shown, "/nodes/n2")->members.count > 0);
    assert_null(json_find(rights_show(*state, rights, "mix@pve", NULL, NULL, NOW), "/nodes/n2"));
    assert_int_equal(rights_show(*state, rights, "nobody@pve", NULL, NULL, NOW)->members.count, 0);
}

static void rights_cap_has_all_areas(void **state)
{
    static const char *const areas[] = {"access", "dc",      "mapping", "nodes",
                                        "sdn",    "storage", "vms"};
    struct json *root = rights_cap(*state, a_book(*state), "root@pam", NOW);
    struct json *none = rights_cap(*state, a_book(*state), "off@pve", NOW);
    for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
        assert_true(json_find(root, areas[i])->members.count > 0);
        assert_int_equal(json_find(none, areas[i])->members.count, 0);
    }
    assert_int_equal(json_find(json_find(root, "vms"), "VM.Allocate")->integer, 1);
    assert_null(json_find(json_find(root, "vms"), "Sys.Audit"));
}

static void privilege_names_round_trip(void **state)
{
    (void)state;
    fixture_check_enum_table(&privilege_table);
    fixture_check_enum_table(&acl_type_table);
}

static void roles_are_sorted_and_no_auditor_changes_anything(void **state)
{
    const struct role_builtin *roles = NULL;
    size_t count = roles_builtin(&roles);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || strcmp(roles[i - 1].name, roles[i].name) < 0);
        assert_ptr_equal(roles_find_builtin(roles[i].name), &roles[i]);
        bool audits = strstr(roles[i].name, "Auditor") != NULL;
        for (int p = 0; p < PRIVILEGE_MAX && audits; p++) {
            const char *name = privilege_to_string((enum privilege)p);
            bool reads = strstr(name, "Audit") != NULL || strcmp(name, "Sys.Syslog") == 0;
            fixture_row(name, reads || (roles[i].privileges & PRIVILEGE_BIT(p)) == 0);
        }
    }
    assert_null(roles_find_builtin("Nothing"));
    assert_int_equal(roles_find_builtin("NoAccess")->privileges, 0);
}

static void access_names_are_checked(void **state)
{
    static const struct {
        const char *text;
        int (*check)(const char *text, struct error *err);
        bool good;
    } rows[] = {
        {"alice@pve", access_userid_check, true},
        {"root@pam", access_userid_check, true},
        {"a.b-c_d+e@pam", access_userid_check, true},
        {"alice", access_userid_check, false},
        {"@pve", access_userid_check, false},
        {"alice@", access_userid_check, false},
        {"alice@ldap", access_userid_check, false},
        {"a@b@pve", access_userid_check, false},
        {"-a@pam", access_userid_check, false},
        {"a b@pam", access_userid_check, false},
        {"a/b@pam", access_userid_check, false},
        {"a:b@pve", access_userid_check, false},
        {"a!b@pve", access_userid_check, false},
        {"a\nb@pve", access_userid_check, false},
        {"", access_userid_check, false},
        {"laptop", access_tokenid_check, true},
        {"9", access_tokenid_check, false},
        {"a=b", access_tokenid_check, false},
        {"", access_tokenid_check, false},
        {"/", access_path_check, true},
        {"/vms/100", access_path_check, true},
        {"/access/groups/x", access_path_check, true},
        {"/vms/", access_path_check, false},
        {"//vms", access_path_check, false},
        {"vms", access_path_check, false},
        {"/vm", access_path_check, false},
        {"/vmsx", access_path_check, false},
        {"", access_path_check, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fixture_row(rows[i].text, (rows[i].check(rows[i].text, NULL) == 0) == rows[i].good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(rights_of_each_row_are_as_the_list_says),
        fixture_test(rights_damaged_documents_are_told),
        fixture_test(rights_damaged_list_leaves_only_root),
        fixture_test(rights_covers_only_who_may_no_more),
        fixture_test(rights_show_has_what_is_there_and_whether_it_goes_down),
        fixture_test(rights_cap_has_all_areas),
        fixture_test(privilege_names_round_trip),
        fixture_test(roles_are_sorted_and_no_auditor_changes_anything),
        fixture_test(access_names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
