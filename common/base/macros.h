// SPDX-License-Identifier: Apache-2.0
// Compiler attributes and the few macros that a function cannot replace.
#pragma once

#include <stddef.h>

// Every use of a compiler extension in the tree goes through this file.
#define CLEANUP(fn)              __attribute__((cleanup(fn)))
#define WARN_UNUSED              __attribute__((warn_unused_result))
#define NORETURN                 __attribute__((noreturn))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

// Takes an owned pointer out of its variable, so that the cleanup attribute of the variable finds
// NULL. `where` is the address of the variable. Use through the macro, which keeps the pointer's
// type.
static inline void *macros_steal(void *where)
{
    void **slot = where;
    void *value = *slot;
    *slot = NULL;
    return value;
}
#define steal_ptr(p) ((__typeof__(p))macros_steal(&(p)))

// Drops a result on purpose, with a comment that says why: gcc warns of a mere cast to void.
static inline void ignore_result(int result)
{
    (void)result;
}
