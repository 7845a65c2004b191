// SPDX-License-Identifier: Apache-2.0
// One planned fault in a run: the n-th call that any daemon makes to its ports fails, has its
// answer lost, or is the last thing that the daemon does, which is then made anew. The calls of a
// run come in the same order each time, so that their number says which one it is.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/port/fault.h"

struct crm_ports;
struct lrm_ports;
struct sim_daemon;

struct sim_fault {
    uint64_t position; // of the call, from 1; 0: none is hit, they are only counted
    enum fault_verdict verdict;
    // NULL, or told of each call before it is made.
    void (*called)(void *userdata, const struct sim_daemon *daemon, uint64_t position,
                   enum fault_call call, const char *what);
    void *userdata;
    // Of the run:
    uint64_t calls;
    bool happened;
};

// Puts the faults before the daemon's ports, when the world has a plan.
void sim_fault_wrap_crm(struct sim_daemon *daemon, struct crm_ports *ports);
void sim_fault_wrap_lrm(struct sim_daemon *daemon, struct lrm_ports *ports);
// The daemon has crashed, and nothing that it still does has an effect.
bool sim_fault_has_crashed(const struct sim_daemon *daemon) WARN_UNUSED;
