// SPDX-License-Identifier: Apache-2.0
// "What if node2 dies?" The documents are copied, and the master's own rounds are played on them in
// memory, on virtual time, until nothing changes any more (INV-16: what-if equals what happens).
// Nothing is written anywhere. What cannot be known is taken to go well: starts, stops and moves
// succeed at once, and no other node fails meanwhile.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/timing.h"
#include "common/port/membership.h"

struct arena;
struct error;
struct json;
struct store;

// The cluster as it is.
struct what_if_source {
    struct store *store; // is only read
    struct member_list members;
    struct map votes;       // node → int64_t *; a node without one has one vote
    int64_t expected_votes; // 0: all configured
    int64_t other_votes;    // of a quorum device, when it votes with us
    struct timing timing;   // in force
    int64_t wall_ms;
};

struct what_if_question {
    const char *const *lost; // nodes that fall silent at the same moment
    size_t lost_count;
    const char *const *maintenance; // nodes that are taken out for maintenance
    size_t maintenance_count;
    const char *const *stopped; // services that are set to stopped
    size_t stopped_count;
    bool forced; // the operator gives the quorum to those that are left (`ha-cluster expected`)
};

// What becomes of a service that does not stay as it is.
struct what_if_service {
    const char *sid;
    const char *from;
    const char *to; // NULL: nowhere
    enum svc_state state_before, state_after;
    enum request_state request;
    bool ran;           // before
    bool runs;          // after
    int64_t after_ms;   // from the beginning until it runs; −1: it does not
    const char *reason; // why nowhere or why it does not run, in words; NULL when it does
};

struct what_if_node {
    const char *name;
    bool was_online;
    bool is_lost;
    bool is_in_maintenance;                 // asked for
    size_t services_before, services_after; // that run there
    // Sum of what the guests may take, and what the node has; bytes. −1: not known.
    int64_t memory_before, memory_after, memory_max;
};

struct what_if_answer {
    int64_t votes_before, votes_after, votes_needed;
    bool was_quorate;
    bool is_quorate;  // by votes
    bool forced;      // it is not, and the quorum was given by an operator's word
    bool is_settled;  // false: it was still changing when this was given up
    bool was_settled; // likewise before anything was lost
    int64_t worst_ms; // bound for the services of a lost node, by the timing in force
    int64_t late_ms;  // how much more it can be, seldom: the last renewal was on its way
    int64_t stop_ms;  // without quorum: when the nodes that are left have stopped what they run
    bool has_devices; // fence devices are configured: they can be quicker than the bound
    struct what_if_service *services; // those that change; ascending by sid
    size_t services_count;
    size_t services_total;
    struct what_if_node *nodes; // ascending by name
    size_t nodes_count;
};

// -ENOENT: no such node or service, with words; -EINVAL: a node that is not there cannot be lost;
// what cannot be read otherwise. The answer is in the arena.
int what_if_ask(struct arena *arena, const struct what_if_source *source,
                const struct what_if_question *question, struct what_if_answer *ret,
                struct error *err) WARN_UNUSED;
