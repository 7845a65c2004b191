// SPDX-License-Identifier: Apache-2.0
// ha-crm: joins the CRM's rounds (crm/round.c) with the machine: ha-clusterd, signals, systemd. No
// decision is made here.
#include <signal.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/host/daemon.h"
#include "common/host/event_output.h"
#include "common/host/host_clock.h"
#include "common/host/host_ids.h"
#include "common/host/latency_page.h"
#include "common/host/loop.h"
#include "common/host/priority.h"
#include "common/host/rounds.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/ids.h"
#include "crm/host_fence.h"
#include "crm/live_stats.h"
#include "crm/round.h"

#define NAME  "ha-crm"
#define ABOUT "Decides, when this node is the master, which node runs which service."

struct crmd {
    struct arena *arena;
    struct daemon_setup setup;
    struct clock clock;
    struct ids ids;
    struct loop *loop;
    struct event_output *output;
    struct event_sink *events;
    struct cluster_client *client;
    struct live_stats *stats;
    struct host_fence *fence;
    struct crm_round *round;
    struct rounds *rounds;
    struct latency_page *times;
    struct loop_source *sigterm;
    struct loop_source *sigint;
    struct loop_source *sighup;
    struct daemon_link link; // to ha-clusterd
    enum crm_state status_told;
};

static void something_changed(void *userdata)
{
    struct crmd *daemon = userdata;
    rounds_request(daemon->rounds);
}

static void status_tell(struct crmd *daemon)
{
    enum crm_state state = crm_round_state(daemon->round);
    if (state != daemon->status_told) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        daemon->status_told = state;
        loop_notify(arena_printf(arena, "STATUS=%s", crm_state_to_string(state)));
    }
}

static bool round_run(void *userdata, int64_t *ret_wake_ms)
{
    struct crmd *daemon = userdata;
    struct crm_round_result result;
    if (!daemon_link_look(&daemon->link, cluster_client_membership(daemon->client), &daemon->clock,
                          daemon->events, ret_wake_ms)) {
        return true;
    }
    if (cluster_client_is_outdated(daemon->client)) {
        // ha-clusterd was started with other settings: end, and be started with them too.
        crm_round_request_shutdown(daemon->round);
    }
    crm_round_run(daemon->round, &result);
    status_tell(daemon);
    host_fence_self_test(daemon->fence, daemon->events,
                         crm_round_state(daemon->round) == CRM_STATE_MASTER);
    if (result.exit) {
        daemon_exit_tell(daemon->events);
        return false;
    }
    *ret_wake_ms = result.next_wake_ms;
    return true;
}

static void stop_requested(void *userdata, int signo)
{
    (void)signo;
    struct crmd *daemon = userdata;
    loop_notify("STOPPING=1");
    crm_round_request_shutdown(daemon->round);
    rounds_request(daemon->rounds);
}

static void signal_ignored(void *userdata, int signo)
{
    (void)userdata; // a terminal that closes is no reason to end
    (void)signo;
}

static void round_open(struct crmd *daemon)
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
                                           STORE_PREFIX_STORAGE,
                                           STORE_PREFIX_LIVE_STORAGE,
                                           STORE_PREFIX_HISTORY,
                                           "config/",
                                           NULL};
    daemon->client =
        cluster_client_new(daemon->loop, daemon->setup.node, prefixes, something_changed, daemon);
    cluster_client_expect_profile(daemon->client,
                                  timing_profile_to_string(daemon->setup.config.profile));
    daemon->stats = live_stats_new(cluster_client_store(daemon->client));
    daemon->fence = host_fence_new(daemon->loop, daemon->client, something_changed, daemon);
    struct crm_ports ports = {
        .clock = &daemon->clock,
        .store = cluster_client_store(daemon->client),
        .lease = cluster_client_lease(daemon->client),
        .membership = cluster_client_membership(daemon->client),
        .stats = live_stats_port(daemon->stats),
        .fence = host_fence_port(daemon->fence),
        .ids = &daemon->ids,
        .events = daemon->events,
    };
    daemon->round = crm_round_new(daemon->setup.node, &daemon->setup.timing, &ports);
}

static int daemon_run(struct crmd *daemon, struct error *err)
{
    host_clock_init(&daemon->clock);
    host_ids_init(&daemon->ids);
    daemon->status_told = CRM_STATE_MAX;
    priority_raise();
    int r = daemon_setup_load(daemon->arena, &daemon->setup, err);
    if (r == 0) {
        r = loop_new(&daemon->loop, err);
    }
    if (r < 0) {
        return r;
    }
    daemon->output = event_output_new(arena_printf(daemon->arena, "%s/crm", daemon->setup.node));
    daemon->events = event_output_sink(daemon->output);
    daemon->rounds = rounds_new(daemon->loop, round_run, daemon);
    daemon->times = latency_page_new(NAME);
    rounds_count(daemon->rounds, daemon->times);
    round_open(daemon);
    daemon->sigterm = loop_add_signal(daemon->loop, SIGTERM, stop_requested, daemon);
    daemon->sigint = loop_add_signal(daemon->loop, SIGINT, stop_requested, daemon);
    daemon->sighup = loop_add_signal(daemon->loop, SIGHUP, signal_ignored, daemon);
    loop_notify("READY=1");
    return loop_run(daemon->loop, err);
}

static void daemon_done(struct crmd *daemon)
{
    loop_source_free(daemon->sigterm);
    loop_source_free(daemon->sigint);
    loop_source_free(daemon->sighup);
    crm_round_free(daemon->round);
    live_stats_free(daemon->stats);
    host_fence_free(daemon->fence);
    cluster_client_free(daemon->client);
    rounds_free(daemon->rounds);
    latency_page_free(daemon->times);
    event_output_free(daemon->output);
    loop_free(daemon->loop);
    arena_free(daemon->arena);
}

int main(int argc, char *argv[])
{
    int status;
    if (!daemon_options(argc, argv, NAME, ABOUT, &status)) {
        return status;
    }
    struct crmd daemon = {.arena = arena_new()};
    struct error err = {0};
    int r = daemon_run(&daemon, &err);
    status = r < 0 ? daemon_fail(NAME, &err) : r;
    daemon_done(&daemon);
    return status;
}
