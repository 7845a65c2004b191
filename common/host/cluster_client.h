// SPDX-License-Identifier: Apache-2.0
// The connection to ha-clusterd and, on top of it, the store, lease and membership ports. The wire
// protocol is described in docs/store.md: frames of a 4-byte little-endian length and a JSON
// object.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct cluster_client;
struct error;
struct json;
struct lease;
struct loop;
struct membership;
struct store;

// For daemons: connects as soon as ha-clusterd is there and reconnects when it was gone; `changed`
// is called from the loop after something the daemon should look at came in: a committed change
// below one of `prefixes` (NULL-terminated), membership, a lease answer, loss or return of the
// connection. `owner` is the node on whose behalf leases are held.
typedef void (*cluster_client_changed)(void *userdata);
struct cluster_client *cluster_client_new(struct loop *loop, const char *owner,
                                          const char *const *prefixes,
                                          cluster_client_changed changed,
                                          void *userdata) WARN_UNUSED;
// The timing profile this process runs with. A lease's times are those of ha-clusterd, the
// watchdog's those of its client: with different profiles they would not add up to what the other
// nodes wait (docs/timing.md). From now on no lease is had from an ha-clusterd with another one …
void cluster_client_expect_profile(struct cluster_client *client, const char *profile);
// … and this says that the process must start anew, to read its settings again.
bool cluster_client_is_outdated(const struct cluster_client *client) WARN_UNUSED;
// How long a write of this daemon's rounds waits for its answer at first, instead of two seconds
// (common/host/client_patience.h). What was not answered in time may still take effect.
void cluster_client_set_patience(struct cluster_client *client, int64_t patience_ms);
// For tools and workers: connects now, without a loop. -ENOENT/-ECONNREFUSED: ha-clusterd is not
// running (the text says so and how to start it); -EACCES: only root may.
int cluster_client_connect(struct cluster_client **ret, struct error *err) WARN_UNUSED;
void cluster_client_free(struct cluster_client *client);
void cluster_client_freep(struct cluster_client **client);

// Whether the node has lost its agent lease to another one, or is away, as this node's ha-clusterd
// knows it.
// `client` is a struct cluster_client *, so that it can be handed on as a callback. -ENOTCONN and
// the like.
int cluster_client_is_gone(void *client, const char *node, bool *ret,
                           struct error *err) WARN_UNUSED;
// The client whose store port this is.
struct cluster_client *cluster_client_of_store(struct store *store) WARN_UNUSED;

// Of the view of the watched entries: another number after each change that has come in.
uint64_t cluster_client_token(const struct cluster_client *client) WARN_UNUSED;

struct store *cluster_client_store(struct cluster_client *client) WARN_UNUSED;
struct lease *cluster_client_lease(struct cluster_client *client) WARN_UNUSED;
struct membership *cluster_client_membership(struct cluster_client *client) WARN_UNUSED;

// One request and its answer; waits at most timeout_ms. The answer's "error" member, when there is
// one, becomes the return value and the words. For what has no port: status, expected votes,
// configuration reload.
int cluster_client_call(struct cluster_client *client, struct arena *arena,
                        const struct json *request, int64_t timeout_ms, struct json **ret_answer,
                        struct error *err) WARN_UNUSED;
// This node's name as ha-clusterd knows it, in the arena; NULL before the first connection.
const char *cluster_client_node(struct cluster_client *client, struct arena *arena) WARN_UNUSED;
