// SPDX-License-Identifier: Apache-2.0
// ha-crm of a simulated node: crm/main.c with its rounds in a fiber. No decision is made here.
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/host/daemon.h"
#include "common/model/crm_state.h"
#include "common/model/store_keys.h"
#include "crm/live_stats.h"
#include "crm/round.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_fence.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_host.h"
#include "sim/swarm/swarm_rounds.h"
#include "sim/swarm/swarm_taps.h"

struct swarm_crm {
    struct swarm_node *node;
    struct swarm_sink sink;
    struct swarm_client *client;
    struct swarm_store_tap store;
    struct swarm_lease_tap lease;
    struct live_stats *stats;
    struct swarm_fence *fence;
    struct crm_round *round;
    struct swarm_rounds *rounds;
    struct daemon_link link;
    bool stop_is_asked;
};

void swarm_crm_request(void *userdata)
{
    struct swarm_crm *crm = userdata;
    swarm_rounds_request(crm->rounds);
}

static bool round_run(void *userdata, int64_t *ret_wake_ms)
{
    struct swarm_crm *crm = userdata;
    struct crm_round_result result;
    if (swarm_fiber_is_ended(swarm_rounds_fiber(crm->rounds))) {
        return false;
    }
    if (crm->stop_is_asked) {
        crm_round_request_shutdown(crm->round);
    }
    if (!daemon_link_look(&crm->link, swarm_client_membership(crm->client), &crm->node->clock.port,
                          &crm->sink.port, ret_wake_ms)) {
        return true;
    }
    crm->node->world->figures.rounds_crm++;
    crm_round_run(crm->round, &result);
    *ret_wake_ms = result.next_wake_ms;
    return !result.exit;
}

static void round_over(void *userdata)
{
    struct swarm_crm *crm = userdata;
    daemon_exit_tell(&crm->sink.port);
    swarm_process_ended(&crm->node->processes[SWARM_PROCESS_CRM]);
}

static void lease_asked(void *userdata, const char *lease)
{
    const struct swarm_crm *crm = userdata;
    swarm_tell_asked(crm->node, lease);
}

static void client_open(struct swarm_crm *crm)
{
    static const char *const prefixes[] = {"manager/",
                                           STORE_PREFIX_SERVICE,
                                           STORE_PREFIX_RESOURCE,
                                           STORE_PREFIX_GUEST,
                                           STORE_PREFIX_COMMAND,
                                           STORE_PREFIX_LRM,
                                           STORE_PREFIX_RESULT,
                                           STORE_PREFIX_NODE_VERSION,
                                           STORE_PREFIX_LOAD,
                                           "config/",
                                           NULL};
    struct swarm_node *node = crm->node;
    const struct swarm_client_spec spec = {.queue = node->world->queue,
                                           .prng = &node->world->prng,
                                           .gate = &node->processes[SWARM_PROCESS_CRM].gate,
                                           .clock = &node->clock,
                                           .owner = node->name,
                                           .timing = &node->world->timing,
                                           .prefixes = prefixes,
                                           .changed = swarm_crm_request,
                                           .asked = lease_asked,
                                           .userdata = crm};
    crm->client = swarm_client_new(&spec);
}

struct swarm_crm *swarm_crm_start(struct swarm_node *node)
{
    struct swarm_world *world = node->world;
    struct swarm_crm *crm = alloc_zero(sizeof(*crm));
    crm->node = node;
    swarm_sink_init(&crm->sink, world, node->name, "crm");
    const struct swarm_rounds_spec rounds = {.queue = world->queue,
                                             .gate = &node->processes[SWARM_PROCESS_CRM].gate,
                                             .clock = &node->clock,
                                             .run = round_run,
                                             .ended = round_over,
                                             .userdata = crm};
    crm->rounds = swarm_rounds_new(&rounds);
    struct swarm_fiber *fiber = swarm_rounds_fiber(crm->rounds);
    client_open(crm);
    swarm_client_set_fiber(crm->client, fiber);
    swarm_store_tap_init(&crm->store, node, swarm_client_store(crm->client), fiber,
                         &node->is_blind);
    swarm_lease_tap_init(&crm->lease, node, swarm_client_lease(crm->client), fiber, NULL);
    crm->stats = live_stats_new(&crm->store.port);
    crm->fence = swarm_fence_new(node, crm->client, swarm_crm_request, crm);
    const struct crm_ports ports = {
        .clock = &node->clock.port,
        .store = &crm->store.port,
        .lease = &crm->lease.port,
        .membership = swarm_client_membership(crm->client),
        .stats = live_stats_port(crm->stats),
        .fence = swarm_fence_port(crm->fence),
        .ids = &world->ids.port,
        .events = &crm->sink.port,
    };
    crm->round = crm_round_new(node->name, &world->timing, &ports);
    swarm_crm_connect(crm);
    return crm;
}

void swarm_crm_kill(struct swarm_crm *crm)
{
    if (crm == NULL) {
        return;
    }
    crm->sink.is_muted = true;
    swarm_rounds_free(crm->rounds);
    crm_round_free(crm->round);
    swarm_fence_free(crm->fence);
    live_stats_free(crm->stats);
    swarm_client_free(crm->client);
    swarm_sink_done(&crm->sink);
    free(crm);
}

void swarm_crm_connect(struct swarm_crm *crm)
{
    if (crm != NULL && crm->node->clusterd != NULL) {
        swarm_client_connect(crm->client, crm->node->clusterd);
    }
}

void swarm_crm_request_shutdown(struct swarm_crm *crm)
{
    crm->stop_is_asked = true;
    swarm_rounds_request(crm->rounds);
}

bool swarm_crm_is_quiet(const struct swarm_crm *crm)
{
    return swarm_rounds_is_idle(crm->rounds);
}

uint64_t swarm_crm_sum(const struct swarm_crm *crm)
{
    return (uint64_t)crm_round_state(crm->round);
}
