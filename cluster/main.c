// SPDX-License-Identifier: Apache-2.0
// ha-clusterd: joins the engine (the replicated store) with the server (its clients) and the
// machine: options, settings, signals, systemd. No decision about the store is made here.
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/conf_sync.h"
#include "cluster/engine.h"
#include "cluster/engine_host.h"
#include "cluster/profile_guard.h"
#include "cluster/qdevice_service.h"
#include "cluster/self_report.h"
#include "cluster/server.h"
#include "cluster/storage/store_file.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/companion.h"
#include "common/host/daemon.h"
#include "common/host/event_output.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/latency_page.h"
#include "common/host/loop.h"
#include "common/host/paths.h"
#include "common/host/priority.h"
#include "common/model/corosync_conf.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "ha_config.h"

#define NAME  "ha-clusterd"
#define ABOUT "Keeps the cluster's replicated store, its membership and its leases."

enum {
    EXIT_AGAIN = 100,     // not a status: the program is executed anew
    EXIT_SET_ASIDE = 101, // likewise, with the database set aside
    EXIT_LEFT = 102,      // likewise, since the node left its cluster
    LOOK_MS = 1000,       // how often a standalone node looks for corosync.conf
    FLUSH_MS = 20,        // for the answer to whoever asked for the restart
    REAP_MS = 1000,
    STATE_FOLDER_MODE = 0700,
};

struct clusterd {
    struct arena *arena;
    struct daemon_setup setup;
    struct clock clock;
    struct loop *loop;
    struct event_output *output;
    struct event_sink *events;
    struct corosync_conf *conf; // NULL: standalone
    struct server *server;
    struct engine_host *host;
    struct engine *engine; // the host's
    struct latency_page *times;
    struct conf_sync *sync;
    struct profile_guard *guard;
    struct self_report *report;
    struct qdevice_service *qdevice;
    struct loop_source *sigterm, *sigint, *sighup;
    struct loop_source *look, *again;
    int again_code;
};

static void on_answered(void *userdata, uint64_t request, const struct replica_answer *answer)
{
    struct clusterd *daemon = userdata;
    if (!conf_sync_answered(daemon->sync, request, answer->code) &&
        !profile_guard_answered(daemon->guard, request) &&
        !self_report_answered(daemon->report, request)) {
        server_answered(daemon->server, request, answer);
    }
}

static void on_changed(void *userdata, const struct replica_row *rows, size_t count)
{
    struct clusterd *daemon = userdata;
    server_changed(daemon->server, rows, count);
    self_report_changed(daemon->report, rows, count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].key, STORE_KEY_COROSYNC) == 0 ||
            strncmp(rows[i].key, STORE_PREFIX_LIVE_COROSYNC, strlen(STORE_PREFIX_LIVE_COROSYNC)) ==
                0) {
            conf_sync_request(daemon->sync);
        }
        if (strcmp(rows[i].key, STORE_KEY_CLUSTER_PROFILE) == 0) {
            profile_guard_request(daemon->guard);
        }
    }
}

static void on_membership(void *userdata)
{
    struct clusterd *daemon = userdata;
    server_membership(daemon->server);
    conf_sync_request(daemon->sync);
    profile_guard_request(daemon->guard);
    self_report_look(daemon->report);
    loop_notify(engine_is_quorate(daemon->engine) ? "STATUS=quorate" : "STATUS=no quorum");
}

static void on_turned(void *userdata)
{
    struct clusterd *daemon = userdata;
    if (daemon->conf != NULL) {
        conf_sync_turn(daemon->sync);
        qdevice_service_set(daemon->qdevice, conf_sync_has_device(daemon->sync));
    }
    profile_guard_turn(daemon->guard);
    self_report_turn(daemon->report);
    server_turned(daemon->server);
}

static void again_due(void *userdata)
{
    struct clusterd *daemon = userdata;
    loop_quit(daemon->loop, daemon->again_code);
}

