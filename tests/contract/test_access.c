// SPDX-License-Identifier: Apache-2.0
// Logging in, tokens, users and permissions, as a client sees them, on the real ha-execd.
#include <string.h>

#include "api/call/method.h"
#include "api/endpoints/endpoints.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/port/clock.h"
#include "tests/lib/execd_fixture.h"
#include "tests/lib/fixture.h"

#define NEED(fixture)                                                                              \
    do {                                                                                           \
        if ((fixture)->skipped) {                                                                  \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static const struct json *expect(const struct json *answer, int64_t status, const char *message)
{
    const char *said = json_find_string(answer, "message");
    if (execd_fixture_status(answer) != status ||
        (message != NULL && (said == NULL || strcmp(said, message) != 0))) {
        fail_msg("not %d '%s' but %s", (int)status, message != NULL ? message : "",
                 json_to_text(answer->arena, answer));
    }
    return json_find(answer, "data");
}

static const struct json *by_root(struct execd_fixture *fixture, const char *verb, const char *path,
                                  const char *parameters)
{
    const char *root = execd_fixture_token(fixture, "root@pam");
    return execd_fixture_call(fixture, root, verb, path, parameters);
}

static const struct json *by_ticket(struct execd_fixture *fixture, const char *ticket,
                                    const char *csrf, const char *verb, const char *path,
                                    const char *parameters)
{
    struct json *request = json_new_object(fixture->arena);
    struct json *given = NULL;
    json_put_string(request, "op", "call");
    json_put_string(request, "method", verb);
    json_put_string(request, "path", path);
    json_put_string(request, "ticket", ticket);
    json_put_string(request, "csrf", csrf);
    json_put_string(request, "address", "192.0.2.9");
    if (parameters != NULL) {
        assert_int_equal(json_parse(fixture->arena, parameters, strlen(parameters), &given, NULL),
                         0);
        json_put(request, "parameters", given);
    }
    int64_t id = execd_fixture_send(fixture, json_to_text(fixture->arena, request));
    return execd_fixture_answer(fixture, id);
}

static const struct json *login(struct execd_fixture *fixture, const char *user,
                                const char *password)
{
    return by_ticket(
        fixture, NULL, NULL, "POST", "/access/ticket",
        arena_printf(fixture->arena, "{\"username\":\"%s\",\"password\":\"%s\"}", user, password));
}

static void add_user(struct execd_fixture *fixture)
{
    expect(by_root(fixture, "POST", "/access/users",
                   "{\"userid\":\"ann@pve\",\"password\":\"correct horse\",\"comment\":\"c\"}"),
           200, NULL);
}

static void login_gives_a_ticket_that_serves(void **state)
{
    struct execd_fixture *f = *state;
    NEED(f);
    add_user(f);
    const struct json *data = expect(login(f, "ann@pve", "correct horse"), 200, NULL);
    const char *ticket = json_find_string(data, "ticket");
    const char *csrf = json_find_string(data, "CSRFPreventionToken");
    assert_string_equal(json_find_string(data, "username"), "ann@pve");
    assert_memory_equal(ticket, "PVE:ann@pve:", 12);
    assert_int_equal(json_find(data, "cap")->members.count, 7);
    expect(by_ticket(f, ticket, NULL, "GET", "/access/permissions", NULL), 200, NULL);
    expect(by_ticket(f, ticket, csrf, "GET", "/cluster/ha/resources", NULL), 403,
           "Permission check failed (/, Sys.Audit)");
    // The realm apart, and the ticket as the password.
    data = expect(
        by_ticket(f, NULL, NULL, "POST", "/access/ticket",
                  arena_printf(f->arena,
                               "{\"username\":\"ann\",\"realm\":\"pve\",\"password\":\"%s\"}",
                               ticket)),
        200, NULL);
    expect(by_ticket(f, json_find_string(data, "ticket"), NULL, "GET", "/version", NULL), 200,
           NULL);
    // One's own token, with the CSRF token of the ticket.
    data = expect(by_ticket(f, ticket, csrf, "POST", "/access/users/ann@pve/token/lap",
                            "{\"privsep\":\"0\"}"),
                  200, NULL);
    assert_string_equal(json_find_string(data, "full-tokenid"), "ann@pve!lap");
    const char *token = arena_printf(f->arena, "ann@pve!lap=%s", json_find_string(data, "value"));
    expect(execd_fixture_call(f, token, "GET", "/version", NULL), 200, NULL);
    // A user that is disabled is nobody at once.
    expect(by_root(f, "PUT", "/access/users/ann@pve", "{\"enable\":\"0\"}"), 200, NULL);
    expect(by_ticket(f, ticket, csrf, "GET", "/version", NULL), 401,
           "permission denied - invalid PVE ticket");
    expect(execd_fixture_call(f, token, "GET", "/version", NULL), 401,
           "permission denied - invalid PVE ticket");
}

static void login_that_fails_takes_its_time_and_says_nothing(void **state)
{
    static const char *const tries[][2] = {
        {"ann@pve", "wrong horse"},
        {"nobody@pve", "correct horse"},
        {"ann", "correct horse"},
        {"nobody@pam", "x"},
        {"no-such-user@pam", "x"},
        {"ann@pve", ""},
        {"ann@pve", "PVE:ann@pve:00000000::x"},
    };
    struct execd_fixture *f = *state;
    struct clock clock;
    NEED(f);
    host_clock_init(&clock);
    add_user(f);
    // Known here, so PAM is asked, which knows nobody of that name.
    expect(by_root(f, "POST", "/access/users", "{\"userid\":\"no-such-user@pam\"}"), 200, NULL);
    int64_t before_ms = clock_now_ms(&clock);
    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        (void)execd_fixture_send( // the answers come in any order
            f, arena_printf(f->arena,
                            "{\"op\":\"call\",\"method\":\"POST\",\"path\":\"/access/ticket\","
                            "\"address\":\"192.0.2.9\",\"parameters\":{\"username\":\"%s\","
                            "\"password\":\"%s\"}}",
                            tries[i][0], tries[i][1]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        expect(execd_fixture_next(f), 401, "authentication failure");
        assert_true(clock_now_ms(&clock) - before_ms >= 2900);
    }
}

static void change_needs_the_csrf_token(void **state)
{
    struct execd_fixture *f = *state;
    NEED(f);
    add_user(f);
    const struct json *data = expect(login(f, "ann@pve", "correct horse"), 200, NULL);
    expect(by_ticket(f, json_find_string(data, "ticket"), NULL, "POST",
                     "/access/users/ann@pve/token/lap", NULL),
           401, "Permission denied - invalid csrf token");
    assert_null(execd_fixture_get(f, "access/token/ann@pve!lap"));
}

static void password_that_was_changed_ends_renewal(void **state)
{
    struct execd_fixture *f = *state;
    NEED(f);
    add_user(f);
    const struct json *data = expect(login(f, "ann@pve", "correct horse"), 200, NULL);
    const char *ticket = json_find_string(data, "ticket");
    const char *csrf = json_find_string(data, "CSRFPreventionToken");
    expect(by_ticket(f, ticket, csrf, "PUT", "/access/password",
                     "{\"userid\":\"ann@pve\",\"password\":\"short\"}"),
           400, "Parameter verification failed.");
    expect(by_ticket(f, ticket, csrf, "PUT", "/access/password",
                     "{\"userid\":\"root@pam\",\"password\":\"battery staple\"}"),
           403, NULL);
    expect(by_ticket(f, ticket, csrf, "PUT", "/access/password",
                     "{\"userid\":\"ann@pve\",\"password\":\"battery staple\"}"),
           200, NULL);
    expect(login(f, "ann@pve", "battery staple"), 200, NULL);
    expect(login(f, "ann@pve", "correct horse"), 401, "authentication failure");
}

static void permission_is_asked_by_the_form_that_only_asks(void **state)
{
    struct execd_fixture *f = *state;
    NEED(f);
    add_user(f);
    expect(by_root(f, "PUT", "/access/acl",
                   "{\"path\":\"/vms\",\"roles\":\"PVEVMUser\",\"users\":\"ann@pve\"}"),
           200, NULL);
    const struct json *data =
        expect(by_ticket(f, NULL, NULL, "POST", "/access/ticket",
                         arena_printf(f->arena,
                                      "{\"username\":\"ann@pve\",\"password\":\"correct "
                                      "horse\",\"path\":\"/vms/7\",\"privs\":\"%s\"}",
                                      "VM.Audit,VM.PowerMgmt")),
               200, NULL);
    assert_string_equal(json_find_string(data, "username"), "ann@pve");
    assert_null(json_find(data, "ticket"));
    expect(by_ticket(f, NULL, NULL, "POST", "/access/ticket",
                     arena_printf(f->arena,
                                  "{\"username\":\"ann@pve\",\"password\":\"correct "
                                  "horse\",\"path\":\"/vms/7\",\"privs\":\"%s\"}",
                                  "VM.Migrate")),
           401, "authentication failure");
}

static void shapes_are_those_that_clients_know(void **state)
{
    struct execd_fixture *f = *state;
    NEED(f);
    add_user(f);
    expect(by_root(f, "POST", "/access/groups", "{\"groupid\":\"ops\",\"comment\":\"g\"}"), 200,
           NULL);
    expect(by_root(f, "PUT", "/access/users/ann@pve", "{\"groups\":\"ops\"}"), 200, NULL);
    expect(by_root(f, "POST", "/access/roles", "{\"roleid\":\"Mine\",\"privs\":\"VM.Audit\"}"), 200,
           NULL);
    expect(by_root(f, "PUT", "/access/roles/Mine", "{\"privs\":\"VM.Clone\",\"append\":\"1\"}"),
           200, NULL);
    expect(by_root(f, "PUT", "/access/acl",
                   "{\"path\":\"/vms/7\",\"roles\":\"Mine\",\"groups\":\"ops\",\"propagate\":0}"),
           200, NULL);
    static const struct {
        const char *path, *data;
    } rows[] = {
        {"/access/domains",
         "[{\"comment\":\"Linux PAM standard authentication\",\"realm\":\"pam\",\"type\":\"pam\"},"
         "{\"comment\":\"HA Manager authentication server\",\"realm\":\"pve\",\"type\":\"pve\"}]"},
        {"/access/users",
         "[{\"comment\":\"c\",\"enable\":1,\"expire\":0,\"realm-type\":\"pve\",\"userid\":\"ann@pve\"},"
         "{\"enable\":1,\"expire\":0,\"realm-type\":\"pam\",\"userid\":\"root@pam\"}]"},
        {"/access/users/ann@pve",
         "{\"comment\":\"c\",\"enable\":1,\"expire\":0,\"groups\":[\"ops\"],\"tokens\":{}}"},
        {"/access/users/root@pam/token", "[{\"expire\":0,\"privsep\":0,\"tokenid\":\"t\"}]"},
        {"/access/users/root@pam/token/t", "{\"expire\":0,\"privsep\":0}"},
        {"/access/groups", "[{\"comment\":\"g\",\"groupid\":\"ops\",\"users\":\"ann@pve\"}]"},
        {"/access/groups/ops", "{\"comment\":\"g\",\"members\":[\"ann@pve\"]}"},
        {"/access/roles/Mine", "{\"VM.Audit\":1,\"VM.Clone\":1}"},
        {"/access/acl", "[{\"path\":\"/vms/7\",\"propagate\":0,\"roleid\":\"Mine\","
                        "\"type\":\"group\",\"ugid\":\"ops\"}]"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct json *data = expect(by_root(f, "GET", rows[i].path, NULL), 200, NULL);
        assert_string_equal(json_to_text(f->arena, data), rows[i].data);
    }
    expect(by_root(f, "GET", "/access/users/x@pve", NULL), 500, "no such user ('x@pve')");
    expect(by_root(f, "GET", "/access/roles/None", NULL), 500, "role 'None' does not exist");
    expect(by_root(f, "POST", "/access/users", "{\"userid\":\"ann@pve\"}"), 500,
           "create user failed: user 'ann@pve' already exists");
    expect(by_root(f, "POST", "/access/users", "{\"userid\":\"ann@ldap\"}"), 400,
           "Parameter verification failed.");
    expect(by_root(f, "PUT", "/access/acl",
                   "{\"path\":\"/elsewhere\",\"roles\":\"Mine\",\"users\":\"ann@pve\"}"),
           400, "Parameter verification failed.");
    expect(by_root(f, "DELETE", "/access/roles/PVEAdmin", NULL), 500,
           "auto-generated role 'PVEAdmin' cannot be deleted");
    expect(by_root(f, "DELETE", "/access/users/ann@pve", NULL), 200, NULL);
    assert_null(execd_fixture_get(f, "secret/user/ann@pve"));
}

// Whatever root looks at, none of the secrets is in it.
static void no_call_shows_a_secret(void **state)
{
    struct execd_fixture *f = *state;
    NEED(f);
    add_user(f);
    expect(login(f, "ann@pve", "correct horse"), 200, NULL);
    const char *root = execd_fixture_token(f, "root@pam");
    const char *secrets[] = {execd_fixture_get(f, "secret/user/ann@pve"),
                             execd_fixture_get(f, "secret/token/root@pam!t"), "hidden-password",
                             "\"secret\":\""};
    const char *keys = execd_fixture_get(f, "secret/ticket-keys");
    assert_non_null(keys);
    assert_non_null(strstr(keys, secrets[3])); // so it would be found
    execd_fixture_put(f, "secret/fence/ipmi", "password=hidden-password\n");
    for (size_t t = 0; endpoints_all[t] != NULL; t++) {
        for (size_t i = 0; i < endpoints_all[t]->count; i++) {
            const struct method *method = &endpoints_all[t]->methods[i];
            if (method->verb != METHOD_VERB_GET || strchr(method->path, '{') != NULL) {
                continue;
            }
            const struct json *answer = execd_fixture_call(f, root, "GET", method->path, NULL);
            const char *text = json_to_text(f->arena, answer);
            for (size_t s = 0; s < ARRAY_SIZE(secrets); s++) {
                fixture_row(method->path, strstr(text, secrets[s]) == NULL);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        execd_fixture_test(login_gives_a_ticket_that_serves),
        execd_fixture_test(login_that_fails_takes_its_time_and_says_nothing),
        execd_fixture_test(change_needs_the_csrf_token),
        execd_fixture_test(password_that_was_changed_ends_renewal),
        execd_fixture_test(permission_is_asked_by_the_form_that_only_asks),
        execd_fixture_test(shapes_are_those_that_clients_know),
        execd_fixture_test(no_call_shows_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
