// SPDX-License-Identifier: Apache-2.0
// The Unix socket of ha-clusterd: who may connect, frames in and out, who watches what. The
// operations are in server_ops.c; the protocol is docs/store.md, "IPC protocol".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cluster/replica/replica.h"
#include "common/base/macros.h"

struct engine;
struct error;
struct event_sink;
struct latency_page;
struct loop;
struct server;
struct timing;

enum server_wish {
    SERVER_WISH_RESTART = 1, // a client asks the daemon to start anew
    SERVER_WISH_SET_ASIDE,   // likewise, with an empty database
    SERVER_WISH_LEAVE,       // likewise, after the node left its cluster
};

struct server_spec {
    struct loop *loop;
    struct event_sink *events;
    const char *path;
    uid_t allowed_uid; // who may connect: 0
    const char *node;
    const char *cluster; // its name, NULL: standalone
    const struct timing *timing;
    struct latency_page *times; // where answers are counted; NULL: nowhere
    void (*wish)(void *userdata, enum server_wish wish);
    // NULL, or why nobody on this node may have a lease now (NULL: they may).
    const char *(*lease_refusal)(void *userdata);
    void *userdata;
};

// Listens. The engine is set once it runs; until then clients are not accepted.
int server_new(const struct server_spec *spec, struct server **ret, struct error *err) WARN_UNUSED;
void server_free(struct server *server);
void server_set_engine(struct server *server, struct engine *engine);

// Whether a program of this name (as the kernel has it) is connected and follows the store.
bool server_has_client(const struct server *server, const char *program) WARN_UNUSED;

// For the engine's callbacks.
void server_answered(struct server *server, uint64_t request, const struct replica_answer *answer);
void server_changed(struct server *server, const struct replica_row *rows, size_t count);
void server_membership(struct server *server);
void server_turned(struct server *server);
