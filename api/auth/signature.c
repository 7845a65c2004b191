// SPDX-License-Identifier: Apache-2.0
// The only place of the API's checks that includes libcrypto.
#include "api/auth/signature.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/digest.h"

char *signature_make(struct arena *arena, const void *key, size_t key_bytes, const char *text)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int raw_size = 0;
    assert(key_bytes < INT_MAX);
    const unsigned char *made = HMAC(EVP_sha256(), key, (int)key_bytes, (const unsigned char *)text,
                                     strlen(text), raw, &raw_size);
    assert(made != NULL);
    return digest_base64_encode(arena, raw, raw_size);
}

bool signature_equal(const char *a, const char *b)
{
    size_t length = strlen(a);
    return length == strlen(b) && CRYPTO_memcmp(a, b, length) == 0;
}

void signature_wipe(void *data, size_t size_bytes)
{
    OPENSSL_cleanse(data, size_bytes);
}
