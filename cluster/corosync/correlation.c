// SPDX-License-Identifier: Apache-2.0
// Putting together what Corosync's services tell.
#include "cluster/corosync/correlation.h"

#include <assert.h>
#include <string.h>

#include "cluster/transport.h"

enum { DEVICE_MS = 500 }; // for a quorum device to choose a part, once it knows who is gone

static bool ring_is_equal(const struct correlation_ring *a, const struct correlation_ring *b)
{
    return a->node == b->node && a->sequence == b->sequence;
}

void correlation_init(struct correlation *correlation, uint32_t self)
{
    *correlation = (struct correlation){.self = self};
}

void correlation_group(struct correlation *correlation, const struct correlation_member *members,
                       size_t count, bool ring_follows)
{
    correlation->members_count = 0;
    for (size_t i = 0; i < count && i < REPLICA_MEMBERS_MAX; i++) {
        size_t at = correlation->members_count++;
        while (at > 0 && correlation->members[at - 1].id > members[i].id) {
            correlation->members[at] = correlation->members[at - 1];
            at--;
        }
        correlation->members[at] = members[i];
    }
    if (ring_follows) {
        correlation->ring_known = false;
    }
}

void correlation_ring(struct correlation *correlation, struct correlation_ring ring)
{
    correlation->group_ring = ring;
    correlation->ring_known = true;
}

static void quorum_take(struct correlation *correlation, struct correlation_ring ring, bool quorate)
{
    correlation->gain = 0;
    correlation->quorum_ring = ring;
    correlation->quorate = quorate;
    correlation->quorum_known = true;
}

void correlation_quorum(struct correlation *correlation, struct correlation_ring ring, bool quorate,
                        uint64_t request)
{
    bool is_same_ring =
        correlation->quorum_known && ring_is_equal(&correlation->quorum_ring, &ring);
    if (!quorate || (is_same_ring && correlation->quorate)) {
        quorum_take(correlation, ring, quorate);
        return;
    }
    // On the same ring the loss that was told stands until then.
    correlation->quorum_known = is_same_ring;
    correlation->gain = request;
    correlation->gain_ring = ring;
}

void correlation_take_votes(struct correlation *correlation, uint64_t request,
                            const struct correlation_votes *votes)
{
    uint32_t majority = votes->expected / 2 + 1;
    correlation->votes = *votes;
    correlation->votes.quorum = votes->quorum > majority ? votes->quorum : majority;
    if (correlation->gain != 0 && request >= correlation->gain) {
        quorum_take(correlation, correlation->gain_ring, true);
    }
}

// A dead node is noticed by Corosync after token and consensus (2.2 tokens), and by the device,
// which hears from each node every 0.8 time-outs, after 1.2. The vote must last longer than others
// could go on with it unseen, by a process that stood still for a third of the silence without
// noticing (docs/store.md, "A quorum device").
void correlation_time_device(struct correlation_votes *votes, int64_t token_ms, int64_t timeout_ms)
{
    votes->device_silence_ms = 0;
    votes->device_wait_ms = 0;
    if (votes->device > 0) {
        votes->device_silence_ms = 3 * token_ms + 6 * timeout_ms / 5 + DEVICE_MS;
        votes->device_wait_ms =
            votes->device_silence_ms + votes->device_silence_ms / 3 + timeout_ms;
    }
}

// The nodes' own. Where an operator has said how many to expect, the device is not among them.
static uint32_t expected_of_nodes(const struct correlation_votes *votes)
{
    return votes->expected > votes->device ? votes->expected - votes->device : votes->expected;
}

static uint32_t votes_of(const struct transport_nodes *nodes, uint32_t id)
{
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->nodes[i].id == id) {
            return nodes->nodes[i].votes;
        }
    }
    return 0; // not in the configuration: counts for nothing
}

static uint32_t votes_of_all(const struct transport_nodes *nodes)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        votes += nodes->nodes[i].votes;
    }
    return votes;
}

// One number for the ring: it must be the same on all its members and differ from all others.
static uint64_t ring_number(const struct correlation_ring *ring)
{
    return ring->sequence << 16 ^ ring->node;
}

static bool is_joined(const struct correlation *correlation)
{
    for (size_t i = 0; i < correlation->members_count; i++) {
        if (correlation->members[i].id == correlation->self) {
            return true;
        }
    }
    return false;
}

bool correlation_get(const struct correlation *correlation, const struct transport_nodes *nodes,
                     struct replica_member *members, struct replica_configuration *ret)
{
    if (!is_joined(correlation)) {
        members[0] = (struct replica_member){
            .id = correlation->self,
            .votes = votes_of(nodes, correlation->self),
        };
        *ret = (struct replica_configuration){
            .ring = 0,
            .members = members,
            .count = 1,
            .quorate = false,
            .quorum_votes = UINT32_MAX,
        };
        return true;
    }
    if (!correlation->ring_known) {
        return false;
    }
    uint32_t votes = 0;
    for (size_t i = 0; i < correlation->members_count; i++) {
        members[i] = (struct replica_member){
            .id = correlation->members[i].id,
            .votes = votes_of(nodes, correlation->members[i].id),
        };
        votes += members[i].votes;
    }
    const struct correlation_votes *told = &correlation->votes;
    bool quorate = correlation->quorum_known && correlation->quorate &&
                   ring_is_equal(&correlation->quorum_ring, &correlation->group_ring) &&
                   told->quorum > 0 && votes + told->cast >= told->quorum;
    bool known = correlation->quorum_known &&
                 ring_is_equal(&correlation->quorum_ring, &correlation->group_ring);
    *ret = (struct replica_configuration){
        .ring = ring_number(&correlation->group_ring),
        .members = members,
        .count = correlation->members_count,
        .quorate = quorate,
        .undecided = !known,
        .quorum_votes = told->quorum,
        .expected_votes = expected_of_nodes(told),
        .forced = expected_of_nodes(told) < votes_of_all(nodes),
        .all_votes = votes_of_all(nodes),
        .device_votes = told->cast,
        .device_silence_ms = told->device_silence_ms,
        .device_wait_ms = told->device_wait_ms,
    };
    return true;
}
