// SPDX-License-Identifier: Apache-2.0
// Trying fence devices without switching anything, and what the store knows of them: their secrets
// and how the last trial went. For worker processes and tools (fence_agent.h).
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
struct membership;
struct store;

struct fence_trial_row {
    const char *node;   // whose status was asked; NULL: the device itself ("monitor")
    const char *answer; // "ok", "on", "off", "failed"
    const char *words;  // what the device said, or why it could say nothing
    const char *reason; // why it failed, or ""
    bool passed;
    int exit_status; // of the agent; -1: it did not end by itself
    int64_t took_ms;
};

struct fence_trial {
    struct fence_trial_row *rows;
    size_t count;
    bool passed;
    const char *reason; // of the first that failed, or ""
    int64_t took_ms;
};

// Asks the device how it is, and for the status of each of its nodes. A device that says of a
// member of the cluster that it is off has another plug than it should, or lies, and would one day
// give a false proof: failed. (A member that was switched off just now is given some seconds to
// leave.) Each question has the device's timeout.
void fence_trial_run(struct arena *arena, const struct fence_device *device,
                     const struct map *secrets, struct membership *membership,
                     struct fence_trial *ret);

// Whether the node is a member now, as far as is known.
bool fence_node_is_online(struct membership *membership, const char *node) WARN_UNUSED;

// The document under "config/fence"; without one, a configuration without devices. `ret_version`:
// of its key, STORE_ABSENT without one; may be NULL.
int fence_config_read(struct store *store, struct arena *arena, struct fence_config **ret,
                      uint64_t *ret_version, struct error *err) WARN_UNUSED;
// A device without secrets has an empty map.
int fence_secrets_read(struct store *store, struct arena *arena, const char *device,
                       struct map *secrets, struct error *err) WARN_UNUSED;

// The last trial, kept under "live/fence/<device>": {"by","passed","reason","timestamp","took_ms"}.
struct fence_record {
    const char *by; // node that tried
    bool passed;
    const char *reason; // "" when passed
    int64_t took_ms;
    int64_t wall_s;
};

int fence_record_write(struct store *store, struct arena *arena, const char *device,
                       const struct fence_record *record, struct error *err) WARN_UNUSED;
// *ret_known false: it was never tried, as far as the cluster remembers.
int fence_record_read(struct store *store, struct arena *arena, const char *device,
                      struct fence_record *ret, bool *ret_known, struct error *err) WARN_UNUSED;
