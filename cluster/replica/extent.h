// SPDX-License-Identifier: Apache-2.0
// How far a history goes into the order of the session in which it was last changed: how many
// mutations and acknowledgements of each member it has taken in. Of two histories of one session
// the one that has taken in as much of each member has all of the other that was ever in the order
// of all (docs/store.md, "Which history"), so that one with a gap is found out however long it is.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/message.h"
#include "common/base/macros.h"

struct arena;

enum { EXTENT_WAITING_MAX = 16 }; // own acknowledgements under way that are told apart

// An own acknowledgement under way, and what the history had taken in when it was sent.
struct extent_waiting {
    uint64_t number;
    uint64_t delivered[REPLICA_MEMBERS_MAX];
};

struct extent {
    // As messages tell it. While the session lasts, `acknowledged` is where the order is proved to
    // have no gap: an own acknowledgement that was sent there has come back.
    struct message_extent now;
    bool is_closed; // nobody can be reached any more by what was sent in the session
    bool is_dirty;  // the disk says more than has been acknowledged
    uint64_t on_disk[REPLICA_MEMBERS_MAX]; // what it says
    uint64_t acks_sent, acks_returned;
    struct extent_waiting waiting[EXTENT_WAITING_MAX];
    size_t waiting_count;
};

// A session begins, on the history that it has adopted. Ids ascending.
void extent_begin(struct extent *extent, uint64_t session, const uint32_t *ids, size_t count);
// A mutation or acknowledgement of that member was taken in.
void extent_add(struct extent *extent, uint32_t id);
void extent_ack_sent(struct extent *extent);
void extent_ack_returned(struct extent *extent);
// The ring has changed: what was sent and has not come back was delivered to nobody. With
// `is_blind` that is not known, since the connection to the group was lost.
void extent_close(struct extent *extent, bool is_blind);

// Up to where this member may have acknowledged is told with what it has: all of it while what it
// has sent may still arrive somewhere.
void extent_tell(const struct extent *extent, struct message_extent *ret);
// As the text of a row on this member's disk; NULL when nothing is known. What is loaded is closed:
// all of it may have been acknowledged, unless it was closed before.
char *extent_format(struct extent *extent, struct arena *arena) WARN_UNUSED;
void extent_load(struct extent *extent, struct arena *arena, const char *text);
