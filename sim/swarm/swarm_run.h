// SPDX-License-Identifier: Apache-2.0
// One campaign on one world, from the boot to the last settle or the first violation.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "sim/swarm/swarm_checks.h"
#include "sim/swarm/swarm_world.h"

struct campaign;
struct campaign_step;

enum { SWARM_WORDS_MAX = 1024 };

// Plain data, so that a process can tell it to another one.
struct swarm_verdict {
    enum swarm_outcome outcome;
    char words[SWARM_WORDS_MAX];     // of the violation; empty when clean
    uint64_t digest;                 // of all that happened, in its order
    int64_t computed_us, skipped_us; // simulated time; quiet time was skipped
    int64_t settles;
    struct swarm_figures figures;
};

// Who wants to see it all; any member may be NULL.
struct swarm_listener {
    struct swarm_observer observer;
    // A step is carried out; settle included.
    void (*step)(void *userdata, int64_t true_us, const struct campaign_step *step);
    // The quiet time that was skipped, the settle that came to its end.
    void (*skipped)(void *userdata, int64_t true_us, int64_t skipped_us);
    void (*settled)(void *userdata, int64_t true_us);
    void *userdata; // of these; the observer has its own
};

void swarm_run(const struct campaign *campaign, const struct swarm_listener *listener,
               struct swarm_verdict *ret);
const char *swarm_outcome_to_text(enum swarm_outcome outcome) WARN_UNUSED;
// "INV-1" of the words of a violation, or what the outcome is called: what stays the same while a
// campaign is made smaller. In the buffer.
void swarm_verdict_kind(const struct swarm_verdict *verdict, char *buffer, size_t size_bytes);
