// SPDX-License-Identifier: Apache-2.0
// From definitions, control groups, figures and records to rows.
#include "api/endpoints/guest_rows.h"

#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "cli/cluster_view.h"
#include "cli/guest_facts.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/model/guest.h"
#include "common/model/node_figures.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/sid.h"
#include "common/port/clock.h"

enum { MACHINE_MEMORY_MIB = 512, ROWS_NUMBER_MAX = 1 << 30 };
static const int64_t MIB = 1024 * 1024;
static const double US_PER_S = 1000000.0;

static bool guest_is_container(const struct guest *guest)
{
    return strncmp(guest->sid, "ct:", strlen("ct:")) == 0;
}

bool guest_shown_is_one(const struct guest *guest)
{
    return guest_is_container(guest) || strncmp(guest->sid, "vm:", strlen("vm:")) == 0;
}

static int64_t guest_number(const struct guest *guest, const char *key, int64_t otherwise)
{
    const char *text = map_find(&guest->config, key);
    int64_t value = otherwise;
    if (text != NULL && parse_int64(text, 0, ROWS_NUMBER_MAX, &value) < 0) {
        return otherwise;
    }
    return value;
}

// The size that the definition names for the first disk: "storage:volume,size=8G". 0: it names
// none.
static int64_t guest_disk_max(const struct call *call, const struct guest *guest)
{
    static const char *const disks[] = {"rootfs", "scsi0", "virtio0", "sata0", "ide0"};
    static const char units[] = "KMGT";
    const char *text = NULL;
    for (size_t i = 0; text == NULL && i < ARRAY_SIZE(disks); i++) {
        text = map_find(&guest->config, disks[i]);
    }
    const char *size = text != NULL ? strstr(text, ",size=") : NULL;
    if (size == NULL) {
        return 0;
    }
    size += strlen(",size=");
    size_t digits = strspn(size, "0123456789");
    const char *unit = size[digits] != '\0' ? strchr(units, size[digits]) : NULL;
    int64_t value = 0;
    if (parse_int64(arena_printf(call->arena, "%.*s", (int)digits, size), 0, ROWS_NUMBER_MAX,
                    &value) < 0) {
        return 0;
    }
    for (const char *step = units; unit != NULL && step <= unit; step++) {
        value = value < INT64_MAX / 1024 ? value * 1024 : INT64_MAX;
    }
    return value;
}

static const char *guest_name(const struct call *call, const struct guest *guest)
{
    static const char *const keys[] = {"name", "hostname"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *name = map_find(&guest->config, keys[i]);
        if (name != NULL) {
            return name;
        }
    }
    return arena_printf(call->arena, guest_is_container(guest) ? "CT%s" : "VM %s",
                        sid_name(guest->sid));
}

// Its limits; a container without any has its node's.
static void guest_limits(const struct guest *guest, const struct node_figures *node,
                         struct guest_shown *shown)
{
    int64_t memory_mib = guest_number(guest, "memory", 0);
    int64_t cores = guest_number(guest, "cores", 0);
    if (guest_is_container(guest)) {
        shown->cpus = cores > 0 || node == NULL ? cores : node->cpus;
        shown->mem_max_bytes =
            memory_mib > 0 || node == NULL ? memory_mib * MIB : node->mem_max_bytes;
        return;
    }
    shown->cpus = (cores > 0 ? cores : 1) * guest_number(guest, "sockets", 1);
    shown->mem_max_bytes = (memory_mib > 0 ? memory_mib : MACHINE_MEMORY_MIB) * MIB;
}

static void guest_put_figures(const struct call *call, const struct guest_figures *figures,
                              struct guest_shown *shown)
{
    int64_t uptime_s = endpoint_now_s(call) - figures->start_s;
    double cpus = (double)(shown->cpus > 0 ? shown->cpus : 1);
    shown->cpu = figures->cpu / cpus;
    shown->mem_bytes = figures->mem_bytes;
    shown->pid = figures->pid;
    shown->uptime_s = figures->start_s > 0 && uptime_s > 0 ? uptime_s : 0;
    shown->read_bytes = figures->read_bytes;
    shown->write_bytes = figures->write_bytes;
    shown->in_bytes = figures->in_bytes;
    shown->out_bytes = figures->out_bytes;
}

