// SPDX-License-Identifier: Apache-2.0
// What the rules say about one service, in words; pure. What they mean for placing it is the CRM's
// (crm/explain.h).
#pragma once

#include "common/base/macros.h"

struct arena;
struct json;
struct map;

// An array of {rule, type, used, words}: the rules that name the service, by id, and those that are
// not in use with the reason. `text` may be NULL. `nodes`: names of the cluster's nodes as keys.
struct json *rule_words(struct arena *arena, const char *text, const struct map *nodes,
                        const char *sid) WARN_UNUSED;
