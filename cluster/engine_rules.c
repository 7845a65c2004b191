// SPDX-License-Identifier: Apache-2.0
// Gathering of facts; what follows from them is decided in lease_rule.c, expected_guard.c and
// disk_watch.c.
#include "cluster/engine_rules.h"

#include <errno.h>
#include <string.h>

#include "cluster/engine.h"
#include "cluster/expected_guard.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"
#include "common/model/lease_claim.h"
#include "common/model/store_keys.h"
#include "common/port/event_sink.h"

enum {
    // On their way to the other nodes: above it nothing is taken.
    QUEUED_BYTES_MAX = 32 * 1024 * 1024,
};

// ---- Leases.

static bool node_is_online(struct engine *engine, const char *name)
{
    if (!engine_is_quorate(engine)) {
        return false;
    }
    struct transport *transport = engine_transport(engine);
    struct transport_nodes nodes = transport->ops->nodes(transport);
    for (size_t i = 0; i < nodes.count; i++) {
        if (strcmp(nodes.nodes[i].name, name) == 0) {
            return nodes.nodes[i].member;
        }
    }
    return false;
}

static bool node_is_master(struct engine *engine)
{
    struct replica_lease lease;
    return replica_find_lease(engine_replica(engine), engine_now_ms(engine), LEASE_MANAGER,
                              &lease) &&
           lease.owner != NULL && strcmp(lease.owner, engine_node(engine)) == 0;
}

bool engine_lease_way(struct engine *engine, const char *name, struct lease_way *ret,
                      int64_t *ret_in_ms)
{
    struct lease_facts facts = {.node = engine_node(engine)};
    facts.known =
        replica_find_lease(engine_replica(engine), engine_now_ms(engine), name, &facts.lease);
    const char *owner = facts.known ? facts.lease.owner : NULL;
    facts.owner_online = owner != NULL && node_is_online(engine, owner);
    facts.node_is_master = node_is_master(engine);
    facts.synchronising = replica_mode(engine_replica(engine)) != REPLICA_MODE_SERVING;
    *ret_in_ms = facts.lease.breakable_in_ms;
    if (facts.synchronising && *ret_in_ms < LEASE_CLAIM_RETRY_MS) {
        *ret_in_ms = LEASE_CLAIM_RETRY_MS;
    }
    return lease_rule_find(&facts, ret);
}

// While there is no quorum a lease that is not known may have been renewed until quorum was lost.
int64_t engine_absent_wait_ms(struct engine *engine, const char *node)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *name = arena_printf(arena, LEASE_AGENT_FORMAT, node);
    int64_t now_ms = engine_now_ms(engine);
    struct replica_lease lease = {0};
    bool known = replica_find_lease(engine_replica(engine), now_ms, name, &lease);
    bool given_up = known && (lease.owner == NULL || strcmp(lease.owner, node) != 0);
    if (given_up) {
        return 0; // by the node itself, or taken from it when that was proven safe
    }
    int64_t silent_ms = known ? lease.silent_ms : now_ms - engine_no_quorum_ms(engine);
    int64_t wait_ms =
        engine_is_quorate(engine) ? lease.breakable_in_ms : engine_lease_ms(engine) - silent_ms;
    return wait_ms > 0 ? wait_ms : 0;
}

// ---- Transactions.

int engine_check_txn(struct engine *engine, const struct replica_request *request,
                     struct error *err)
{
    const struct transport *transport = engine_transport(engine);
    if (transport->ops->queued_bytes(transport) > QUEUED_BYTES_MAX) {
        return error_set(err, -EBUSY, "too much is on its way to the other nodes: try again");
    }
    if (!engine_is_quorate(engine)) {
        return error_set(err, -EHOSTDOWN, "no quorum");
    }
    return engine_check_write(engine, request, err);
}

// ---- Expected votes.

static bool is_on(const struct expected_wish *wish, const char *node)
{
    for (size_t i = 0; i < wish->on_count; i++) {
        if (strcmp(wish->on[i], node) == 0) {
            return true;
        }
    }
    return false;
}

static struct expected_question question_of(struct engine *engine, const struct expected_wish *wish,
                                            struct arena *arena)
{
    struct engine_membership membership;
    struct transport_facts facts;
    const struct transport *transport = engine_transport(engine);
    engine_membership(engine, arena, &membership);
    transport->ops->facts(transport, NULL, &facts);
    struct expected_absent *absent =
        arena_array_of(arena, struct expected_absent, membership.count);
    struct expected_question question = {
        .votes = wish->votes,
        .force = wish->force,
        .expected_votes = facts.expected_votes,
        .present_votes = facts.total_votes,
        .quorate = membership.quorate,
        .absent = absent,
    };
    int64_t away_ms = engine_now_ms(engine) - engine_no_quorum_ms(engine);
    int64_t left_ms = engine_lease_ms(engine) - away_ms;
    question.quorum_wait_ms = !membership.quorate && left_ms > 0 ? left_ms : 0;
    for (size_t i = 0; i < membership.count; i++) {
        const struct transport_node *node = membership.members[i].node;
        question.all_votes += node->votes;
        // Whether its ha-clusterd is in our group, not whether Corosync runs there, decides who
        // could be renewing a lease elsewhere.
        if (node->member || strcmp(node->name, engine_node(engine)) == 0) {
            continue;
        }
        absent[question.absent_count++] = (struct expected_absent){
            .node = node->name,
            .wait_ms = engine_absent_wait_ms(engine, node->name),
            .is_on = is_on(wish, node->name),
        };
    }
    return question;
}

static void expected_tell(struct engine *engine, const struct expected_question *question,
                          struct arena *arena)
{
    struct event *event = event_new(
        arena, question->force ? EVENT_LEVEL_WARNING : EVENT_LEVEL_NOTICE, "expected-votes");
    event_int(event, "votes", question->votes);
    event_int(event, "before", question->expected_votes);
    event_emit(engine_events(engine), event_int(event, "forced", question->force ? 1 : 0));
}

int engine_expect(struct engine *engine, const struct expected_wish *wish, int64_t *ret_wait_ms,
                  struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct transport *transport = engine_transport(engine);
    const struct expected_question question = question_of(engine, wish, arena);
    int r = 0;
    *ret_wait_ms = 0;
    if (!engine_is_standalone(engine)) {
        r = expected_guard_check(&question, ret_wait_ms, err);
    }
    if (r == 0) {
        r = transport->ops->set_expected(transport, (uint32_t)question.votes, err);
    }
    if (r == 0) {
        expected_tell(engine, &question, arena);
    }
    return r;
}
