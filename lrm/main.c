// SPDX-License-Identifier: Apache-2.0
// ha-lrm: joins the LRM's rounds (lrm/round.c) with the machine: ha-clusterd, ha-watchdogd,
// workers, signals, systemd. No decision is made here.
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/host/cluster_client.h"
#include "common/host/daemon.h"
#include "common/host/event_output.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/host_watchdog.h"
#include "common/host/latency_page.h"
#include "common/host/loop.h"
#include "common/host/machine.h"
#include "common/host/paths.h"
#include "common/host/priority.h"
#include "common/host/rounds.h"
#include "common/host/shutdown.h"
#include "common/model/event.h"
#include "common/model/options.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/lease.h"
#include "common/port/workers.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/agents.h"
#include "lrm/host_guard.h"
#include "lrm/host_workers.h"
#include "lrm/load_meter.h"
#include "lrm/round.h"
#include "lrm/service_note.h"
#include "lrm/service_watch.h"
#include "lrm/storage_keeper.h"

#define NAME  "ha-lrm"
#define ABOUT "Starts, stops, watches and moves the services of this node."

// The lease port that is given to the rounds: it passes everything on and notes the term for the
// workers.
struct lease_tap {
    struct lease port; // first
    struct lease *inner;
    struct host_workers *workers;
};

struct lrmd {
    struct arena *arena;
    struct daemon_setup setup;
    struct clock clock;
    struct loop *loop;
    struct event_output *output;
    struct event_sink *events;
    struct cluster_client *client;
    struct host_watchdog *watchdog;
    struct host_workers *workers;
    struct lease_tap lease;
    struct lrm_round *round;
    struct rounds *rounds;
    struct latency_page *times;
    struct loop_source *sigterm;
    struct loop_source *sigint;
    struct loop_source *sighup;
    struct map exits;        // sids of guests that ended and were not told to the rounds yet
    struct daemon_link link; // to ha-clusterd
    enum lrm_state status_told;
    char *note_path; // what may run here
    char *boot_id;
    bool inherited;           // ha-watchdogd told whether a process before this one left a deadline
    int64_t inherited_end_ms; // when this process must have begun to stop what that one started
    struct load_meter *meter;
    struct storage_keeper *storages;
    struct host_guard *guard;
    struct service_watch *watch;
};

static int tap_acquire(struct lease *port, const char *name, struct lease_grant *ret,
                       struct error *err)
{
    struct lease_tap *tap = (struct lease_tap *)port;
    int answer = lease_acquire(tap->inner, name, ret, err);
    if (answer == LEASE_ACQUIRED || answer == LEASE_RENEWED) {
        host_workers_set_term(tap->workers, ret->term);
    }
    return answer;
}

static int tap_release(struct lease *port, const char *name, struct error *err)
{
    struct lease_tap *tap = (struct lease_tap *)port;
    host_workers_set_term(tap->workers, 0);
    return lease_release(tap->inner, name, err);
}

static const struct lease_ops tap_ops = {.acquire = tap_acquire, .release = tap_release};

// --- What the workers use. These two run in the worker's process. ---

static int worker_open_store(struct store **ret, struct error *err)
{
    struct cluster_client *client;
    int r = cluster_client_connect(&client, err);
    if (r < 0) {
        return r;
    }
    *ret = cluster_client_store(client); // the process ends with its connection
    return 0;
}

static struct agent *worker_open_agent(const struct host_worker_context *context, const char *type)
{
    const struct agent_type *row = agents_find(type);
    const struct agent_context agents = {
        .node = context->node,
        .store = context->store,
        .events = context->events,
        .lease_term = context->lease_term,
        .stop_timeout_s = context->timing->stop_timeout_s,
        .is_gone = context->store != NULL ? cluster_client_is_gone : NULL,
        .is_gone_userdata = context->store != NULL ? cluster_client_of_store(context->store) : NULL,
    };
    return row != NULL ? row->open(&agents) : NULL;
}

static pid_t worker_init_pid(const char *sid)
{
    const struct agent_type *row = agents_find_of(sid);
    return row != NULL && row->init_pid != NULL ? row->init_pid(sid) : 0;
}

