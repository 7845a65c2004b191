// SPDX-License-Identifier: Apache-2.0
// Writing the replica's batches without ever waiting for the disk: a companion process owns the
// file and commits what has been queued, all that waits in one transaction (group commit). The
// daemon's loop hears when it is durable.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;
struct loop;
struct replica_effect;
struct store_writer;

// What is kept free, as far as it can be: with less than this the writer tells that room is low.
enum { STORE_WRITER_RESERVE_BYTES = 20 * 1024 * 1024 };

struct store_writer_callbacks {
    // All batches up to this one are on the disk.
    void (*persisted)(void *userdata, uint64_t batch);
    // -ENOSPC: the disk is full; it is tried again every second, and nothing is lost or reordered.
    // 0: writing works again. Anything else: the file or the process is broken, nothing will be
    // written any more.
    void (*trouble)(void *userdata, int code, const char *words);
    // The disk has less than the reserve left, or more again; at the start it is taken to have
    // more. NULL: nobody asks.
    void (*room)(void *userdata, bool low);
    void *userdata;
};

// The file must be closed and sound; the process opens it again.
int store_writer_start(struct loop *loop, const char *path,
                       const struct store_writer_callbacks *callbacks, struct store_writer **ret,
                       struct error *err) WARN_UNUSED;
// Writes all that is queued (waiting up to some seconds for it) and ends the process. NULL is fine.
void store_writer_stop(struct store_writer *writer);

// A PERSIST effect. Copied; returns how many bytes that takes until it is persisted.
size_t store_writer_write(struct store_writer *writer, const struct replica_effect *effect);
// As store_file_label(), after all batches before it. Not reported.
void store_writer_label(struct store_writer *writer, const char *history);
