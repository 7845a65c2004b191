// SPDX-License-Identifier: Apache-2.0
// The OpenAPI 3.1 document of all calls, made of the rows that check them. Pure.
#pragma once

#include "common/base/macros.h"

struct arena;
struct json;
struct method;
struct router;
struct strbuf;

struct json *openapi_make(struct arena *arena, const struct router *router,
                          const char *version) WARN_UNUSED;
// One call for people: its line, what it does and its parameters.
void openapi_describe(const struct method *method, struct strbuf *out);
