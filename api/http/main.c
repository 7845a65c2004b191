// SPDX-License-Identifier: Apache-2.0
// ha-apid: joins server, ha-execd and dashboard with the machine: settings, user, signals, systemd.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/api_gateway.h"
#include "api/http/certificate.h"
#include "api/http/execd_client.h"
#include "api/http/http_connection.h"
#include "api/http/http_listener.h"
#include "api/http/net_loop.h"
#include "api/http/node_pool.h"
#include "api/http/privileges.h"
#include "api/http/static_files.h"
#include "api/http/tls_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/daemon.h"
#include "common/host/event_output.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/paths.h"
#include "common/model/event.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "ha_config.h"

#define NAME "ha-apid"
#define ABOUT                                                                                      \
    "Serves the HTTPS API and the dashboard.\n\n"                                                  \
    "  --make-certificate  make the certificate when there is none, and end"

enum { DESCRIPTORS_KEPT = 64 }; // for all but clients' connections

struct apid {
    struct arena *arena;
    struct daemon_setup setup;
    struct clock clock;
    struct privileges privileges;
    struct event_output *output;
    struct event_sink *events;
    struct tls_server tls;
    struct event_base *base;
    struct http_listener *listener;
    struct http_server server;
    struct api_gateway gateway;
    struct net_signal *signals[3];
};

static void tell(struct apid *daemon, enum event_level level, const char *name, const char *key,
                 const char *value)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, level, name);
    if (key != NULL) {
        event_text(arena, event, key, value);
    }
    event_emit(daemon->events, event);
}

// --- ha-execd ------------------------------------------------------------------------------------

static void certificate_told(void *userdata, const char *frame, size_t frame_bytes,
                             enum execd_loss loss)
{
    // Nothing depends on it: a lost connection tells it again.
    (void)userdata;
    (void)frame;
    (void)frame_bytes;
    (void)loss;
}

static void certificate_tell(struct apid *daemon)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *request = json_new_object(arena);
    json_put_string(request, "fingerprint", daemon->tls.fingerprint);
    json_put_int(request, "port", daemon->setup.config.api_port);
    int64_t number = execd_client_send(daemon->gateway.execd, arena, "certificate", request, false,
                                       certificate_told, daemon);
    (void)number; // likewise
}

static void execd_changed(void *userdata, bool connected)
{
    struct apid *daemon = userdata;
    if (connected) {
        certificate_tell(daemon);
    }
    tell(daemon, connected ? EVENT_LEVEL_NOTICE : EVENT_LEVEL_WARNING,
         connected ? "execd-connected" : "execd-awaited", NULL, NULL);
}

// --- files ---------------------------------------------------------------------------------------

static void dashboard_load(struct apid *daemon)
{
    const char *folder = secure_getenv("HA_DASHBOARD_DIR");
    struct static_files *files;
    struct error err = {0};
    if (static_files_load(folder != NULL ? folder : HA_DATADIR "/dashboard", &files, &err) < 0) {
        tell(daemon, EVENT_LEVEL_WARNING, "dashboard-missing", "reason", err.text);
        return;
    }
    static_files_free(daemon->gateway.files);
    daemon->gateway.files = files;
}

static int certificate_load(struct apid *daemon, struct error *err)
{
    const struct config *config = &daemon->setup.config;
    struct tls_server tls = {0};
    int r = tls_server_load(config->api_certificate, config->api_key, &tls, err);
    if (r == 0) {
        tls_server_done(&daemon->tls);
        daemon->tls = tls;
    }
    return r;
}

static int certificate_prepare(struct apid *daemon, struct error *err)
{
    const struct config *config = &daemon->setup.config;
    int r = certificate_ensure(daemon->arena, daemon->setup.node, config->api_certificate,
                               config->api_key, daemon->privileges.user, daemon->privileges.group,
                               clock_wall_s(&daemon->clock), err);
    if (r > 0) {
        tell(daemon, EVENT_LEVEL_NOTICE, "certificate-made", "path", config->api_certificate);
    }
    return r < 0 ? r : 0;
}

// --- signals -------------------------------------------------------------------------------------

static void on_end(void *userdata)
{
    struct apid *daemon = userdata;
    loop_notify("STOPPING=1");
    net_loop_stop(daemon->base);
}

static void on_reload(void *userdata)
{
    struct apid *daemon = userdata;
    struct error err = {0};
    if (certificate_load(daemon, &err) < 0) {
        tell(daemon, EVENT_LEVEL_ERROR, "certificate-refused", "reason", err.text);
    } else {
        tell(daemon, EVENT_LEVEL_NOTICE, "certificate-loaded", "fingerprint",
             daemon->tls.fingerprint);
        certificate_tell(daemon);
    }
    dashboard_load(daemon);
}

