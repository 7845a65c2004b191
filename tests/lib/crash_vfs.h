// SPDX-License-Identifier: Apache-2.0
// A disk that loses power: SQLite's default VFS, wrapped so that every write, truncation, sync,
// creation and deletion is counted and recorded. At the n-th of them it fails once, or everything
// stops. What a disk may hold after that power cut is then made as files of another folder: all
// that was synced, and of the rest nothing, all, all with the last write torn, or any selection of
// sectors.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crash_vfs;

enum crash_image {
    CRASH_IMAGE_SYNCED, // what was not synced is gone
    CRASH_IMAGE_ALL,    // nothing is lost: as after kill -9
    CRASH_IMAGE_TORN,   // of the last write only the first half
    CRASH_IMAGE_SECTORS // of what was not synced any sectors, by the seed
};

// Becomes the default VFS. The folder's files as they are now count as synced. One at a time.
struct crash_vfs *crash_vfs_new(const char *folder);
void crash_vfs_free(struct crash_vfs *vfs); // the former default is it again

// At the n-th operation from now on (0: never) everything stops: this one and all that follow fail
// without effect.
void crash_vfs_stop_at(struct crash_vfs *vfs, size_t n);
// At the n-th operation from now on (0: never) this result of SQLite, once, without effect.
void crash_vfs_fail_at(struct crash_vfs *vfs, size_t n, int result);
bool crash_vfs_has_stopped(const struct crash_vfs *vfs);
// Since the last of the calls above.
size_t crash_vfs_operations(const struct crash_vfs *vfs);
// The process is gone, the machine is not: operations work again, what was not synced still is not.
void crash_vfs_restart(struct crash_vfs *vfs);

// Writes what the disk holds into the folder, which is empty or has such files.
void crash_vfs_image(const struct crash_vfs *vfs, enum crash_image image, uint64_t seed,
                     const char *folder);
