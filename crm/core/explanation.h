// SPDX-License-Identifier: Apache-2.0
// Why a service would be placed where: what each node has for or against it now, by the very code
// that places services. Nothing is decided or changed here. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/manager_status.h"
#include "common/model/options.h"

struct crm_input;
struct timing;

// A node as a place for one service.
struct explained_node {
    const char *name;
    enum node_state state;
    bool is_online;    // it can have services at all
    bool is_allowed;   // the rules about nodes list it, or there is none about the service
    bool is_preferred; // and with the highest priority of those that are possible
    bool has_priority; // a rule about nodes concerns the service and lists it
    int64_t priority;  // of that
    const char *apart; // a service that must be on another node, and is here or comes here; or NULL
    size_t together;   // how many services that belong with it are here or come here
    // The first storage of the service that it has not, or NULL. The service's own node can still
    // be its place then: it waits there (`on-loss wait`).
    const char *lacks;
    bool is_held;    // it leaves too often and gets nothing while there are others
    bool has_failed; // the service failed there
    size_t rank;     // 1: it would be chosen; 2: if that one were not; …; 0: never, as it is now
    const char *reason; // in words why not, when the rank is 0
};

struct explanation {
    struct explained_node *nodes; // ascending by name
    size_t count;
    enum scheduler_mode mode; // by which nodes are weighed
    // Where it would be after a round: its own node when it may stay. NULL: nowhere.
    const char *place;
};

// `input` as for a round of the master, without answers. False when the manager does not know the
// service. The result is in the input's arena.
bool explanation_make(const struct crm_input *input, const struct timing *timing, const char *sid,
                      struct explanation *ret) WARN_UNUSED;
