// SPDX-License-Identifier: Apache-2.0
// ha-lrm of a simulated node: lrm/main.c with its rounds in a fiber. No decision is made here.
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/daemon.h"
#include "common/model/event.h"
#include "common/model/options.h"
#include "common/model/store_keys.h"
#include "common/port/workers.h"
#include "lrm/round.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_host.h"
#include "sim/swarm/swarm_rounds.h"
#include "sim/swarm/swarm_taps.h"
#include "sim/swarm/swarm_watchdog.h"
#include "sim/swarm/swarm_worker.h"

struct swarm_lrm {
    struct swarm_node *node;
    struct swarm_sink sink;
    struct arena *arena;
    const char *prefixes[6]; // that wake it
    struct swarm_client *client;
    struct swarm_store_tap store;
    struct swarm_lease_tap lease;
    uint64_t term; // of the node's agent lease
    struct swarm_watchdog_client *watchdog;
    struct swarm_workers *workers;
    struct lrm_round *round;
    struct swarm_rounds *rounds;
    struct map exits; // sids of guests that ended and were not told to the rounds yet
    struct daemon_link link;
    bool inherited;
    int64_t inherited_end_ms;
    bool stop_is_asked; // not told to the rounds yet
    enum lrm_shutdown stop_how;
};

static void something_changed(void *userdata)
{
    struct swarm_lrm *lrm = userdata;
    swarm_rounds_request(lrm->rounds);
}

// Its word was given before the grant; the observer hears of it with the release.
static void lease_gave_back(void *userdata, const char *lease)
{
    const struct swarm_lrm *lrm = userdata;
    swarm_tell_authority(lrm->node, lease, 0, swarm_clock_now_ms(&lrm->node->clock));
}

static void guest_exited(void *userdata, const char *sid)
{
    struct swarm_lrm *lrm = userdata;
    map_put(&lrm->exits, sid, lrm);
    swarm_rounds_request(lrm->rounds);
}

static void inherit_tell(struct swarm_lrm *lrm, int64_t deadline_ms, bool known)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_NOTICE, "watchdog-inherited");
    event_int(event, "left_ms", deadline_ms - swarm_clock_now_ms(&lrm->node->clock));
    event_text(arena, event, "reason", known ? NULL : "there is no note");
    event_emit(&lrm->sink.port, event);
}

static void inherit(struct swarm_lrm *lrm)
{
    const struct swarm_node *node = lrm->node;
    int64_t deadline_ms = 0;
    if (lrm->inherited || swarm_watchdog_client_connect(lrm->watchdog, &deadline_ms, NULL) < 0) {
        return;
    }
    lrm->inherited = true;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char **sids = arena_array_of(arena, const char *, node->noted.count);
    struct workers_guests guests = {.sids = sids};
    map_each (e, &node->noted) {
        sids[guests.count++] = e->key;
    }
    lrm_round_inherit(lrm->round, deadline_ms, &guests, node->noted_term, node->has_note);
    if (deadline_ms != 0) {
        inherit_tell(lrm, deadline_ms, node->has_note);
        lrm->inherited_end_ms = deadline_ms - node->world->timing.stop_ms;
    }
}

static void exits_tell(struct swarm_lrm *lrm, struct lrm_round_result *result)
{
    if (lrm->exits.count == 0 || result->exit) {
        return;
    }
    map_each (e, &lrm->exits) {
        lrm_round_note_guest_exit(lrm->round, e->key);
    }
    map_clear(&lrm->exits);
    lrm_round_run(lrm->round, result);
    lrm->node->world->figures.rounds_lrm++;
}

static bool round_run(void *userdata, int64_t *ret_wake_ms)
{
    struct swarm_lrm *lrm = userdata;
    struct clock *clock = &lrm->node->clock.port;
    struct lrm_round_result result;
    if (swarm_fiber_is_ended(swarm_rounds_fiber(lrm->rounds))) {
        return false;
    }
    inherit(lrm);
    if (lrm->stop_is_asked) {
        lrm->stop_is_asked = false;
        lrm_round_request_shutdown(lrm->round, lrm->stop_how);
    }
    bool ends = lrm->inherited_end_ms != 0 && clock_now_ms(clock) >= lrm->inherited_end_ms;
    if (!daemon_link_look(&lrm->link, swarm_client_membership(lrm->client), clock, &lrm->sink.port,
                          ret_wake_ms) &&
        !ends) {
        bool early = lrm->inherited_end_ms != 0 && lrm->inherited_end_ms < *ret_wake_ms;
        *ret_wake_ms = early ? lrm->inherited_end_ms : *ret_wake_ms;
        return true;
    }
    lrm->node->world->figures.rounds_lrm++;
    lrm_round_run(lrm->round, &result);
    exits_tell(lrm, &result);
    *ret_wake_ms = result.next_wake_ms;
    return !result.exit;
}

static void round_over(void *userdata)
{
    struct swarm_lrm *lrm = userdata;
    daemon_exit_tell(&lrm->sink.port);
    swarm_process_ended(&lrm->node->processes[SWARM_PROCESS_LRM]);
}

static void lease_asked(void *userdata, const char *lease)
{
    const struct swarm_lrm *lrm = userdata;
    swarm_tell_asked(lrm->node, lease);
}

