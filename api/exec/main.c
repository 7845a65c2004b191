// SPDX-License-Identifier: Apache-2.0
// ha-execd: carries out the calls of the API for ha-apid, which takes them from the network. Joins
// the parts with the machine: ha-clusterd, signals, systemd.
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/call/openapi.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/node_meter.h"
#include "api/endpoints/usage_book.h"
#include "api/exec/exec_totals.h"
#include "api/exec/execd.h"
#include "api/task/task_registry.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/cluster_client.h"
#include "common/host/event_output.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/paths.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"
#include "ha_config.h"

#define NAME       "ha-execd"
#define ABOUT      "Checks and carries out the calls of the API on this node, and runs tasks."
#define API_GROUP  "ha-manager"
#define SBIN_NAME  "HA_MANAGER_SBIN_DIR" // moves the folder of programs in tests
#define OWN_BINARY "/proc/self/exe"

enum {
    STOP_PATIENCE_MS = 30 * 1000, // for calls and tasks under way
    STOP_POLL_MS = 100,
    LINK_LOOK_MS = 2 * DAEMON_LINK_WAIT_MS,
    COUNT_DELAY_MS = 1000, // so that no entry leaves the history uncounted
};

struct process_state {
    struct execd daemon;
    struct daemon_link link;
    struct loop_source *link_timer;
    struct loop_source *stop_timer;
    struct loop_source *count_timer;
    bool count_due;
    struct loop_source *usage_timer;
    struct loop_source *sigterm, *sigint, *sighup;
    struct node_meter *meter; // tells the other nodes what this one uses
    int64_t stop_at_ms;       // 0: goes on
};

static int openapi_print(void)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    const struct router *router = router_new(arena, endpoints_all);
    json_format(openapi_make(arena, router, HA_VERSION), JSON_STYLE_PRETTY, &text);
    size_t size = text.size_bytes;
    bool ends = size > 0 && text.text[size - 1] == '\n';
    return printf("%s%s", strbuf_text(&text), ends ? "" : "\n") < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

