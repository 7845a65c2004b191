// SPDX-License-Identifier: Apache-2.0
// Whether an operator may overrule the number of expected votes now. Pure. The danger: if the nodes
// that are absent run on behind a broken network, two parts of the cluster decide for themselves,
// and services run twice (INV-1). Nothing here can prove that they are off. What can be known is
// refused: a lease that may still be in force, and a power switch that says "on".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;

struct expected_absent {
    const char *node;
    int64_t wait_ms; // its agent lease may be in force for this long; 0: it has ended, or was given
                     // back
    bool is_on;      // a power switch says so
};

struct expected_question {
    int64_t votes;          // asked for
    int64_t expected_votes; // now
    int64_t present_votes;
    int64_t all_votes; // of all nodes of the configuration
    bool quorate;
    bool force;
    // Without quorum: how long until it has been away for the lease time, by this node's clock.
    // Before, what is known of leases says nothing: the others may have taken some since.
    int64_t quorum_wait_ms;
    const struct expected_absent *absent;
    size_t absent_count;
};

// 0: it may be done. -EINVAL: it makes no sense, with or without force. -EBUSY: the others may
// still be at work; the words say for how long to wait and what force risks, *ret_wait_ms is that
// time (0: waiting does not help).
int expected_guard_check(const struct expected_question *question, int64_t *ret_wait_ms,
                         struct error *err) WARN_UNUSED;
