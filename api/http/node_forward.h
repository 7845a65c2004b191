// SPDX-License-Identifier: Apache-2.0
// The same call at another node: TLS to the certificate of a known fingerprint, and nothing is said
// before the peer has shown it. Connections are kept for the next call. What only reads goes over a
// kept one, and once more over a new one when that was closed meanwhile; what changes something
// goes over a new one always, so that it is never said twice.
#pragma once

#include <stddef.h>

#include "api/http/node_pool.h"
#include "api/http/parse/http_response.h"
#include "common/base/macros.h"

struct event_base;
struct node_forward;
struct ssl_ctx_st;

enum {
    FORWARD_CONNECT_S = 5,
    FORWARD_ANSWER_S = 70, // longer than the other node waits for its ha-execd
    FORWARD_STATUS_UNREACHED = 595,
    FORWARD_STATUS_BROKEN = 596, // reached, but it is not that node, or its answer did not come
};

// All is borrowed until the end.
struct node_call {
    struct node_peer peer; // its address is numeric
    const char *method;
    const char *target;
    const char *headers; // each with its end of line
    const char *body;
    size_t body_bytes;
};

// The other node's answer, or a status of ours with reason and without body. Called once; the
// object is gone after it.
typedef void (*node_forward_done)(void *userdata, const struct http_reply *reply, const char *body,
                                  size_t body_bytes);

struct node_forward *node_forward_begin(struct event_base *base, struct ssl_ctx_st *tls,
                                        struct node_pool *pool, const struct node_call *call,
                                        node_forward_done done, void *userdata) WARN_UNUSED;
void node_forward_cancel(struct node_forward *forward); // `done` is not called
