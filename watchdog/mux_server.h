// SPDX-License-Identifier: Apache-2.0
// The socket of ha-watchdogd: SOCK_SEQPACKET, one text line a message, each answered by one line.
// Only the user it is told (root) may talk to it, by SO_PEERCRED.
//
//   hello NAME    → ok, or "ok MS" when NAME is armed from before: its deadline
//   deadline MS   → ok            (CLOCK_BOOTTIME; at most A ahead; earlier than the present one is
//   ignored) goodbye       → ok
// and "error TEXT" otherwise; "error expired: …" when a deadline has passed, "error stale: …" when
// this one had.
#pragma once

#include <sys/types.h>

#include "common/base/macros.h"

struct error;
struct event_sink;
struct feeder;
struct loop;
struct mux_server;

enum { MUX_SERVER_CONNECTIONS_MAX = 16 };

// Listens on the path; a socket left there by an earlier process is replaced. Runs the feeder's
// checks from the loop.
int mux_server_new(struct loop *loop, struct feeder *feeder, struct event_sink *events,
                   const char *path, uid_t allowed_uid, struct mux_server **ret,
                   struct error *err) WARN_UNUSED;
void mux_server_free(struct mux_server *server);
void mux_server_freep(struct mux_server **server);
