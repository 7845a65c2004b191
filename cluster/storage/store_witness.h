// SPDX-License-Identifier: Apache-2.0
// What was confirmed, told apart from the database: epoch and last version of the last batch that
// was on the disk. SQLite takes a damaged end of its log for one that was being written when the
// power went, and drops it; what was confirmed must not go that way in silence. A file that ends
// before its witness is damaged.
//
// The witness is written after each commit and synced only when there is nothing else to do: after
// a power cut it may be an older one, which proves less, never a newer one than the database is.
// One that is missing or damaged itself proves nothing. Written through SQLite's VFS, so that tests
// cut the power here, too.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct store_witness;

// Beside the database at `path`. Never fails: without it there is only less to check.
struct store_witness *store_witness_open(const char *path) WARN_UNUSED;
void store_witness_close(struct store_witness *witness);
// True when a database that ends there has all that was confirmed.
bool store_witness_agrees(const struct store_witness *witness, uint64_t epoch,
                          uint64_t last_version) WARN_UNUSED;
// Before a batch that takes either number back: forgets. 0 or -errno.
int store_witness_prepare(struct store_witness *witness, uint64_t epoch,
                          uint64_t last_version) WARN_UNUSED;
// After a batch is on the disk.
void store_witness_write(struct store_witness *witness, uint64_t epoch, uint64_t last_version);
void store_witness_sync(struct store_witness *witness);
// The last version it tells of; 0: of none.
uint64_t store_witness_version(const struct store_witness *witness) WARN_UNUSED;
