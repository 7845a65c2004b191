// SPDX-License-Identifier: Apache-2.0
// What a new node needs to join, asked of a member by its API.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct join_string;
struct json;

struct peer_join_spec {
    const char *host; // of the member
    const char *fingerprint;
    const char *password; // of its root
    const char *node;     // this one
    // By link; without the first it is the one from which the member is reached.
    const char *const *addresses;
    int64_t id; // 0: whichever is free
};

// Logs in as root@pam and has room made. The same may be asked again: nothing has changed on this
// node, and the member gives the same. `warnings` (an array) gets the member's.
int peer_join(struct arena *arena, const struct peer_join_spec *spec, struct json *warnings,
              struct join_string *ret, struct error *err) WARN_UNUSED;
