// SPDX-License-Identifier: Apache-2.0
// Who may have which lease when: every way to it, and above all every way that must be closed.
#include <string.h>

#include "cluster/lease_rule.h"
#include "common/model/store_keys.h"
#include "tests/lib/fixture.h"

#define AGENT3 "ha_agent_node3_lock"

struct row {
    const char *what;
    const char *name;
    bool known;
    const char *owner;
    int64_t breakable_in_ms;
    bool owner_online, master;
    bool now;
    enum replica_request_kind kind;
    uint64_t version;
    const char *origin;
};

#define ACQUIRE REPLICA_REQUEST_LEASE_ACQUIRE
#define BREAK   REPLICA_REQUEST_LEASE_BREAK

enum { SEEN = 77 };

// node1 asks.
static const struct row rows[] = {
    {"an unknown one when the lease time has passed", AGENT3, false, NULL, 0, false, true, true,
     ACQUIRE, 0, "expired"},
    {"an unknown one before", AGENT3, false, NULL, 9, false, true, false, 0, 0, NULL},
    {"one's own unknown one at once", "ha_agent_node1_lock", false, NULL, 9, false, false, true,
     ACQUIRE, 0, "forgotten"},
    {"the same after the lease time", "ha_agent_node1_lock", false, NULL, 0, false, false, true,
     ACQUIRE, 0, "forgotten"},
    {"the manager's unknown one at once", LEASE_MANAGER, false, NULL, 9, false, false, true, BREAK,
     0, "expired"},
    {"a released one", AGENT3, true, NULL, 0, false, true, true, ACQUIRE, 0, "released"},
    {"one's own", AGENT3, true, "node1", 9, true, true, true, ACQUIRE, 0, NULL},
    {"a silent one", AGENT3, true, "node3", 0, false, true, true, BREAK, SEEN, "expired"},
    // INV-2: its holder may still act, online or not.
    {"one that was renewed, holder online", AGENT3, true, "node3", 1, true, true, false, 0, 0,
     NULL},
    {"one that was renewed, holder away", AGENT3, true, "node3", 1, false, true, false, 0, 0, NULL},
    {"the manager's, holder online", LEASE_MANAGER, true, "node2", 1, true, false, false, 0, 0,
     NULL},
    {"the manager's, holder away", LEASE_MANAGER, true, "node2", 1, false, false, true, BREAK, SEEN,
     "expired"},
    {"one that a master took, now another is", AGENT3, true, "node2", 9, false, true, true, BREAK,
     SEEN, "inherited"},
    {"the same, the former master is well", AGENT3, true, "node2", 9, true, true, true, BREAK, SEEN,
     "inherited"},
    {"the same, but the one who asks is no master", AGENT3, true, "node2", 9, false, false, false,
     0, 0, NULL},
    {"the same after the lease time, no master", AGENT3, true, "node2", 0, false, false, true,
     BREAK, SEEN, "expired"},
    // The names of nodes are no prefixes.
    {"a node's whose name begins like another's", "ha_agent_node33_lock", true, "node33", 9, false,
     true, false, 0, 0, NULL},
    {"another kind of lease", "something", true, "node2", 9, false, true, false, 0, 0, NULL},
};

static void each_way_is_as_listed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *row = &rows[i];
        struct lease_facts facts = {.node = "node1",
                                    .known = row->known,
                                    .lease = {.name = row->name,
                                              .owner = row->owner,
                                              .version = SEEN,
                                              .breakable_in_ms = row->breakable_in_ms},
                                    .owner_online = row->owner_online,
                                    .node_is_master = row->master};
        struct lease_way way;
        fixture_row(row->what, lease_rule_find(&facts, &way) == row->now);
        if (!row->now) {
            continue;
        }
        fixture_row(row->what, way.request.kind == row->kind);
        fixture_row(row->what, way.request.version == row->version);
        fixture_row(row->what, strcmp(way.request.lease, row->name) == 0);
        fixture_row(row->what, strcmp(way.request.owner, "node1") == 0);
        fixture_row(row->what, (way.origin == NULL) == (row->origin == NULL) &&
                                   (way.origin == NULL || strcmp(way.origin, row->origin) == 0));
        // What the store would refuse at once is not asked; what it lets wait is.
        facts.synchronising = true;
        fixture_row(row->what, lease_rule_find(&facts, &way) == (row->kind != BREAK));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_is_as_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
