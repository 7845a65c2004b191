// SPDX-License-Identifier: Apache-2.0
// All ports of a CRM round as fakes over fake_store.h, for tests of crm/round.c: time, membership
// and leases that are set in a line, and everything that was told as text.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/model/timing.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/fence.h"
#include "common/port/ids.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/store.h"
#include "common/port/watchdog.h"
#include "crm/round.h"
#include "tests/lib/fake_store.h"

enum { CRM_FAKES_NODES_MAX = 8 };

struct crm_fakes {
    struct clock clock;
    struct store store_wrap; // what the round sees: the fake store, with faults of its own
    struct lease lease;
    struct membership membership;
    struct watchdog watchdog;
    struct ids ids;
    struct event_sink sink;
    struct fence fence;
    struct fake_store *store;
    struct timing timing;
    struct crm_ports ports;
    int64_t now_ms;
    struct member members[CRM_FAKES_NODES_MAX];
    size_t nodes;
    bool quorate;
    int manager_answer; // 0: granted
    uint64_t manager_term;
    bool manager_held;
    struct map agents;               // lease → (void *)1 when it can be had
    int fence_answer;                // of orders to fence devices; 0: taken
    struct fence_result result_next; // the next round collects this, if it has a node
    int release_answer;
    bool commit_unknown; // durable writes take effect, but the answer is -ETIMEDOUT
    bool commit_lost;    // they do not take effect, and the answer is -ETIMEDOUT
    // Somebody else's write that comes in just before the next durable one of the round.
    const char *intruder_key, *intruder_value;
    int64_t deadline_ms; // of the watchdog; 0: not armed
    uint64_t given;      // identifiers
    struct strbuf trace; // what happened: events, commits, leases given back
    struct crm_round *round;
    struct crm_round_result result;
};

// node1 is the round's own; all nodes are online.
void crm_fakes_init(struct crm_fakes *fakes, enum timing_profile profile, size_t nodes);
void crm_fakes_done(struct crm_fakes *fakes);
// A guest with its resource, as texts in the store. `state` as in resources.cfg.
void crm_fakes_add(struct crm_fakes *fakes, const char *sid, const char *node, const char *state);
// Time passes and a round runs; the trace is of this round only.
void crm_fakes_round(struct crm_fakes *fakes, int64_t pass_ms);
bool crm_fakes_told(const struct crm_fakes *fakes, const char *text) WARN_UNUSED;
