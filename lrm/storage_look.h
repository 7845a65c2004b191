// SPDX-License-Identifier: Apache-2.0
// One look at a storage on this node: is it mounted, is it what it should be, does it answer? It
// mounts what belongs to us to mount. Blocks as long as the storage does, so it is done in a
// process that may be left behind (storage_keeper.h).
#pragma once

#include "common/base/macros.h"
#include "common/model/storage_state.h"

struct arena;
struct error;
struct storage;

// What is mounted on a folder now, the topmost; the path with nothing doubtful in it.
struct storage_mount {
    const char *type;   // "nfs4", "ext4" …
    const char *source; // "10.0.0.9:/srv/guests", "/dev/sda1" …
};
// From a table of mounts in the form of /proc/self/mounts. 0, -ENOENT when nothing is mounted
// there, else why the table cannot be read.
int storage_mount_find(struct arena *arena, const char *table, const char *path,
                       struct storage_mount *ret, struct error *err) WARN_UNUSED;

// The storage as it is now. Never fails: what is wrong is in the result, in the arena.
void storage_look(struct arena *arena, const struct storage *storage, struct storage_state *ret);
