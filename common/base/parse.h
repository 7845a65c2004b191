// SPDX-License-Identifier: Apache-2.0
// Strict reading of single values: the whole text must be the value and lie in the range. Nothing
// else in the tree turns text into numbers. On failure the result is unchanged and -EINVAL (not
// such a value) or -ERANGE is returned.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;

int parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret_value) WARN_UNUSED;
int parse_uint64(const char *text, uint64_t *ret_value) WARN_UNUSED;
// 1, 0, yes, no, on, off, true, false; case does not matter.
int parse_bool(const char *text, bool *ret_value) WARN_UNUSED;
// A decimal number without exponent, such as 0.25 or 24.
int parse_double(const char *text, double *ret_value) WARN_UNUSED;
// A number with unit ms, s, m or h; no unit means seconds. Result in milliseconds, not negative.
int parse_duration_ms(const char *text, int64_t *ret_ms) WARN_UNUSED;

struct parse_words {
    const char **words;
    size_t count;
};
// Splits at any mixture of comma, semicolon and white space; empty words vanish. The result is in
// the arena.
struct parse_words parse_list(struct arena *arena, const char *text) WARN_UNUSED;
// Splits at blanks and tabs only.
struct parse_words parse_fields(struct arena *arena, const char *text) WARN_UNUSED;
