// SPDX-License-Identifier: Apache-2.0
// Nodes and daemons: making them, ending them, running their rounds, and sending out events with
// the right clock.
#include "sim/world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "crm/round.h"
#include "lrm/round.h"

static void sim_daemon_done(struct sim_daemon *daemon)
{
    crm_round_free(daemon->crm);
    lrm_round_free(daemon->lrm);
    arena_free(daemon->results_arena);
    free(daemon->results);
    free(daemon->at);
}

static void sim_node_free(void *value)
{
    struct sim_node *node = value;
    sim_daemon_done(&node->crm);
    sim_daemon_done(&node->lrm);
    map_done(&node->noted);
    free(node->name);
    free(node);
}

// Long enough for anything to come to rest.
enum { SIM_QUIET_MS = 500 * 1000 };

struct sim_world *sim_world_new(const struct timing *timing, sim_event_callback callback,
                                void *userdata)
{
    struct sim_world *world = alloc_zero(sizeof(*world));
    world->timing = *timing;
    world->callback = callback;
    world->quiet_ms = SIM_QUIET_MS;
    world->userdata = userdata;
    map_init(&world->nodes, sim_node_free);
    map_init(&world->sizes, free);
    sim_store_init(&world->store);
    world->store.keeps_history = timing->profile != TIMING_PROFILE_CLASSIC;
    sim_leases_init(&world->leases);
    sim_guests_init(&world->guests);
    return world;
}

void sim_world_free(struct sim_world *world)
{
    if (world == NULL) {
        return;
    }
    map_done(&world->nodes);
    map_done(&world->sizes);
    sim_store_done(&world->store);
    sim_leases_done(&world->leases);
    sim_guests_done(&world->guests);
    sim_fences_done(&world->fences);
    free(world->violation);
    free(world);
}

static void sim_daemon_init(struct sim_daemon *daemon, struct sim_world *world,
                            struct sim_node *node, enum sim_daemon_kind kind)
{
    struct strbuf at CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&at, "%s/%s", node->name, kind == SIM_DAEMON_CRM ? "crm" : "lrm");
    daemon->world = world;
    daemon->node = node;
    daemon->kind = kind;
    daemon->at = strbuf_steal(&at);
    daemon->results_arena = arena_new();
    sim_ports_init(daemon);
}

struct sim_node *sim_world_add_node(struct sim_world *world, const char *name)
{
    assert(!map_has(&world->nodes, name));
    struct sim_node *node = alloc_zero(sizeof(*node));
    node->name = alloc_strdup(name);
    map_init(&node->noted, NULL);
    sim_daemon_init(&node->crm, world, node, SIM_DAEMON_CRM);
    sim_daemon_init(&node->lrm, world, node, SIM_DAEMON_LRM);
    map_put(&world->nodes, name, node);
    return node;
}

struct sim_node *sim_world_find_node(const struct sim_world *world, const char *name)
{
    return map_find(&world->nodes, name);
}

bool sim_node_is_online(const struct sim_node *node)
{
    return node->power && node->network;
}

bool sim_world_is_quorate(const struct sim_world *world)
{
    size_t online = 0;
    map_each (e, &world->nodes) {
        online += sim_node_is_online(e->value) ? 1 : 0;
    }
    size_t expected = world->expected_votes > 0 ? world->expected_votes : world->nodes.count;
    expected = expected > online ? expected : online;
    return online > expected / 2;
}

bool sim_node_is_quorate(const struct sim_world *world, const struct sim_node *node)
{
    return sim_node_is_online(node) && sim_world_is_quorate(world);
}

// How long a committed change takes to reach a daemon.
enum { SIM_NOTICE_MS = 2 };

static void sim_daemon_wake(struct sim_daemon *daemon, int64_t at_ms)
{
    if (daemon->next_wake_ms > at_ms) {
        daemon->next_wake_ms = at_ms;
    }
}

