// SPDX-License-Identifier: Apache-2.0
// Node states: first the nodes that are online, then the others, each at most one move a round.
// Fencing moves them too, through node_state_move(); when a node must be fenced is decided in
// service_step.c and fencing.c; what being held off means for services, in placement.c.
#include "crm/core/node_state.h"

#include "common/base/arena.h"
#include "common/model/timing.h"
#include "crm/core/manager.h"
#include "crm/core/master_round.h"
#include "crm/core/transitions.h"

void node_state_move(struct master_round *round, int node, enum node_state to)
{
    struct round_node *entry = &round->nodes[node];
    enum node_state from = (enum node_state)entry->state;
    transition_move(&transitions_node, &entry->state, (int)to);
    entry->present = true;
    struct event *event = master_round_event(round, EVENT_LEVEL_NOTICE, "node-state");
    master_round_text(round, event, "node", entry->name);
    master_round_text(round, event, "from", node_state_to_string(from));
    master_round_text(round, event, "to", node_state_to_string(to));
}

static void node_state_update_online(struct master_round *round, int node)
{
    const struct round_node *entry = &round->nodes[node];
    switch ((enum node_state)entry->state) {
    case NODE_STATE_UNKNOWN:
    case NODE_STATE_GONE:
        node_state_move(round, node, NODE_STATE_ONLINE);
        break;
    case NODE_STATE_ONLINE:
        if (entry->mode == LRM_MODE_MAINTENANCE) {
            node_state_move(round, node, NODE_STATE_MAINTENANCE);
        }
        break;
    case NODE_STATE_MAINTENANCE:
        if (entry->mode != LRM_MODE_MAINTENANCE) {
            node_state_move(round, node, NODE_STATE_ONLINE);
        }
        break;
    case NODE_STATE_FENCE: // coming back is no proof
    case NODE_STATE_MAX:
        break;
    }
}

static void node_state_forget(struct master_round *round, int node)
{
    struct round_node *entry = &round->nodes[node];
    if (!master_round_is_delayed(round, node, round->timing->gone_ms)) {
        return;
    }
    entry->present = false;
    entry->maintenance_requested = false;
    entry->state = NODE_STATE_UNKNOWN;
    struct event *event = master_round_event(round, EVENT_LEVEL_NOTICE, "node-forgotten");
    master_round_text(round, event, "node", entry->name);
}

static void node_state_update_offline(struct master_round *round, int node)
{
    const struct round_node *entry = &round->nodes[node];
    switch ((enum node_state)entry->state) {
    case NODE_STATE_ONLINE:
        if (entry->silent) {
            struct event *event = master_round_event(round, EVENT_LEVEL_ERROR, "lrm-silent");
            master_round_text(round, event, "node", entry->name);
        }
        node_state_move(round, node, NODE_STATE_UNKNOWN);
        break;
    case NODE_STATE_MAINTENANCE:
        // A node that was shut down by policy keeps the state until its next LRM says otherwise.
        if (entry->mode != LRM_MODE_MAINTENANCE) {
            node_state_move(round, node, NODE_STATE_UNKNOWN);
        }
        break;
    case NODE_STATE_UNKNOWN:
        if (!entry->listed) {
            node_state_move(round, node, NODE_STATE_GONE);
        }
        break;
    case NODE_STATE_GONE:
        node_state_forget(round, node);
        break;
    case NODE_STATE_FENCE:
    case NODE_STATE_MAX:
        break;
    }
}

void node_state_update(struct master_round *round)
{
    for (int i = 0; i < round->nodes_count; i++) {
        if (round->nodes[i].member_online) {
            node_state_update_online(round, i);
        }
    }
    for (int i = 0; i < round->nodes_count; i++) {
        if (!round->nodes[i].member_online && round->nodes[i].present) {
            node_state_update_offline(round, i);
        }
    }
}

static void node_state_hold(struct master_round *round, struct round_node *node)
{
    int64_t now_ms = round->input->now_ms;
    master_round_wake(round, node->held_until_ms);
    if (node->held_off_until_s > 0) {
        return; // told
    }
    const struct presence_node *presence = presence_find(&round->manager->presence, node->name);
    node->held_off_until_s = round->input->wall_s + (node->held_until_ms - now_ms + 999) / 1000;
    struct event *event = master_round_event(round, EVENT_LEVEL_WARNING, "node-held-off");
    master_round_text(round, event, "node", node->name);
    event_int(event, "until", node->held_off_until_s);
    event_int(event, "leaves", (int64_t)presence->leaves_count);
}

void node_state_hold_off(struct master_round *round)
{
    for (int i = 0; i < round->nodes_count; i++) {
        struct round_node *node = &round->nodes[i];
        if (node->held_until_ms > 0 && node->member_online) {
            node_state_hold(round, node);
        } else {
            node->held_off_until_s = 0;
        }
    }
}
