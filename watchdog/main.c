// SPDX-License-Identifier: Apache-2.0
// ha-watchdogd: resets this machine when a protected daemon's deadline passes. Sets the process up
// (real-time, locked memory, last to be killed for memory) and runs the server.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/daemon.h"
#include "common/host/event_output.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/machine.h"
#include "common/host/paths.h"
#include "common/host/watchdog_facts.h"
#include "common/model/event.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "watchdog/device.h"
#include "watchdog/feeder.h"
#include "watchdog/mux_server.h"

#define NAME "ha-watchdogd"
#define ABOUT                                                                                      \
    "Feeds the watchdog of this machine while the deadlines of all protected daemons lie ahead."

enum { STOP_POLL_MS = 100 };

struct watchdogd {
    struct arena *arena;
    struct daemon_setup setup;
    struct clock clock;
    struct loop *loop;
    struct event_output *output;
    struct event_sink *events;
    struct device *device;
    struct feeder *feeder;
    struct mux_server *server;
    struct loop_source *sigterm;
    struct loop_source *sigint;
    struct loop_source *stop_timer;
};

static void tell(struct watchdogd *daemon, enum event_level level, const char *name,
                 const char *reason)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, level, name);
    event_text(arena, event, "device", daemon->device != NULL ? daemon->device->name : NULL);
    event_text(arena, event, "reason", reason);
    event_emit(daemon->events, event);
}

// So that neither load nor lack of memory keeps the feeder from its work. What is refused is told:
// protection is weaker then, not gone.
static void process_harden(struct watchdogd *daemon)
{
    struct sched_param param = {.sched_priority = sched_get_priority_max(SCHED_FIFO)};
    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param) < 0) {
        tell(daemon, EVENT_LEVEL_WARNING, "watchdog-weak",
             "no real-time priority: heavy load may delay it");
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0) {
        tell(daemon, EVENT_LEVEL_WARNING, "watchdog-weak",
             "memory is not locked: paging may delay it");
    }
    if (file_write_value("/proc/self/oom_score_adj", "-1000", NULL) < 0) {
        tell(daemon, EVENT_LEVEL_INFO, "watchdog-weak",
             "it may be killed when memory runs out, and is restarted then");
    }
}

// One process of the daemon a run folder. The lock is held for the life of the process.
static int lock_take(struct watchdogd *daemon, struct error *err)
{
    int r = file_make_directory(paths_run_dir(), 0755, err);
    if (r < 0) {
        return r;
    }
    char *path = arena_printf(daemon->arena, "%s/watchdogd.lock", paths_run_dir());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot open '%s'", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK ? error_set(err, -EBUSY, "it is running already")
                                    : error_set_errno(err, -errno, "cannot lock '%s'", path);
    }
    return 0;
}

static void stop_try(void *userdata)
{
    struct watchdogd *daemon = userdata;
    feeder_check(daemon->feeder);
    // A device that resets by itself is left armed. The software watchdog is this process: it stays
    // until nobody needs it, or until a deadline passes and it does what it is for.
    if (daemon->device->independent || !feeder_is_armed(daemon->feeder)) {
        loop_quit(daemon->loop, EXIT_SUCCESS);
        return;
    }
    loop_timer_set(daemon->stop_timer, clock_now_ms(&daemon->clock) + STOP_POLL_MS);
}

static void stop_requested(void *userdata, int signo)
{
    (void)signo;
    struct watchdogd *daemon = userdata;
    if (feeder_is_armed(daemon->feeder)) {
        tell(daemon, EVENT_LEVEL_WARNING, "watchdog-stop-armed",
             daemon->device->independent ? "clients are armed: the device is left counting"
                                         : "clients are armed: waiting for their goodbye");
    }
    loop_notify("STOPPING=1");
    stop_try(daemon);
}

// For "ha-cluster check" and the like. Protection does not depend on it.
static void facts_tell(struct watchdogd *daemon)
{
    const struct device *device = daemon->device;
    const struct watchdog_facts facts = {
        .device = device->name,
        .soft = !device->independent,
        .timeout_ms =
            device->timeout_ms > 0 ? device->timeout_ms : daemon->setup.timing.watchdog_ms,
    };
    struct error err = {0};
    if (watchdog_facts_write(&facts, &err) < 0) {
        tell(daemon, EVENT_LEVEL_WARNING, "watchdog-state-failed", err.text);
    }
}

static int daemon_start(struct watchdogd *daemon, struct error *err)
{
    // The log's process comes first, so that it holds neither the lock nor the device when this one
    // is killed.
    int r = event_output_detach(daemon->output, err);
    char *boot_id = NULL;
    if (r == 0) {
        r = lock_take(daemon, err);
    }
    if (r == 0) {
        r = machine_boot_id(daemon->arena, &boot_id, err);
    }
    if (r < 0) {
        return r;
    }
    if (strcmp(daemon->setup.config.watchdog, CONFIG_WATCHDOG_SOFT) == 0) {
        r = device_soft_new(&daemon->device, err);
    } else {
        daemon->device =
            device_hardware_new(daemon->setup.config.watchdog, daemon->setup.timing.watchdog_ms);
    }
    if (r == 0) {
        r = loop_new(&daemon->loop, err);
    }
    if (r < 0) {
        return r;
    }
    process_harden(daemon);
    struct feeder_ports ports = {
        .clock = &daemon->clock, .device = daemon->device, .events = daemon->events};
    daemon->feeder =
        feeder_new(&ports, &daemon->setup.timing, paths_watchdogd_state(daemon->arena), boot_id);
    r = feeder_start(daemon->feeder, err);
    if (r == 0) {
        r = mux_server_new(daemon->loop, daemon->feeder, daemon->events,
                           paths_watchdogd_socket(daemon->arena), 0, &daemon->server, err);
    }
    if (r < 0) {
        return r;
    }
    facts_tell(daemon);
    daemon->stop_timer = loop_add_timer(daemon->loop, stop_try, daemon);
    daemon->sigterm = loop_add_signal(daemon->loop, SIGTERM, stop_requested, daemon);
    daemon->sigint = loop_add_signal(daemon->loop, SIGINT, stop_requested, daemon);
    return 0;
}

static void daemon_done(struct watchdogd *daemon)
{
    loop_source_free(daemon->stop_timer);
    loop_source_free(daemon->sigterm);
    loop_source_free(daemon->sigint);
    mux_server_free(daemon->server);
    feeder_free(daemon->feeder);
    device_free(daemon->device);
    loop_free(daemon->loop);
    event_output_free(daemon->output);
    arena_free(daemon->arena);
}

static int daemon_run(struct watchdogd *daemon, struct error *err)
{
    host_clock_init(&daemon->clock);
    int r = daemon_setup_load(daemon->arena, &daemon->setup, err);
    if (r < 0) {
        return r;
    }
    daemon->output =
        event_output_new(arena_printf(daemon->arena, "%s/watchdogd", daemon->setup.node));
    daemon->events = event_output_sink(daemon->output);
    r = daemon_start(daemon, err);
    if (r < 0) {
        return r;
    }
    tell(daemon, EVENT_LEVEL_NOTICE, "daemon-ready", NULL);
    loop_notify("READY=1");
    return loop_run(daemon->loop, err);
}

int main(int argc, char *argv[])
{
    int status;
    if (!daemon_options(argc, argv, NAME, ABOUT, &status)) {
        return status;
    }
    struct watchdogd daemon = {.arena = arena_new()};
    struct error err = {0};
    int r = daemon_run(&daemon, &err);
    status = r < 0 ? daemon_fail(NAME, &err) : r;
    daemon_done(&daemon);
    return status;
}
