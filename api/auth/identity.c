// SPDX-License-Identifier: Apache-2.0
// Recognising who makes a call. Users that are gone, disabled or expired are nobody, at once and
// whatever they hold.
#include "api/auth/identity.h"

#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/rights.h"
#include "api/auth/signature.h"
#include "api/auth/ticket.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

const struct store_entry *identity_secret(const struct identity_book *book, const char *key)
{
    return store_entries_find(book->secrets, key);
}

bool identity_keys(struct arena *arena, const struct identity_book *book, struct ticket_keys *ret)
{
    const struct store_entry *entry = identity_secret(book, STORE_KEY_TICKET_KEYS);
    return entry != NULL &&
           ticket_keys_parse(arena, entry->value, entry->size_bytes, ret, NULL) == 0;
}

static enum identity_result check_token(struct arena *arena, const struct identity_book *book,
                                        const char *text, struct caller *ret)
{
    static const char nothing[] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    const char *mark = strchr(text, '!');
    const char *equals = mark != NULL ? strchr(mark, '=') : NULL;
    if (equals == NULL) {
        return IDENTITY_BAD_TOKEN;
    }
    const char *id = arena_memdup(arena, text, (size_t)(equals - text));
    const char *user = arena_memdup(arena, text, (size_t)(mark - text));
    const char *name = id + (mark - text) + 1;
    if (access_userid_check(user, NULL) < 0 || access_tokenid_check(name, NULL) < 0) {
        return IDENTITY_BAD_TOKEN;
    }
    const struct store_entry *entry =
        identity_secret(book, arena_printf(arena, STORE_PREFIX_TOKEN_SECRET "%s", id));
    // One that is not there costs the same.
    bool right = signature_equal(digest_sha256_hex(arena, equals + 1, strlen(equals + 1)),
                                 entry != NULL ? entry->value : nothing);
    if (!right || entry == NULL || !rights_is_active(book->rights, user, name, book->now_s)) {
        return IDENTITY_BAD_TOKEN;
    }
    *ret = (struct caller){.user = user, .token = name, .label = id};
    return IDENTITY_KNOWN;
}

static enum identity_result check_ticket(struct arena *arena, const struct identity_book *book,
                                         const struct credentials *credentials,
                                         enum method_verb verb, struct caller *ret)
{
    struct ticket_keys keys = {0};
    const char *user = NULL;
    int64_t time_s = 0;
    if (!identity_keys(arena, book, &keys) ||
        !ticket_check(arena, &keys, credentials->ticket, book->now_s, &user, &time_s) ||
        !rights_is_active(book->rights, user, NULL, book->now_s)) {
        return IDENTITY_BAD_TICKET;
    }
    if (verb != METHOD_VERB_GET &&
        (credentials->csrf == NULL ||
         !ticket_csrf_check(arena, &keys, credentials->csrf, user, book->now_s))) {
        return IDENTITY_BAD_CSRF;
    }
    *ret = (struct caller){.user = user, .label = user};
    return IDENTITY_KNOWN;
}

enum identity_result identity_check(struct arena *arena, const struct identity_book *book,
                                    const struct credentials *credentials, enum method_verb verb,
                                    struct caller *ret)
{
    if (credentials->token != NULL) {
        return check_token(arena, book, credentials->token, ret);
    }
    if (credentials->ticket == NULL || credentials->ticket[0] == '\0') {
        return IDENTITY_NO_TICKET;
    }
    return check_ticket(arena, book, credentials, verb, ret);
}

const char *identity_reason(enum identity_result result)
{
    switch (result) {
    case IDENTITY_KNOWN:
        return "";
    case IDENTITY_NO_TICKET:
        return "No ticket";
    case IDENTITY_BAD_TICKET:
    case IDENTITY_BAD_TOKEN:
        return "permission denied - invalid PVE ticket";
    case IDENTITY_BAD_CSRF:
        return "Permission denied - invalid csrf token";
    }
    return "";
}
