// SPDX-License-Identifier: Apache-2.0
// What containers need besides their definition and their root file system: hardware addresses of
// their own, folders for their mounts.
#pragma once

#include "common/base/macros.h"

struct arena;
struct cli;
struct error;
struct guest;
struct tool_context;

// Interfaces ("net0") without a hardware address get one, at random.
void guest_container_give_addresses(struct arena *arena, struct guest *guest);
// That; and mounts given as "<storage>:<GiB>,mp=…" become folders on that storage, which the
// definition names. On failure nothing is left of what was made.
int guest_container_make(struct cli *cli, const struct tool_context *context, struct guest *guest,
                         struct error *err) WARN_UNUSED;
// Removes the mounts' folders that are on storages and bear the container's number; with `before`
// only those that it does not name: what a change has made and must give up.
int guest_container_remove(struct cli *cli, const struct tool_context *context,
                           const struct guest *guest, const struct guest *before,
                           struct error *err) WARN_UNUSED;
