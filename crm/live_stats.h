// SPDX-License-Identifier: Apache-2.0
// The live form of the stats port: sizes and loads from what the nodes publish and from the guests'
// definitions, all in the store. Reads only what changed since the last time.
#pragma once

#include "common/base/macros.h"

struct live_stats;
struct stats;
struct store;

// The store is borrowed; its view must include STORE_PREFIX_LOAD and STORE_PREFIX_GUEST.
struct live_stats *live_stats_new(struct store *store) WARN_UNUSED;
void live_stats_free(struct live_stats *stats);
// A node that has published nothing yet is not in the view: the scheduler then falls back.
struct stats *live_stats_port(struct live_stats *stats) WARN_UNUSED;
