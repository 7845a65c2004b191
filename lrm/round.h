// SPDX-License-Identifier: Apache-2.0
// One round of the LRM: builds the core's input from the ports, asks the core (lrm/core) for its
// decisions, carries them out on the ports and asks again where an answer matters. The daemon and
// the simulator run this same code; only the ports differ. No decision is made here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/lrm_status.h"

struct clock;
struct event_sink;
struct lease;
struct membership;
struct store;
struct timing;
struct watchdog;
struct workers;
struct workers_guests;

// How many renewals' time a round's write waits for its answer at first
// (common/host/client_patience.h). Meanwhile nothing is renewed: it costs the node at most the one
// try that the timing rule has for it.
enum { LRM_PATIENCE_RENEWALS = 1 };

struct lrm_ports {
    struct clock *clock;
    struct store *store;
    struct lease *lease;
    struct membership *membership;
    struct watchdog *watchdog;
    struct workers *workers;
    struct event_sink *events;
};

struct lrm_round_result {
    bool exit;
    int64_t next_wake_ms;
};

enum lrm_shutdown {
    LRM_SHUTDOWN_RESTART,  // only the daemon restarts, the node stays
    LRM_SHUTDOWN_POWEROFF, // the node is going down
    LRM_SHUTDOWN_REBOOT,   // the node is going down and comes back
};

struct lrm_round;

// `workers_max`: how many jobs run at once; 0 runs all inline and waits for none (the simulator).
// Ports and timing are borrowed. Emits daemon-state startup → wait_for_agent_lock.
struct lrm_round *lrm_round_new(const char *node, const struct timing *timing, int64_t workers_max,
                                const struct lrm_ports *ports) WARN_UNUSED;
void lrm_round_free(struct lrm_round *round);
// A process before this one left this deadline in the watchdog (0: none), and a note of the guests
// that may run here and of the term of its lease (`known`), or none. Before the first round: should
// it get no lease until then, it is this process that stops them.
void lrm_round_inherit(struct lrm_round *round, int64_t deadline_ms,
                       const struct workers_guests *guests, uint64_t term, bool known);
// Runs one round. Never fails: what goes wrong is an event, and the next round tries again.
void lrm_round_run(struct lrm_round *round, struct lrm_round_result *ret);
void lrm_round_request_shutdown(struct lrm_round *round, enum lrm_shutdown how);
// A guest that an agent started here has ended by itself (a watch tells). The next round looks
// after it at once, without waiting for the master: run one. For a guest that is not to run this
// changes nothing.
void lrm_round_note_guest_exit(struct lrm_round *round, const char *sid);
// Whether that would be news; for who tells of ends and knows nothing of jobs.
bool lrm_round_is_alive(const struct lrm_round *round, const char *sid) WARN_UNUSED;
// Whether a service of that type is on this node, as the master says.
bool lrm_round_has_type(const struct lrm_round *round, const char *type) WARN_UNUSED;
// Whether this guest, which another node moves here live, may come to life here: this node may
// start guests, and has noted that this one comes, for whatever may have to end it.
bool lrm_round_may_receive(const struct lrm_round *round, const char *sid) WARN_UNUSED;
enum lrm_state lrm_round_state(const struct lrm_round *round) WARN_UNUSED;
