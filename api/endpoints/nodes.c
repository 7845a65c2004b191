// SPDX-License-Identifier: Apache-2.0
// /nodes: the nodes and what each is and uses.
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/node_rows.h"
#include "api/endpoints/parameter_rows.h"
#include "api/endpoints/version.h"
#include "cli/cluster_view.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/host/machine_facts.h"
#include "common/model/node_figures.h"
#include "common/port/clock.h"

enum { NODES_MS_PER_S = 1000, NODES_USER_HZ = 100 };

// ---- Lists.

// A node that has not said anything yet knows itself at least.
static const struct node_figures *node_own_figures(const struct call *call)
{
    struct machine_facts facts;
    struct node_figures *figures = node_figures_new(call->arena);
    machine_facts_read(call->arena, &facts);
    figures->boot_s =
        endpoint_now_s(call) - clock_now_ms(call->host->clock) / (int64_t)NODES_MS_PER_S;
    figures->cpus = facts.cpus;
    figures->mem_max_bytes = facts.mem_total_bytes;
    figures->mem_bytes = facts.mem_total_bytes - facts.mem_available_bytes;
    figures->disk_max_bytes = facts.disk_total_bytes;
    figures->disk_bytes = facts.disk_total_bytes - facts.disk_free_bytes;
    return figures;
}

const struct node_figures *node_figures_here(const struct call *call)
{
    const struct node_figures *own = endpoint_figures_of(call, call->host->node);
    return own != NULL ? own : node_own_figures(call);
}

static void node_put_figures(const struct call *call, const struct node_figures *figures,
                             struct json *row)
{
    int64_t uptime_s = endpoint_now_s(call) - figures->boot_s;
    json_put(row, "cpu", json_new_double(call->arena, figures->cpu));
    json_put_int(row, "maxcpu", figures->cpus);
    json_put_int(row, "mem", figures->mem_bytes);
    json_put_int(row, "maxmem", figures->mem_max_bytes);
    json_put_int(row, "disk", figures->disk_bytes);
    json_put_int(row, "maxdisk", figures->disk_max_bytes);
    json_put_int(row, "uptime", uptime_s > 0 ? uptime_s : 0);
}

struct json *node_row(const struct call *call, const struct map *figures, const char *node)
{
    struct json *row = json_new_object(call->arena);
    bool online = endpoint_is_online(call, node) || strcmp(node, call->host->node) == 0;
    const struct node_figures *own = map_find(figures, node);
    json_put_string(row, "id", arena_printf(call->arena, "node/%s", node));
    json_put_string(row, "node", node);
    json_put_string(row, "type", "node");
    json_put_string(row, "status", online ? "online" : "offline");
    json_put_string(row, "level", "");
    json_put_string(row, "ssl_fingerprint", endpoint_fingerprint(call, node));
    if (own == NULL && strcmp(node, call->host->node) == 0) {
        own = node_own_figures(call);
    }
    const char *path = arena_printf(call->arena, "/nodes/%s", node);
    if (online && own != NULL && call_may(call, PRIVILEGE_SYS_AUDIT, path)) {
        node_put_figures(call, own, row);
    }
    return row;
}

static void nodes_list(struct call *call)
{
    const struct member_list *members = &call->host->view->members;
    struct json *list = json_new_array(call->arena);
    struct map figures;
    endpoint_figures(call, &figures);
    for (size_t i = 0; i < members->count; i++) {
        json_append(list, node_row(call, &figures, members->members[i].node));
    }
    call_return(call, list);
}

// ---- One node.

static struct json *status_cpuinfo(const struct call *call, const struct machine_facts *facts)
{
    struct json *info = json_new_object(call->arena);
    json_put_int(info, "cores", facts->cores);
    json_put_int(info, "cpus", facts->cpus);
    json_put_int(info, "sockets", facts->sockets);
    json_put_string(info, "model", facts->cpu_model);
    json_put_string(info, "mhz", facts->cpu_mhz);
    json_put_string(info, "hvm", facts->hardware_virtual ? "1" : "0");
    json_put_string(info, "flags", facts->cpu_flags);
    json_put_int(info, "user_hz", NODES_USER_HZ);
    return info;
}

static void status_put_kernel(const struct call *call, const struct machine_facts *facts,
                              struct json *row)
{
    struct json *kernel = json_new_object(call->arena);
    struct json *boot = json_new_object(call->arena);
    json_put_string(kernel, "sysname", facts->kernel);
    json_put_string(kernel, "release", facts->release);
    json_put_string(kernel, "version", facts->version);
    json_put_string(kernel, "machine", facts->architecture);
    json_put(row, "current-kernel", kernel);
    json_put_string(
        row, "kversion",
        arena_printf(call->arena, "%s %s %s", facts->kernel, facts->release, facts->version));
    json_put_string(boot, "mode", facts->efi ? "efi" : "legacy-bios");
    json_put(row, "boot-info", boot);
}

