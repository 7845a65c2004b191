// SPDX-License-Identifier: Apache-2.0
// What this node tells the others about itself: its version (live/version/<node>), and, when
// somebody asks by writing "live/inquiry", all that "ha-cluster check" wants to know, under
// live/check/<node>. All nodes see the inquiry at the same point of the order, so that clocks and
// sums of the store noted then can be compared. Between inquiries nothing is sent. Tells by the
// event "timing-unsafe" when the times that Corosync and the watchdog really run with break the
// rules.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/replica.h"
#include "common/base/macros.h"
#include "common/model/timing.h"

struct engine;
struct loop;
struct self_report;
struct server;

struct self_report_spec {
    struct loop *loop;
    struct engine *engine;
    const struct server *server;
    const struct timing *timing; // the profile's; lives as long as the report
};

struct self_report *self_report_new(const struct self_report_spec *spec) WARN_UNUSED;
void self_report_free(struct self_report *report);
// Rows were committed.
void self_report_changed(struct self_report *report, const struct replica_row *rows, size_t count);
// The membership, or what Corosync runs with, has changed.
void self_report_look(struct self_report *report);
// At the end of each turn.
void self_report_turn(struct self_report *report);
// True when the answer was to a request of ours.
bool self_report_answered(struct self_report *report, uint64_t request);