static void on_wish(void *userdata, enum server_wish wish)
{
    struct clusterd *daemon = userdata;
    switch (wish) {
    case SERVER_WISH_RESTART:
        if (daemon->again_code == 0) { // else there is more to do on the way already
            daemon->again_code = EXIT_AGAIN;
        }
        break;
    case SERVER_WISH_SET_ASIDE:
        daemon->again_code = EXIT_SET_ASIDE;
        break;
    case SERVER_WISH_LEAVE:
        daemon->again_code = EXIT_LEFT;
        break;
    }
    loop_timer_set(daemon->again, clock_now_ms(&daemon->clock) + FLUSH_MS);
}

static const char *lease_refusal(void *userdata)
{
    const struct clusterd *daemon = userdata;
    return profile_guard_refusal(daemon->guard);
}

static void stop_requested(void *userdata, int signo)
{
    (void)signo; // all mean the same
    struct clusterd *daemon = userdata;
    loop_notify("STOPPING=1");
    loop_quit(daemon->loop, EXIT_SUCCESS);
}

static void signal_ignored(void *userdata, int signo)
{
    (void)userdata; // a terminal that closes is no reason to end
    (void)signo;
}

// *ret_conf stays NULL when there is no cluster's.
static int conf_read(struct arena *arena, struct corosync_conf **ret_conf, struct error *err)
{
    char *text;
    size_t size_bytes;
    struct corosync_conf *conf;
    int r = file_read(arena, PATH_COROSYNC_CONF, COROSYNC_CONF_SIZE_MAX, &text, &size_bytes, err);
    if (r == -ENOENT) {
        return 0;
    }
    if (r == 0) {
        r = corosync_conf_parse(arena, PATH_COROSYNC_CONF, text, size_bytes, &conf, err);
    }
    if (r == 0 && !corosync_conf_is_example(conf)) {
        *ret_conf = conf;
    }
    return r;
}

static int conf_load(struct clusterd *daemon, struct error *err)
{
    int r = conf_read(daemon->arena, &daemon->conf, err);
    if (r < 0 || daemon->conf == NULL) {
        return r;
    }
    if (corosync_conf_cluster_name(daemon->conf)[0] == '\0') {
        return error_set(err, -EINVAL, "%s: section 'totem' needs 'cluster_name'",
                         PATH_COROSYNC_CONF);
    }
    if (corosync_conf_find_node(daemon->conf, daemon->setup.node) == NULL) {
        return error_set(err, -EINVAL,
                         "%s: no node with this host's name, '%s' (key 'name' in section 'node'): "
                         "a member cannot be renamed; set the host name back, or make it a new "
                         "node ('ha-cluster delete-node' on another member, 'ha-cluster leave "
                         "--force' and 'join' here)",
                         PATH_COROSYNC_CONF, daemon->setup.node);
    }
    return 0;
}

// A node that was alone becomes a member: all is made anew, with the same database.
static void look_due(void *userdata)
{
    struct clusterd *daemon = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct corosync_conf *conf = NULL;
    // One that cannot be read is told of by the start that finds it.
    if (conf_read(arena, &conf, NULL) < 0 || conf != NULL) {
        struct event *event = event_new(arena, EVENT_LEVEL_NOTICE, "cluster-configured");
        event_emit(daemon->events, event_text(arena, event, "path", PATH_COROSYNC_CONF));
        loop_quit(daemon->loop, EXIT_AGAIN);
        return;
    }
    loop_timer_set(daemon->look, clock_now_ms(&daemon->clock) + LOOK_MS);
}

static int compare_nodes(const void *a, const void *b)
{
    const struct transport_node *x = a;
    const struct transport_node *y = b;
    return strcmp(x->name, y->name);
}

static struct transport_nodes conf_nodes(const struct clusterd *daemon)
{
    size_t count;
    const struct corosync_node *nodes = corosync_conf_nodes(daemon->conf, &count);
    struct transport_node *list = arena_array_of(daemon->arena, struct transport_node, count);
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct transport_node){
            .id = nodes[i].id,
            .name = nodes[i].name,
            .address = nodes[i].addresses[0],
            .votes = nodes[i].votes,
        };
    }
    qsort(list, count, sizeof(*list), compare_nodes);
    return (struct transport_nodes){.nodes = list, .count = count};
}

