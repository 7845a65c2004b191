// SPDX-License-Identifier: Apache-2.0
// Giving commands to the master and hearing what became of them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct cluster_view;
struct command;
struct error;
struct session;

// Queues the command under a new id, which is set in *command.
int cluster_command_send(struct arena *arena, const struct session *session,
                         struct command *command, struct error *err) WARN_UNUSED;
// Waits for the master's answer. -ETIMEDOUT when none came in time; -ECANCELED with the master's
// reason when it refused.
int cluster_command_wait(struct arena *arena, const struct session *session,
                         const struct command *command, int64_t timeout_ms,
                         struct error *err) WARN_UNUSED;
// False when nobody gives signs of life who would take the command.
bool cluster_command_has_taker(const struct cluster_view *view, int64_t now_s,
                               int64_t stale_s) WARN_UNUSED;
