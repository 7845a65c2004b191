// SPDX-License-Identifier: Apache-2.0
// What a parameter's text must look like. Pure.
#pragma once

#include "api/call/method.h"
#include "common/base/macros.h"

struct arena;

// NULL when the text has the format, else what is wrong, in the words of the `errors` map.
const char *parameter_format_fault(struct arena *arena, enum parameter_format format,
                                   const char *text) WARN_UNUSED;
