// SPDX-License-Identifier: Apache-2.0
// The common part of the daemons' starts. What a daemon does is its own main.c.
#include "common/host/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/machine.h"
#include "common/model/event.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/membership.h"
#include "ha_config.h"

bool daemon_options(int argc, char *argv[], const char *name, const char *about, int *ret_status)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    int option = getopt_long(argc, argv, "hV", options, NULL);
    if (option == 'h') {
        printf("usage: %s [--help] [--version]\n%s\n", name, about);
        *ret_status = EXIT_SUCCESS;
        return false;
    }
    if (option == 'V') {
        printf("%s %s\n", name, HA_VERSION);
        *ret_status = EXIT_SUCCESS;
        return false;
    }
    if (option != -1 || optind < argc) {
        if (option == -1) {
            fprintf(stderr, "%s: unexpected argument '%s'\n", name, argv[optind]);
        }
        fprintf(stderr, "usage: %s [--help] [--version]\n", name);
        *ret_status = DAEMON_EXIT_USAGE;
        return false;
    }
    return true;
}

int daemon_setup_load(struct arena *arena, struct daemon_setup *ret, struct error *err)
{
    struct daemon_setup setup = {0};
    int r = machine_node_name(arena, &setup.node, err);
    if (r == 0) {
        r = config_load(arena, &setup.config, err);
    }
    if (r < 0) {
        return r;
    }
    timing_get(setup.config.profile, &setup.timing);
    r = timing_check(&setup.timing, err);
    if (r < 0) {
        return r;
    }
    *ret = setup;
    return 0;
}

bool daemon_link_look(struct daemon_link *link, struct membership *membership, struct clock *clock,
                      struct event_sink *events, int64_t *ret_wake_ms)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct member_list members;
    struct error err = {0};
    int64_t now_ms = clock_now_ms(clock);
    link->since_ms = link->since_ms == 0 ? now_ms : link->since_ms;
    bool connected = membership_get(membership, arena, &members, &err) != -ENOTCONN;
    if (!link->told && !connected && now_ms < link->since_ms + DAEMON_LINK_WAIT_MS) {
        *ret_wake_ms = link->since_ms + DAEMON_LINK_WAIT_MS;
        return false;
    }
    if (link->told && connected == link->connected) {
        return true;
    }
    link->told = true;
    link->connected = connected;
    struct event *event = event_new(arena, connected ? EVENT_LEVEL_NOTICE : EVENT_LEVEL_WARNING,
                                    connected ? "clusterd-connected" : "clusterd-awaited");
    event_text(arena, event, "reason", connected ? NULL : err.text);
    event_emit(events, event);
    return true;
}

void daemon_exit_tell(struct event_sink *events)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    event_emit(events, event_new(arena, EVENT_LEVEL_NOTICE, "daemon-exit"));
}

int daemon_fail(const char *name, const struct error *err)
{
    fprintf(stderr, "%s: %s\n", name, err->text);
    return DAEMON_EXIT_FAILED;
}