static void status_put_sizes(const struct call *call, const struct machine_facts *facts,
                             struct json *row)
{
    struct json *memory = json_new_object(call->arena);
    struct json *swap = json_new_object(call->arena);
    struct json *root = json_new_object(call->arena);
    json_put_int(memory, "total", facts->mem_total_bytes);
    json_put_int(memory, "used", facts->mem_total_bytes - facts->mem_available_bytes);
    json_put_int(memory, "free", facts->mem_free_bytes);
    json_put_int(memory, "available", facts->mem_available_bytes);
    json_put_int(swap, "total", facts->swap_total_bytes);
    json_put_int(swap, "used", facts->swap_total_bytes - facts->swap_free_bytes);
    json_put_int(swap, "free", facts->swap_free_bytes);
    json_put_int(root, "total", facts->disk_total_bytes);
    json_put_int(root, "used", facts->disk_total_bytes - facts->disk_free_bytes);
    json_put_int(root, "free", facts->disk_free_bytes);
    json_put_int(root, "avail", facts->disk_available_bytes);
    json_put(row, "memory", memory);
    json_put(row, "swap", swap);
    json_put(row, "rootfs", root);
}

static void node_status(struct call *call)
{
    struct json *row = json_new_object(call->arena);
    struct json *load = json_new_array(call->arena);
    struct json *ksm = json_new_object(call->arena);
    struct machine_facts facts;
    const struct node_figures *own = endpoint_figures_of(call, call->host->node);
    machine_facts_read(call->arena, &facts);
    for (size_t i = 0; i < ARRAY_SIZE(facts.load); i++) {
        json_append(load, json_new_string(call->arena, facts.load[i]));
    }
    json_put_int(ksm, "shared", facts.shared_bytes);
    json_put_int(row, "uptime", clock_now_ms(call->host->clock) / (int64_t)NODES_MS_PER_S);
    json_put_int(row, "idle", 0);
    json_put(row, "loadavg", load);
    json_put(row, "cpu", json_new_double(call->arena, own != NULL ? own->cpu : 0.0));
    json_put(row, "wait", json_new_double(call->arena, own != NULL ? own->wait : 0.0));
    json_put(row, "cpuinfo", status_cpuinfo(call, &facts));
    json_put(row, "ksm", ksm);
    json_put_string(row, "pveversion",
                    arena_printf(call->arena, "pve-manager/%s/%s", VERSION_SPOKEN,
                                 version_repoid(call->arena)));
    status_put_kernel(call, &facts, row);
    status_put_sizes(call, &facts, row);
    call_return(call, row);
}

static void node_version(struct call *call)
{
    call_return(call, version_document(call->arena));
}

static void node_subscription(struct call *call)
{
    struct json *row = json_new_object(call->arena);
    json_put_string(row, "status", "notfound");
    json_put_string(row, "message", "there are no subscriptions");
    call_return(call, row);
}

static void node_nothing(struct call *call)
{
    call_return(call, json_new_array(call->arena));
}

// ---- The rows.

static const struct parameter parameters_node[] = {PARAMETER_NODE};
static const struct parameter parameters_network[] = {
    PARAMETER_NODE, {.name = "type", .description = "only interfaces of this type"}};
static const struct parameter parameters_replication[] = {PARAMETER_NODE,
                                                          {.name = "guest",
                                                           .type = PARAMETER_TYPE_INTEGER,
                                                           .format = PARAMETER_FORMAT_VMID,
                                                           .description = "only of this guest"}};
static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/nodes",
     .description = "the nodes of the cluster",
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = nodes_list},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/status",
     .description = "what the machine is and uses",
     PARAMETERS(parameters_node),
     MAY_READ_NODE,
     .kind = METHOD_KIND_READ,
     .on_node = true,
     .returns = "object",
     .run = node_status},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/version",
     .description = "which generation of the API it speaks",
     PARAMETERS(parameters_node),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .on_node = true,
     .returns = "object",
     .run = node_version},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/subscription",
     .description = "there are none",
     PARAMETERS(parameters_node),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .on_node = true,
     .returns = "object",
     .run = node_subscription},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/network",
     .description = "the node's network is not configured here: nothing",
     PARAMETERS(parameters_network),
     MAY_READ_NODE,
     .kind = METHOD_KIND_READ,
     .on_node = true,
     .returns = "array",
     .run = node_nothing},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/replication",
     .description = "copies of volumes: there are none",
     PARAMETERS(parameters_replication),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .on_node = true,
     .returns = "array",
     .run = node_nothing},
};

const struct method_table endpoints_nodes = {methods, ARRAY_SIZE(methods)};
