// SPDX-License-Identifier: Apache-2.0
// Between requests and what answers them: ha-execd, another node, the dashboard's files.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct event_base;
struct execd_client;
struct http_connection;
struct http_head;
struct http_refusal;
struct node_pool;
struct ssl_ctx_st;
struct static_files;

enum { API_STREAMS_MAX = 128 };

struct api_gateway {
    struct event_base *base;
    struct execd_client *execd;
    struct ssl_ctx_st *tls;     // to other nodes
    struct node_pool *pool;     // likewise
    struct static_files *files; // NULL: there is no dashboard
    size_t streams;             // of /events, under way
};

// For struct http_server; userdata is the gateway.
void api_gateway_request(void *userdata, struct http_connection *connection,
                         const struct http_head *head, const char *body, size_t body_bytes);
void api_gateway_refused(void *userdata, struct http_connection *connection,
                         const struct http_refusal *refusal);
