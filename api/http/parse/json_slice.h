// SPDX-License-Identifier: Apache-2.0
// Looks at JSON text without making a tree of it: answers of ha-execd are passed on as they are,
// and a document that would be costly to read is refused before. Pure.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;

struct json_slice {
    const char *text; // NULL: there is no such member
    size_t size_bytes;
};

// Finds the values of an object's members: slices[i] becomes the text of the one called names[i].
// Names have no escapes. -EINVAL: the text is not one object as far as was looked: brackets and
// strings match, nothing more is checked.
int json_slice_members(const char *text, size_t size_bytes, const char *const *names,
                       struct json_slice *slices, size_t count) WARN_UNUSED;
// The text of a string value, in the arena; NULL when the slice is absent or no string.
const char *json_slice_string(struct arena *arena, struct json_slice slice) WARN_UNUSED;

// How many commas and colons stand outside of strings: about the number of values.
size_t json_weigh(const char *text, size_t size_bytes) WARN_UNUSED;
