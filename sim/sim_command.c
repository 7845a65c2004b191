// SPDX-License-Identifier: Apache-2.0
// A table of verbs. Commands for nodes are here, those for services in sim_command_service.c.
#include "sim/sim_command.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/command.h"
#include "common/model/store_keys.h"
#include "crm/round.h"
#include "sim/sim_command_internal.h"
#include "sim/world.h"

static int sim_command_get_node(const struct sim_command *command, size_t word,
                                struct sim_node **ret, struct error *err)
{
    const char *name = command->words[word];
    *ret = sim_world_find_node(command->world, name);
    return *ret != NULL ? 0 : error_set(err, -EINVAL, "there is no node '%s'", name);
}

int sim_command_get_switch(const char *text, const char *on, const char *off, bool *ret,
                           struct error *err)
{
    if (strcmp(text, on) != 0 && strcmp(text, off) != 0) {
        return error_set(err, -EINVAL, "expected '%s' or '%s', not '%s'", on, off, text);
    }
    *ret = strcmp(text, on) == 0;
    return 0;
}

void sim_command_enqueue(const struct sim_command *command, const struct command *order)
{
    struct command named = *order;
    struct sim_world *world = command->world;
    named.id = arena_printf(command->arena, "c%08llu", (unsigned long long)++world->commands_given);
    named.by = command->actor;
    sim_world_put(world, arena_printf(command->arena, "%s%s", STORE_PREFIX_COMMAND, named.id),
                  command_format(command->arena, &named));
}

static void sim_node_power_off(struct sim_node *node)
{
    struct sim_world *world = node->crm.world;
    if (node->power) {
        sim_daemon_kill(&node->crm);
        sim_daemon_kill(&node->lrm);
        node->crm.armed = false;
        node->lrm.armed = false;
        map_clear(&node->noted);
        node->noted_term = 0;
        node->is_noted = false;
        sim_guests_clear_node(&world->guests, node->name);
    }
    node->power = false;
    node->network = false;
    node->going_down = SIM_GOING_DOWN_NONE;
    sim_world_change_membership(world);
}

static void sim_node_power_on(struct sim_node *node)
{
    bool was_off = !node->power;
    node->power = true;
    node->network = true;
    node->going_down = SIM_GOING_DOWN_NONE;
    sim_world_change_membership(node->crm.world);
    if (was_off) {
        node->store_broken = false;
        node->view_broken = false;
        node->lrm_blind = false;
        sim_daemon_create(&node->crm);
        sim_daemon_create(&node->lrm);
    }
}

static int sim_command_power(struct sim_command *command, struct error *err)
{
    struct sim_node *node = NULL;
    bool on = false;
    int r = sim_command_get_node(command, 1, &node, err);
    if (r < 0 || (r = sim_command_get_switch(command->words[2], "on", "off", &on, err)) < 0) {
        return r;
    }
    if (on) {
        sim_node_power_on(node);
    } else {
        sim_node_power_off(node);
    }
    return 0;
}

static int sim_command_network(struct sim_command *command, struct error *err)
{
    struct sim_node *node = NULL;
    bool on = false;
    int r = sim_command_get_node(command, 1, &node, err);
    if (r < 0 || (r = sim_command_get_switch(command->words[2], "on", "off", &on, err)) < 0) {
        return r;
    }
    node->network = on;
    sim_world_change_membership(command->world);
    return 0;
}

static int sim_command_cfs(struct sim_command *command, struct error *err)
{
    struct sim_node *node = NULL;
    bool rw = false;
    bool works = false;
    int r = sim_command_get_node(command, 1, &node, err);
    bool lrm = strcmp(command->words[2], "lrm") == 0;
    if (r == 0 && !lrm) {
        r = sim_command_get_switch(command->words[2], "rw", "update", &rw, err);
    }
    if (r < 0 || (r = sim_command_get_switch(command->words[3], "work", "fail", &works, err)) < 0) {
        return r;
    }
    if (lrm) {
        node->lrm_blind = !works;
    } else if (rw) {
        node->store_broken = !works;
    } else {
        node->view_broken = !works;
    }
    return 0;
}

