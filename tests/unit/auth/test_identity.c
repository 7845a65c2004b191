// SPDX-License-Identifier: Apache-2.0
// Tickets, CSRF tokens and API tokens: what is taken, and all that must not be.
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/identity.h"
#include "api/auth/rights.h"
#include "api/auth/ticket.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/port/store.h"
#include "tests/lib/fixture.h"

enum { NOW = 0x6f000000 };

static const char secret_one[] = "11111111111111111111111111111111";
static const char secret_two[] = "22222222222222222222222222222222";

static struct ticket_keys a_key(const char *secret, int64_t created_s)
{
    return (struct ticket_keys){.keys = {{created_s, secret}}, .count = 1};
}

struct place {
    struct identity_book book;
    struct store_entries access, secrets;
};

static void place_init(struct arena *arena, struct place *place, const struct ticket_keys *keys)
{
    static const char *const access[][2] = {
        {"access/token/a@pve!lap", "{\"privsep\":true}"},
        {"access/token/a@pve!off", "{\"enable\":false}"},
        {"access/token/a@pve!old", "{\"expire\":5}"},
        {"access/token/off@pve!lap", "{}"},
        {"access/user/a@pve", "{}"},
        {"access/user/off@pve", "{\"enable\":false}"},
        {"access/user/old@pve", "{\"expire\":7}"},
    };
    struct store_entry *entries = arena_array_of(arena, struct store_entry, ARRAY_SIZE(access));
    struct store_entry *secrets = arena_array_of(arena, struct store_entry, 5);
    const char *hash = digest_sha256_hex(arena, "s3cret", 6);
    for (size_t i = 0; i < ARRAY_SIZE(access); i++) {
        entries[i] = (struct store_entry){access[i][0], access[i][1], strlen(access[i][1]), i + 1};
    }
    place->access = (struct store_entries){.entries = entries, .count = ARRAY_SIZE(access)};
    const char *text = ticket_keys_format(arena, keys);
    secrets[0] = (struct store_entry){"secret/ticket-keys", text, strlen(text), 1};
    for (size_t i = 0; i < 4; i++) {
        secrets[i + 1] = (struct store_entry){
            arena_printf(arena, "secret/token/%s", access[i][0] + strlen("access/token/")), hash,
            strlen(hash), 1};
    }
    place->secrets = (struct store_entries){.entries = secrets, .count = 5};
    place->book = (struct identity_book){
        .rights = rights_read(arena, &place->access), .secrets = &place->secrets, .now_s = NOW};
}

static enum identity_result ask(struct arena *arena, const struct place *place, const char *ticket,
                                const char *csrf, enum method_verb verb, struct caller *caller)
{
    struct credentials credentials = {.ticket = ticket, .csrf = csrf};
    return identity_check(arena, &place->book, &credentials, verb, caller);
}

static void ticket_that_was_made_is_taken_until_it_is_old(void **state)
{
    static const struct {
        const char *name;
        int64_t age_s;
        bool good;
    } rows[] = {
        {"new", 0, true},
        {"nearly two hours", TICKET_LIFETIME_S - 1, true},
        {"two hours", TICKET_LIFETIME_S, false},
        {"of the near future", -TICKET_GRACE_S + 1, true},
        {"of the future", -TICKET_GRACE_S, false},
    };
    struct ticket_keys keys = a_key(secret_one, NOW - 50);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t made_s = NOW - rows[i].age_s;
        const char *ticket = ticket_make(*state, &keys, "a@pve", made_s);
        const char *csrf = ticket_csrf_make(*state, &keys, "a@pve", made_s);
        const char *user = NULL;
        int64_t time_s = -7;
        bool good = ticket_check(*state, &keys, ticket, NOW, &user, &time_s);
        fixture_row(rows[i].name, good == rows[i].good);
        fixture_row(rows[i].name, !good || strcmp(user, "a@pve") == 0);
        fixture_row(rows[i].name, good ? time_s == made_s : time_s == -7 && user == NULL);
        fixture_row(rows[i].name,
                    ticket_csrf_check(*state, &keys, csrf, "a@pve", NOW) == rows[i].good);
    }
}

