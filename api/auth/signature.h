// SPDX-License-Identifier: Apache-2.0
// Keyed signatures and comparisons that take the same time whatever they find, by OpenSSL's
// libcrypto.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;

// Base64 of the HMAC-SHA256 of the text: 44 characters, in the arena.
char *signature_make(struct arena *arena, const void *key, size_t key_bytes,
                     const char *text) WARN_UNUSED;
// Whether both texts are the same; how long it takes tells only their lengths.
bool signature_equal(const char *a, const char *b) WARN_UNUSED;
// Overwrites a secret that is not needed any more, in a way that no compiler leaves out.
void signature_wipe(void *data, size_t size_bytes);