static void signals_add(struct apid *daemon)
{
    static const int signos[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < ARRAY_SIZE(signos); i++) {
        daemon->signals[i] = net_signal_new(daemon->base, signos[i],
                                            signos[i] == SIGHUP ? on_reload : on_end, daemon);
    }
    (void)signal(SIGPIPE, SIG_IGN); // a client that has gone is seen by write()
}

// --- the beginning -------------------------------------------------------------------------------

static int daemon_base(struct apid *daemon, struct error *err)
{
    host_clock_init(&daemon->clock);
    privileges_find(&daemon->privileges);
    int r = daemon_setup_load(daemon->arena, &daemon->setup, err);
    if (r < 0) {
        return r;
    }
    daemon->output = event_output_new(arena_printf(daemon->arena, "%s/apid", daemon->setup.node));
    daemon->events = event_output_sink(daemon->output);
    return certificate_prepare(daemon, err);
}

// What root must do comes before, what the network can reach after the change of the user.
static int daemon_start(struct apid *daemon, struct error *err)
{
    const struct config *config = &daemon->setup.config;
    size_t descriptors = privileges_raise_descriptors();
    int r = certificate_load(daemon, err);
    if (r == 0) {
        r = http_listener_new(config->api_address, config->api_port, &daemon->listener, err);
    }
    if (r == 0) {
        r = privileges_drop(&daemon->privileges, err);
    }
    if (r == 0) {
        r = net_loop_new(&daemon->base, err);
    }
    if (r < 0) {
        return r;
    }
    size_t most =
        descriptors > DESCRIPTORS_KEPT * 2 ? descriptors - DESCRIPTORS_KEPT : descriptors / 2;
    daemon->server = (struct http_server){
        .base = daemon->base,
        .clock = &daemon->clock,
        .tls = &daemon->tls,
        .authority = arena_printf(daemon->arena, "%s:%d", daemon->setup.node, config->api_port),
        .count_max = most < HTTP_CONNECTIONS_MAX ? most : HTTP_CONNECTIONS_MAX,
        .request = api_gateway_request,
        .refused = api_gateway_refused,
        .userdata = &daemon->gateway,
    };
    daemon->gateway = (struct api_gateway){
        .base = daemon->base,
        .execd = execd_client_new(daemon->base, paths_execd_socket(daemon->arena), execd_changed,
                                  daemon),
        .tls = tls_client_new(),
        .pool = node_pool_new(daemon->base),
    };
    return 0;
}

static void daemon_done(struct apid *daemon)
{
    http_listener_free(daemon->listener);
    http_server_close(&daemon->server);
    execd_client_free(daemon->gateway.execd);
    static_files_free(daemon->gateway.files);
    node_pool_free(daemon->gateway.pool);
    tls_client_free(daemon->gateway.tls);
    tls_server_done(&daemon->tls);
    for (size_t i = 0; i < ARRAY_SIZE(daemon->signals); i++) {
        net_signal_free(daemon->signals[i]);
    }
    net_loop_free(daemon->base);
    event_output_free(daemon->output);
    arena_free(daemon->arena);
}

static void ready_tell(struct apid *daemon)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_NOTICE, "api-ready");
    event_text(arena, event, "address", daemon->setup.config.api_address);
    event_int(event, "port", daemon->setup.config.api_port);
    event_text(arena, event, "fingerprint", daemon->tls.fingerprint);
    event_emit(daemon->events, event);
    loop_notify("READY=1");
}

static int daemon_run(struct apid *daemon, bool only_certificate, struct error *err)
{
    int r = daemon_base(daemon, err);
    if (r < 0 || only_certificate) {
        return r;
    }
    r = daemon_start(daemon, err);
    if (r < 0) {
        return r;
    }
    if (!daemon->privileges.found) {
        tell(daemon, EVENT_LEVEL_WARNING, "api-user-missing", "user", PRIVILEGES_USER);
    }
    signals_add(daemon);
    dashboard_load(daemon);
    execd_client_start(daemon->gateway.execd);
    http_listener_start(daemon->listener, daemon->base, &daemon->server);
    ready_tell(daemon);
    r = net_loop_run(daemon->base, err);
    if (r < 0) {
        return r;
    }
    daemon_exit_tell(daemon->events);
    return 0;
}

int main(int argc, char *argv[])
{
    int status;
    bool only_certificate = argc == 2 && strcmp(argv[1], "--make-certificate") == 0;
    if (!only_certificate && !daemon_options(argc, argv, NAME, ABOUT, &status)) {
        return status;
    }
    struct apid daemon = {.arena = arena_new()};
    struct error err = {0};
    int r = daemon_run(&daemon, only_certificate, &err);
    status = r < 0 ? daemon_fail(NAME, &err) : EXIT_SUCCESS;
    daemon_done(&daemon);
    return status;
}