static void ticket_has_the_form_that_clients_know(void **state)
{
    struct ticket_keys keys = a_key(secret_one, NOW - 50);
    const char *ticket = ticket_make(*state, &keys, "root@pam", NOW);
    assert_memory_equal(ticket, "PVE:root@pam:6F000000::", strlen("PVE:root@pam:6F000000::"));
    const char *csrf = ticket_csrf_make(*state, &keys, "root@pam", NOW);
    assert_memory_equal(csrf, "6F000000:", strlen("6F000000:"));
}

static void ticket_changed_in_any_byte_is_refused(void **state)
{
    struct ticket_keys keys = a_key(secret_one, NOW - 50);
    const char *good = ticket_make(*state, &keys, "a@pve", NOW);
    const char *csrf = ticket_csrf_make(*state, &keys, "a@pve", NOW);
    const char *user = NULL;
    int64_t time_s = 0;
    for (size_t i = 0; i < strlen(good); i++) {
        char *changed = arena_strdup(*state, good);
        for (int bit = 0; bit < 8; bit++) {
            changed[i] = (char)(good[i] ^ (1 << bit));
            assert_false(ticket_check(*state, &keys, changed, NOW, &user, &time_s));
        }
        changed[i] = '\0';
        assert_false(ticket_check(*state, &keys, changed, NOW, &user, &time_s)); // cut
    }
    for (size_t i = 0; i < strlen(csrf); i++) {
        char *changed = arena_strdup(*state, csrf);
        for (int bit = 0; bit < 8; bit++) {
            changed[i] = (char)(csrf[i] ^ (1 << bit));
            assert_false(ticket_csrf_check(*state, &keys, changed, "a@pve", NOW));
        }
        changed[i] = '\0';
        assert_false(ticket_csrf_check(*state, &keys, changed, "a@pve", NOW));
    }
    assert_false(
        ticket_check(*state, &keys, arena_printf(*state, "%s=", good), NOW, &user, &time_s));
    assert_true(ticket_check(*state, &keys, good, NOW, &user, &time_s));
}

static void ticket_of_another_kind_user_or_key_is_refused(void **state)
{
    struct ticket_keys keys = a_key(secret_one, NOW - 50);
    struct ticket_keys others = a_key(secret_two, NOW - 50);
    struct ticket_keys none = {.count = 0};
    const char *user = NULL;
    int64_t time_s = 0;
    const char *ticket = ticket_make(*state, &keys, "a@pve", NOW);
    const char *csrf = ticket_csrf_make(*state, &keys, "a@pve", NOW);
    assert_false(ticket_check(*state, &others, ticket, NOW, &user, &time_s));
    assert_false(ticket_check(*state, &none, ticket, NOW, &user, &time_s));
    assert_false(ticket_csrf_check(*state, &keys, csrf, "b@pve", NOW));
    assert_false(ticket_csrf_check(*state, &others, csrf, "a@pve", NOW));
    // One's signature is not the other's.
    assert_false(ticket_check(*state, &keys,
                              arena_printf(*state, "PVE:a@pve:6F000000::%s", csrf + 9), NOW, &user,
                              &time_s));
    // A signature of a name that is none.
    assert_false(ticket_check(*state, &keys, ticket_make(*state, &keys, "a@b@pve", NOW), NOW, &user,
                              &time_s));
    static const char *const broken[] = {"",
                                         ":",
                                         "::",
                                         "PVE",
                                         "PVE:",
                                         "PVE::",
                                         "PVE:::",
                                         "PVE:a@pve",
                                         "PVE:a@pve::",
                                         "PVE:a@pve:6F000000",
                                         "PVE:a@pve:6F000000::",
                                         "PVE:6F000000::",
                                         "PVE::6F000000::",
                                         "pve:a@pve:6F000000::x",
                                         "PVE:a@pve:6f000000::x",
                                         "6F000000:",
                                         "6F000000"};
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        fixture_row(broken[i], !ticket_check(*state, &keys, broken[i], NOW, &user, &time_s));
        fixture_row(broken[i], !ticket_csrf_check(*state, &keys, broken[i], "a@pve", NOW));
    }
}

