// SPDX-License-Identifier: Apache-2.0
// Who makes a call: tickets and their CSRF tokens, API tokens, and passwords. Tickets, CSRF tokens
// and the hashes of secrets are checked at once; a password of the realm pam is checked in a child,
// since PAM blocks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/call/call.h"
#include "api/call/method.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct rights;
struct store_entries;
struct store_entry;
struct ticket_keys;

struct credentials {
    const char *ticket; // as the cookie had it after decoding, or NULL
    const char *csrf;   // header CSRFPreventionToken, or NULL
    const char *token;  // "user@realm!id=secret", or NULL
};

// All that is needed to recognise somebody: keys and hashes as of now.
struct identity_book {
    const struct rights *rights;
    const struct store_entries *secrets; // secret/user/, secret/token/, secret/ticket-keys
    int64_t now_s;                       // wall clock
};

enum identity_result {
    IDENTITY_KNOWN = 1,
    IDENTITY_NO_TICKET,  // 401 "No ticket"
    IDENTITY_BAD_TICKET, // 401 "permission denied - invalid PVE ticket"
    IDENTITY_BAD_CSRF,   // 401 "Permission denied - invalid csrf token"
    IDENTITY_BAD_TOKEN,  // 401 "permission denied - invalid PVE ticket"
};

// Fills *ret in the arena for IDENTITY_KNOWN. Every verb but GET needs the CSRF token with a
// ticket, never with an API token.
enum identity_result identity_check(struct arena *arena, const struct identity_book *book,
                                    const struct credentials *credentials, enum method_verb verb,
                                    struct caller *ret) WARN_UNUSED;
// The keys that tickets are signed with; false: there are none yet.
bool identity_keys(struct arena *arena, const struct identity_book *book,
                   struct ticket_keys *ret) WARN_UNUSED;
// The entry below secret/, or NULL.
const struct store_entry *identity_secret(const struct identity_book *book,
                                          const char *key) WARN_UNUSED;
// The reason phrase of a result that is not IDENTITY_KNOWN.
const char *identity_reason(enum identity_result result) WARN_UNUSED;
