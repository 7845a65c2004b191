// SPDX-License-Identifier: Apache-2.0
// Digests and base64 through libcrypto; strictness (canonical base64 only) is added here.
#include "common/base/digest.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "common/base/arena.h"

static char *digest_hex(struct arena *arena, const EVP_MD *kind, const void *data,
                        size_t size_bytes)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int raw_size = 0;
    int ok = EVP_Digest(data, size_bytes, raw, &raw_size, kind, NULL);
    assert(ok == 1);
    char *hex = arena_alloc(arena, 2 * (size_t)raw_size + 1);
    for (unsigned int i = 0; i < raw_size; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    return hex;
}

char *digest_sha1_hex(struct arena *arena, const void *data, size_t size_bytes)
{
    return digest_hex(arena, EVP_sha1(), data, size_bytes);
}

char *digest_sha256_hex(struct arena *arena, const void *data, size_t size_bytes)
{
    return digest_hex(arena, EVP_sha256(), data, size_bytes);
}

char *digest_base64_encode(struct arena *arena, const void *data, size_t size_bytes)
{
    assert(size_bytes < INT_MAX / 2);
    char *text = arena_alloc(arena, (size_bytes + 2) / 3 * 4 + 1);
    if (size_bytes > 0) {
        int size = EVP_EncodeBlock((unsigned char *)text, data, (int)size_bytes);
        assert(size == (int)((size_bytes + 2) / 3 * 4));
    }
    return text;
}

int digest_base64_decode(struct arena *arena, const char *text, char **ret_data,
                         size_t *ret_size_bytes)
{
    size_t length = strlen(text);
    if (length % 4 != 0 || length >= INT_MAX / 2) {
        return -EINVAL;
    }
    char *data = arena_alloc(arena, length / 4 * 3 + 1);
    size_t size_bytes = length / 4 * 3;
    if (length > 0) {
        int decoded =
            EVP_DecodeBlock((unsigned char *)data, (const unsigned char *)text, (int)length);
        if (decoded != (int)size_bytes) {
            return -EINVAL;
        }
        size_bytes -= text[length - 1] == '=' ? 1 : 0;
        size_bytes -= text[length - 2] == '=' ? 1 : 0;
        data[size_bytes] = '\0';
    }
    // libcrypto tolerates white space and stray bits; one text per content is simpler to reason
    // about.
    if (strcmp(digest_base64_encode(arena, data, size_bytes), text) != 0) {
        return -EINVAL;
    }
    *ret_data = data;
    *ret_size_bytes = size_bytes;
    return 0;
}