static bool sim_world_watches(enum sim_daemon_kind kind, const char *key)
{
    // As crm/main.c and lrm/main.c watch them.
    static const char *const prefixes[] = {
        "manager/",         STORE_PREFIX_SERVICE, STORE_PREFIX_RESOURCE, "config/",
        STORE_PREFIX_GUEST, STORE_PREFIX_COMMAND, STORE_PREFIX_LRM,      STORE_PREFIX_RESULT};
    enum { LRM_PREFIXES = 4 };
    size_t count = kind == SIM_DAEMON_LRM ? LRM_PREFIXES : ARRAY_SIZE(prefixes);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

void sim_world_wake(struct sim_world *world, const struct store_op *ops, size_t count)
{
    bool crm = false;
    bool lrm = false;
    for (size_t i = 0; i < count && !(crm && lrm); i++) {
        crm = crm || sim_world_watches(SIM_DAEMON_CRM, ops[i].key);
        lrm = lrm || sim_world_watches(SIM_DAEMON_LRM, ops[i].key);
    }
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        if (crm) {
            sim_daemon_wake(&node->crm, world->now_ms + SIM_NOTICE_MS);
        }
        if (lrm) {
            sim_daemon_wake(&node->lrm, world->now_ms + SIM_NOTICE_MS);
        }
    }
}

void sim_world_put(struct sim_world *world, const char *key, const char *value)
{
    const struct store_op op = {.key = key, .value = value};
    sim_store_put(&world->store, key, value);
    sim_world_wake(world, &op, 1);
}

static void sim_world_wake_all(struct sim_world *world)
{
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        sim_daemon_wake(&node->crm, world->now_ms + SIM_NOTICE_MS);
        sim_daemon_wake(&node->lrm, world->now_ms + SIM_NOTICE_MS);
    }
}

void sim_world_change_membership(struct sim_world *world)
{
    world->epoch++;
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        bool quorate = sim_node_is_quorate(world, node);
        if (node->was_quorate && !quorate) {
            node->view_version = world->store.version;
        }
        node->was_quorate = quorate;
    }
    sim_world_wake_all(world);
}

// INV-1, after each event: a service never runs on two nodes.
static void sim_world_check(struct sim_world *world, int64_t t_ms, const char *at,
                            const struct event *event)
{
    const char *sid = sim_guests_find_double(&world->guests);
    if (sid == NULL || world->violation != NULL) {
        return;
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "INV-1 is broken: '%s' runs on two nodes, since %.3f %s: ", sid,
                   (double)t_ms / 1000, at);
    event_format_text(event, &text);
    world->violation = strbuf_steal(&text);
}

void sim_world_emit(struct sim_world *world, int64_t t_ms, const char *at,
                    const struct event *event)
{
    world->events_count++;
    world->callback(world->userdata, t_ms, at, event);
    sim_world_check(world, t_ms, at, event);
}

void sim_world_emit_hardware(struct sim_world *world, const char *name, ...)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_INFO, name);
    va_list args;
    va_start(args, name);
    for (const char *key = va_arg(args, const char *); key != NULL;
         key = va_arg(args, const char *)) {
        event_text(arena, event, key, va_arg(args, const char *));
    }
    va_end(args);
    sim_world_emit(world, world->now_ms, "hardware", event);
}

bool sim_daemon_exists(const struct sim_daemon *daemon)
{
    return daemon->crm != NULL || daemon->lrm != NULL;
}

// What the process before this one left: its deadline in the watchdog, and its note (lrm/main.c).
static void sim_daemon_inherit(struct sim_daemon *daemon)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct sim_node *node = daemon->node;
    const char **sids = arena_array_of(arena, const char *, node->noted.count);
    for (size_t i = 0; i < node->noted.count; i++) {
        sids[i] = node->noted.entries[i].key;
    }
    const struct workers_guests guests = {sids, node->noted.count};
    int64_t left_ms = daemon->deadline_ms - daemon->world->now_ms;
    lrm_round_inherit(daemon->lrm, daemon->armed ? daemon->clock_ms + left_ms : 0, &guests,
                      node->noted_term, node->is_noted);
}

