// SPDX-License-Identifier: Apache-2.0
// What virtual machines need besides their definition: images for their disks.
#pragma once

#include "common/base/macros.h"

struct cli;
struct error;
struct guest;
struct tool_context;

// Disks given as "<storage>:<GiB>[,…]" become images on that storage, and the definition names
// them. Also gives the machine an identity of its own. On failure nothing is left of what was made.
int guest_machine_make(struct cli *cli, const struct tool_context *context, struct guest *guest,
                       struct error *err) WARN_UNUSED;
// Removes the images that are on storages and bear the machine's number; with `before` only those
// that it does not name: what a change has made and must give up.
int guest_machine_remove(struct cli *cli, const struct tool_context *context,
                         const struct guest *guest, const struct guest *before,
                         struct error *err) WARN_UNUSED;
