// SPDX-License-Identifier: Apache-2.0
// Whole text files, read and written.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct error;

// NUL-terminated, in the arena. -ENOENT when there is none; -E2BIG above 16 MiB. The error names
// the path.
int sim_file_read(struct arena *arena, const char *path, char **ret_text, size_t *ret_size_bytes,
                  struct error *err) WARN_UNUSED;
int sim_file_write(const char *path, const char *text, size_t size_bytes,
                   struct error *err) WARN_UNUSED;