static void guest_clear_figures(struct guest_shown *shown)
{
    shown->cpu = 0.0;
    shown->mem_bytes = shown->uptime_s = shown->pid = 0;
    shown->read_bytes = shown->write_bytes = shown->in_bytes = shown->out_bytes = 0;
}

// What the node itself sees now.
static bool guest_read_here(const struct call *call, const struct guest *guest,
                            struct guest_shown *shown)
{
    struct guest_facts facts;
    int64_t now_ms = clock_now_ms(call->host->clock);
    if (strcmp(guest->node, call->host->node) != 0 ||
        guest_facts_read(guest->sid, now_ms, &facts, NULL) < 0) {
        return false;
    }
    shown->status = facts.running ? "running" : "stopped";
    if (facts.running) {
        double cpus = (double)(shown->cpus > 0 ? shown->cpus : 1);
        shown->mem_bytes = facts.mem_bytes;
        shown->pid = facts.pid;
        shown->uptime_s = facts.uptime_s;
        if (shown->cpu <= 0.0 && facts.uptime_s > 0) { // nobody has measured yet: since its start
            shown->cpu = (double)facts.cpu_us / US_PER_S / (double)facts.uptime_s / cpus;
        }
    }
    return true;
}

void guest_shown_read(const struct call *call, const struct map *figures, const struct guest *guest,
                      struct guest_shown *ret)
{
    const struct node_figures *node = map_find(figures, guest->node);
    const struct guest_figures *own = node != NULL ? map_find(&node->guests, guest->sid) : NULL;
    struct guest_shown shown = {.type = guest_is_container(guest) ? "lxc" : "qemu",
                                .status = "unknown",
                                .name = guest_name(call, guest)};
    if (parse_int64(sid_name(guest->sid), 0, INT64_MAX, &shown.vmid) < 0) {
        shown.vmid = 0; // not reached: a guest's name is a number
    }
    guest_limits(guest, node, &shown);
    if (own != NULL) {
        guest_put_figures(call, own, &shown);
    }
    if (!guest_read_here(call, guest, &shown) && endpoint_is_online(call, guest->node)) {
        // The manager knows at once what figures tell some seconds later.
        shown.status = guest_known_state(call->host->view, guest);
        if (node != NULL && strcmp(shown.status, "unknown") == 0) {
            shown.status = own != NULL ? "running" : "stopped";
        }
    }
    if (strcmp(shown.status, "running") != 0) {
        guest_clear_figures(&shown);
    }
    *ret = shown;
}

void guest_shown_put(const struct call *call, const struct guest *guest,
                     const struct guest_shown *shown, struct json *row)
{
    json_put_int(row, "vmid", shown->vmid);
    json_put_string(row, "type", shown->type);
    json_put_string(row, "status", shown->status);
    json_put_string(row, "name", shown->name);
    json_put(row, "cpu", json_new_double(call->arena, shown->cpu));
    json_put_int(row, "mem", shown->mem_bytes);
    json_put_int(row, "maxmem", shown->mem_max_bytes);
    json_put_int(row, "uptime", shown->uptime_s);
    json_put_string(row, "lock", guest->lock);
    json_put_string(row, "tags", map_find(&guest->config, "tags"));
    json_put_int(row, "maxdisk", guest_disk_max(call, guest));
    json_put_int(row, "disk", 0); // nobody counts what its file systems hold
    json_put_int(row, "diskread", shown->read_bytes);
    json_put_int(row, "diskwrite", shown->write_bytes);
    json_put_int(row, "netin", shown->in_bytes);
    json_put_int(row, "netout", shown->out_bytes);
}

const char *guest_shown_hastate(const struct call *call, const char *sid)
{
    const struct service *service = map_find(&call->host->view->services, sid);
    const struct resource *resource = map_find(&call->host->view->resources, sid);
    if (service != NULL) {
        return svc_state_to_string(service->state);
    }
    return resource != NULL ? request_state_to_string(resource->state) : NULL;
}
