// SPDX-License-Identifier: Apache-2.0
// What an agent works with, the same for all types: made for one worker process or one call of a
// tool. All borrowed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;
struct event_sink;
struct store;

struct agent_context {
    const char *node; // this node
    // Where storages are looked up and where a move changes the service's place. NULL: there is
    // none to ask, and the agent is only for kill.
    struct store *store;
    struct event_sink *events; // what happens on the way, such as a move's progress; or NULL
    // The term under which this node holds its agent lease; moves write under its guard. 0: no
    // lease is held, and moves are refused.
    uint64_t lease_term;
    int64_t stop_timeout_s; // of the graceful stop before a move
    // Whether a node is gone: volume_claim.h. NULL: there is nobody to ask.
    int (*is_gone)(void *userdata, const char *node, bool *ret, struct error *err);
    void *is_gone_userdata;
};
