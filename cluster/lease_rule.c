// SPDX-License-Identifier: Apache-2.0
// INV-2 and INV-4 rest on what is allowed here: a break is an assertion that its holder can do no
// harm any more.
#include "cluster/lease_rule.h"

#include <string.h>

#include "common/base/planted.h"
#include "common/model/store_keys.h"

static bool is_agent_of(const char *name, const char *node)
{
    size_t prefix = strlen(LEASE_AGENT_PREFIX);
    size_t length = strlen(node);
    return strncmp(name, LEASE_AGENT_PREFIX, prefix) == 0 &&
           strncmp(name + prefix, node, length) == 0 &&
           strcmp(name + prefix + length, LEASE_AGENT_SUFFIX) == 0;
}

static bool is_agent(const char *name)
{
    return strncmp(name, LEASE_AGENT_PREFIX, strlen(LEASE_AGENT_PREFIX)) == 0;
}

// One that nobody remembers may be held all the same until the lease time has passed, except as the
// replica says (replica_find_lease).
static bool rule_for_unknown(const struct lease_facts *facts, struct lease_way *way)
{
    const char *name = facts->lease.name;
    way->origin = "expired"; // whoever held it has been silent for as long
    if (is_agent_of(name, facts->node)) {
        way->origin = "forgotten"; // it may have been this node's all the while
        return true;
    }
    if (facts->lease.breakable_in_ms == 0) {
        return true;
    }
    way->request.kind = REPLICA_REQUEST_LEASE_BREAK; // version 0: of nothing that is known
    return strcmp(name, LEASE_MANAGER) == 0;
}

// How to take a lease that another node holds. Each break names the version that was seen, so that
// whatever the holder did since wins.
static bool rule_for_others(const struct lease_facts *facts, struct lease_way *way)
{
    const struct replica_lease *lease = &facts->lease;
    way->request.kind = REPLICA_REQUEST_LEASE_BREAK;
    way->request.version = lease->version;
    way->origin = "expired";
    if (lease->breakable_in_ms == 0) {
        return true;
    }
    if (strcmp(lease->name, LEASE_MANAGER) == 0) {
        // All that a master does is guarded by its term (INV-4): one that is not in the quorate
        // part can do no harm.
        return !facts->owner_online;
    }
    // INV-2: an agent lease that is not its own node's was taken by a former master, for whom it
    // proved that the node runs nothing. It proves the same to the master of now, at once: as long
    // as the version is the one seen, nobody has held it since, the node least of all; and what the
    // former master still writes is guarded by a term that is over.
    way->origin = "inherited";
    return is_agent(lease->name) && !is_agent_of(lease->name, lease->owner) &&
           facts->node_is_master;
}

bool lease_rule_find(const struct lease_facts *facts, struct lease_way *ret)
{
    struct lease_way way = {.request = {
                                .kind = REPLICA_REQUEST_LEASE_ACQUIRE,
                                .lease = facts->lease.name,
                                .owner = facts->node,
                            }};
    bool now = true;
    if (!facts->known) {
        now = rule_for_unknown(facts, &way);
    } else if (facts->lease.owner == NULL) {
        way.origin = "released";
    } else if (strcmp(facts->lease.owner, facts->node) != 0) {
        now = rule_for_others(facts, &way);
    }
    *ret = way;
    // To ask all the same would be to be refused and told that it can be had, again and again.
    bool refused = !planted_is(PLANTED_LEASE_STORM) && facts->synchronising &&
                   way.request.kind == REPLICA_REQUEST_LEASE_BREAK;
    return now && !refused;
}
