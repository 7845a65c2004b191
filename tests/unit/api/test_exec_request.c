// SPDX-License-Identifier: Apache-2.0
// What comes over ha-execd's socket.
#include <errno.h>
#include <string.h>

#include "api/exec/exec_request.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "tests/lib/fixture.h"

static int parse(struct arena *arena, const char *text, int64_t *ret_id, struct exec_request *ret,
                 struct error *err)
{
    return exec_request_parse(arena, text, strlen(text), ret_id, ret, err);
}

static void call_is_taken_apart(void **state)
{
    struct exec_request request = {0};
    int64_t id;
    assert_int_equal(
        parse(
            *state,
            "{\"id\":7,\"op\":\"call\",\"method\":\"PUT\",\"path\":\"/x\",\"parameters\":{\"a\":1},"
            "\"ticket\":\"T\",\"csrf\":\"C\",\"address\":\"::1\",\"forwarded\":true}",
            &id, &request, NULL),
        0);
    assert_int_equal(id, 7);
    assert_int_equal(request.op, EXEC_OP_CALL);
    assert_string_equal(request.method, "PUT");
    assert_string_equal(request.path, "/x");
    assert_non_null(json_find(request.parameters, "a"));
    assert_string_equal(request.credentials.ticket, "T");
    assert_string_equal(request.credentials.csrf, "C");
    assert_null(request.credentials.token);
    assert_string_equal(request.address, "::1");
    assert_true(request.forwarded);
}

static void what_may_be_absent_has_a_default(void **state)
{
    struct exec_request request = {0};
    int64_t id;
    assert_int_equal(parse(*state, "{\"id\":1,\"op\":\"call\",\"method\":\"GET\",\"path\":\"/\"}",
                           &id, &request, NULL),
                     0);
    assert_int_equal(request.parameters->members.count, 0);
    assert_false(request.forwarded);
    assert_int_equal(parse(*state, "{\"id\":1,\"op\":\"watch\"}", &id, &request, NULL), 0);
    assert_int_equal(request.after, -1);
    assert_int_equal(parse(*state, "{\"id\":1,\"op\":\"watch\",\"after\":9}", &id, &request, NULL),
                     0);
    assert_int_equal(request.after, 9);
}

static void wrong_request_is_refused(void **state)
{
    static const struct {
        const char *text;
        int64_t id;
    } table[] = {
        {"", 0},
        {"[]", 0},
        {"{}", 0},
        {"{\"id\":0,\"op\":\"watch\"}", 0},
        {"{\"id\":\"x\",\"op\":\"watch\"}", 0},
        {"{\"id\":1}", 1},
        {"{\"id\":1,\"op\":\"other\"}", 1},
        {"{\"id\":1,\"op\":\"call\",\"method\":\"GET\"}", 1},
        {"{\"id\":1,\"op\":\"call\",\"path\":\"/\"}", 1},
        {"{\"id\":1,\"op\":\"call\",\"method\":\"GET\",\"path\":\"/\",\"parameters\":[]}", 1},
        {"{\"id\":1,\"op\":\"call\",\"method\":\"GET\",\"path\":\"/\",\"ticket\":5}", 1},
        {"{\"id\":1,\"op\":\"certificate\"}", 1},
        {"{\"id\":1,\"op\":\"certificate\",\"fingerprint\":\"x\",\"port\":70000}", 1},
        {"{\"id\":1,\"op\":\"watch\",\"after\":-1}", 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct exec_request request = {.id = -7};
        int64_t id = -1;
        fixture_row(table[i].text, parse(*state, table[i].text, &id, &request, NULL) == -EINVAL);
        fixture_row(table[i].text, id == table[i].id);
        fixture_row(table[i].text, request.id == -7);
    }
}

static void too_long_path_is_refused(void **state)
{
    char path[3000];
    struct exec_request request;
    int64_t id;
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    const char *text =
        arena_printf(*state, "{\"id\":1,\"op\":\"call\",\"method\":\"GET\",\"path\":\"%s\"}", path);
    assert_int_equal(parse(*state, text, &id, &request, NULL), -EINVAL);
}

static void names_of_ops_round_trip(void **state)
{
    (void)state;
    fixture_check_enum_table(&exec_op_table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(call_is_taken_apart),      fixture_test(what_may_be_absent_has_a_default),
        fixture_test(wrong_request_is_refused), fixture_test(too_long_path_is_refused),
        fixture_test(names_of_ops_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
