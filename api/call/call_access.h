// SPDX-License-Identifier: Apache-2.0
// Whether a call's row lets its caller make it. Pure.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct call;
struct json;

// False: the call is refused with 403. `path` are the parts of the path, checked.
bool call_access_check(struct call *call, const struct json *path) WARN_UNUSED;