static int engine_start(struct clusterd *daemon, struct error *err)
{
    struct engine_host_spec spec = {
        .loop = daemon->loop,
        .events = daemon->events,
        .node = daemon->setup.node,
        .database = paths_database(daemon->arena),
        .history = "",
        .lease_ms = daemon->setup.timing.lease_ms,
        .token_ms = daemon->setup.timing.token_ms,
        .callbacks =
            {
                .answered = on_answered,
                .changed = on_changed,
                .membership = on_membership,
                .turned = on_turned,
                .userdata = daemon,
            },
    };
    if (daemon->conf != NULL) {
        spec.history = corosync_conf_cluster_name(daemon->conf);
        spec.id = corosync_conf_find_node(daemon->conf, daemon->setup.node)->id;
        spec.nodes = conf_nodes(daemon);
    }
    int r = engine_host_open(&spec, &daemon->host, err);
    if (r == 0) {
        daemon->engine = engine_host_engine(daemon->host);
    }
    return r;
}

static int server_start(struct clusterd *daemon, struct error *err)
{
    daemon->times = latency_page_new(NAME);
    engine_host_count(daemon->host, daemon->times);
    struct server_spec spec = {
        .loop = daemon->loop,
        .events = daemon->events,
        .path = paths_clusterd_socket(daemon->arena),
        .allowed_uid = 0,
        .node = daemon->setup.node,
        .cluster = daemon->conf != NULL ? corosync_conf_cluster_name(daemon->conf) : NULL,
        .timing = &daemon->setup.timing,
        .times = daemon->times,
        .wish = on_wish,
        .lease_refusal = lease_refusal,
        .userdata = daemon,
    };
    return server_new(&spec, &daemon->server, err);
}

static int daemon_start(struct clusterd *daemon, struct error *err)
{
    host_clock_init(&daemon->clock);
    priority_raise();
    int r = daemon_setup_load(daemon->arena, &daemon->setup, err);
    if (r == 0) {
        r = conf_load(daemon, err);
    }
    if (r == 0) {
        r = file_make_directory(paths_state_dir(), STATE_FOLDER_MODE, err);
    }
    if (r == 0) {
        r = loop_new(&daemon->loop, err);
    }
    if (r < 0) {
        return r;
    }
    daemon->output =
        event_output_new(arena_printf(daemon->arena, "%s/clusterd", daemon->setup.node));
    daemon->events = event_output_sink(daemon->output);
    r = event_output_detach(daemon->output, err);
    if (r == 0) {
        r = engine_start(daemon, err);
    }
    // Not before: the exclusive lock on the database is what keeps a second daemon from the socket.
    if (r == 0) {
        r = server_start(daemon, err);
    }
    return r;
}

static void daemon_listen(struct clusterd *daemon)
{
    daemon->sync = conf_sync_new(daemon->engine);
    daemon->guard =
        profile_guard_new(daemon->engine, timing_profile_to_string(daemon->setup.timing.profile));
    const struct self_report_spec report = {
        .loop = daemon->loop,
        .engine = daemon->engine,
        .server = daemon->server,
        .timing = &daemon->setup.timing,
    };
    daemon->report = self_report_new(&report);
    daemon->qdevice = qdevice_service_new(daemon->loop, daemon->events);
    daemon->sigterm = loop_add_signal(daemon->loop, SIGTERM, stop_requested, daemon);
    daemon->sigint = loop_add_signal(daemon->loop, SIGINT, stop_requested, daemon);
    daemon->sighup = loop_add_signal(daemon->loop, SIGHUP, signal_ignored, daemon);
    daemon->again = loop_add_timer(daemon->loop, again_due, daemon);
    if (daemon->conf == NULL) {
        daemon->look = loop_add_timer(daemon->loop, look_due, daemon);
        loop_timer_set(daemon->look, 0);
    }
    server_set_engine(daemon->server, daemon->engine);
    loop_notify("READY=1");
}

static void daemon_done(struct clusterd *daemon)
{
    server_free(daemon->server);
    conf_sync_free(daemon->sync);
    profile_guard_free(daemon->guard);
    self_report_free(daemon->report);
    qdevice_service_free(daemon->qdevice);
    engine_host_close(daemon->host);
    latency_page_free(daemon->times);
    loop_source_free(daemon->sigterm);
    loop_source_free(daemon->sigint);
    loop_source_free(daemon->sighup);
    loop_source_free(daemon->again);
    loop_source_free(daemon->look);
    event_output_free(daemon->output);
    loop_free(daemon->loop);
}

