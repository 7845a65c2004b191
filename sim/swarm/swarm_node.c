// SPDX-License-Identifier: Apache-2.0
// A node's life: power, boot, its processes and who starts them again, pauses and holds.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_disk.h"
#include "sim/swarm/swarm_guest.h"
#include "sim/swarm/swarm_host.h"
#include "sim/swarm/swarm_net.h"
#include "sim/swarm/swarm_watchdog.h"

enum {
    BOOT_MS_MIN = 3000, // from the reset to the first process
    BOOT_MS_MAX = 15000,
    BOOT_SPREAD_MS = 1500, // between the first and the last of our processes
    RESTART_MS = 100,      // RestartSec of the units
    EXEC_MS_MAX = 150,
    STOP_POLL_MS = 100,
    STOP_TRIES_MAX = 1800, // then the operator loses patience
    LEAVE_LOOK_MS = 100,
    CLOCK_OFFSET_MS_MAX = 10 * 24 * 3600 * 1000,
    DISK_MS_MAX = 8,
};

static struct swarm_queue *queue_of(const struct swarm_node *node)
{
    return node->world->queue;
}

static void timer_after(struct swarm_node *node, struct swarm_timer *timer, int64_t us)
{
    swarm_timer_set(timer, swarm_queue_now_us(queue_of(node)) + us);
}

const char *swarm_process_name(enum swarm_process_kind kind)
{
    static const char *const names[SWARM_PROCESS_MAX] = {
        [SWARM_PROCESS_COROSYNC] = "corosync",
        [SWARM_PROCESS_CLUSTERD] = "clusterd",
        [SWARM_PROCESS_WATCHDOGD] = "watchdogd",
        [SWARM_PROCESS_CRM] = "crm",
        [SWARM_PROCESS_LRM] = "lrm",
    };
    return names[kind];
}

// --- Processes.

static void gate_renew(struct swarm_process *process)
{
    if (process->is_held || process->node->is_paused) {
        swarm_gate_close(&process->gate);
    } else {
        swarm_gate_open(&process->gate);
    }
}

static void process_start(struct swarm_process *process);

static void clusterd_ended(void *userdata)
{
    struct swarm_node *node = userdata;
    swarm_process_ended(&node->processes[SWARM_PROCESS_CLUSTERD]);
}

static void clusterd_start(struct swarm_node *node)
{
    const struct swarm_clusterd_spec spec = {
        .queue = queue_of(node),
        .prng = &node->world->prng,
        .gate = &node->processes[SWARM_PROCESS_CLUSTERD].gate,
        .net = node->world->net,
        .node = node->place,
        .name = node->name,
        .disk = node->disk,
        .clock = &node->clock,
        .events = &node->clusterd_sink.port,
        .timing = &node->world->timing,
        .ended = clusterd_ended,
        .userdata = node,
    };
    node->clusterd = swarm_clusterd_start(&spec);
    swarm_crm_connect(node->crm);
    swarm_lrm_connect(node->lrm);
}

static void process_start(struct swarm_process *process)
{
    struct swarm_node *node = process->node;
    process->is_up = true;
    switch (process->kind) {
    case SWARM_PROCESS_COROSYNC:
        swarm_net_start(node->world->net, node->place);
        return;
    case SWARM_PROCESS_CLUSTERD:
        clusterd_start(node);
        return;
    case SWARM_PROCESS_WATCHDOGD:
        node->watchdogd = swarm_watchdogd_start(node);
        return;
    case SWARM_PROCESS_CRM:
        node->crm = swarm_crm_start(node);
        return;
    case SWARM_PROCESS_LRM:
        node->lrm = swarm_lrm_start(node);
        return;
    case SWARM_PROCESS_MAX:
        break;
    }
    abort(); // no such value
}

static void process_end(struct swarm_process *process)
{
    struct swarm_node *node = process->node;
    swarm_timer_stop(&process->release);
    swarm_timer_stop(&process->death);
    process->is_held = false;
    if (process->is_up) {
        process->is_up = false;
        switch (process->kind) {
        case SWARM_PROCESS_COROSYNC:
            swarm_net_kill(node->world->net, node->place);
            break;
        case SWARM_PROCESS_CLUSTERD: {
            struct swarm_clusterd *clusterd = node->clusterd;
            node->clusterd = NULL;
            swarm_clusterd_kill(clusterd);
            break;
        }
        case SWARM_PROCESS_WATCHDOGD: {
            struct swarm_watchdogd *watchdogd = node->watchdogd;
            node->watchdogd = NULL;
            swarm_watchdogd_kill(watchdogd);
            break;
        }
        case SWARM_PROCESS_CRM: {
            struct swarm_crm *crm = node->crm;
            node->crm = NULL;
            swarm_crm_kill(crm);
            break;
        }
        case SWARM_PROCESS_LRM: {
            struct swarm_lrm *lrm = node->lrm;
            node->lrm = NULL;
            swarm_lrm_kill(lrm);
            break;
        }
        case SWARM_PROCESS_MAX:
            abort(); // no such value
        }
    }
    gate_renew(process);
}