void sim_daemon_create(struct sim_daemon *daemon)
{
    struct sim_world *world = daemon->world;
    assert(!sim_daemon_exists(daemon));
    daemon->stopping = false;
    daemon->restart_pending = false;
    daemon->next_wake_ms = world->now_ms;
    if (daemon->kind == SIM_DAEMON_CRM) {
        bool live = world->timing.profile != TIMING_PROFILE_CLASSIC;
        struct crm_ports ports = {.clock = &daemon->clock.port,
                                  .store = &daemon->store.port,
                                  .lease = &daemon->lease.port,
                                  .membership = &daemon->membership.port,
                                  .watchdog = live ? NULL : &daemon->watchdog.port,
                                  .stats = &daemon->stats.port,
                                  .fence = live ? &daemon->fence.port : NULL,
                                  .ids = &daemon->ids.port,
                                  .events = &daemon->events.port};
        sim_fault_wrap_crm(daemon, &ports);
        daemon->crm = crm_round_new(daemon->node->name, &world->timing, &ports);
        return;
    }
    struct lrm_ports ports = {.clock = &daemon->clock.port,
                              .store = &daemon->store.port,
                              .lease = &daemon->lease.port,
                              .membership = &daemon->membership.port,
                              .watchdog = &daemon->watchdog.port,
                              .workers = &daemon->workers.port,
                              .events = &daemon->events.port};
    sim_fault_wrap_lrm(daemon, &ports);
    daemon->lrm = lrm_round_new(daemon->node->name, &world->timing, 0, &ports);
    sim_daemon_inherit(daemon);
}

void sim_daemon_drop(struct sim_daemon *daemon)
{
    crm_round_free(daemon->crm);
    lrm_round_free(daemon->lrm);
    daemon->crm = NULL;
    daemon->lrm = NULL;
    daemon->stopping = false;
    daemon->results_count = 0;
    arena_clear(daemon->results_arena);
}

void sim_daemon_kill(struct sim_daemon *daemon)
{
    if (!sim_daemon_exists(daemon)) {
        return;
    }
    sim_daemon_drop(daemon);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    sim_world_emit(daemon->world, daemon->clock_ms, daemon->at,
                   event_new(arena, EVENT_LEVEL_NOTICE, "daemon-killed"));
}

// How long a service manager waits before it starts a daemon again.
enum { SIM_RESTART_MS = 1000 };

bool sim_daemon_crash(struct sim_daemon *daemon)
{
    bool ends = daemon->stopping;
    bool restarts = daemon->restart_pending;
    sim_fences_forget(daemon);
    if (ends) {
        return true;
    }
    sim_daemon_kill(daemon);
    sim_daemon_create(daemon);
    daemon->restart_pending = restarts;
    if (daemon->world->timing.profile != TIMING_PROFILE_CLASSIC) {
        daemon->next_wake_ms = daemon->world->now_ms + SIM_RESTART_MS;
    }
    return false;
}

bool sim_daemon_run(struct sim_daemon *daemon)
{
    assert(sim_daemon_exists(daemon));
    daemon->next_wake_ms = INT64_MAX; // what the round itself changes may wake it again
    if (daemon->kind == SIM_DAEMON_CRM) {
        struct crm_round_result result = {0};
        crm_round_run(daemon->crm, &result);
        sim_daemon_wake(daemon, result.next_wake_ms);
        return sim_fault_has_crashed(daemon) ? sim_daemon_crash(daemon) : result.exit;
    }
    struct lrm_round_result result = {0};
    lrm_round_run(daemon->lrm, &result);
    sim_daemon_wake(daemon, result.next_wake_ms);
    return sim_fault_has_crashed(daemon) ? sim_daemon_crash(daemon) : result.exit;
}

void sim_node_set_version(struct sim_world *world, struct sim_node *node, const char *version)
{
    struct strbuf key CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&key, "%s%s", STORE_PREFIX_NODE_VERSION, node->name);
    sim_world_put(world, strbuf_text(&key), version);
}