// All calls whose path begins so, for people.
static int calls_describe(const char *prefix)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    const struct router *router = router_new(arena, endpoints_all);
    for (size_t i = 0; i < router_count(router); i++) {
        const struct method *method = router_at(router, i);
        if (strncmp(method->path, prefix, strlen(prefix)) == 0) {
            openapi_describe(method, &text);
        }
    }
    if (text.size_bytes == 0) {
        fprintf(stderr, NAME ": no call begins with '%s'\n", prefix);
        return EXIT_FAILURE;
    }
    return printf("%s", strbuf_text(&text)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void link_look(void *userdata)
{
    struct process_state *state = userdata;
    struct execd *daemon = &state->daemon;
    int64_t wake_ms;
    if (!daemon_link_look(&state->link, cluster_client_membership(daemon->client), &daemon->clock,
                          daemon->events, &wake_ms)) {
        loop_timer_set(state->link_timer, wake_ms);
    }
}

static void count_now(void *userdata)
{
    struct process_state *state = userdata;
    state->count_due = false;
    execd_count(&state->daemon);
}

static void count_later(struct process_state *state)
{
    if (!state->count_due) {
        state->count_due = true;
        loop_timer_set(state->count_timer, clock_now_ms(&state->daemon.clock) + COUNT_DELAY_MS);
    }
}

static void usage_take(void *userdata)
{
    struct process_state *state = userdata;
    execd_sample(&state->daemon);
    loop_timer_set(state->usage_timer,
                   clock_now_ms(&state->daemon.clock) + (int64_t)USAGE_SAMPLE_S * 1000);
}

static void something_changed(void *userdata)
{
    struct process_state *state = userdata;
    count_later(state);
    exec_view_touch(&state->daemon.view);
    link_look(state);
    announcer_wake(state->daemon.announcer);
    history_writer_wake(state->daemon.history);
    notifier_wake(state->daemon.notifier);
    watch_list_wake(state->daemon.watches);
}

static void tasks_changed(void *userdata)
{
    struct process_state *state = userdata;
    announcer_wake(state->daemon.announcer);
    watch_list_wake(state->daemon.watches);
}

static void stop_try(void *userdata)
{
    struct process_state *state = userdata;
    struct execd *daemon = &state->daemon;
    bool busy = call_queue_busy(daemon->calls) > 0 || task_registry_running(daemon->tasks) > 0 ||
                history_writer_is_busy(daemon->history);
    int64_t now_ms = clock_now_ms(&daemon->clock);
    if (!busy || now_ms >= state->stop_at_ms) {
        daemon_exit_tell(daemon->events);
        loop_quit(daemon->loop, EXIT_SUCCESS);
        return;
    }
    loop_timer_set(state->stop_timer, now_ms + STOP_POLL_MS);
}

static void stop_requested(void *userdata, int signo)
{
    (void)signo;
    struct process_state *state = userdata;
    int64_t now_ms = clock_now_ms(&state->daemon.clock);
    // Who asks twice does not want to wait.
    state->stop_at_ms = state->stop_at_ms == 0 ? now_ms + STOP_PATIENCE_MS : now_ms;
    loop_notify("STOPPING=1");
    state->daemon.stopping = true;
    exec_server_close(state->daemon.server);
    stop_try(state);
}

static void signal_ignored(void *userdata, int signo)
{
    (void)userdata; // a terminal that closes is no reason to end
    (void)signo;
}

// The folder of this program, in the arena; "" when it cannot be found out.
static const char *own_folder(struct arena *arena)
{
    char path[PATH_MAX];
    ssize_t size = readlink(OWN_BINARY, path, sizeof(path) - 1);
    if (size <= 0) {
        return "";
    }
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    return slash == NULL ? "" : arena_printf(arena, "%.*s", (int)(slash - path), path);
}

static int tasks_open(struct process_state *state, struct error *err)
{
    struct execd *daemon = &state->daemon;
    const char *moved = secure_getenv(SBIN_NAME);
    const char *const places[] = {moved != NULL ? moved : own_folder(daemon->arena), HA_SBINDIR,
                                  NULL};
    const struct task_registry_spec spec = {
        .loop = daemon->loop,
        .clock = &daemon->clock,
        .events = daemon->events,
        .node = daemon->setup.node,
        .folder = arena_printf(daemon->arena, "%s/tasks", paths_log_dir()),
        .program_places = places,
        .changed = tasks_changed,
        .userdata = state,
    };
    return task_registry_new(&spec, &daemon->tasks, err);
}

static int daemon_open(struct process_state *state, struct error *err)
{
    static const char *const prefixes[] = {"", NULL}; // calls may read anything
    struct execd *daemon = &state->daemon;
    host_clock_init(&daemon->clock);
    int r = daemon_setup_load(daemon->arena, &daemon->setup, err);
    if (r == 0) {
        r = loop_new(&daemon->loop, err);
    }
    if (r < 0) {
        return r;
    }
    daemon->output = event_output_new(arena_printf(daemon->arena, "%s/execd", daemon->setup.node));
    daemon->events = event_output_sink(daemon->output);
    daemon->router = router_new(daemon->arena, endpoints_all);
    state->link_timer = loop_add_timer(daemon->loop, link_look, state);
    state->stop_timer = loop_add_timer(daemon->loop, stop_try, state);
    state->count_timer = loop_add_timer(daemon->loop, count_now, state);
    daemon->totals = exec_totals_new();
    daemon->usage = usage_book_new();
    state->usage_timer = loop_add_timer(daemon->loop, usage_take, state);
    daemon->client =
        cluster_client_new(daemon->loop, daemon->setup.node, prefixes, something_changed, state);
    exec_view_init(&daemon->view, daemon->client, daemon->setup.node);
    daemon->host = (struct call_host){
        .node = daemon->setup.node,
        .session = &daemon->view.session,
        .view = &daemon->view.cluster,
        .rights = daemon->view.rights,
        .clock = &daemon->clock,
        .stale_s = daemon->setup.timing.stale_ms / 1000,
    };
    daemon->calls = call_queue_new(daemon);
    daemon->watches = watch_list_new(daemon);
    daemon->announcer = announcer_new(daemon);
    daemon->history = history_writer_new(daemon);
    daemon->notifier = notifier_new(daemon);
    r = tasks_open(state, err);
    if (r < 0) {
        return r;
    }
    daemon->host.tasks = daemon->tasks;
    daemon->host.usage = daemon->usage;
    const struct exec_server_spec spec = {
        .daemon = daemon, .path = paths_execd_socket(daemon->arena), .group = API_GROUP};
    return exec_server_new(&spec, &daemon->server, err);
}

static int daemon_run(struct process_state *state, struct error *err)
{
    (void)umask(0022); // tasks and calls make files that others may read
    int r = daemon_open(state, err);
    if (r < 0) {
        return r;
    }
    struct execd *daemon = &state->daemon;
    state->sigterm = loop_add_signal(daemon->loop, SIGTERM, stop_requested, state);
    state->sigint = loop_add_signal(daemon->loop, SIGINT, stop_requested, state);
    state->sighup = loop_add_signal(daemon->loop, SIGHUP, signal_ignored, state);
    loop_timer_set(state->link_timer, clock_now_ms(&daemon->clock) + LINK_LOOK_MS);
    announcer_wake(daemon->announcer);
    const struct node_meter_spec meter = {.loop = daemon->loop, .node = daemon->setup.node};
    state->meter = node_meter_new(&meter);
    usage_take(state);
    loop_notify("READY=1");
    return loop_run(daemon->loop, err);
}

static void daemon_done(struct process_state *state)
{
    struct execd *daemon = &state->daemon;
    node_meter_free(state->meter);
    loop_source_free(state->sigterm);
    loop_source_free(state->sigint);
    loop_source_free(state->sighup);
    loop_source_free(state->link_timer);
    loop_source_free(state->stop_timer);
    loop_source_free(state->count_timer);
    loop_source_free(state->usage_timer);
    exec_server_free(daemon->server);
    call_queue_free(daemon->calls);
    watch_list_free(daemon->watches);
    announcer_free(daemon->announcer);
    history_writer_free(daemon->history);
    notifier_free(daemon->notifier);
    exec_totals_free(daemon->totals);
    usage_book_free(daemon->usage);
    task_registry_free(daemon->tasks);
    exec_view_done(&daemon->view);
    cluster_client_free(daemon->client);
    event_output_free(daemon->output);
    loop_free(daemon->loop);
    arena_free(daemon->arena);
}

int main(int argc, char *argv[])
{
    int status;
    if (argc == 2 && strcmp(argv[1], "--openapi") == 0) {
        return openapi_print();
    }
    if ((argc == 2 || argc == 3) && strcmp(argv[1], "--describe") == 0) {
        return calls_describe(argc == 3 ? argv[2] : "/");
    }
    if (!daemon_options(argc, argv, NAME, ABOUT, &status)) {
        return status;
    }
    struct process_state state = {.daemon = {.arena = arena_new()}};
    struct error err = {0};
    int r = daemon_run(&state, &err);
    status = r < 0 ? daemon_fail(NAME, &err) : r;
    daemon_done(&state);
    return status;
}