static void restart_due(void *userdata)
{
    struct swarm_process *process = userdata;
    const struct swarm_node *node = process->node;
    if (!process->is_up && !node->is_stopping && node->reset_why == NULL) {
        process_start(process);
    }
}

static void process_restart_after(struct swarm_process *process, int64_t us)
{
    timer_after(process->node, &process->restart, us);
}

void swarm_process_kill(struct swarm_process *process)
{
    struct swarm_node *node = process->node;
    if (!node->is_on || !process->is_up) {
        return;
    }
    process_end(process);
    int64_t us = RESTART_MS * SWARM_MS + swarm_random(node->world, 0, EXEC_MS_MAX * SWARM_MS);
    process_restart_after(process, us);
}

static void death_due(void *userdata)
{
    swarm_process_kill(userdata); // the supervisor does not ask why
}

// Not at once: it is still on its way out.
void swarm_process_ended(struct swarm_process *process)
{
    timer_after(process->node, &process->death, 0);
}

static void release_due(void *userdata)
{
    swarm_process_release(userdata);
}

// Of two holds, or pauses, the longer one counts.
static void timer_extend(struct swarm_node *node, struct swarm_timer *timer, int64_t us)
{
    int64_t at_us = swarm_queue_now_us(queue_of(node)) + us;
    if (!swarm_timer_is_set(timer) || timer->at_us < at_us) {
        swarm_timer_set(timer, at_us);
    }
}

void swarm_process_hold(struct swarm_process *process, int64_t us)
{
    if (process->node->is_on && process->is_up) {
        process->is_held = true;
        gate_renew(process);
        timer_extend(process->node, &process->release, us);
    }
}

void swarm_process_release(struct swarm_process *process)
{
    swarm_timer_stop(&process->release);
    if (process->is_held) {
        process->is_held = false;
        gate_renew(process);
    }
}

// --- Pauses of the node.

static void resume_due(void *userdata)
{
    swarm_node_unpause(userdata);
}

void swarm_node_pause(struct swarm_node *node, int64_t us)
{
    if (!node->is_on) {
        return;
    }
    node->is_paused = true;
    swarm_gate_close(&node->gate);
    for (size_t i = 0; i < SWARM_PROCESS_MAX; i++) {
        gate_renew(&node->processes[i]);
    }
    timer_extend(node, &node->resume, us);
}

// What has real-time priority goes on first: should it find that it is too late, the rest does not
// go on at all.
void swarm_node_unpause(struct swarm_node *node)
{
    swarm_timer_stop(&node->resume);
    if (!node->is_paused) {
        return;
    }
    node->is_paused = false;
    node->woken_us = swarm_queue_now_us(queue_of(node));
    gate_renew(&node->processes[SWARM_PROCESS_WATCHDOGD]);
    timer_after(node, &node->wake, 0);
}

static void wake_due(void *userdata)
{
    struct swarm_node *node = userdata;
    if (node->is_paused || node->reset_why != NULL) {
        return;
    }
    swarm_gate_open(&node->gate);
    for (size_t i = 0; i < SWARM_PROCESS_MAX; i++) {
        gate_renew(&node->processes[i]);
    }
}

// --- Power.

void swarm_node_power_on(struct swarm_node *node)
{
    struct swarm_world *world = node->world;
    swarm_timer_stop(&node->boot);
    bool belongs = node->is_configured || node->is_joining;
    if (node->is_on || !belongs || swarm_timer_is_set(&node->leave)) {
        return;
    }
    node->is_on = true;
    swarm_tell_power(node, NULL);
    for (size_t i = 0; i < SWARM_PROCESS_MAX; i++) {
        process_restart_after(&node->processes[i],
                              swarm_random(world, 0, BOOT_SPREAD_MS * SWARM_MS));
    }
    if (node->is_joining) {
        // Nodes that join have no vote before they have come.
        node->is_joining = false;
        swarm_node_join(node);
        process_restart_after(&node->processes[SWARM_PROCESS_COROSYNC], 0);
    }
}

void swarm_node_boot_after(struct swarm_node *node, int64_t us)
{
    timer_after(node, &node->boot, us);
}

static void boot_due(void *userdata)
{
    swarm_node_power_on(userdata);
}

