// SPDX-License-Identifier: Apache-2.0
// What the starts of our daemons have in common: options, settings, the node's name.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"
#include "common/host/config.h"
#include "common/model/timing.h"

struct arena;
struct error;
struct event_sink;
struct membership;

enum { DAEMON_EXIT_FAILED = 1, DAEMON_EXIT_USAGE = 2 };

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

// Tells by an event when ha-clusterd is not reachable and when it is again, once each. All zero at
// first.
struct daemon_link {
    bool told;
    bool connected;
};
void daemon_link_tell(struct daemon_link *link, struct membership *membership,
                      struct event_sink *events);

// Tells that the daemon ends in order.
void daemon_exit_tell(struct event_sink *events);

// Prints "<name>: <words>" on standard error and returns DAEMON_EXIT_FAILED.
int daemon_fail(const char *name, const struct error *err);
