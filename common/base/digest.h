// SPDX-License-Identifier: Apache-2.0
// Digests and base64, by OpenSSL's libcrypto.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;

// Lower-case hex of the SHA-1 of the bytes: 40 characters, in the arena. Identifies versions of a
// text, guards nothing.
char *digest_sha1_hex(struct arena *arena, const void *data, size_t size_bytes) WARN_UNUSED;
// Lower-case hex of the SHA-256 of the bytes: 64 characters, in the arena.
char *digest_sha256_hex(struct arena *arena, const void *data, size_t size_bytes) WARN_UNUSED;
// One line without white space, in the arena.
char *digest_base64_encode(struct arena *arena, const void *data, size_t size_bytes) WARN_UNUSED;
// -EINVAL when the text is not base64. A NUL that is not counted follows the bytes.
int digest_base64_decode(struct arena *arena, const char *text, char **ret_data,
                         size_t *ret_size_bytes) WARN_UNUSED;
