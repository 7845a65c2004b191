// SPDX-License-Identifier: Apache-2.0
// What swarm_clusterd.c (the daemon) and swarm_client.c (those who talk to it) share: questions on
// their way there and answers on their way back, each side behind its own gate.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/engine.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/host/client_cache.h"
#include "common/host/client_patience.h"
#include "common/model/lease_claim.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/store.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_queue.h"

enum { SWARM_COMMIT_TIMEOUT_MS = 2000 }; // of daemons

enum swarm_call_kind {
    SWARM_CALL_HELLO, // connect, and watch
    SWARM_CALL_TXN,
    SWARM_CALL_ACQUIRE,
    SWARM_CALL_RELEASE,
};

struct swarm_call {
    struct swarm_call *next; // of the daemon's, until it is answered
    struct swarm_clusterd *clusterd;
    struct swarm_client *client; // NULL: nobody waits for the answer any more
    struct arena *arena;         // of what it points to
    enum swarm_call_kind kind;
    struct swarm_timer timer;
    // The question.
    struct replica_request request;
    const char *lease;
    uint64_t term;
    // With the engine.
    uint64_t number; // of the request; 0: not made yet
    const char *origin;
    // The answer.
    bool is_answered; // it has arrived
    bool is_busy;
    int64_t retry_in_ms;
    struct error refusal; // code 0: none
    uint64_t version, granted_term;
    // Who waits for it.
    struct swarm_fiber *fiber;
    struct swarm_timer timeout;
};

// What an observer has looked at lives until something happens.
struct clusterd_peek {
    struct arena *arena;
    uint64_t at; // happenings of the queue
};

struct swarm_clusterd {
    struct swarm_clusterd_spec spec;
    struct engine *engine;
    struct swarm_timer tick, ended;
    struct swarm_client *clients; // connected, or just connecting
    struct swarm_call *calls;
    struct arena *scratch;
    struct clusterd_peek *peek;
    uint64_t durable_version; // of the newest durable row that was committed here
};

struct client_claim {
    struct lease_claim claim;
    struct swarm_call *asked; // on its way; NULL: none
};

struct client_member {
    const char *node;
    bool is_online, is_present;
};

struct swarm_client {
    struct swarm_client_spec spec;
    struct store store;
    struct lease lease;
    struct membership membership;
    struct swarm_client *next; // of the daemon's
    struct swarm_clusterd *clusterd;
    struct swarm_fiber *fiber;
    struct swarm_call *hello; // on its way; NULL: none
    bool is_loaded;           // the view is this connection's
    bool is_viewed;           // there was one, of this or an earlier connection
    bool is_calling;
    struct client_cache cache;
    struct client_patience patience; // of a daemon
    struct map claims;               // name → struct client_claim *
    struct map waits; // leases that were refused as busy, to be told of when they can be had
    struct arena *members_arena;
    struct client_member *members;
    size_t members_count;
    bool is_known, is_quorate, is_forced;
    uint64_t epoch;
    struct swarm_timer announce, lost, retry;
    int64_t sent_us, answered_us; // what is on its way stays in order
};

// ---- The daemon's side (swarm_clusterd.c).

// The question is on its way.
void swarm_clusterd_take(struct swarm_clusterd *clusterd, struct swarm_call *call);
void swarm_clusterd_add_client(struct swarm_clusterd *clusterd, struct swarm_client *client);
// What it has asked is done all the same; whoever waits is told that the outcome is not known.
void swarm_clusterd_remove_client(struct swarm_clusterd *clusterd, struct swarm_client *client);

// ---- The client's side (swarm_client.c).

struct swarm_call *swarm_call_new(enum swarm_call_kind kind) WARN_UNUSED;
void swarm_call_free(struct swarm_call *call);
// The answer is on its way.
void swarm_client_answer(struct swarm_client *client, struct swarm_call *call);
void swarm_client_cut(struct swarm_client *client); // the daemon is gone
void swarm_client_take_rows(struct swarm_client *client, const struct replica_row *rows,
                            size_t count);
void swarm_client_take_membership(struct swarm_client *client);
void swarm_client_take_lease(struct swarm_client *client, const char *name);

bool swarm_client_is_ready(const struct swarm_client *client) WARN_UNUSED;
bool swarm_client_is_daemon(const struct swarm_client *client) WARN_UNUSED;
bool swarm_client_watches(const struct swarm_client *client, const char *key) WARN_UNUSED;
void swarm_client_announce(struct swarm_client *client);
void swarm_client_send(struct swarm_client *client, struct swarm_call *call);
void swarm_client_send_release(struct swarm_client *client, const char *name, uint64_t term);
// Nobody waits for it any more. It is done all the same, or its answer is dropped.
void swarm_call_forget(struct swarm_call *call);
struct store_entry swarm_client_entry(const struct replica_row *row); // borrowed

// ---- swarm_client_ports.c

void swarm_client_ports_init(struct swarm_client *client);
