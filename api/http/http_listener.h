// SPDX-License-Identifier: Apache-2.0
// Where clients connect to.
#pragma once

#include "common/base/macros.h"

struct error;
struct event_base;
struct http_listener;
struct http_server;

// Binds at once; connections are taken from http_listener_start() on. Address NULL: all of this
// machine, of both kinds.
int http_listener_new(const char *address, int port, struct http_listener **ret,
                      struct error *err) WARN_UNUSED;
void http_listener_start(struct http_listener *listener, struct event_base *base,
                         struct http_server *server);
void http_listener_free(struct http_listener *listener);
