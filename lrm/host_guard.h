// SPDX-License-Identifier: Apache-2.0
// Runs the stray guard (lrm/stray_guard.h) in a process of its own when the LRM begins: as soon as
// the cluster can be asked, once.
#pragma once

#include "common/base/macros.h"

struct clock;
struct error;
struct event_sink;
struct host_guard;
struct loop;
struct store;

struct host_guard_spec {
    const char *node; // borrowed, as all pointers here
    struct loop *loop;
    struct clock *clock;
    struct event_sink *events;
    // A store of its own, opened in the process, which ends without closing it.
    int (*open_store)(struct store **ret, struct error *err);
};

// NULL when no process can be made: then there is no guard.
struct host_guard *host_guard_new(const struct host_guard_spec *spec) WARN_UNUSED;
void host_guard_free(struct host_guard *guard);
