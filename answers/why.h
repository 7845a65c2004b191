// SPDX-License-Identifier: Apache-2.0
// "Why is ct:100 here, or why does it not run?" From facts alone: what the store has about the
// service, the history of decisions, and the CRM's own view of its possible places (crm/explain.h).
// Nothing is written anywhere.
#pragma once

#include "common/base/macros.h"

struct arena;
struct error;
struct json;
struct what_if_source;

// {"sid", "words":[sentences], "wanted", "state", "node", "runs", "since", "places":[{node, rank,
//  words}], "rules":[…], "history":[entries as GET /cluster/ha/history has them, newest first]}.
// What is not known is left out. -ENOENT: no such service.
int why_ask(struct arena *arena, const struct what_if_source *source, const char *sid,
            struct json **ret, struct error *err) WARN_UNUSED;
