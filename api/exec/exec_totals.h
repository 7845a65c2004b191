// SPDX-License-Identifier: Apache-2.0
// What ha-execd has counted since it began: what the history told, and the calls. So these numbers
// never shrink when old entries leave the history; they begin at 0 with the daemon, as readers of
// counters expect. What stood in the history before is not counted, only understood.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/exec/metric_writer.h"
#include "common/base/macros.h"
#include "common/base/map.h"

struct store_entries;

struct service_totals {
    int64_t starts;     // confirmed: after a start, a move or a recovery
    int64_t failures;   // its node could not keep it running
    int64_t errors;     // it came into error
    int64_t recoveries; // it was recovered from a fenced node
    int64_t moves;      // by an order or to even out load
    bool recovering;    // and does not run yet
    int64_t lost_ms;    // since when, then
};

enum { TOTALS_LEVELS = 4, TOTALS_CODES = 6 };

struct exec_totals {
    bool primed;         // the history was read once
    uint64_t version;    // how far: of the store
    struct map services; // sid → struct service_totals *
    struct map lost;     // node → int64_t *: since when (ms since 1970) it is not online
    struct map fences;   // proof → int64_t *: how many nodes were proven so to run nothing
    int64_t events[TOTALS_LEVELS]; // by level
    // From the moment a node was missed until a service of it ran again.
    struct metric_histogram failover;
    // Calls, those that waited for a failed login's delay aside.
    struct metric_histogram calls;
    int64_t codes[TOTALS_CODES]; // by the first digit of the status
};

struct exec_totals *exec_totals_new(void) WARN_UNUSED;
void exec_totals_free(struct exec_totals *totals);
// Takes in what was added to the history since `totals->version`, in its order.
void exec_totals_read(struct exec_totals *totals, const struct store_entries *entries);
void exec_totals_call(struct exec_totals *totals, int status, bool late, int64_t took_ms);
