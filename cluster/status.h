// SPDX-License-Identifier: Apache-2.0
// The documents that tell the state of the cluster as this node sees it.
#pragma once

#include "common/base/macros.h"

struct arena;
struct json;
struct server;

struct json *status_document(struct server *server, struct arena *arena) WARN_UNUSED;
struct json *status_leases(struct server *server, struct arena *arena) WARN_UNUSED;