static int meter_guest(const char *sid, bool *ret_running, int64_t *ret_cpu_us,
                       int64_t *ret_mem_bytes, struct error *err)
{
    const struct agent_type *row = agents_find_of(sid);
    if (row == NULL || row->load == NULL) {
        *ret_running = false;
        return 0;
    }
    return row->load(sid, ret_running, ret_cpu_us, ret_mem_bytes, err);
}

// --- What a process before this one left. ---

static void inherit_tell(struct lrmd *daemon, int64_t deadline_ms, bool known,
                         const struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_NOTICE, "watchdog-inherited");
    event_int(event, "left_ms", deadline_ms - clock_now_ms(&daemon->clock));
    event_text(arena, event, "reason", known ? NULL : err->text);
    event_emit(daemon->events, event);
}

// A deadline that an earlier process handed over binds this one too: its last resort stands early,
// and what is noted to run here is stopped before. Without ha-watchdogd it is asked again with each
// round. The note counts in any case: what it names may belong to another node by now.
static void inherit(struct lrmd *daemon)
{
    int64_t deadline_ms = 0;
    struct error err = {0};
    if (daemon->inherited || host_watchdog_connect(daemon->watchdog, &deadline_ms, &err) < 0) {
        return;
    }
    daemon->inherited = true;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct workers_guests guests = {0};
    uint64_t term = 0;
    bool known =
        service_note_read(arena, daemon->note_path, daemon->boot_id, &guests, &term, &err) == 0;
    lrm_round_inherit(daemon->round, deadline_ms, &guests, term, known);
    if (deadline_ms != 0) {
        inherit_tell(daemon, deadline_ms, known, &err);
        daemon->inherited_end_ms = deadline_ms - daemon->setup.timing.stop_ms;
    }
}

// --- Callbacks of the loop. ---

static void something_changed(void *userdata)
{
    struct lrmd *daemon = userdata;
    rounds_request(daemon->rounds);
}

static void guest_exited(void *userdata, const char *sid)
{
    struct lrmd *daemon = userdata;
    map_put(&daemon->exits, sid, daemon);
    rounds_request(daemon->rounds);
}

// Told for whatever ends on this machine.
static void service_ended(void *userdata, const char *sid)
{
    const struct lrmd *daemon = userdata;
    if (lrm_round_is_alive(daemon->round, sid)) {
        guest_exited(userdata, sid);
    }
}

static bool has_type(const void *userdata, const char *type)
{
    const struct lrmd *daemon = userdata;
    return lrm_round_has_type(daemon->round, type);
}

static void status_tell(struct lrmd *daemon)
{
    enum lrm_state state = lrm_round_state(daemon->round);
    if (state != daemon->status_told) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        daemon->status_told = state;
        loop_notify(arena_printf(arena, "STATUS=%s", lrm_state_to_string(state)));
    }
}

static bool may_receive(void *userdata, const char *sid)
{
    const struct lrmd *daemon = userdata;
    return lrm_round_may_receive(daemon->round, sid);
}

static bool round_run(void *userdata, int64_t *ret_wake_ms)
{
    struct lrmd *daemon = userdata;
    struct lrm_round_result result;
    inherit(daemon);
    bool ends =
        daemon->inherited_end_ms != 0 && clock_now_ms(&daemon->clock) >= daemon->inherited_end_ms;
    if (!daemon_link_look(&daemon->link, cluster_client_membership(daemon->client), &daemon->clock,
                          daemon->events, ret_wake_ms) &&
        !ends) {
        bool early = daemon->inherited_end_ms != 0 && daemon->inherited_end_ms < *ret_wake_ms;
        *ret_wake_ms = early ? daemon->inherited_end_ms : *ret_wake_ms;
        return true;
    }
    if (cluster_client_is_outdated(daemon->client)) {
        // ha-clusterd was started with other settings: end, and be started with them too.
        lrm_round_request_shutdown(daemon->round, LRM_SHUTDOWN_RESTART);
    }
    lrm_round_run(daemon->round, &result);
    // After the round that took the results of ended workers: an exit is newer than those.
    if (daemon->exits.count > 0 && !result.exit) {
        map_each (e, &daemon->exits) {
            lrm_round_note_guest_exit(daemon->round, e->key);
        }
        map_clear(&daemon->exits);
        lrm_round_run(daemon->round, &result);
    }
    status_tell(daemon);
    if (result.exit) {
        daemon_exit_tell(daemon->events);
        return false;
    }
    service_watch_look(daemon->watch, has_type, daemon);
    host_workers_receive(daemon->workers, cluster_client_store(daemon->client), may_receive,
                         daemon);
    *ret_wake_ms = result.next_wake_ms;
    return true;
}