static int sim_command_crm_stop(struct sim_node *node, struct error *err)
{
    (void)err; // never fails
    if (node->crm.crm != NULL) {
        node->crm.stopping = true;
        crm_round_request_shutdown(node->crm.crm);
        node->crm.next_wake_ms = node->crm.world->now_ms;
    }
    return 0;
}

static int sim_command_crm_start(struct sim_node *node, struct error *err)
{
    if (!node->power) {
        return error_set(err, -EINVAL, "node '%s' has no power", node->name);
    }
    if (!sim_daemon_exists(&node->crm)) {
        sim_daemon_create(&node->crm);
    }
    return 0;
}

static int sim_command_crm(struct sim_command *command, struct error *err)
{
    struct sim_node *node = NULL;
    const char *what = command->words[2];
    int r = sim_command_get_node(command, 1, &node, err);
    if (r < 0) {
        return r;
    }
    struct command order = {.node = node->name};
    bool disarm = strcmp(what, "disarm-ha") == 0;
    if (command->count != (disarm ? 4 : 3)) {
        return error_set(err, -EINVAL, "wrong number of words after 'crm'");
    }
    if (strcmp(what, "stop") == 0) {
        return sim_command_crm_stop(node, err);
    }
    if (strcmp(what, "start") == 0) {
        return sim_command_crm_start(node, err);
    }
    if (strcmp(what, "enable-node-maintenance") == 0) {
        order.kind = COMMAND_KIND_ENABLE_NODE_MAINTENANCE;
    } else if (strcmp(what, "disable-node-maintenance") == 0) {
        order.kind = COMMAND_KIND_DISABLE_NODE_MAINTENANCE;
    } else if (strcmp(what, "arm-ha") == 0) {
        order.kind = COMMAND_KIND_ARM_HA;
    } else if (disarm) {
        bool freeze = false;
        order.kind = COMMAND_KIND_DISARM_HA;
        r = sim_command_get_switch(command->words[3], "freeze", "ignore", &freeze, err);
        order.disarm = freeze ? DISARM_MODE_FREEZE : DISARM_MODE_IGNORE;
    } else {
        r = error_set(err, -EINVAL, "unknown word '%s' after 'crm'", what);
    }
    if (r == 0) {
        sim_command_enqueue(command, &order);
    }
    return r;
}

static int sim_command_version(struct sim_command *command, struct error *err)
{
    struct sim_node *node = NULL;
    int r = sim_command_get_node(command, 1, &node, err);
    if (r == 0 && strcmp(command->words[2], "set") != 0) {
        r = error_set(err, -EINVAL, "expected 'set', not '%s'", command->words[2]);
    }
    if (r == 0) {
        sim_node_set_version(command->world, node, command->words[3]);
    }
    return r;
}

// An operator who knows that the others are gone gives the rest its quorum back.
static int sim_command_expected(struct sim_command *command, struct error *err)
{
    int64_t votes = 0;
    if (parse_int64(command->words[1], 1, (int64_t)command->world->nodes.count, &votes) < 0) {
        return error_set(err, -EINVAL, "expected a number of votes from 1 to %zu, not '%s'",
                         command->world->nodes.count, command->words[1]);
    }
    command->world->expected_votes = (size_t)votes;
    sim_world_change_membership(command->world);
    return 0;
}

static int sim_node_go_down(struct sim_node *node, enum sim_going_down going_down)
{
    node->going_down = going_down;
    if (node->lrm.lrm != NULL) {
        node->lrm.stopping = true;
        node->lrm.next_wake_ms = node->lrm.world->now_ms;
        lrm_round_request_shutdown(node->lrm.lrm, going_down == SIM_GOING_DOWN_REBOOT
                                                      ? LRM_SHUTDOWN_REBOOT
                                                      : LRM_SHUTDOWN_POWEROFF);
    }
    return 0;
}

