// SPDX-License-Identifier: Apache-2.0
// How handlers answer, and who may make a call.
#include <errno.h>
#include <string.h>

#include "api/call/call.h"
#include "api/call/call_access.h"
#include "api/call/method.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/event.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "tests/lib/fixture.h"

static const struct parameter rows[] = {
    {.name = "vmid", .type = PARAMETER_TYPE_INTEGER},
    {.name = "name"},
    {.name = "flag", .type = PARAMETER_TYPE_BOOLEAN},
    {.name = "list", .type = PARAMETER_TYPE_LIST},
    {.name = "link[n]", .maximum = 3},
};

static int64_t wall_ms(struct clock *clock)
{
    (void)clock;
    return 1000000;
}

static const struct clock_ops clock_ops = {.now_ms = wall_ms, .wall_ms = wall_ms};

struct told {
    struct event *event;
};

static void tell(const struct call *call, struct event *event)
{
    ((struct told *)call->host->userdata)->event = event;
}

struct setup {
    struct clock clock;
    struct told told;
    struct call_host host;
    struct method method;
    struct call call;
};

static const struct call_host_ops host_ops = {.tell = tell};

static struct setup *setup_new(struct arena *arena, const char *parameters)
{
    static const struct store_entry entries[] = {
        {.key = "access/acl",
         .value = "[{\"path\":\"/vms/100\",\"propagate\":1,\"roleid\":\"PVEVMUser\","
                  "\"type\":\"user\",\"ugid\":\"user@pve\"}]"},
        {.key = "access/user/user@pve", .value = "{\"enable\":1}"},
    };
    struct store_entry *access = arena_array_of(arena, struct store_entry, ARRAY_SIZE(entries));
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        access[i] = entries[i];
        access[i].size_bytes = strlen(entries[i].value);
    }
    const struct store_entries list = {.entries = access, .count = ARRAY_SIZE(entries)};
    struct setup *setup = arena_new_of(arena, struct setup);
    struct json *json;
    assert_int_equal(json_parse(arena, parameters, strlen(parameters), &json, NULL), 0);
    setup->clock.ops = &clock_ops;
    setup->host = (struct call_host){.ops = &host_ops,
                                     .rights = rights_read(arena, &list),
                                     .clock = &setup->clock,
                                     .userdata = &setup->told};
    setup->method = (struct method){.parameters = rows, .parameters_count = ARRAY_SIZE(rows)};
    setup->call = (struct call){.arena = arena,
                                .host = &setup->host,
                                .method = &setup->method,
                                .parameters = json,
                                .caller = {.user = "user@pve", .label = "user@pve"},
                                .total = -1};
    return setup;
}

static void parameter_is_had_by_its_name(void **state)
{
    struct call *call =
        &setup_new(*state, "{\"vmid\":100,\"name\":\"a\",\"flag\":true,\"list\":[\"x\"],"
                           "\"link2\":\"b\"}")
             ->call;
    assert_int_equal(call_int(call, "vmid", 5), 100);
    assert_string_equal(call_string(call, "name", "z"), "a");
    assert_true(call_bool(call, "flag", false));
    assert_int_equal(call_list(call, "list")->count, 1);
    assert_string_equal(call_string(call, "link2", NULL), "b");
    assert_null(call_string(call, "link1", NULL));
    assert_true(call_has(call, "name"));
    assert_false(call_has(call, "link0"));
}

static void ask_for_unknown(void *data)
{
    ignore_result(call_has(data, "other"));
}

static void answer_twice(void *data)
{
    call_return(data, NULL);
    call_return(data, NULL);
}

static void mistake_of_a_handler_aborts(void **state)
{
    struct call *call = &setup_new(*state, "{}")->call;
    assert_true(fixture_aborts(ask_for_unknown, call));
    assert_true(fixture_aborts(answer_twice, call));
}

static void faults_add_up(void **state)
{
    struct call *call = &setup_new(*state, "{}")->call;
    call_fault(call, "vmid", "VM %d already exists", 100);
    call_fault(call, "name", "too odd");
    assert_int_equal(call->status, 400);
    assert_string_equal(call->message, "Parameter verification failed.");
    assert_string_equal(json_to_text(*state, call->errors),
                        "{\"name\":\"too odd\",\"vmid\":\"VM 100 already exists\"}");
}

