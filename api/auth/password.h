// SPDX-License-Identifier: Apache-2.0
// Whether a password is a user's, in either realm. Blocks: for children of ha-execd.
#pragma once

#include <stdbool.h>

#include "api/auth/identity.h"
#include "common/base/macros.h"

struct arena;
struct error;

// True: the user is known and active, and the password is its own. A ticket of the same user serves
// as its password, unless the password was changed after the ticket was made; so a session goes on,
// and ends soon when it must. False for everything else; when that is because PAM could not be
// asked, `err` has words. Unknown users take as long as wrong passwords.
bool password_check(struct arena *arena, const struct identity_book *book, const char *userid,
                    const char *password, const char *address, struct error *err) WARN_UNUSED;
// The value below secret/user/ for a hash that is set now.
char *password_secret_format(struct arena *arena, const char *hash, int64_t now_s) WARN_UNUSED;
