// SPDX-License-Identifier: Apache-2.0
// The end of all guests of this node at once: each is killed in a process of its own, with what a
// worker had begun for it, and is proven to be gone. Which guests, when and until when is decided
// by the LRM's core.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "common/port/workers.h"

struct arena;
struct host_kill;
struct host_workers_spec;

// `spec` is borrowed.
struct host_kill *host_kill_new(const struct host_workers_spec *spec) WARN_UNUSED;
// Kills the processes that still run; the guests are left as they are.
void host_kill_free(struct host_kill *kill);
// Nothing while one is pending. `failure`: words of what has failed already, or NULL.
void host_kill_begin(struct host_kill *kill, const struct workers_guests *guests, int64_t until_ms,
                     const char *failure);
// Back to WORKERS_KILLED_NONE. None is pending.
void host_kill_clear(struct host_kill *kill);
enum workers_killed host_kill_look(const struct host_kill *kill, struct arena *arena,
                                   const char **ret_reason) WARN_UNUSED;
