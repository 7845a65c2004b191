// SPDX-License-Identifier: Apache-2.0
// What the parts of cluster_client share. Not for use elsewhere.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/host/client_cache.h"
#include "common/host/client_patience.h"
#include "common/host/cluster_client.h"
#include "common/port/clock.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/store.h"

struct ipc_stream;
struct json;
struct loop_source;

enum {
    // Of daemons: a round that waits for an answer does nothing else.
    CLIENT_COMMIT_TIMEOUT_MS = 2000,
    CLIENT_READ_TIMEOUT_MS = 2000,
    // Of tools and workers. After a node has come or gone the store may need a while until it
    // commits
    // again, and what takes effect later is worse to be told of as unknown than to wait for.
    CLIENT_COMMIT_PATIENCE_MS = 20 * 1000,
    CLIENT_READ_PATIENCE_MS = 10 * 1000,
    CLIENT_CONNECT_TIMEOUT_MS = 5000, // of tools; daemons never wait for a connection
    CLIENT_RECONNECT_MS = 200,
};

struct client_store_port {
    struct store base;
    struct cluster_client *client;
};

struct client_lease_port {
    struct lease base;
    struct cluster_client *client;
    struct map held;           // name → struct client_lease *: all that were ever asked for
    struct loop_source *timer; // to ask again after a failure
};

struct client_membership_port {
    struct membership base;
    struct cluster_client *client;
    struct map nodes; // node → flags, see client_membership.c
    bool quorate, known, forced;
    uint64_t epoch;
};

struct cluster_client {
    struct loop *loop; // NULL: a tool's connection
    char *owner, *node;
    char **prefixes;
    size_t prefixes_count;
    cluster_client_changed changed;
    void *userdata;
    struct clock clock;

    struct ipc_stream *stream; // NULL: not connected
    struct error refusal;      // why ha-clusterd closed it
    struct loop_source *io, *reconnect, *announce;
    int64_t last_id, hello_id;
    bool loaded; // the first snapshot of this connection is complete
    bool viewed; // there was a complete snapshot, of this or an earlier connection
    int64_t authority_ms, renew_ms;  // 0: not told yet
    struct client_patience patience; // of a daemon's rounds with their writes
    char *profile;                   // ha-clusterd's; NULL: not told yet
    char *expected_profile;          // NULL: any

    struct client_cache cache;
    struct client_store_port store;
    struct client_lease_port lease;
    struct client_membership_port membership;

    // The answer that cluster_client_call() waits for.
    int64_t wanted_id;
    struct arena *wanted_arena;
    struct json *wanted_answer;
};

static inline int64_t client_commit_timeout_ms(const struct cluster_client *client)
{
    return client->loop != NULL ? client->patience.now_ms : CLIENT_COMMIT_PATIENCE_MS;
}

static inline int64_t client_read_timeout_ms(const struct cluster_client *client)
{
    return client->loop != NULL ? CLIENT_READ_TIMEOUT_MS : CLIENT_READ_PATIENCE_MS;
}

// Connected, and the view is complete: what is answered from here on is this connection's.
bool client_is_ready(const struct cluster_client *client) WARN_UNUSED;
// Gives the request its id and queues it; *ret_id is the id. -ENOTCONN: not connected, or not any
// more.
int client_send(struct cluster_client *client, struct json *request, int64_t *ret_id) WARN_UNUSED;
// Reads and handles what has come in, without waiting.
void client_pump(struct cluster_client *client);
// Has `changed` called from the loop, soon.
void client_announce(struct cluster_client *client);
// The code of an answer and its words: 0 when it is not an error.
int client_answer_code(const struct json *answer, struct error *err) WARN_UNUSED;

void client_store_init(struct cluster_client *client);

void client_lease_init(struct cluster_client *client);
void client_lease_done(struct cluster_client *client);
// True when the answer was for a lease request.
bool client_lease_answer(struct cluster_client *client, int64_t id, const struct json *answer);
// Something about this lease (NULL: any) may have changed: a busy one may be asked for again at
// once.
void client_lease_wake(struct cluster_client *client, const char *name);
void client_lease_disconnected(struct cluster_client *client);

void client_membership_init(struct cluster_client *client);
void client_membership_done(struct cluster_client *client);
void client_membership_update(struct cluster_client *client, const struct json *message);
