// SPDX-License-Identifier: Apache-2.0
// What this node is and runs with, as measured: for "status", for the examination of the whole
// cluster (self_report.h), and for judging the times.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cluster/transport.h"
#include "common/base/macros.h"
#include "common/model/timing.h"

struct arena;
struct engine;
struct json;

struct node_facts {
    struct transport_facts transport;
    // Of the watchdog, as ha-watchdogd wrote it down; NULL: ha-watchdogd does not run.
    const char *watchdog_device;
    bool watchdog_soft;
    int64_t watchdog_ms;
    const struct timing *profile;
    struct timing timing; // the profile with what was measured
    const char *unsafe;   // why these times are not safe; NULL: they are
};

// In the arena.
void node_facts_read(struct engine *engine, const struct timing *profile, struct arena *arena,
                     struct node_facts *ret);
// Members "timing", "watchdog" and "links".
void node_facts_put(const struct node_facts *facts, struct json *object);
