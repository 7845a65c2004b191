// SPDX-License-Identifier: Apache-2.0
// Runs systemctl in a child, one at a time; the last wish wins.
#include "cluster/qdevice_service.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/host_clock.h"
#include "common/host/process.h"
#include "common/host/service_manager.h"
#include "common/model/event.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"

enum { TIMEOUT_MS = 60 * 1000, OUTPUT_MAX = 1024 };

struct qdevice_service {
    struct loop *loop;
    struct event_sink *events;
    struct clock clock;
    struct process *process; // NULL: nothing is under way
    bool wanted, done;       // done: the last that was asked for
};

struct qdevice_service *qdevice_service_new(struct loop *loop, struct event_sink *events)
{
    struct qdevice_service *service = alloc_zero(sizeof(*service));
    service->loop = loop;
    service->events = events;
    host_clock_init(&service->clock);
    return service;
}

void qdevice_service_free(struct qdevice_service *service)
{
    if (service != NULL) {
        process_free(service->process);
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
    if (end->wait_status != 0) {
        failed_tell(service, end->output_bytes > 0
                                 ? end->output
                                 : "systemctl failed for corosync-qdevice.service: is the package "
                                   "corosync-qdevice installed?");
    }
    process_free(service->process);
    service->process = NULL;
    qdevice_service_set(service, service->wanted);
}

void qdevice_service_set(struct qdevice_service *service, bool wanted)
{
    service->wanted = wanted;
    if (service->process != NULL || wanted == service->done || !service_manager_is_systemd()) {
        return;
    }
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
    service->done = wanted;
    if (process_spawn(service->loop, &service->clock, &spec, &service->process, &err) < 0) {
        service->process = NULL;
        failed_tell(service, err.text);
    }
}
