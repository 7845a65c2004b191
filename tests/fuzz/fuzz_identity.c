// SPDX-License-Identifier: Apache-2.0
// Any bytes as a ticket, a CSRF token, an API token, and the documents of users and permissions.
// Nothing but what was made is taken; documents are read, written and read again the same.
#include <assert.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/identity.h"
#include "api/auth/rights.h"
#include "api/auth/ticket.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/port/store.h"
#include "tests/fuzz/fuzz.h"

enum { NOW = 0x6f000000 };

static const char secret[] = "11111111111111111111111111111111";
static const char token_secret[] = "9d0ba1b6-6a4f-4e29-9a40-2d0d0a1e3d55";

static void identity_try(struct arena *arena, const char *text)
{
    struct ticket_keys keys = {.keys = {{NOW - 60, secret}}, .count = 1};
    const char *key_text = ticket_keys_format(arena, &keys);
    const char *hash = digest_sha256_hex(arena, token_secret, strlen(token_secret));
    struct store_entry access[] = {{"access/token/a@pve!lap", "{}", 2, 1},
                                   {"access/user/a@pve", "{}", 2, 1}};
    struct store_entry secrets[] = {{"secret/ticket-keys", key_text, strlen(key_text), 1},
                                    {"secret/token/a@pve!lap", hash, strlen(hash), 1}};
    struct store_entries all = {.entries = access, .count = 2};
    struct store_entries hidden = {.entries = secrets, .count = 2};
    struct identity_book book = {
        .rights = rights_read(arena, &all), .secrets = &hidden, .now_s = NOW};
    struct caller caller = {0};

    struct credentials by_ticket = {.ticket = text};
    if (identity_check(arena, &book, &by_ticket, METHOD_VERB_GET, &caller) == IDENTITY_KNOWN) {
        // There is one text for each user and second.
        const char *user = NULL;
        int64_t time_s = 0;
        bool good = ticket_check(arena, &keys, text, NOW, &user, &time_s);
        assert(good);
        assert(strcmp(user, caller.user) == 0);
        assert(strcmp(ticket_make(arena, &keys, user, time_s), text) == 0);
    }
    struct credentials by_token = {.token = text};
    if (identity_check(arena, &book, &by_token, METHOD_VERB_POST, &caller) == IDENTITY_KNOWN) {
        assert(strcmp(text, arena_printf(arena, "a@pve!lap=%s", token_secret)) == 0);
    }
    struct credentials by_csrf = {.ticket = ticket_make(arena, &keys, "a@pve", NOW), .csrf = text};
    if (identity_check(arena, &book, &by_csrf, METHOD_VERB_PUT, &caller) == IDENTITY_KNOWN) {
        assert(strlen(text) == strlen(ticket_csrf_make(arena, &keys, "a@pve", NOW)));
    }
}

static void documents_try(struct arena *arena, const char *data, size_t size_bytes)
{
    struct access_user user;
    struct access_token token;
    struct access_role role;
    struct access_acl *list = NULL;
    struct ticket_keys keys;
    size_t count = 0;
    if (access_user_parse(arena, "a@pve", data, size_bytes, &user, NULL) == 0) {
        const char *text = access_user_format(arena, &user);
        int r = access_user_parse(arena, "a@pve", text, strlen(text), &user, NULL);
        assert(r == 0);
        assert(strcmp(access_user_format(arena, &user), text) == 0);
    }
    if (access_token_parse(arena, "a@pve!x", data, size_bytes, &token, NULL) == 0) {
        const char *text = access_token_format(arena, &token);
        int r = access_token_parse(arena, "a@pve!x", text, strlen(text), &token, NULL);
        assert(r == 0);
        assert(strcmp(access_token_format(arena, &token), text) == 0);
    }
    if (access_role_parse(arena, "r", data, size_bytes, &role, NULL) == 0) {
        const char *text = access_role_format(arena, &role);
        int r = access_role_parse(arena, "r", text, strlen(text), &role, NULL);
        assert(r == 0);
        assert(strcmp(access_role_format(arena, &role), text) == 0);
    }
    if (access_acl_parse(arena, data, size_bytes, &list, &count, NULL) == 0) {
        const char *text = access_acl_format(arena, list, count);
        int r = access_acl_parse(arena, text, strlen(text), &list, &count, NULL);
        assert(r == 0);
        assert(strcmp(access_acl_format(arena, list, count), text) == 0);
    }
    if (ticket_keys_parse(arena, data, size_bytes, &keys, NULL) == 0) {
        const char *text = ticket_keys_format(arena, &keys);
        int r = ticket_keys_parse(arena, text, strlen(text), &keys, NULL);
        assert(r == 0);
        assert(strcmp(ticket_keys_format(arena, &keys), text) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    identity_try(arena, arena_memdup(arena, data, size_bytes));
    documents_try(arena, (const char *)data, size_bytes);
    return 0;
}
