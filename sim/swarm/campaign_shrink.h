// SPDX-License-Identifier: Apache-2.0
// Makes a failing campaign smaller while it keeps failing in the same way: fewer rounds, fewer
// steps, fewer nodes and services, simpler times. Knows nothing of what failing means.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct campaign;

// Whether this campaign fails as the first one did.
typedef bool (*campaign_fails)(void *userdata, const struct campaign *campaign);

// `tries_max` bounds the calls. The result is `campaign` itself when nothing can be left out; it
// fails, was formatted and parsed, and lives in the arena.
const struct campaign *campaign_shrink(struct arena *arena, const struct campaign *campaign,
                                       size_t tries_max, campaign_fails fails,
                                       void *userdata) WARN_UNUSED;
