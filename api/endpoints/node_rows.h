// SPDX-License-Identifier: Apache-2.0
// Nodes as lists show them.
#pragma once

#include "common/base/macros.h"

struct call;
struct json;
struct map;

// {id, node, type, status, level, ssl_fingerprint} and, when the caller may see them and the node
// has told them, its figures. `figures`: endpoint_figures().
struct json *node_row(const struct call *call, const struct map *figures,
                      const char *node) WARN_UNUSED;
