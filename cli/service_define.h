// SPDX-License-Identifier: Apache-2.0
// Definitions of services that ha-manager makes itself (units, OCF services), in the same documents
// that guests have: there a service's place is, so it moves and is recovered as any guest.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct guest;
struct parse_words;

// Whether services of its type are defined when they are put under HA. Others are guests, and
// exist.
bool service_is_defined_here(const char *sid) WARN_UNUSED;

// A new definition with its place on this node, checked there. `define`: key → text. `thorough`:
// the service's own program is asked, too.
int service_define(struct arena *arena, const char *node, const char *sid, const struct map *define,
                   bool thorough, struct guest **ret, struct error *err) WARN_UNUSED;
// Changes a definition: 1 it is another now, 0 it stays as it was. Of `unset` only keys of
// definitions count, see the next one.
int service_redefine(struct arena *arena, const char *node, const struct map *define,
                     const struct parse_words *unset, bool thorough, struct guest *guest,
                     struct error *err) WARN_UNUSED;
// "param.x", "timeout.start": a part of a definition that can be unset.
bool service_is_definition_key(const char *key) WARN_UNUSED;
