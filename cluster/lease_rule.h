// SPDX-License-Identifier: Apache-2.0
// Who may have which lease when, as ha-clusterd grants it to the daemons of its node: what is asked
// of the store, or that it must be waited for. Pure; the facts are gathered in server_ops.c. The
// store itself (cluster/replica/leases.h) looks at no clock and refuses what was overtaken.
#pragma once

#include <stdbool.h>

#include "cluster/replica/replica.h"
#include "common/base/macros.h"

struct lease_facts {
    const char *node;           // that asks
    bool known;                 // the store knows the lease
    struct replica_lease lease; // name and breakable_in_ms are set in any case
    bool owner_online;          // the owner's node is in the quorate part
    bool node_is_master;        // the node holds the manager lease
    bool synchronising;         // the store does not serve now, and refuses breaks at once
};

// What to ask of the store. `origin` says how the last holder lost it: "released", "expired",
// "inherited" (from a former master), NULL: nobody lost it.
struct lease_way {
    struct replica_request request;
    const char *origin;
};

// False: not now, but when lease.breakable_in_ms have passed, and the store serves.
bool lease_rule_find(const struct lease_facts *facts, struct lease_way *ret) WARN_UNUSED;
