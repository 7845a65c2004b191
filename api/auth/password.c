// SPDX-License-Identifier: Apache-2.0
// Realms: pve's hashes are in the store, pam asks the machine. A name goes to PAM only when an
// administrator has made it known here.
#include "api/auth/password.h"

#include <inttypes.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/pam_check.h"
#include "api/auth/password_hash.h"
#include "api/auth/rights.h"
#include "api/auth/ticket.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

struct secret {
    const char *hash; // NULL: none
    int64_t changed_s;
};

static void secret_read(struct arena *arena, const struct identity_book *book, const char *userid,
                        struct secret *ret)
{
    const struct store_entry *entry =
        identity_secret(book, arena_printf(arena, STORE_PREFIX_USER_SECRET "%s", userid));
    *ret = (struct secret){0};
    if (entry != NULL) {
        size_t length = strcspn(entry->value, " ");
        ret->hash = arena_memdup(arena, entry->value, length);
        const char *rest = entry->value + length;
        if (rest[0] != ' ' || parse_int64(rest + 1, 0, INT64_MAX, &ret->changed_s) < 0) {
            ret->changed_s = INT64_MAX; // not known: no older ticket serves
        }
    }
}

char *password_secret_format(struct arena *arena, const char *hash, int64_t now_s)
{
    return arena_printf(arena, "%s %" PRId64, hash, now_s);
}

// A ticket, shown in place of a password.
static bool check_ticket(struct arena *arena, const struct identity_book *book, const char *userid,
                         const char *ticket)
{
    struct ticket_keys keys = {0};
    struct secret secret;
    const char *user = NULL;
    int64_t made_s = 0;
    secret_read(arena, book, userid, &secret);
    return identity_keys(arena, book, &keys) &&
           ticket_check(arena, &keys, ticket, book->now_s, &user, &made_s) &&
           strcmp(user, userid) == 0 && made_s >= secret.changed_s;
}

static bool check_pam(struct arena *arena, const char *userid, const char *password,
                      const char *address, struct error *err)
{
    struct pam_question question = {
        .user = arena_memdup(arena, userid, strcspn(userid, "@")),
        .password = password,
        .address = address,
        .timeout_ms = PAM_CHECK_TIMEOUT_MS,
    };
    return pam_check(&question, err) == PAM_ANSWER_RIGHT;
}

bool password_check(struct arena *arena, const struct identity_book *book, const char *userid,
                    const char *password, const char *address, struct error *err)
{
    size_t length = strlen(password);
    bool named = access_userid_check(userid, NULL) == 0;
    bool active = named && rights_is_active(book->rights, userid, NULL, book->now_s);
    if (strncmp(password, "PVE:", 4) == 0) {
        return active && check_ticket(arena, book, userid, password);
    }
    if (length == 0 || length > PASSWORD_MAX) {
        return false;
    }
    if (active && strcmp(access_realm(userid), ACCESS_REALM_PAM) == 0) {
        return check_pam(arena, userid, password, address, err);
    }
    struct secret secret = {0};
    if (named && strcmp(access_realm(userid), ACCESS_REALM_PVE) == 0) {
        secret_read(arena, book, userid, &secret);
    }
    // Also for who is not known: it must take as long.
    return password_hash_check(password, secret.hash) && active;
}
