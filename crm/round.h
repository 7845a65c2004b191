// SPDX-License-Identifier: Apache-2.0
// One round of the CRM: builds the core's input from the ports, asks the core (crm/core) for its
// decisions, carries them out on the ports and asks again where an answer matters. The daemon and
// the simulator run this same code; only the ports differ. No decision is made here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/crm_state.h"

struct clock;
struct event_sink;
struct fence;
struct ids;
struct lease;
struct membership;
struct stats;
struct store;
struct timing;
struct watchdog;

struct crm_ports {
    struct clock *clock;
    struct store *store;
    struct lease *lease;
    struct membership *membership;
    struct watchdog *watchdog; // NULL unless the timing is classic
    struct stats *stats;       // NULL: no figures, the basic scheduler is used
    struct fence *fence;       // NULL: no power switches; nodes are fenced by their leases alone
    struct ids *ids;
    struct event_sink *events;
};

struct crm_round_result {
    bool exit; // the daemon is to end, orderly
    int64_t
        next_wake_ms; // own clock: run again then at the latest, or at once when something changes
};

struct crm_round;

// Ports and timing are borrowed and must outlive the object. Emits daemon-state startup →
// wait_for_quorum.
struct crm_round *crm_round_new(const char *node, const struct timing *timing,
                                const struct crm_ports *ports) WARN_UNUSED;
void crm_round_free(struct crm_round *round);
// Runs one round. Never fails: what goes wrong is an event, and the next round tries again.
void crm_round_run(struct crm_round *round, struct crm_round_result *ret);
// Asks for an orderly end; the following rounds carry it out and finally say exit.
void crm_round_request_shutdown(struct crm_round *round);
enum crm_state crm_round_state(const struct crm_round *round) WARN_UNUSED;
