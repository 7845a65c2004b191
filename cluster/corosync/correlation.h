// SPDX-License-Identifier: Apache-2.0
// Corosync tells who is in the group, which ring that stands on, and what the quorum is, by
// different connections in no fixed order. This puts the parts together, pure: a configuration is
// quorate only when the quorum was told for the very ring that the group's membership stands on.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/replica.h"
#include "common/base/macros.h"

struct transport_nodes;

struct correlation_ring {
    uint32_t node;
    uint64_t sequence;
};

struct correlation_member {
    uint32_t id;
    uint32_t process;
};

struct correlation_votes {
    uint32_t quorum;
    uint32_t expected; // what the highest of the nodes expects, a quorum device's votes included
    uint32_t device;   // of these a quorum device's
    uint32_t cast;     // what that gives to this part now
    // See struct replica_configuration; 0 without a device.
    int64_t device_silence_ms, device_wait_ms;
};

struct correlation {
    uint32_t self;
    struct correlation_member members[REPLICA_MEMBERS_MAX]; // ascending by id
    size_t members_count;
    struct correlation_ring group_ring, quorum_ring;
    bool ring_known;   // group_ring is that of `members`
    bool quorum_known; // quorum_ring and quorate were told
    bool quorate;
    uint64_t gain; // a quorum was told and counts with votes of this request; 0: none was
    struct correlation_ring gain_ring;
    struct correlation_votes votes;
};

void correlation_init(struct correlation *correlation, uint32_t self);
// The group has changed. `ring_follows`: because of another ring, whose name comes next; until then
// the members stand on no ring that is known.
void correlation_group(struct correlation *correlation, const struct correlation_member *members,
                       size_t count, bool ring_follows);
void correlation_ring(struct correlation *correlation, struct correlation_ring ring);
// Corosync's word on the quorum of this ring. A loss counts at once. A gain counts when votes are
// taken that were asked for after it was told, by this request or a later one: those that are known
// may be of a former ring (INV-3). Until then no quorum of another ring is known any more.
void correlation_quorum(struct correlation *correlation, struct correlation_ring ring, bool quorate,
                        uint64_t request);
// How many votes are a quorum, read after this request was made. Whatever Corosync's options allow,
// less than a majority of those that are expected is not taken for a quorum, as two parts could
// have it at once (INV-3).
void correlation_take_votes(struct correlation *correlation, uint64_t request,
                            const struct correlation_votes *votes);

// Fills in the times, if there is a device: `timeout_ms` is how long Corosync goes on believing in
// one that has fallen silent.
void correlation_time_device(struct correlation_votes *votes, int64_t token_ms, int64_t timeout_ms);

// The configuration as it is known now. False: wait, the name of the ring comes next. Without
// ourselves in the group it is this node alone, not quorate. `members` has room for
// REPLICA_MEMBERS_MAX.
bool correlation_get(const struct correlation *correlation, const struct transport_nodes *nodes,
                     struct replica_member *members, struct replica_configuration *ret);