static int set_aside(struct arena *arena, const char *why, struct error *err)
{
    struct clock clock;
    char *kept = NULL;
    host_clock_init(&clock);
    const char *path = paths_database(arena);
    if (access(path, F_OK) < 0) {
        return 0; // nothing to keep
    }
    int r = store_file_set_aside(path, why, clock_wall_s(&clock), arena, &kept, err);
    if (r == 0) {
        fprintf(stderr, "%s: the database is set aside as '%s'\n", NAME, kept);
    }
    return r;
}

// The operator gives the database up. Not while it is in use.
static int run_set_aside(void)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    struct store_file *file = NULL;
    int r = store_file_open(paths_database(arena), &file, &err);
    store_file_close(file);
    if (r == -EBUSY) {
        error_set(&err, r, "%s is running: stop it first", NAME);
        return daemon_fail(NAME, &err);
    }
    r = set_aside(arena, "given-up", &err);
    return r < 0 ? daemon_fail(NAME, &err) : EXIT_SUCCESS;
}

static const char usage[] = "usage: " NAME " [--help] [--version] [--set-database-aside]\n";

// False: end with *ret_status.
static bool read_options(int argc, char *argv[], int *ret_status)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {"set-database-aside", no_argument, NULL, 's'},
        {0},
    };
    int option = getopt_long(argc, argv, "hV", options, NULL);
    if (option == -1 && optind == argc) {
        return true;
    }
    *ret_status = EXIT_SUCCESS;
    if (option == 'h') {
        printf(
            "%s%s\n\n  --set-database-aside  renames a database that cannot or must not be used, "
            "and ends;\n                        the next start begins with nothing\n",
            usage, ABOUT);
    } else if (option == 'V') {
        printf("%s %s\n", NAME, HA_VERSION);
    } else if (option == 's') {
        *ret_status = run_set_aside();
    } else {
        if (option == -1) {
            fprintf(stderr, "%s: unexpected argument '%s'\n", NAME, argv[optind]);
        }
        fputs(usage, stderr);
        *ret_status = DAEMON_EXIT_USAGE;
    }
    return false;
}

static int daemon_run(int *ret_status, struct error *err)
{
    struct clusterd daemon = {.arena = arena_new()};
    int r = daemon_start(&daemon, err);
    if (r == 0) {
        daemon_listen(&daemon);
        r = loop_run(daemon.loop, err);
    }
    daemon_done(&daemon);
    arena_free(daemon.arena);
    if (r < 0) {
        return r;
    }
    *ret_status = r;
    return 0;
}

// By its path, so that a newer program that was installed there is taken.
static void execute_again(char *argv[], struct error *err)
{
    static const char deleted[] = " (deleted)";
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length < 0) {
        error_set_errno(err, -errno, "cannot find itself");
        return;
    }
    path[length] = '\0';
    size_t end = sizeof(deleted) - 1;
    if ((size_t)length > end && strcmp(path + (size_t)length - end, deleted) == 0) {
        path[(size_t)length - end] = '\0';
    }
    companion_reap_all(REAP_MS);
    execv(path, argv);
    error_set_errno(err, -errno, "cannot execute '%s'", path);
}

int main(int argc, char *argv[])
{
    int status = EXIT_SUCCESS;
    struct error err = {0};
    if (!read_options(argc, argv, &status)) {
        return status;
    }
    if (daemon_run(&status, &err) < 0) {
        return daemon_fail(NAME, &err);
    }
    if (status == EXIT_SET_ASIDE || status == EXIT_LEFT) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        if (set_aside(arena, status == EXIT_LEFT ? "left" : "alone", &err) < 0) {
            return daemon_fail(NAME, &err);
        }
    }
    if (status == EXIT_AGAIN || status == EXIT_SET_ASIDE || status == EXIT_LEFT) {
        execute_again(argv, &err);
        return daemon_fail(NAME, &err);
    }
    return status;
}
