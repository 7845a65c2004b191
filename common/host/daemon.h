// SPDX-License-Identifier: Apache-2.0
// What the starts of our daemons have in common: options, settings, the node's name.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/host/config.h"
#include "common/model/timing.h"

struct arena;
struct clock;
struct error;
struct event_sink;
struct membership;

enum { DAEMON_EXIT_FAILED = 1, DAEMON_EXIT_USAGE = 2, DAEMON_LINK_WAIT_MS = 1000 };

// Reads --help and --version, which print and end. False: end with *ret_status.
bool daemon_options(int argc, char *argv[], const char *name, const char *about,
                    int *ret_status) WARN_UNUSED;

struct daemon_setup {
    char *node;
    struct config config;
    struct timing timing;
};

// Name, settings file and the times of its profile. -EINVAL: a setting is wrong, or the times are
// not safe.
int daemon_setup_load(struct arena *arena, struct daemon_setup *ret, struct error *err) WARN_UNUSED;

// The connection to ha-clusterd as a daemon's rounds see it. All zero at first.
struct daemon_link {
    int64_t since_ms; // of the first call
    bool told;
    bool connected;
};
// Tells by an event when ha-clusterd is not reachable and when it is again, once each. False: the
// daemon is so young that the connection is only being made; its round is to wait until
// *ret_wake_ms, or until something changes.
bool daemon_link_look(struct daemon_link *link, struct membership *membership, struct clock *clock,
                      struct event_sink *events, int64_t *ret_wake_ms) WARN_UNUSED;
// Tells that the daemon ends in order.
void daemon_exit_tell(struct event_sink *events);

// Prints "<name>: <words>" on standard error and returns DAEMON_EXIT_FAILED.
int daemon_fail(const char *name, const struct error *err);
