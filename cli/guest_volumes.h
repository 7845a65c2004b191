// SPDX-License-Identifier: Apache-2.0
// Which volumes a guest's definition names, of whatever type it is, and the storages they are on.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct cli;
struct error;
struct guest;
struct tool_context;

struct guest_volume {
    const char *key;    // "rootfs", "mp0", "scsi0"
    const char *name;   // "<storage>:<volume>" or an absolute path
    const char *rest;   // of the value, with its comma: ",size=32G"
    const char *format; // of an image; NULL: a folder
    bool is_medium;     // only read: a disc, a kernel
};

struct guest_volumes {
    struct guest_volume *items;
    size_t count;
};

// Ascending by key. -EINVAL as of the definition's check.
int guest_volumes_list(struct arena *arena, const struct guest *guest, struct guest_volumes *ret,
                       struct error *err) WARN_UNUSED;

// The storage is defined, and its folder is there: one that is missing is most likely not mounted.
// Only the node's own default is made.
int guest_volumes_check_storage(struct cli *cli, const struct tool_context *context, const char *id,
                                struct error *err) WARN_UNUSED;
// Whether the guest can be another node's: all its volumes are on storages that are shared, and
// that the node has. -EXDEV or -ENODEV, naming key and storage.
int guest_volumes_check_target(struct cli *cli, const struct tool_context *context,
                               const struct guest *guest, const char *node,
                               struct error *err) WARN_UNUSED;
