// SPDX-License-Identifier: Apache-2.0
// The keys that tickets are signed with: made by the first login, replaced after a day, and what
// becomes of logins without quorum.
#include <string.h>

#include "api/auth/password.h"
#include "api/auth/password_hash.h"
#include "api/auth/ticket.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "tests/lib/api_fixture.h"
#include "tests/lib/fixture.h"

enum { NOW = 1760004672 }; // as the fixture's clock has it

#define KEY "1111111111111111111111111111111" // and one byte more

struct place {
    struct arena *arena;
    struct api_fixture *api;
};

static int setup(void **state)
{
    static const unsigned char salt[PASSWORD_SALT_BYTES] = "some grains here";
    struct arena *arena = arena_new();
    struct place *place = arena_new_of(arena, struct place);
    char *hash = NULL;
    *place = (struct place){arena, api_fixture_new()};
    assert_int_equal(password_hash_make(arena, "correct-horse", salt, &hash, NULL), 0);
    api_fixture_put(place->api, "access/user/ann@pve", "{}");
    api_fixture_put(place->api, "secret/user/ann@pve", password_secret_format(arena, hash, 1));
    api_fixture_user(place->api, NULL);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    api_fixture_free(place->api);
    arena_free(place->arena);
    return 0;
}

static const char *keys_text(struct arena *arena, int64_t created_s)
{
    struct ticket_keys keys = {.keys = {{created_s, KEY "2"}}, .count = 1};
    return ticket_keys_format(arena, &keys);
}

static struct api_answer login(struct place *place, const char *password)
{
    return api_fixture_call(place->api, "POST", "/access/ticket",
                            arena_printf(place->arena, "username=ann@pve password=%s", password));
}

// Whether the ticket of the answer is signed with that key.
static bool is_by(struct place *place, const struct api_answer *answer, const char *secret)
{
    struct ticket_keys keys = {.keys = {{NOW, secret}}, .count = 1};
    const char *user = NULL;
    int64_t time_s = 0;
    return ticket_check(place->arena, &keys, json_find_string(answer->data, "ticket"), NOW, &user,
                        &time_s);
}

static void login_makes_the_first_key(void **state)
{
    struct place *place = *state;
    struct api_answer answer = login(place, "correct-horse");
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.changes, "secret/ticket-keys"));
    answer = login(place, "correct-horse");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.changes, ""); // it serves
}

static void login_keeps_a_key_for_a_day(void **state)
{
    struct place *place = *state;
    api_fixture_put(place->api, "secret/ticket-keys",
                    keys_text(place->arena, NOW - TICKET_KEY_AGE_S + 1));
    struct api_answer answer = login(place, "correct-horse");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.changes, "");
    assert_true(is_by(place, &answer, KEY "2"));
}

static void login_replaces_an_old_key_and_signs_with_it_still(void **state)
{
    struct place *place = *state;
    api_fixture_put(place->api, "secret/ticket-keys",
                    keys_text(place->arena, NOW - TICKET_KEY_AGE_S));
    struct api_answer answer = login(place, "correct-horse");
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.changes, "secret/ticket-keys"));
    // Other nodes may not have heard of the new one yet.
    assert_true(is_by(place, &answer, KEY "2"));
}

static void login_replaces_keys_that_are_damaged(void **state)
{
    struct place *place = *state;
    api_fixture_put(place->api, "secret/ticket-keys", "{\"keys\":7}");
    struct api_answer answer = login(place, "correct-horse");
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.changes, "secret/ticket-keys"));
}

static void login_without_quorum_uses_the_key_there_is(void **state)
{
    struct place *place = *state;
    api_fixture_members(place->api)->list.quorate = false;
    struct api_answer answer = login(place, "correct-horse");
    assert_int_equal(answer.status, 500); // none is there, and none can be made
    assert_string_equal(answer.changes, "");
    api_fixture_put(place->api, "secret/ticket-keys", keys_text(place->arena, 1));
    answer = login(place, "correct-horse");
    assert_int_equal(answer.status, 200);
    assert_true(is_by(place, &answer, KEY "2"));
}

static void login_that_fails_makes_no_key(void **state)
{
    struct place *place = *state;
    struct api_answer answer = login(place, "wrong-horse");
    assert_int_equal(answer.status, 401);
    assert_string_equal(answer.message, "authentication failure");
    assert_string_equal(answer.changes, "");
    assert_null(strstr(answer.told, "wrong-horse"));
    // What stands in place of the name may be a password, typed into the wrong line.
    answer =
        api_fixture_call(place->api, "POST", "/access/ticket", "username=my-password password=x");
    assert_int_equal(answer.status, 401);
    assert_null(strstr(answer.told, "my-password"));
}

int main(void)
{
#define login_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        login_test(login_makes_the_first_key),
        login_test(login_keeps_a_key_for_a_day),
        login_test(login_replaces_an_old_key_and_signs_with_it_still),
        login_test(login_replaces_keys_that_are_damaged),
        login_test(login_without_quorum_uses_the_key_there_is),
        login_test(login_that_fails_makes_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
