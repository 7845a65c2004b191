// SPDX-License-Identifier: Apache-2.0
// A list of blocks that are filled from the front. Large requests get a block of their own size.
#include "common/base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

enum { ARENA_BLOCK_BYTES = 16 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t size_bytes;
    size_t used_bytes;
    max_align_t data[];
};

struct arena {
    struct arena_block *blocks; // the first one is being filled
};

static struct arena_block *arena_block_new(size_t size_bytes)
{
    // Not zeroed: arena_alloc() does that with what it gives out.
    struct arena_block *block = alloc_resize(NULL, sizeof(*block) + size_bytes);
    *block = (struct arena_block){.size_bytes = size_bytes};
    return block;
}

struct arena *arena_new(void)
{
    struct arena *arena = alloc_zero(sizeof(*arena));
    arena->blocks = arena_block_new(ARENA_BLOCK_BYTES);
    return arena;
}

static void arena_free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_free(struct arena *arena)
{
    if (arena == NULL) {
        return;
    }
    arena_free_blocks(arena->blocks);
    free(arena);
}

void arena_freep(struct arena **arena)
{
    arena_free(*arena);
    *arena = NULL;
}

void arena_clear(struct arena *arena)
{
    arena_free_blocks(arena->blocks->next);
    arena->blocks->next = NULL;
    if (arena->blocks->size_bytes != ARENA_BLOCK_BYTES) {
        // Do not hold on to the memory of one huge request.
        arena_free_blocks(arena->blocks);
        arena->blocks = arena_block_new(ARENA_BLOCK_BYTES);
    }
    arena->blocks->used_bytes = 0;
}

// Memory whose content is whatever was there.
static void *arena_take(struct arena *arena, size_t size_bytes)
{
    assert(size_bytes < SIZE_MAX / 2);
    size_t align = _Alignof(max_align_t);
    // At least one unit, so that two requests never share an address.
    size_t needed = (size_bytes + align) / align * align;
    struct arena_block *block = arena->blocks;
    if (block->size_bytes - block->used_bytes < needed) {
        size_t size = needed > ARENA_BLOCK_BYTES ? needed : ARENA_BLOCK_BYTES;
        block = arena_block_new(size);
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *p = (char *)block->data + block->used_bytes;
    block->used_bytes += needed;
    return p;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    return memset(arena_take(arena, size_bytes), 0, size_bytes);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_memdup(arena, text, strlen(text));
}

char *arena_memdup(struct arena *arena, const void *data, size_t size_bytes)
{
    char *copy = arena_take(arena, size_bytes + 1);
    if (size_bytes > 0) {
        memcpy(copy, data, size_bytes);
    }
    copy[size_bytes] = '\0';
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    assert(format != NULL);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    assert(size >= 0);
    char *text = arena_take(arena, (size_t)size + 1);
    (void)vsnprintf(text, (size_t)size + 1, format, again); // the size is known to suffice
    va_end(again);
    return text;
}