static void failure_has_its_status(void **state)
{
    static const struct {
        int code, status;
        const char *message;
    } table[] = {
        {-ENOENT, 500, "words"},
        {-EINVAL, 500, "words"},
        {-EACCES, 403, "words"},
        {-EPERM, 403, "words"},
        {-EHOSTDOWN, 500, "cluster not ready - no quorum?"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct call *call = &setup_new(*state, "{}")->call;
        struct error err = {0};
        ignore_result(error_set(&err, table[i].code, "words"));
        call_fail(call, &err);
        fixture_row(strerror(-table[i].code), call->status == table[i].status);
        fixture_row(strerror(-table[i].code), strcmp(call->message, table[i].message) == 0);
    }
}

static void change_is_told_with_who(void **state)
{
    struct setup *setup = setup_new(*state, "{}");
    call_tell(&setup->call, event_new(*state, EVENT_LEVEL_NOTICE, "resource-changed"));
    assert_string_equal(event_find(setup->told.event, "user"), "user@pve");
}

static void access_is_what_the_row_says(void **state)
{
    static const struct {
        const char *name;
        struct method method;
        const char *user, *token, *path;
        const char *message; // NULL: allowed
    } table[] = {
        {"world", {.access = METHOD_ACCESS_WORLD}, NULL, NULL, "{}", NULL},
        {"user", {.access = METHOD_ACCESS_USER}, "user@pve", NULL, "{}", NULL},
        {"privilege on his guest",
         {.access = METHOD_ACCESS_PRIVILEGE,
          .privilege = PRIVILEGE_VM_AUDIT,
          .access_path = "/vms/{vmid}"},
         "user@pve",
         NULL,
         "{\"vmid\":100}",
         NULL},
        {"privilege on another",
         {.access = METHOD_ACCESS_PRIVILEGE,
          .privilege = PRIVILEGE_VM_AUDIT,
          .access_path = "/vms/{vmid}"},
         "user@pve",
         NULL,
         "{\"vmid\":101}",
         "Permission check failed (/vms/101, VM.Audit)"},
        {"part that is missing",
         {.access = METHOD_ACCESS_PRIVILEGE,
          .privilege = PRIVILEGE_VM_AUDIT,
          .access_path = "/vms/{vmid}/x"},
         "user@pve",
         NULL,
         "{}",
         "Permission check failed (/vms/?/x, VM.Audit)"},
        {"no path is the root",
         {.access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_SYS_AUDIT},
         "user@pve",
         NULL,
         "{}",
         "Permission check failed (/, Sys.Audit)"},
        {"root has all",
         {.access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_SYS_AUDIT},
         "root@pam",
         NULL,
         "{}",
         NULL},
        {"root itself", {.access = METHOD_ACCESS_ROOT}, "root@pam", NULL, "{}", NULL},
        {"a token of root is not root",
         {.access = METHOD_ACCESS_ROOT},
         "root@pam",
         "t",
         "{}",
         "Permission check failed (user != root@pam)"},
        {"somebody else",
         {.access = METHOD_ACCESS_ROOT},
         "user@pve",
         NULL,
         "{}",
         "Permission check failed (user != root@pam)"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct call *call = &setup_new(*state, "{}")->call;
        struct json *path;
        fixture_row(table[i].name,
                    json_parse(*state, table[i].path, strlen(table[i].path), &path, NULL) == 0);
        call->method = &table[i].method;
        call->caller.user = table[i].user;
        call->caller.token = table[i].token;
        bool allowed = call_access_check(call, path);
        fixture_row(table[i].name, allowed == (table[i].message == NULL));
        fixture_row(table[i].name, allowed || strcmp(call->message, table[i].message) == 0);
        fixture_row(table[i].name, allowed || call->status == 403);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(parameter_is_had_by_its_name),
        fixture_test(mistake_of_a_handler_aborts),
        fixture_test(faults_add_up),
        fixture_test(failure_has_its_status),
        fixture_test(change_is_told_with_who),
        fixture_test(access_is_what_the_row_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
