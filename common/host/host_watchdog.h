// SPDX-License-Identifier: Apache-2.0
// The watchdog port over the socket of ha-watchdogd (watchdog/mux_server.h). A call waits for the
// daemon's answer, at most HOST_WATCHDOG_WAIT_MS; the daemon runs with real-time priority and
// answers within a millisecond when it works.
//
// Loss of ha-watchdogd is loss of protection: arm() says -ENOTCONN, nothing may be started, and
// each further arm() connects again. What runs is still bound by the last deadline that was taken:
// when ha-watchdogd, or its device, has not reset the machine H + q after that deadline, `overdue`
// is called, which is to reset it. That is within the bound of the timing rule (A + 2·H + q), so
// services stay single even if ha-watchdogd is dead for good.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "common/port/watchdog.h"

struct clock;
struct host_watchdog;
struct loop;
struct timing;

enum { HOST_WATCHDOG_WAIT_MS = 250 };

typedef void (*host_watchdog_overdue)(void *userdata);

struct host_watchdog_spec {
    const char *socket_path; // copied, as the name
    const char *name;        // of the client: "ha-lrm"
    struct clock *clock;
    const struct timing *timing;
    struct loop *loop;             // with `overdue`; else NULL
    host_watchdog_overdue overdue; // NULL: this client leaves it to ha-watchdogd alone
    void *userdata;
};

struct host_watchdog *host_watchdog_new(const struct host_watchdog_spec *spec) WARN_UNUSED;
// Without a goodbye: a deadline that was handed over stays.
void host_watchdog_free(struct host_watchdog *watchdog);
void host_watchdog_freep(struct host_watchdog **watchdog);
struct watchdog *host_watchdog_port(struct host_watchdog *watchdog) WARN_UNUSED;

// Connects when it is not, and says which deadline binds this client: the last one taken, also by
// an earlier process of the same name; 0: none. -ENOTCONN: ha-watchdogd is not reachable.
int host_watchdog_connect(struct host_watchdog *watchdog, int64_t *ret_deadline_ms,
                          struct error *err) WARN_UNUSED;
