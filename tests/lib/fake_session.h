// SPDX-License-Identifier: Apache-2.0
// What tools begin with, for tests: a connection to a store in memory and a cluster that is told.
#pragma once

#include <stddef.h>

#include "cli/session.h"
#include "tests/lib/fake_membership.h"
#include "tests/lib/fake_store.h"

struct fake_session {
    struct fake_store *store;
    struct fake_membership membership;
    struct session session; // of "node1", quorate
};

// Nodes "node1" … "node<count>". What the session points to is in here: it must not move.
void fake_session_init(struct fake_session *fake, size_t count);
void fake_session_done(struct fake_session *fake);
