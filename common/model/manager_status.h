// SPDX-License-Identifier: Apache-2.0
// The master's view of the cluster without the services: the JSON value under "manager/status".
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;

enum node_state {
    NODE_STATE_ONLINE,
    NODE_STATE_MAINTENANCE,
    NODE_STATE_UNKNOWN,
    NODE_STATE_FENCE,
    NODE_STATE_GONE,
    NODE_STATE_MAX
};
ENUM_TABLE_DECLARE(node_state);

enum disarm_mode { DISARM_MODE_NONE, DISARM_MODE_FREEZE, DISARM_MODE_IGNORE, DISARM_MODE_MAX };
ENUM_TABLE_DECLARE(disarm_mode);

struct manager_node {
    enum node_state state;
    bool maintenance_requested; // node_request.<node>.maintenance
    // last_fence.<node>: by what it was proven last that nothing runs there (released, lease,
    // device), and in words. NULL: never.
    const char *fence_proof, *fence_evidence;
    // held_off.<node>: it leaves too often and gets no new services until then; 0: it may have
    // them. Wall clock, for display only.
    int64_t held_off_until_s;
};

struct manager_status {
    const char *master_node; // NULL: none yet
    uint64_t term;           // of the manager lease under which this was written
    struct map nodes;        // node → struct manager_node *
    enum disarm_mode disarm;
    bool disarmed; // disarm.state is "disarmed", else "disarming"
};

struct manager_status *manager_status_new(struct arena *arena) WARN_UNUSED;
// Keys: master_node term node_status node_request last_fence{<node>{proof,evidence}} held_off
// disarm{mode,state}. Unknown keys are ignored, so
// that the reference's document with service_status and timestamp reads too.
int manager_status_parse(struct arena *arena, const char *text, size_t size_bytes,
                         struct manager_status **ret, struct error *err) WARN_UNUSED;
char *manager_status_format(struct arena *arena, const struct manager_status *status) WARN_UNUSED;