static void processes_end(struct swarm_node *node)
{
    swarm_timer_stop(&node->resume);
    swarm_timer_stop(&node->wake);
    swarm_timer_stop(&node->stopping);
    node->is_paused = false;
    for (size_t i = 0; i < SWARM_PROCESS_MAX; i++) {
        swarm_timer_stop(&node->processes[i].restart);
    }
    swarm_operators_leave(node);
    // The feeder first: it is to see nobody leave.
    process_end(&node->processes[SWARM_PROCESS_WATCHDOGD]);
    process_end(&node->processes[SWARM_PROCESS_LRM]);
    process_end(&node->processes[SWARM_PROCESS_CRM]);
    process_end(&node->processes[SWARM_PROCESS_CLUSTERD]);
    process_end(&node->processes[SWARM_PROCESS_COROSYNC]);
    swarm_device_cut_power(node->device);
    swarm_guests_sweep(node);
    swarm_gate_open(&node->gate);
}

void swarm_node_cut_power(struct swarm_node *node, const char *why)
{
    if (!node->is_on) {
        return;
    }
    swarm_timer_stop(&node->reset);
    swarm_timer_stop(&node->silence);
    processes_end(node);
    swarm_guests_cut(node);
    swarm_disk_cut_power(node->disk);
    free(node->watchdogd_state);
    node->watchdogd_state = NULL;
    map_clear(&node->noted);
    node->noted_term = 0;
    node->has_note = false;
    node->reset_why = NULL;
    node->is_stopping = false;
    node->is_on = false;
    swarm_tell_power(node, why);
}

static void silence_due(void *userdata)
{
    struct swarm_node *node = userdata;
    swarm_node_cut_power(node, node->reset_why);
    int64_t us = swarm_random(node->world, BOOT_MS_MIN * SWARM_MS, BOOT_MS_MAX * SWARM_MS);
    swarm_node_boot_after(node, us);
}

// The processors stand still, but what the guests wrote may be on its way for as long as R.
static void reset_due(void *userdata)
{
    struct swarm_node *node = userdata;
    // One that has just woken has nothing under way any more.
    bool has_slept = node->woken_us == swarm_queue_now_us(queue_of(node));
    int64_t silence_us = node->world->timing.reset_ms * SWARM_MS;
    processes_end(node);
    timer_after(node, &node->silence, has_slept ? 0 : swarm_random(node->world, 0, silence_us));
}

void swarm_node_reset(struct swarm_node *node)
{
    if (node->is_on && node->reset_why == NULL) {
        node->reset_why = "watchdog";
        timer_after(node, &node->reset, 0);
    }
}

// --- An orderly end.

// Whether the others have a service's record on it. When none of them answers nobody can delete it.
static bool is_recorded(const struct swarm_node *node)
{
    const struct swarm_world *world = node->world;
    bool is_told = false;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (size_t i = 0; i < world->count; i++) {
        const struct swarm_node *other = world->nodes[i];
        if (other == node || other->clusterd == NULL) {
            continue;
        }
        is_told = true;
        map_each (e, &world->guests) {
            const char *key = arena_printf(arena, STORE_PREFIX_SERVICE "%s", e->key);
            const char *text = swarm_clusterd_peek(other->clusterd, key, NULL);
            struct service *service = NULL;
            if (text != NULL &&
                service_parse(arena, e->key, text, strlen(text), &service, NULL) == 0 &&
                strcmp(service->node, node->name) == 0) {
                return true;
            }
        }
    }
    return !is_told;
}

// What is still recorded on a node makes `ha-cluster delete-node` refuse. What was to run is
// recovered; for the rest the operator needs the node again.
static void leave_due(void *userdata)
{
    struct swarm_node *node = userdata;
    const struct timing *timing = &node->world->timing;
    if (node->is_on || !is_recorded(node)) {
        swarm_node_leave(node);
    } else if (++node->leave_tries * LEAVE_LOOK_MS < timing_worst_failover_ms(timing)) {
        timer_after(node, &node->leave, LEAVE_LOOK_MS * SWARM_MS);
    } else {
        swarm_node_power_on(node);
    }
}

// Whoever deletes a node looks first whether it is off: when the others have done without it.
void swarm_node_leave_soon(struct swarm_node *node)
{
    node->leave_tries = 0;
    const struct timing *timing = &node->world->timing;
    timer_after(node, &node->leave, (timing_detection_ms(timing) + LEAVE_LOOK_MS) * SWARM_MS);
}