static void stop_requested(void *userdata, int signo)
{
    (void)signo;
    struct lrmd *daemon = userdata;
    loop_notify("STOPPING=1");
    switch (shutdown_find()) {
    case SHUTDOWN_KIND_DAEMON:
        lrm_round_request_shutdown(daemon->round, LRM_SHUTDOWN_RESTART);
        break;
    case SHUTDOWN_KIND_POWEROFF:
        lrm_round_request_shutdown(daemon->round, LRM_SHUTDOWN_POWEROFF);
        break;
    case SHUTDOWN_KIND_REBOOT:
        lrm_round_request_shutdown(daemon->round, LRM_SHUTDOWN_REBOOT);
        break;
    }
    rounds_request(daemon->rounds);
}

static void signal_ignored(void *userdata, int signo)
{
    (void)userdata; // a terminal that closes is no reason to end
    (void)signo;
}

// ha-watchdogd or its device has failed: by now this node should have been reset. INV-5.
static void watchdog_overdue(void *userdata)
{
    struct lrmd *daemon = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "watchdog-overdue");
    event_text(arena, event, "reason", "the watchdog did not reset this node: resetting it now");
    event_emit(daemon->events, event);
    machine_reset();
}

// --- Start and end. ---

static void watchdog_open(struct lrmd *daemon)
{
    struct host_watchdog_spec spec = {
        .socket_path = paths_watchdogd_socket(daemon->arena),
        .name = NAME,
        .clock = &daemon->clock,
        .timing = &daemon->setup.timing,
        .loop = daemon->loop,
        .overdue = watchdog_overdue,
        .userdata = daemon,
    };
    daemon->watchdog = host_watchdog_new(&spec);
}

// Two daemons with different run folders (tests) may share a control group.
static const char *group_prefix(struct arena *arena)
{
    const char *folder = paths_run_dir();
    char *digest = digest_sha1_hex(arena, folder, strlen(folder));
    return arena_printf(arena, "ha-worker-%.8s.", digest);
}

static void workers_open(struct lrmd *daemon)
{
    struct host_workers_spec spec = {
        .node = daemon->setup.node,
        .timing = &daemon->setup.timing,
        .loop = daemon->loop,
        .clock = &daemon->clock,
        .events = daemon->events,
        .agents = {.open = worker_open_agent, .init_pid = worker_init_pid},
        .open_store = worker_open_store,
        .group_prefix = group_prefix(daemon->arena),
        .note_path = daemon->note_path,
        .boot_id = daemon->boot_id,
        .ended = something_changed,
        .guest_exited = guest_exited,
        .userdata = daemon,
    };
    daemon->workers = host_workers_new(&spec);
}

static void meter_open(struct lrmd *daemon)
{
    const struct load_meter_spec spec = {
        .loop = daemon->loop,
        .node = daemon->setup.node,
        .guest = meter_guest,
    };
    daemon->meter = load_meter_new(&spec);
}

static void guard_open(struct lrmd *daemon)
{
    const struct host_guard_spec spec = {
        .node = daemon->setup.node,
        .loop = daemon->loop,
        .clock = &daemon->clock,
        .events = daemon->events,
        .open_store = worker_open_store,
    };
    daemon->guard = host_guard_new(&spec);
}

static void watch_open(struct lrmd *daemon)
{
    const struct service_watch_spec spec = {
        .loop = daemon->loop,
        .ended = service_ended,
        .userdata = daemon,
    };
    daemon->watch = service_watch_new(&spec);
}

