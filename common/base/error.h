// SPDX-License-Identifier: Apache-2.0
// The reason why something failed, in words for the operator. It belongs to the caller; the place
// of failure sets it, each level above adds at most a prefix: "rules.cfg: line 4: unknown key
// 'nodez'".
#pragma once

#include "common/base/macros.h"

enum { ERROR_TEXT_MAX = 1024 };

struct error {
    int code; // negative errno, 0 while nothing failed
    char text[ERROR_TEXT_MAX];
};

// Sets code and text and returns code, so that a failing function can say `return error_set(err,
// -EINVAL, "…")`. A text that does not fit is cut. `err` may be NULL when the caller wants no
// words.
int error_set(struct error *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);
// As error_set(), with ": " and the system's words for the code appended.
int error_set_errno(struct error *err, int code, const char *format, ...) PRINTF_LIKE(3, 4);
// Puts the formatted text and ": " in front of what is there. Returns the code that is there;
// without `err` nobody knows the code, and it is -EINVAL.
int error_prefix(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
void error_clear(struct error *err);