static int sim_command_reboot(struct sim_command *command, struct error *err)
{
    struct sim_node *node = NULL;
    int r = sim_command_get_node(command, 1, &node, err);
    return r < 0 ? r : sim_node_go_down(node, SIM_GOING_DOWN_REBOOT);
}

static int sim_command_shutdown(struct sim_command *command, struct error *err)
{
    struct sim_node *node = NULL;
    int r = sim_command_get_node(command, 1, &node, err);
    return r < 0 ? r : sim_node_go_down(node, SIM_GOING_DOWN_SHUTDOWN);
}

static int sim_command_restart_lrm(struct sim_command *command, struct error *err)
{
    struct sim_node *node = NULL;
    int r = sim_command_get_node(command, 1, &node, err);
    if (r < 0) {
        return r;
    }
    node->going_down = SIM_GOING_DOWN_NONE;
    if (node->lrm.lrm != NULL) {
        node->lrm.stopping = true;
        node->lrm.restart_pending = true;
        node->lrm.next_wake_ms = node->lrm.world->now_ms;
        lrm_round_request_shutdown(node->lrm.lrm, LRM_SHUTDOWN_RESTART);
    }
    return 0;
}

// Without a word, and a new one finds what it left.
static int sim_command_kill_lrm(struct sim_command *command, struct error *err)
{
    struct sim_node *node = NULL;
    int r = sim_command_get_node(command, 1, &node, err);
    bool ends = r == 0 && node->lrm.lrm != NULL && sim_daemon_crash(&node->lrm);
    return ends ? error_set(err, -EINVAL, "the LRM of '%s' is about to end", node->name) : r;
}

struct sim_verb {
    const char *name;
    const char *form;
    size_t words_min, words_max;
    int (*run)(struct sim_command *command, struct error *err);
};

static const struct sim_verb sim_verbs[] = {
    {"power", "power <node> on|off", 3, 3, sim_command_power},
    {"network", "network <node> on|off", 3, 3, sim_command_network},
    {"cfs", "cfs <node> rw|update|lrm work|fail", 4, 4, sim_command_cfs},
    {"crm",
     "crm <node> stop|start|enable-node-maintenance|disable-node-maintenance|disarm-ha freeze|ignore|arm-ha",
     3, 4, sim_command_crm},
    {"pve-manager-version", "pve-manager-version <node> set <version>", 4, 4, sim_command_version},
    {"reboot", "reboot <node>", 2, 2, sim_command_reboot},
    {"shutdown", "shutdown <node>", 2, 2, sim_command_shutdown},
    {"restart-lrm", "restart-lrm <node>", 2, 2, sim_command_restart_lrm},
    {"kill-lrm", "kill-lrm <node>", 2, 2, sim_command_kill_lrm},
    {"expected", "expected <votes>", 2, 2, sim_command_expected},
    {"service", "service <sid> <what> …", 3, 7, sim_command_service},
};

int sim_command_run(struct sim_world *world, const char *actor, const char *text, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct parse_words words = parse_fields(arena, text);
    struct sim_command command = {
        .world = world, .arena = arena, .actor = actor, .words = words.words, .count = words.count};
    sim_world_emit_hardware(world, "hardware-command", "text", text, "actor", actor,
                            (const char *)NULL);
    for (size_t i = 0; words.count > 0 && i < ARRAY_SIZE(sim_verbs); i++) {
        const struct sim_verb *verb = &sim_verbs[i];
        if (strcmp(words.words[0], verb->name) != 0) {
            continue;
        }
        if (words.count < verb->words_min || words.count > verb->words_max) {
            return error_set(err, -EINVAL, "'%s': expected '%s'", text, verb->form);
        }
        int r = verb->run(&command, err);
        return r < 0 ? error_prefix(err, "'%s'", text) : 0;
    }
    return error_set(err, -EINVAL, "'%s': unknown command", text);
}
