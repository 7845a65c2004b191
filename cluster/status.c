// SPDX-License-Identifier: Apache-2.0
// The "status" and "leases" documents.
#include "cluster/status.h"

#include <string.h>

#include "cluster/node_facts.h"
#include "cluster/server_internal.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "ha_config.h"

static void lease_append(struct server *server, struct json *list, const char *name)
{
    struct replica_lease lease = {0};
    bool known = replica_find_lease(engine_replica(server->engine), engine_now_ms(server->engine),
                                    name, &lease);
    if (!known && lease.breakable_in_ms == 0) {
        return;
    }
    struct json *json = json_new_object(list->arena);
    json_put_string(json, "name", name);
    if (!known) { // and somebody may hold it, since before a start of the whole cluster
        json_put_bool(json, "unknown", true);
    }
    json_put_string(json, "owner", lease.owner); // absent: released
    json_put_int(json, "term", (int64_t)lease.term);
    json_put_int(json, "version", (int64_t)lease.version);
    json_put_int(json, "silent_ms", lease.silent_ms);
    json_put_int(json, "breakable_in_ms", lease.breakable_in_ms);
    json_append(list, json);
}

struct json *status_leases(struct server *server, struct arena *arena)
{
    struct json *list = json_new_array(arena);
    struct engine_membership membership;
    engine_membership(server->engine, arena, &membership);
    for (size_t i = 0; i < membership.count; i++) {
        const char *node = membership.members[i].node->name;
        lease_append(server, list, arena_printf(arena, LEASE_AGENT_FORMAT, node));
    }
    lease_append(server, list, LEASE_MANAGER);
    return list;
}

static int64_t own_votes(struct server *server, struct arena *arena)
{
    struct engine_membership membership;
    engine_membership(server->engine, arena, &membership);
    for (size_t i = 0; i < membership.count; i++) {
        if (strcmp(membership.members[i].node->name, server->spec.node) == 0) {
            return membership.members[i].node->votes;
        }
    }
    return 0;
}

struct json *status_document(struct server *server, struct arena *arena)
{
    struct json *status = server_ops_membership(server, arena);
    const struct server_spec *spec = &server->spec;
    json_put_string(status, "mode", spec->cluster != NULL ? "cluster" : "standalone");
    json_put_string(status, "cluster", spec->cluster);
    json_put_string(status, "profile", timing_profile_to_string(spec->timing->profile));
    json_put_string(status, "version", HA_VERSION);
    json_put_int(status, "votes", own_votes(server, arena));
    json_put(status, "leases", status_leases(server, arena));
    engine_describe(server->engine, status);
    struct node_facts facts;
    node_facts_read(server->engine, spec->timing, arena, &facts);
    node_facts_put(&facts, status);
    return status;
}
