// SPDX-License-Identifier: Apache-2.0
// A member makes room for a new node, within the limits: one version everywhere, a network that is
// quick enough.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct join_string;
struct json;
struct session;

struct member_add_spec {
    const char *node;
    const char *const *addresses; // COROSYNC_LINKS_MAX of them; NULL: not on that link
    uint32_t id;                  // 0: whichever is free
};

// What the new node needs to join. A node that was added with the same addresses and has not come
// yet gets the same again. `warnings` (an array) gets words about what the operator should look at.
int member_add(struct arena *arena, const struct session *session,
               const struct member_add_spec *spec, struct json *warnings, struct join_string *ret,
               struct error *err) WARN_UNUSED;
