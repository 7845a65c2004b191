// SPDX-License-Identifier: Apache-2.0
// Nodes as lists show them.
#pragma once

#include "common/base/macros.h"

struct call;
struct json;
struct map;
struct node_figures;

// {id, node, type, status, level, ssl_fingerprint} and, when the caller may see them and the node
// has told them, its figures. `figures`: endpoint_figures().
struct json *node_row(const struct call *call, const struct map *figures,
                      const char *node) WARN_UNUSED;
// What this node says of itself, or, before it has, what can be seen at once.
const struct node_figures *node_figures_here(const struct call *call) WARN_UNUSED;
