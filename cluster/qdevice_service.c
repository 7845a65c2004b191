// SPDX-License-Identifier: Apache-2.0
// Runs systemctl in a child, one at a time; the last wish wins. corosync-qdevice does not start
// before Corosync itself has read of the device, which is some time after the file was written, and
// systemd gives up soon: so what failed is tried again.
#include "cluster/qdevice_service.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/process.h"
#include "common/host/service_manager.h"
#include "common/model/event.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"

enum {
    TIMEOUT_MS = 60 * 1000,
    OUTPUT_MAX = 1024,
    RETRY_MS = 15 * 1000, // by then systemd takes starts again
    RETRIES_MAX = 4,      // then more seldom, or not at all if it is not wanted anyway
};

struct qdevice_service {
    struct loop *loop;
    struct event_sink *events;
    struct clock clock;
    struct process *process; // NULL: nothing is under way
    struct loop_source *retry;
    bool wanted, done; // done: the last that was asked for
    unsigned failures; // in a row
};

void qdevice_service_free(struct qdevice_service *service)
{
    if (service != NULL) {
        process_free(service->process);
        loop_source_free(service->retry);
        free(service);
    }
}

static void failed_tell(struct qdevice_service *service, const char *reason)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "qdevice-service-failed");
    event_emit(service->events, event_text(arena, event, "reason", reason));
}

static void service_ended(void *userdata, const struct process_end *end)
{
    struct qdevice_service *service = userdata;
    service->failures = end->wait_status != 0 ? service->failures + 1 : 0;
    if (service->failures == 2) { // the first time it may only have been too early
        failed_tell(service, end->output_bytes > 0
                                 ? end->output
                                 : "systemctl failed for corosync-qdevice.service: is the package "
                                   "corosync-qdevice installed?");
    }
    if (service->failures > 0 && (service->wanted || service->failures < RETRIES_MAX)) {
        int64_t in_ms = (service->failures < RETRIES_MAX ? 1 : RETRIES_MAX) * (int64_t)RETRY_MS;
        loop_timer_set(service->retry, clock_now_ms(&service->clock) + in_ms);
    }
    process_free(service->process);
    service->process = NULL;
    qdevice_service_set(service, service->wanted);
}

static void wish_run(struct qdevice_service *service, bool wanted)
{
    const char *const argv[] = {"systemctl", wanted ? "enable" : "disable", "--now",
                                "corosync-qdevice.service", NULL};
    const struct process_spec spec = {
        .argv = argv,
        .timeout_ms = TIMEOUT_MS,
        .output_max_bytes = OUTPUT_MAX,
        .ended = service_ended,
        .userdata = service,
    };
    struct error err = {0};
    service->failures = wanted == service->done ? service->failures : 0; // another wish
    service->done = wanted;
    if (process_spawn(service->loop, &service->clock, &spec, &service->process, &err) < 0) {
        service->process = NULL;
        failed_tell(service, err.text);
    }
}

void qdevice_service_set(struct qdevice_service *service, bool wanted)
{
    service->wanted = wanted;
    if (service->process == NULL && wanted != service->done && service_manager_is_systemd()) {
        wish_run(service, wanted);
    }
}

static void retry_due(void *userdata)
{
    struct qdevice_service *service = userdata;
    if (service->process == NULL && service->failures > 0 && service->wanted == service->done) {
        wish_run(service, service->wanted);
    }
}

struct qdevice_service *qdevice_service_new(struct loop *loop, struct event_sink *events)
{
    struct qdevice_service *service = alloc_zero(sizeof(*service));
    service->loop = loop;
    service->events = events;
    host_clock_init(&service->clock);
    service->retry = loop_add_timer(loop, retry_due, service);
    return service;
}
