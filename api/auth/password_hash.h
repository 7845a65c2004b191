// SPDX-License-Identifier: Apache-2.0
// Salted hashes of passwords, by crypt(3).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct error;

enum {
    PASSWORD_MAX = 511, // bytes: what crypt(3) and PAM take
    PASSWORD_MIN = 8,   // of one that is set here
    PASSWORD_SALT_BYTES = 16,
};

// Whether it may become somebody's password: -EINVAL with words.
int password_hash_allow(const char *password, struct error *err) WARN_UNUSED;
// A yescrypt hash, in the arena; `salt` is PASSWORD_SALT_BYTES of chance. -EINVAL: too long.
int password_hash_make(struct arena *arena, const char *password, const unsigned char *salt,
                       char **ret, struct error *err) WARN_UNUSED;
// Whether the password belongs to the hash. With a hash of NULL always false, after the same time.
bool password_hash_check(const char *password, const char *hash) WARN_UNUSED;
