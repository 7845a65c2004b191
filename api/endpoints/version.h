// SPDX-License-Identifier: Apache-2.0
// Which generation of the field's API is spoken: clients choose by it between rules and groups, and
// both are there.
#pragma once

#include "common/base/macros.h"

struct arena;
struct json;

#define VERSION_RELEASE "9.1"
#define VERSION_SPOKEN  "9.1.4"

struct json *version_document(struct arena *arena) WARN_UNUSED;
// Hex digits that stand for this version of ours.
const char *version_repoid(struct arena *arena) WARN_UNUSED;
