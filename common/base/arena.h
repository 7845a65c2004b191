// SPDX-License-Identifier: Apache-2.0
// A region of memory that is released as a whole. What one round reads or produces lives in the
// round's arena.
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;

struct arena *arena_new(void) WARN_UNUSED;
// Releases the arena and all that was allocated from it. NULL is allowed.
void arena_free(struct arena *arena);
void arena_freep(struct arena **arena);
// Forgets all allocations and keeps some memory for reuse.
void arena_clear(struct arena *arena);

// Zeroed memory, aligned for any type, valid until clear or free. Never NULL; size 0 gives a valid
// pointer.
void *arena_alloc(struct arena *arena, size_t size_bytes) WARN_UNUSED;
// Copies of text and bytes; a NULL text stays NULL. memdup appends a NUL byte that is not counted.
char *arena_strdup(struct arena *arena, const char *text) WARN_UNUSED;
char *arena_memdup(struct arena *arena, const void *data, size_t size_bytes) WARN_UNUSED;
char *arena_printf(struct arena *arena, const char *format, ...) WARN_UNUSED PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *arena, const char *format, va_list args) WARN_UNUSED
    PRINTF_LIKE(2, 0);

#define arena_new_of(arena, type)          ((type *)arena_alloc(arena, sizeof(type)))
#define arena_array_of(arena, type, count) ((type *)arena_alloc(arena, sizeof(type) * (count)))
