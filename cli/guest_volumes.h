// SPDX-License-Identifier: Apache-2.0
// Which volumes a guest's definition names, of whatever type it is, and the storages they are on.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

// Of a type of guests: which keys have volumes that are made for it, and how such a volume is
// removed (one that is gone already is removed).
struct guest_volumes_kind {
    bool (*has_key)(const char *key);
    int (*remove)(const char *path, struct error *err);
};

// Ascending by key. -EINVAL as of the definition's check.
int guest_volumes_list(struct arena *arena, const struct guest *guest, struct guest_volumes *ret,
                       struct error *err) WARN_UNUSED;

// The value asks for a volume to be made: "<storage>:<GiB>[,…]". False: it names one.
bool guest_volumes_parse_new(struct arena *arena, const char *value, const char **ret_storage,
                             int64_t *ret_gib) WARN_UNUSED;
// Removes the guest's own volumes under the keys of this kind; with `before` only those that it
// does not name: what a change has made and must give up. A volume is the guest's own when it is on
// a storage and bears its type and number: what we did not make is not ours to remove, such as
// another guest's, or a disc for installations.
int guest_volumes_remove_own(struct cli *cli, const struct tool_context *context,
                             const struct guest *guest, const struct guest *before,
                             const struct guest_volumes_kind *kind, struct error *err) WARN_UNUSED;

// The storage is defined, and its folder is there: one that is missing is most likely not mounted.
// Only the node's own default is made.
int guest_volumes_check_storage(struct cli *cli, const struct tool_context *context, const char *id,
                                struct error *err) WARN_UNUSED;
// Whether the guest can be another node's: all its volumes are on storages that are shared, and
// that the node has. -EXDEV or -ENODEV, naming key and storage.
int guest_volumes_check_target(struct cli *cli, const struct tool_context *context,
                               const struct guest *guest, const char *node,
                               struct error *err) WARN_UNUSED;
