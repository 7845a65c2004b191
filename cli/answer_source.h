// SPDX-License-Identifier: Apache-2.0
// The cluster as answers/ wants it: the store, who is there with how many votes, and the times in
// force, asked of this node's ha-clusterd.
#pragma once

#include <stdint.h>

#include "answers/what_if.h"
#include "common/base/macros.h"

struct arena;
struct member_list;
struct session;

// Never fails: without an answer of ha-clusterd each node has one vote, and the profile's own
// numbers stand. Borrows the session's store and the members.
void answer_source_read(struct arena *arena, const struct session *session,
                        const struct member_list *members, int64_t wall_ms,
                        struct what_if_source *ret);
