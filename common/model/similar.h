// SPDX-License-Identifier: Apache-2.0
// What somebody may have meant who wrote an unknown name.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct map;
struct strbuf;

// Appends "'a', 'b'": up to three keys of the map that look like the given name. Returns how many.
size_t similar_names(const struct map *names, const char *given, struct strbuf *out) WARN_UNUSED;
