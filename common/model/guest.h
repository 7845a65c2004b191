// SPDX-License-Identifier: Apache-2.0
// A guest's definition and place: the JSON value under "guest/<sid>". A service runs on the node
// where its guest is.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;

struct guest {
    const char *sid;
    const char *node; // where it is; moving a guest is changing this
    const char *lock; // NULL, or why it must not be touched: backup, migrate, snapshot, …
    // NULL, or which live move brought it to `node`: only the process that received that one may go
    // on with it (docs/guests.md). Void once it is moved by anything else.
    const char *arrival;
    struct map config; // key → const char *: hostname, memory, cores, rootfs, …
};

struct guest *guest_new(struct arena *arena, const char *sid, const char *node) WARN_UNUSED;
// A copy in the arena.
struct guest *guest_clone(struct arena *arena, const struct guest *guest) WARN_UNUSED;
// {"sid":…,"node":…,"lock":…,"arrival":…,"config":{…}}; -EINVAL names the key.
int guest_parse(struct arena *arena, const char *text, size_t size_bytes, struct guest **ret,
                struct error *err) WARN_UNUSED;
char *guest_format(struct arena *arena, const struct guest *guest) WARN_UNUSED;
