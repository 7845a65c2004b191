// SPDX-License-Identifier: Apache-2.0
// One question to this node's ha-clusterd, for what has no port.
#pragma once

#include "common/base/macros.h"

struct arena;
struct cluster_client;
struct error;
struct json;

// Sends {"op":op} with the members of `request` (NULL: none) and waits for the answer.
int ha_cluster_call(struct arena *arena, struct cluster_client *client, const char *op,
                    struct json *request, struct json **ret_answer, struct error *err) WARN_UNUSED;