static void ticket_keys_rotate_and_the_old_one_is_still_taken(void **state)
{
    struct ticket_keys keys = a_key(secret_one, NOW);
    const char *user = NULL;
    int64_t time_s = 0;
    int64_t later_s = NOW + TICKET_KEY_AGE_S;
    assert_true(ticket_keys_are_old(&(struct ticket_keys){0}, NOW));
    assert_false(ticket_keys_are_old(&keys, later_s - 1));
    assert_true(ticket_keys_are_old(&keys, later_s));
    assert_true(ticket_keys_are_old(&keys, NOW - TICKET_GRACE_S - 1)); // the clock was wrong
    const char *before = ticket_make(*state, &keys, "a@pve", later_s);
    ticket_keys_add(&keys, &(struct ticket_key){later_s, secret_two});
    assert_int_equal(keys.count, 2);
    assert_true(ticket_check(*state, &keys, before, later_s, &user, &time_s));
    // A new key is not used before all have heard of it.
    assert_string_equal(ticket_make(*state, &keys, "a@pve", later_s), before);
    int64_t settled_s = later_s + TICKET_KEY_SETTLE_S;
    const char *after = ticket_make(*state, &keys, "a@pve", settled_s);
    struct ticket_keys only_new = a_key(secret_two, later_s);
    assert_true(ticket_check(*state, &only_new, after, settled_s, &user, &time_s));
    // The third drives the first out.
    ticket_keys_add(&keys, &(struct ticket_key){settled_s, secret_two});
    assert_int_equal(keys.count, TICKET_KEYS_MAX);
    assert_false(ticket_check(*state, &keys, before, later_s, &user, &time_s));
}

static void ticket_keys_come_back_as_they_were(void **state)
{
    struct ticket_keys keys = a_key(secret_one, NOW);
    struct ticket_keys read = {0};
    ticket_keys_add(&keys, &(struct ticket_key){NOW + 9, secret_two});
    const char *text = ticket_keys_format(*state, &keys);
    assert_int_equal(ticket_keys_parse(*state, text, strlen(text), &read, NULL), 0);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.keys[0].created_s, NOW + 9);
    assert_memory_equal(read.keys[0].secret, secret_two, TICKET_KEY_BYTES);
    assert_memory_equal(read.keys[1].secret, secret_one, TICKET_KEY_BYTES);
    static const char *const broken[] = {"",
                                         "{}",
                                         "[]",
                                         "{\"keys\":[{}]}",
                                         "{\"keys\":[{\"created\":1,\"secret\":\"AAAA\"}]}",
                                         "{\"keys\":[{\"created\":1,\"secret\":\"*\"}]}"};
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        struct ticket_keys untouched = {.count = 7};
        fixture_row(broken[i],
                    ticket_keys_parse(*state, broken[i], strlen(broken[i]), &untouched, NULL) < 0);
        fixture_row(broken[i], untouched.count == 7);
    }
}

