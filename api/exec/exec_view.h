// SPDX-License-Identifier: Apache-2.0
// What calls are answered from: the store as this daemon sees it, read and parsed again only when
// something in it has changed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/auth/identity.h"
#include "cli/cluster_view.h"
#include "cli/session.h"
#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/port/store.h"

struct cluster_client;
struct clock;

struct exec_view {
    struct arena *arena; // of all that was read
    struct session session;
    struct cluster_view cluster;
    struct rights *rights;
    struct store_entries secrets;
    bool readable;        // at least once; else all is empty
    struct error problem; // why it is not, or why it is old
    uint64_t changes;     // grows when something was read anew
    // Not for others:
    uint64_t token;
    bool stale;
};

// All zero before; `node` is borrowed.
void exec_view_init(struct exec_view *view, struct cluster_client *client, const char *node);
void exec_view_done(struct exec_view *view);
// Something may have changed that is not in the store (membership, the connection).
void exec_view_touch(struct exec_view *view);
// Brings it up to date. What was had from it before may be gone.
void exec_view_refresh(struct exec_view *view);

// Reads the same by a session of one's own, for children: all in the arena.
int exec_view_read(struct arena *arena, const struct session *session, struct cluster_view *ret,
                   struct rights **ret_rights, struct store_entries *ret_secrets,
                   struct error *err) WARN_UNUSED;
