// SPDX-License-Identifier: Apache-2.0
// Tells the other nodes what this one and its guests use, under "live/node/<node>", so that each
// node can answer for all: a process beside the daemon, since reading counters and writing to the
// store may block. Nothing depends on it. The document is volatile: nothing is written to a disk.
#pragma once

#include "common/base/macros.h"

struct loop;
struct node_meter;

struct node_meter_spec {
    struct loop *loop;
    const char *node; // this one
};

// Starts the process, and starts it again some time after it has ended. The specification is
// copied, what it points to borrowed.
struct node_meter *node_meter_new(const struct node_meter_spec *spec) WARN_UNUSED;
void node_meter_free(struct node_meter *node_meter);