static void identity_by_ticket(void **state)
{
    struct ticket_keys keys = a_key(secret_one, NOW - 50);
    struct place place;
    struct caller caller = {0};
    place_init(*state, &place, &keys);
    const char *ticket = ticket_make(*state, &keys, "a@pve", NOW);
    const char *csrf = ticket_csrf_make(*state, &keys, "a@pve", NOW);
    assert_int_equal(ask(*state, &place, NULL, NULL, METHOD_VERB_GET, &caller), IDENTITY_NO_TICKET);
    assert_int_equal(ask(*state, &place, "", csrf, METHOD_VERB_GET, &caller), IDENTITY_NO_TICKET);
    assert_int_equal(ask(*state, &place, "x", NULL, METHOD_VERB_GET, &caller), IDENTITY_BAD_TICKET);
    for (int verb = 0; verb < METHOD_VERB_MAX; verb++) {
        bool reads = verb == METHOD_VERB_GET;
        enum identity_result no = reads ? IDENTITY_KNOWN : IDENTITY_BAD_CSRF;
        assert_int_equal(ask(*state, &place, ticket, NULL, (enum method_verb)verb, &caller), no);
        assert_int_equal(ask(*state, &place, ticket, "", (enum method_verb)verb, &caller), no);
        assert_int_equal(ask(*state, &place, ticket, csrf, (enum method_verb)verb, &caller),
                         IDENTITY_KNOWN);
    }
    assert_string_equal(caller.user, "a@pve");
    assert_string_equal(caller.label, "a@pve");
    assert_null(caller.token);
}

static void identity_of_users_that_may_not_is_refused(void **state)
{
    static const char *const users[] = {"off@pve", "old@pve", "ghost@pve"};
    struct ticket_keys keys = a_key(secret_one, NOW - 50);
    struct place place;
    place_init(*state, &place, &keys);
    for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
        struct caller caller = {0};
        fixture_row(users[i], ask(*state, &place, ticket_make(*state, &keys, users[i], NOW), NULL,
                                  METHOD_VERB_GET, &caller) == IDENTITY_BAD_TICKET);
        fixture_row(users[i], caller.user == NULL);
    }
    struct caller root = {0};
    assert_int_equal(ask(*state, &place, ticket_make(*state, &keys, "root@pam", NOW), NULL,
                         METHOD_VERB_GET, &root),
                     IDENTITY_KNOWN);
}

static void identity_by_token(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"a@pve!lap=s3cret", true},
        {"a@pve!lap=s3creT", false},
        {"a@pve!lap=", false},
        {"a@pve!lap", false},
        {"a@pve!off=s3cret", false},
        {"a@pve!old=s3cret", false},
        {"off@pve!lap=s3cret", false},
        {"a@pve!none=s3cret", false},
        {"a@pve=s3cret", false},
        {"b@pve!lap=s3cret", false},
        {"!lap=s3cret", false},
        {"a@pve!=s3cret", false},
        {"a@pve!lap=s3cret=", false},
        {"a@pve!lap =s3cret", false},
        {"", false},
        {"a@pve!lap!lap=s3cret", false},
    };
    struct ticket_keys keys = a_key(secret_one, NOW - 50);
    struct place place;
    place_init(*state, &place, &keys);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct credentials credentials = {.token = rows[i].text};
        struct caller caller = {0};
        enum identity_result result =
            identity_check(*state, &place.book, &credentials, METHOD_VERB_DELETE, &caller);
        fixture_row(rows[i].text, result == (rows[i].good ? IDENTITY_KNOWN : IDENTITY_BAD_TOKEN));
        fixture_row(rows[i].text, (caller.user != NULL) == rows[i].good);
        if (rows[i].good) {
            assert_string_equal(caller.user, "a@pve");
            assert_string_equal(caller.token, "lap");
            assert_string_equal(caller.label, "a@pve!lap");
        }
    }
    assert_string_equal(identity_reason(IDENTITY_BAD_TOKEN),
                        "permission denied - invalid PVE ticket");
}