static void round_open(struct lrmd *daemon)
{
    const char *const prefixes[] = {
        "manager/", STORE_PREFIX_SERVICE, STORE_PREFIX_RESOURCE, "config/", STORE_PREFIX_LIVE_MOVE,
        // Its own: what an earlier process wrote, and what got lost.
        arena_printf(daemon->arena, STORE_PREFIX_RESULT "%s/", daemon->setup.node), NULL};
    daemon->client =
        cluster_client_new(daemon->loop, daemon->setup.node, prefixes, something_changed, daemon);
    cluster_client_expect_profile(daemon->client,
                                  timing_profile_to_string(daemon->setup.config.profile));
    // The time for a status is taken from the silence of the cluster that this node can ride out.
    cluster_client_set_patience(daemon->client,
                                LRM_PATIENCE_RENEWALS * daemon->setup.timing.renew_ms);
    daemon->lease = (struct lease_tap){.port = {.ops = &tap_ops},
                                       .inner = cluster_client_lease(daemon->client),
                                       .workers = daemon->workers};
    struct lrm_ports ports = {
        .clock = &daemon->clock,
        .store = cluster_client_store(daemon->client),
        .lease = &daemon->lease.port,
        .membership = cluster_client_membership(daemon->client),
        .watchdog = host_watchdog_port(daemon->watchdog),
        .workers = host_workers_port(daemon->workers),
        .events = daemon->events,
    };
    struct options options;
    options_init(&options);
    daemon->round =
        lrm_round_new(daemon->setup.node, &daemon->setup.timing, options.max_workers, &ports);
}

static int daemon_run(struct lrmd *daemon, struct error *err)
{
    host_clock_init(&daemon->clock);
    map_init(&daemon->exits, NULL);
    daemon->status_told = LRM_STATE_MAX;
    priority_raise();
    int r = daemon_setup_load(daemon->arena, &daemon->setup, err);
    if (r == 0) {
        r = machine_boot_id(daemon->arena, &daemon->boot_id, err);
    }
    if (r == 0) {
        r = file_make_directory(paths_run_dir(), 0700, err);
    }
    if (r == 0) {
        r = loop_new(&daemon->loop, err);
    }
    if (r < 0) {
        return r;
    }
    daemon->note_path = paths_lrm_services(daemon->arena);
    daemon->output = event_output_new(arena_printf(daemon->arena, "%s/lrm", daemon->setup.node));
    daemon->events = event_output_sink(daemon->output);
    watchdog_open(daemon);
    meter_open(daemon);
    daemon->storages = storage_keeper_new(daemon->loop, daemon->setup.node, worker_init_pid);
    // Before anything can request a round.
    daemon->rounds = rounds_new(daemon->loop, round_run, daemon);
    daemon->times = latency_page_new(NAME);
    rounds_count(daemon->rounds, daemon->times);
    workers_open(daemon);
    guard_open(daemon);
    watch_open(daemon);
    round_open(daemon);
    daemon->sigterm = loop_add_signal(daemon->loop, SIGTERM, stop_requested, daemon);
    daemon->sigint = loop_add_signal(daemon->loop, SIGINT, stop_requested, daemon);
    daemon->sighup = loop_add_signal(daemon->loop, SIGHUP, signal_ignored, daemon);
    loop_notify("READY=1");
    return loop_run(daemon->loop, err);
}

static void daemon_done(struct lrmd *daemon)
{
    load_meter_free(daemon->meter);
    storage_keeper_free(daemon->storages);
    host_guard_free(daemon->guard);
    service_watch_free(daemon->watch);
    loop_source_free(daemon->sigterm);
    loop_source_free(daemon->sigint);
    loop_source_free(daemon->sighup);
    lrm_round_free(daemon->round);
    cluster_client_free(daemon->client);
    host_workers_free(daemon->workers);
    host_watchdog_free(daemon->watchdog);
    rounds_free(daemon->rounds);
    latency_page_free(daemon->times);
    map_done(&daemon->exits);
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
    struct lrmd daemon = {.arena = arena_new()};
    struct error err = {0};
    int r = daemon_run(&daemon, &err);
    status = r < 0 ? daemon_fail(NAME, &err) : r;
    daemon_done(&daemon);
    return status;
}