static void client_open(struct swarm_lrm *lrm)
{
    struct swarm_node *node = lrm->node;
    const char *own = arena_printf(lrm->arena, STORE_PREFIX_RESULT "%s/", node->name);
    const char *const prefixes[] = {
        "manager/", STORE_PREFIX_SERVICE, STORE_PREFIX_RESOURCE, "config/", own, NULL};
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        lrm->prefixes[i] = prefixes[i];
    }
    const struct swarm_client_spec spec = {.queue = node->world->queue,
                                           .prng = &node->world->prng,
                                           .gate = &node->processes[SWARM_PROCESS_LRM].gate,
                                           .clock = &node->clock,
                                           .owner = node->name,
                                           .timing = &node->world->timing,
                                           .prefixes = lrm->prefixes,
                                           .patience_ms =
                                               LRM_PATIENCE_RENEWALS * node->world->timing.renew_ms,
                                           .changed = something_changed,
                                           .gave_back = lease_gave_back,
                                           .asked = lease_asked,
                                           .userdata = lrm};
    lrm->client = swarm_client_new(&spec);
}

struct swarm_lrm *swarm_lrm_start(struct swarm_node *node)
{
    struct swarm_world *world = node->world;
    struct swarm_lrm *lrm = alloc_zero(sizeof(*lrm));
    lrm->node = node;
    lrm->arena = arena_new();
    map_init(&lrm->exits, NULL);
    swarm_sink_init(&lrm->sink, world, node->name, "lrm");
    const struct swarm_rounds_spec rounds = {.queue = world->queue,
                                             .gate = &node->processes[SWARM_PROCESS_LRM].gate,
                                             .clock = &node->clock,
                                             .run = round_run,
                                             .ended = round_over,
                                             .userdata = lrm};
    lrm->rounds = swarm_rounds_new(&rounds);
    struct swarm_fiber *fiber = swarm_rounds_fiber(lrm->rounds);
    client_open(lrm);
    swarm_client_set_fiber(lrm->client, fiber);
    lrm->watchdog = swarm_watchdog_client_new(node, &lrm->sink.port);
    swarm_watchdog_client_set_fiber(lrm->watchdog, fiber);
    const struct swarm_workers_spec workers = {.node = node,
                                               .events = &lrm->sink.port,
                                               .term = &lrm->term,
                                               .ended = something_changed,
                                               .guest_exited = guest_exited,
                                               .userdata = lrm};
    lrm->workers = swarm_workers_new(&workers);
    swarm_workers_set_fiber(lrm->workers, fiber);
    swarm_store_tap_init(&lrm->store, node, swarm_client_store(lrm->client), fiber,
                         &node->lrm_is_blind);
    swarm_lease_tap_init(&lrm->lease, node, swarm_client_lease(lrm->client), fiber, &lrm->term);
    const struct lrm_ports ports = {
        .clock = &node->clock.port,
        .store = &lrm->store.port,
        .lease = &lrm->lease.port,
        .membership = swarm_client_membership(lrm->client),
        .watchdog = swarm_watchdog_client_port(lrm->watchdog),
        .workers = swarm_workers_port(lrm->workers),
        .events = &lrm->sink.port,
    };
    struct options options;
    options_init(&options);
    lrm->round = lrm_round_new(node->name, &world->timing, options.max_workers, &ports);
    swarm_lrm_connect(lrm);
    return lrm;
}

void swarm_lrm_kill(struct swarm_lrm *lrm)
{
    if (lrm == NULL) {
        return;
    }
    lrm->sink.is_muted = true;
    swarm_rounds_free(lrm->rounds);
    swarm_workers_free(lrm->workers);
    lrm_round_free(lrm->round);
    swarm_watchdog_client_free(lrm->watchdog);
    swarm_client_free(lrm->client);
    map_done(&lrm->exits);
    swarm_sink_done(&lrm->sink);
    arena_free(lrm->arena);
    free(lrm);
}

void swarm_lrm_connect(struct swarm_lrm *lrm)
{
    if (lrm != NULL && lrm->node->clusterd != NULL) {
        swarm_client_connect(lrm->client, lrm->node->clusterd);
    }
}

void swarm_lrm_request_shutdown(struct swarm_lrm *lrm, bool node_reboots)
{
    lrm->stop_is_asked = true;
    lrm->stop_how = node_reboots ? LRM_SHUTDOWN_REBOOT : LRM_SHUTDOWN_POWEROFF;
    swarm_rounds_request(lrm->rounds);
}

bool swarm_lrm_is_quiet(const struct swarm_lrm *lrm)
{
    return swarm_rounds_is_idle(lrm->rounds) && swarm_workers_are_idle(lrm->workers) &&
           lrm->exits.count == 0;
}

bool swarm_lrm_is_fresh(const struct swarm_lrm *lrm)
{
    return swarm_watchdog_client_is_fresh(lrm->watchdog);
}

uint64_t swarm_lrm_sum(const struct swarm_lrm *lrm)
{
    return (uint64_t)lrm_round_state(lrm->round) << 1 | (lrm->term != 0);
}

bool swarm_lrm_may_receive(const struct swarm_lrm *lrm, const char *sid)
{
    return lrm->round != NULL && lrm_round_may_receive(lrm->round, sid);
}

void swarm_lrm_note_exit(struct swarm_lrm *lrm, const char *sid)
{
    swarm_workers_note_exit(lrm->workers, sid);
}
