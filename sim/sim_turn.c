// SPDX-License-Identifier: Apache-2.0
// What the end of a daemon, and of a watchdog's patience, does to the hardware.
#include "sim/sim_turn.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "sim/sim_command.h"
#include "sim/world.h"

static void sim_turn_tell_exit(struct sim_daemon *daemon)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    sim_world_emit(daemon->world, daemon->clock_ms, daemon->at,
                   event_new(arena, EVENT_LEVEL_NOTICE, "daemon-exit"));
}

static int sim_turn_node_command(struct sim_node *node, const char *format, const char *actor,
                                 struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    const char *name = strstr(format, "NODE");
    strbuf_append_bytes(&text, format, (size_t)(name - format));
    strbuf_append(&text, node->name);
    strbuf_append(&text, name + strlen("NODE"));
    return sim_command_run(node->crm.world, actor, strbuf_text(&text), err);
}

// The CRM ended: the node goes down with it, if it is to.
static int sim_turn_end_crm(struct sim_node *node, struct error *err)
{
    enum sim_going_down going_down = node->going_down;
    sim_turn_tell_exit(&node->crm);
    sim_daemon_drop(&node->crm);
    if (going_down == SIM_GOING_DOWN_NONE) {
        return 0; // by a command
    }
    const char *actor = going_down == SIM_GOING_DOWN_REBOOT ? "reboot" : "shutdown";
    int r = sim_turn_node_command(node, "power NODE off", actor, err);
    if (r == 0 && going_down == SIM_GOING_DOWN_REBOOT) {
        r = sim_turn_node_command(node, "power NODE on", actor, err);
    }
    return r;
}

// The LRM ended: it is made anew, or the CRM ends next, so that it is the last to go.
static int sim_turn_end_lrm(struct sim_node *node, struct error *err)
{
    bool restart = node->lrm.restart_pending;
    sim_turn_tell_exit(&node->lrm);
    sim_daemon_drop(&node->lrm);
    node->lrm.restart_pending = false;
    if (restart) {
        sim_daemon_create(&node->lrm);
        return 0;
    }
    if (node->going_down == SIM_GOING_DOWN_NONE) {
        return 0;
    }
    const char *actor = node->going_down == SIM_GOING_DOWN_REBOOT ? "reboot" : "shutdown";
    return sim_turn_node_command(node, "crm NODE stop", actor, err);
}

int sim_turn_end(struct sim_daemon *daemon, struct error *err)
{
    return daemon->kind == SIM_DAEMON_CRM ? sim_turn_end_crm(daemon->node, err)
                                          : sim_turn_end_lrm(daemon->node, err);
}

// A node with a handle whose deadline has passed loses its power.
int sim_turn_check_watchdogs(struct sim_world *world, int64_t slack_ms, struct error *err)
{
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        bool crm = node->crm.armed && world->now_ms > node->crm.deadline_ms + slack_ms;
        bool lrm = node->lrm.armed && world->now_ms > node->lrm.deadline_ms + slack_ms;
        if (!crm && !lrm) {
            continue;
        }
        int r = sim_turn_node_command(node, "power NODE off", "watchdog", err);
        if (r < 0) {
            return r;
        }
        sim_world_emit_hardware(world, "watchdog-poweroff", "node", node->name, (const char *)NULL);
    }
    return 0;
}
