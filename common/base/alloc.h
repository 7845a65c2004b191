// SPDX-License-Identifier: Apache-2.0
// Heap allocation that ends the process when memory runs out, so that no caller has an untested
// branch for it.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

// All return memory owned by the caller, to be given to free(). None returns NULL.
void *alloc_zero(size_t size_bytes) WARN_UNUSED;
void *alloc_resize(void *p, size_t size_bytes) WARN_UNUSED;
char *alloc_strdup(const char *text) WARN_UNUSED;
void *alloc_memdup(const void *data, size_t size_bytes) WARN_UNUSED;

// For CLEANUP() on a pointer to anything that plain free() releases: `char *s CLEANUP(alloc_freep)
// = …`.
void alloc_freep(void *where);