static void origin_holds_for_its_call_alone(void **state)
{
    struct ticket_keys keys = a_key(secret_one, NOW - 100);
    struct ticket_keys others = a_key(secret_two, NOW - 100);
    const struct ticket_origin made = {"node2", "GET", "/nodes/node2/status", "fe80::1"};
    const char *text = ticket_origin_make(*state, &keys, &made, NOW);
    const char *csrf = ticket_csrf_make(*state, &keys, "fe80::1", NOW);
    const struct {
        const char *name, *text;
        const struct ticket_keys *keys;
        struct ticket_origin origin;
        int64_t now_s;
        bool good;
    } rows[] = {
        {"its call", text, &keys, {"node2", "GET", "/nodes/node2/status", NULL}, NOW, true},
        {"clocks differ",
         text,
         &keys,
         {"node2", "GET", "/nodes/node2/status", NULL},
         NOW - 299,
         true},
        {"later", text, &keys, {"node2", "GET", "/nodes/node2/status", NULL}, NOW + 300, false},
        {"of the future",
         text,
         &keys,
         {"node2", "GET", "/nodes/node2/status", NULL},
         NOW - 300,
         false},
        {"another node", text, &keys, {"node3", "GET", "/nodes/node2/status", NULL}, NOW, false},
        {"another method", text, &keys, {"node2", "PUT", "/nodes/node2/status", NULL}, NOW, false},
        {"another path", text, &keys, {"node2", "GET", "/nodes/node2/statu", NULL}, NOW, false},
        {"another key", text, &others, {"node2", "GET", "/nodes/node2/status", NULL}, NOW, false},
        {"another kind", csrf, &keys, {"node2", "GET", "/nodes/node2/status", NULL}, NOW, false},
        {"nothing", "", &keys, {"node2", "GET", "/nodes/node2/status", NULL}, NOW, false},
        {"a time", "6F000000", &keys, {"node2", "GET", "/nodes/node2/status", NULL}, NOW, false},
        {"no address",
         "6F000000:abc",
         &keys,
         {"node2", "GET", "/nodes/node2/status", NULL},
         NOW,
         false},
        {"another address",
         arena_printf(*state, "%s2", text),
         &keys,
         {"node2", "GET", "/nodes/node2/status", NULL},
         NOW,
         false},
        {"two lines",
         arena_printf(*state, "%s\n", text),
         &keys,
         {"node2", "GET", "/nodes/node2/status", NULL},
         NOW,
         false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *address = "untouched";
        bool good = ticket_origin_check(*state, rows[i].keys, rows[i].text, &rows[i].origin,
                                        rows[i].now_s, &address);
        fixture_row(rows[i].name, good == rows[i].good);
        fixture_row(rows[i].name, strcmp(address, good ? "fe80::1" : "untouched") == 0);
    }
}

static void origin_changed_in_any_byte_is_refused(void **state)
{
    struct ticket_keys keys = a_key(secret_one, NOW - 100);
    const struct ticket_origin origin = {"node2", "GET", "/nodes/node2/status", "10.0.0.7"};
    char *text = ticket_origin_make(*state, &keys, &origin, NOW);
    const char *address = NULL;
    assert_true(ticket_origin_check(*state, &keys, text, &origin, NOW, &address));
    for (size_t i = 0; text[i] != '\0'; i++) {
        char was = text[i];
        text[i] = was == '1' ? '2' : '1';
        assert_false(ticket_origin_check(*state, &keys, text, &origin, NOW, &address));
        text[i] = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(ticket_that_was_made_is_taken_until_it_is_old),
        fixture_test(ticket_has_the_form_that_clients_know),
        fixture_test(ticket_changed_in_any_byte_is_refused),
        fixture_test(ticket_of_another_kind_user_or_key_is_refused),
        fixture_test(ticket_keys_rotate_and_the_old_one_is_still_taken),
        fixture_test(ticket_keys_come_back_as_they_were),
        fixture_test(origin_holds_for_its_call_alone),
        fixture_test(origin_changed_in_any_byte_is_refused),
        fixture_test(identity_by_ticket),
        fixture_test(identity_of_users_that_may_not_is_refused),
        fixture_test(identity_by_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