static void stopping_due(void *userdata)
{
    struct swarm_node *node = userdata;
    bool is_armed = node->watchdogd != NULL && swarm_watchdogd_is_armed(node->watchdogd);
    if (node->lrm == NULL && node->crm != NULL) {
        swarm_crm_request_shutdown(node->crm); // systemd ends ha-lrm first
    }
    bool is_over = node->lrm == NULL && node->crm == NULL && !is_armed;
    if (!is_over && ++node->stop_tries < STOP_TRIES_MAX) {
        timer_after(node, &node->stopping, STOP_POLL_MS * SWARM_MS);
        return;
    }
    bool boots = node->boots_again;
    swarm_node_cut_power(node, "campaign");
    if (boots) {
        swarm_node_boot_after(
            node, swarm_random(node->world, BOOT_MS_MIN * SWARM_MS, BOOT_MS_MAX * SWARM_MS));
    } else {
        swarm_node_leave_soon(node);
    }
}

void swarm_node_stop(struct swarm_node *node, bool boots_again)
{
    if (!node->is_on || node->is_stopping) {
        return;
    }
    node->is_stopping = true;
    node->boots_again = boots_again;
    node->stop_tries = 0;
    if (node->lrm != NULL) {
        swarm_lrm_request_shutdown(node->lrm, boots_again);
    }
    timer_after(node, &node->stopping, STOP_POLL_MS * SWARM_MS);
}

// --- Belonging to the cluster.

void swarm_node_join(struct swarm_node *node)
{
    if (swarm_timer_is_set(&node->leave)) {
        swarm_node_leave(node); // first, and then anew
    }
    if (!node->is_configured) {
        node->is_configured = true;
        node->place = node->world->places++;
        swarm_net_add_node(node->world->net, node->name, 1,
                           &node->processes[SWARM_PROCESS_COROSYNC].gate);
    }
}

void swarm_node_leave(struct swarm_node *node)
{
    swarm_timer_stop(&node->leave);
    node->is_joining = false;
    if (node->is_configured && !node->is_on) {
        node->is_configured = false;
        swarm_timer_stop(&node->boot);
        swarm_net_remove_node(node->world->net, node->place);
        swarm_disk_wipe(node->disk);
    }
}

struct swarm_node *swarm_node_new(struct swarm_world *world, const char *name)
{
    struct swarm_node *node = alloc_zero(sizeof(*node));
    int64_t drift = world->cluster.drift_ppm_max;
    node->world = world;
    node->index = world->count;
    node->name = alloc_strdup(name);
    map_init(&node->runs, swarm_run_free);
    map_init(&node->noted, NULL);
    for (size_t i = 0; i < SWARM_PROCESS_MAX; i++) {
        struct swarm_process *process = &node->processes[i];
        process->node = node;
        process->kind = (enum swarm_process_kind)i;
        swarm_timer_init(&process->restart, world->queue, &node->gate, restart_due, process);
        swarm_timer_init(&process->release, world->queue, NULL, release_due, process);
        swarm_timer_init(&process->death, world->queue, NULL, death_due, process);
    }
    swarm_timer_init(&node->reset, world->queue, NULL, reset_due, node);
    swarm_timer_init(&node->silence, world->queue, NULL, silence_due, node);
    swarm_timer_init(&node->resume, world->queue, NULL, resume_due, node);
    swarm_timer_init(&node->wake, world->queue, NULL, wake_due, node);
    swarm_timer_init(&node->leave, world->queue, NULL, leave_due, node);
    swarm_timer_init(&node->boot, world->queue, NULL, boot_due, node);
    swarm_timer_init(&node->stopping, world->queue, &node->gate, stopping_due, node);
    swarm_clock_init(&node->clock, world->queue, swarm_random(world, 1000, CLOCK_OFFSET_MS_MAX),
                     swarm_random(world, -drift, drift));
    node->disk = swarm_disk_new(world->queue, &world->prng);
    swarm_disk_set_speed(node->disk, 1, DISK_MS_MAX);
    swarm_sink_init(&node->clusterd_sink, world, name, "clusterd");
    swarm_sink_init(&node->watchdogd_sink, world, name, "watchdogd");
    node->device = swarm_device_new(node, world->has_hardware_watchdogs);
    world->nodes = alloc_resize(world->nodes, (world->count + 1) * sizeof(struct swarm_node *));
    world->nodes[world->count++] = node;
    return node;
}

void swarm_node_free(struct swarm_node *node)
{
    assert(!node->is_on);
    swarm_timer_stop(&node->boot);
    swarm_timer_stop(&node->leave);
    swarm_device_free(node->device);
    swarm_disk_free(node->disk);
    swarm_sink_done(&node->clusterd_sink);
    swarm_sink_done(&node->watchdogd_sink);
    map_done(&node->runs);
    map_done(&node->noted);
    free(node->name);
    free(node);
}
