// SPDX-License-Identifier: Apache-2.0
// The only place that calls the heap. Out of memory ends the process: the watchdog bounds the
// damage, and no caller needs a branch that no test reaches.
#include "common/base/alloc.h"

#include <stdlib.h>
#include <string.h>

void *alloc_zero(size_t size_bytes)
{
    // calloc(…, 0) may return NULL, which callers need not expect.
    void *p = calloc(1, size_bytes > 0 ? size_bytes : 1);
    if (p == NULL) {
        abort();
    }
    return p;
}

void *alloc_resize(void *p, size_t size_bytes)
{
    void *resized = realloc(p, size_bytes > 0 ? size_bytes : 1);
    if (resized == NULL) {
        abort();
    }
    return resized;
}

char *alloc_strdup(const char *text)
{
    return alloc_memdup(text, strlen(text) + 1);
}

void *alloc_memdup(const void *data, size_t size_bytes)
{
    void *copy = alloc_zero(size_bytes);
    if (size_bytes > 0) {
        memcpy(copy, data, size_bytes);
    }
    return copy;
}

void alloc_freep(void *where)
{
    void **slot = where;
    free(*slot);
    *slot = NULL;
}
