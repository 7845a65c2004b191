// SPDX-License-Identifier: Apache-2.0
// Compressed bodies (zlib).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;

// The text as gzip, or as deflate (zlib's form), in the arena.
char *compression_run(struct arena *arena, bool gzip, const char *text, size_t size_bytes,
                      size_t *ret_size_bytes) WARN_UNUSED;
