// SPDX-License-Identifier: Apache-2.0
// The replica's state on this node's disk: one SQLite file, WAL, synchronous=FULL. A batch is one
// transaction, so that a power cut at any instruction leaves the state before or after it. Besides
// what SQLite checks itself, every row has a check number and the file has one over all rows, so
// that a changed or missing row is found when the file is opened; a witness beside it tells what
// was confirmed, so that a damaged end of the log is. What an open file shows is on the disk.
//
// Calls block for as long as the disk does; the daemon uses them through store_writer.h, which does
// not.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct replica_row;
struct store_file;

// What is kept besides the rows.
struct store_label {
    uint64_t epoch, last_version; // as the replica gave them with the last batch
    // Whose history this is: the cluster's identity, "" for a standalone node. A file of another
    // history is never used.
    const char *history;
};

// Opens or makes the file and takes an exclusive lock on it until close. -EUCLEAN: corrupt, with
// the reason; -EBUSY: another process uses it; -ENOTSUP: written by a newer version; -ENOSPC,
// -EACCES, -EIO: cannot be used now.
int store_file_open(const char *path, struct store_file **ret, struct error *err) WARN_UNUSED;
void store_file_close(struct store_file *file);
void store_file_closep(struct store_file **file);

// All rows, and the label; in the arena. -EUCLEAN as above.
int store_file_load(struct store_file *file, struct arena *arena, struct store_label *ret_label,
                    const struct replica_row **ret_rows, size_t *ret_count,
                    struct error *err) WARN_UNUSED;
int store_file_label(struct store_file *file, const char *history, struct error *err) WARN_UNUSED;

// A batch: begin, any number of rows, commit. When one of them fails the whole batch is undone and
// must be begun again. -ENOSPC: the disk is full, trying again later makes sense. Anything else:
// the file cannot be trusted any more.
int store_file_begin(struct store_file *file, bool replace_all, struct error *err) WARN_UNUSED;
// A row without value is kept as "deleted".
int store_file_put(struct store_file *file, const struct replica_row *row,
                   struct error *err) WARN_UNUSED;
int store_file_commit(struct store_file *file, uint64_t epoch, uint64_t last_version,
                      struct error *err) WARN_UNUSED;

// When there is nothing to write for some time: syncs what helps to find damage (store_witness.h).
void store_file_rest(struct store_file *file);

// Renames the closed file (and what belongs to it) to "<path>.<why>-<wall clock time>"; the new
// path is in the arena.
int store_file_set_aside(const char *path, const char *why, int64_t wall_s, struct arena *arena,
                         char **ret_path, struct error *err) WARN_UNUSED;
// Deletes the closed file with what belongs to it.
int store_file_remove(const char *path, struct error *err) WARN_UNUSED;
