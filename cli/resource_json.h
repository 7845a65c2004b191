// SPDX-License-Identifier: Apache-2.0
// Resources as documents: what is set, without defaults.
#pragma once

#include "common/base/macros.h"

struct arena;
struct json;
struct resource;

// `text` is the section as it is stored; "digest" is of it.
struct json *resource_to_json(struct arena *arena, const char *sid, const char *text,
                              const struct resource *resource) WARN_UNUSED;
