// SPDX-License-Identifier: Apache-2.0
// Where a guest's volume is on this node: from the storages in the store.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct storage;
struct store;

// The storage's definition; STORAGE_LOCAL exists without one. -ENOENT when it is not defined.
int volume_find_storage(struct arena *arena, struct store *store, const char *id,
                        struct storage **ret, struct error *err) WARN_UNUSED;
// The absolute path of "<storage>:<volume>" or of what is an absolute path already, and whether all
// nodes see the same there. The folder need not exist. An absolute path counts as shared: whoever
// gives one knows what is there.
int volume_resolve(struct arena *arena, struct store *store, const char *name,
                   const char **ret_path, bool *ret_shared, struct error *err) WARN_UNUSED;
// Waits until nothing that was written to the folder's file system is still on its way, if other
// machines may write to it as well: there is no telling otherwise when the kernel would write what
// an ended process left with it. Blocks as long as the storage does.
int volume_settle(const char *path, struct error *err) WARN_UNUSED;
