// SPDX-License-Identifier: Apache-2.0
// Checking what a client gave against the rows of a method. Pure.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct arena;
struct json;
struct method;
struct parameter;

// For a parameter that is needed only beside some others, the words that each required one has.
#define PARAMETER_WORDS_MISSING "property is missing and it is not optional"

// The row of a parameter, of an indexed one too; or NULL.
const struct parameter *parameters_row(const struct method *method, const char *name) WARN_UNUSED;
// Whether the name is one of an indexed row "base[n]".
bool parameter_is_indexed(const struct parameter *row) WARN_UNUSED;

// `path` are the parts in braces (object of strings), `given` is what the client gave (object, or
// NULL). True: *ret is an object with the types that the rows say. False: *ret is the object of
// errors, parameter → words. With `given` NULL only what the path has is checked, and nothing else
// is required.
bool parameters_check(struct arena *arena, const struct method *method, const struct json *path,
                      const struct json *given, struct json **ret) WARN_UNUSED;
