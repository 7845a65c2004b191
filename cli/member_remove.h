// SPDX-License-Identifier: Apache-2.0
// A node leaves the cluster for good: refused while it may be at work, or while something is
// recorded there; then it is taken out of corosync.conf, and what the others keep of it is removed.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct json;
struct session;

// `force` gives up what is recorded there; its lease (INV-2) must be over all the same. `warnings`
// (an array) gets words about what the operator should look at.
int member_remove(struct arena *arena, const struct session *session, const char *node, bool force,
                  struct json *warnings, struct error *err) WARN_UNUSED;
