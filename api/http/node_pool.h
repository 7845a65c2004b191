// SPDX-License-Identifier: Apache-2.0
// Connections to other nodes that wait for the next call to the same one. Only such are kept whose
// peer has shown the certificate that they are kept under.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct bufferevent;
struct event_base;
struct node_pool;

enum {
    NODE_POOL_MAX = 64,     // of all nodes together
    NODE_POOL_NODE_MAX = 8, // of one
    NODE_POOL_IDLE_S = 20,  // shorter than the other side keeps them (HTTP_IDLE_S)
};

// Whose connection it is. Borrowed while a function runs.
struct node_peer {
    const char *address;
    int port;
    const char *fingerprint; // that its certificate has
};

struct node_pool *node_pool_new(struct event_base *base) WARN_UNUSED;
void node_pool_free(struct node_pool *pool); // closes them; NULL is fine
// The one used last, with no callbacks and nothing in its buffers; NULL: there is none. It may have
// been closed by the peer just now.
struct bufferevent *node_pool_take(struct node_pool *pool,
                                   const struct node_peer *peer) WARN_UNUSED;
// Takes a connection over on which an answer has ended and nothing else came; when there are too
// many, the one that has waited longest is closed.
void node_pool_give(struct node_pool *pool, const struct node_peer *peer, struct bufferevent *bev);
