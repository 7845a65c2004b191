// SPDX-License-Identifier: Apache-2.0
// Reading the XML that agents print as their metadata, tag by tag.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;

enum { XML_ONE_LINE_MAX = 200 };

struct xml_tag {
    const char *name;
    bool closing;
    struct map attributes; // name → const char *
    const char *text;      // what follows until the next tag
};

// The next tag from *at on, which moves behind it; false at the end. Comments and declarations are
// passed over. All in the arena.
bool xml_next_tag(struct arena *arena, const char **at, struct xml_tag *ret) WARN_UNUSED;
// Whether the attribute is "1" or "true".
bool xml_tag_is_true(const struct xml_tag *tag, const char *name) WARN_UNUSED;
// The text as one line of at most XML_ONE_LINE_MAX bytes.
const char *xml_one_line(struct arena *arena, const char *text) WARN_UNUSED;
