// SPDX-License-Identifier: Apache-2.0
// Whether the folders of the storages answer on this node. A folder on a dead server blocks whoever
// touches it, for ever; so each is looked at by a process of its own, which may be left behind.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/replica.h"
#include "common/base/macros.h"

struct arena;
struct json;
struct loop;
struct storage_probe;

enum { STORAGE_PROBE_MS = 3000 };

struct storage_probe *storage_probe_new(struct loop *loop) WARN_UNUSED;
void storage_probe_free(struct storage_probe *probe);
// Begins to look at the storages of these rows ("storage/…"). What an earlier start has not heard
// of yet is not waited for any more.
void storage_probe_start(struct storage_probe *probe, const struct replica_row *rows, size_t count);
// All have answered, or the time is over.
bool storage_probe_is_done(struct storage_probe *probe, int64_t now_ms) WARN_UNUSED;
// [{storage, path, problem}], without problem when it answered well.
struct json *storage_probe_results(const struct storage_probe *probe,
                                   struct arena *arena) WARN_UNUSED;
