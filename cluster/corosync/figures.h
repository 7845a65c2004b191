// SPDX-License-Identifier: Apache-2.0
// What Corosync counts (votes, those of a quorum device among them) and runs with (nodes, times,
// version of its configuration), and the two orders that it takes. Corosync answers nobody while it
// forms a membership, and with a quorum device that lasts until this has chosen a side: seconds. So
// a process beside the daemon asks it, and the daemon never waits. What is told is of the past; how
// far, each reading says: it was begun after that request was made. docs/store.md, "A quorum
// device", has the argument why that is enough.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cluster/transport.h"
#include "common/base/macros.h"

struct error;
struct figures;
struct loop;

struct figures_votes {
    uint32_t quorum, expected, highest_expected, total;
    uint32_t device_votes; // a quorum device's, as configured
    uint32_t device_cast;  // what of them it gives to this part now
    bool device;           // it is registered
};

struct figures_reading {
    uint64_t request; // begun after this one was made
    bool changed;     // it differs from the reading before
    struct figures_votes votes;
    // At run time; 0: not known.
    uint32_t token_ms, consensus_ms;
    // How long Corosync believes in a quorum device that has fallen silent.
    uint32_t device_timeout_ms;
    uint64_t config_version;
    // Ascending by name, with votes, without online and member; live until the next reading.
    struct transport_nodes nodes;
};

enum figures_order { FIGURES_EXPECTED = 1, FIGURES_RELOAD };

// All are called from the loop, never from within a call.
struct figures_callbacks {
    // Asked for, or unasked when something has changed.
    void (*read)(void *userdata, const struct figures_reading *reading);
    // Corosync does not run or is not ready: requests up to this one have no other answer.
    void (*failed)(void *userdata, uint64_t request, const char *words);
    void (*refused)(void *userdata, enum figures_order order, const char *words);
    void *userdata;
};

struct figures *figures_new(struct loop *loop, uint32_t self,
                            const struct figures_callbacks *callbacks) WARN_UNUSED;
void figures_free(struct figures *figures);
// Asks for a reading and returns the number of the request; each is greater than the one before.
uint64_t figures_ask(struct figures *figures);
// Orders are carried out one after the other; only a refusal is told. -ENOTCONN: there is nobody to
// carry them out now. Expected votes, on all nodes of the ring:
int figures_order_expected(struct figures *figures, uint32_t votes, struct error *err) WARN_UNUSED;
// Has all nodes read their configuration files again.
int figures_order_reload(struct figures *figures, struct error *err) WARN_UNUSED;
