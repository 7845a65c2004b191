// SPDX-License-Identifier: Apache-2.0
// Changing fence devices: what is asked for is checked against the nodes there are and against what
// the device's agent says of itself, and is written with its secrets in one transaction.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct fence_config;
struct fence_device;
struct session;

// What the store has; versions tie a later write to it.
struct fence_stored {
    struct fence_config *config;
    uint64_t version;
};
int fence_stored_read(struct arena *arena, const struct session *session, struct fence_stored *ret,
                      struct error *err) WARN_UNUSED;
// -ENOENT, naming those that exist.
int fence_stored_find(const struct fence_stored *stored, const char *name,
                      const struct fence_device **ret, struct error *err) WARN_UNUSED;

struct fence_request {
    const char *agent; // NULL: not given, as below
    const char *nodes; // "node1:3,node2"
    int64_t level;     // 0: not given
    int64_t delay_s;   // -1: not given
    int64_t timeout_s; // 0: not given
    bool has_disabled, disabled;
    struct map params;   // key → const char *
    struct map secrets;  // key → const char *
    const char *removed; // names of parameters and secrets, or delay, level, timeout, disabled
};

// A request that changes nothing, its maps in the arena.
void fence_request_init(struct arena *arena, struct fence_request *request);
// "key=value" into the request's parameters; secrets are refused there.
int fence_request_param(struct arena *arena, struct fence_request *request, const char *text,
                        struct error *err) WARN_UNUSED;
// "key=value" lines of a file that nobody but its owner, the caller, can read.
int fence_request_secret_file(struct arena *arena, struct fence_request *request, const char *path,
                              struct error *err) WARN_UNUSED;

// A new device, or with `exists` a change of one that is there. All or nothing.
int fence_device_put(struct arena *arena, const struct session *session, const char *name,
                     const struct fence_request *request, bool exists,
                     struct error *err) WARN_UNUSED;
int fence_device_remove(struct arena *arena, const struct session *session, const char *name,
                        struct error *err) WARN_UNUSED;
int fence_self_test_set(struct arena *arena, const struct session *session, int64_t interval_s,
                        struct error *err) WARN_UNUSED;
// "1d", "12h", "0", "never"; a number without unit means seconds.
int fence_interval_parse(const char *text, int64_t *ret_interval_s, struct error *err) WARN_UNUSED;
