// SPDX-License-Identifier: Apache-2.0
// The only place that includes crypt(3).
#include "api/auth/password_hash.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth/signature.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"

#define HASH_METHOD "$y$"
// Of nobody's password, made as the others are.
#define HASH_NOBODY "$y$j9T$abcdefghijklmnop$9WNEpu8Mx2S4KNGvbVWKM6clOSoY6.YEl7AYF4DGV04"

int password_hash_allow(const char *password, struct error *err)
{
    size_t length = strlen(password);
    if (length < PASSWORD_MIN) {
        return error_set(err, -EINVAL, "value must be at least %d characters long", PASSWORD_MIN);
    }
    if (length > PASSWORD_MAX) {
        return error_set(err, -EINVAL, "value may only be %d characters long", PASSWORD_MAX);
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)password[i] < ' ' || password[i] == 0x7f) {
            return error_set(err, -EINVAL, "a password has no control characters");
        }
    }
    return 0;
}

static int hash_make(struct arena *arena, const char *password, const char *setting, char **ret)
{
    struct crypt_data *data = alloc_zero(sizeof(*data));
    const char *made = crypt_r(password, setting, data);
    // A failure is a text that begins with '*'.
    bool good = made != NULL && made[0] == '$';
    if (good) {
        *ret = arena_strdup(arena, made);
    }
    signature_wipe(data, sizeof(*data));
    free(data);
    return good ? 0 : -EINVAL;
}

int password_hash_make(struct arena *arena, const char *password, const unsigned char *salt,
                       char **ret, struct error *err)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (crypt_gensalt_rn(HASH_METHOD, 0, (const char *)salt, PASSWORD_SALT_BYTES, setting,
                         (int)sizeof(setting)) == NULL) {
        return error_set_errno(err, -errno, "cannot make a salt");
    }
    int r = hash_make(arena, password, setting, ret);
    return r < 0 ? error_set(err, r, "cannot hash this password") : 0;
}

bool password_hash_check(const char *password, const char *hash)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *made = NULL;
    const char *wanted = hash != NULL ? hash : HASH_NOBODY;
    return strlen(password) <= PASSWORD_MAX && hash_make(arena, password, wanted, &made) == 0 &&
           signature_equal(made, wanted) && hash != NULL;
}
