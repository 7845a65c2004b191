// SPDX-License-Identifier: Apache-2.0
// /cluster/status, /cluster/resources, /cluster/nextid: all of the cluster at a glance.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/corosync_document.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/guest_rows.h"
#include "api/endpoints/node_rows.h"
#include "api/endpoints/parameter_rows.h"
#include "api/endpoints/storage_rows.h"
#include "cli/cluster_view.h"
#include "cli/storage_edit.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/corosync_conf.h"
#include "common/model/guest.h"
#include "common/model/manager_status.h"
#include "common/model/sid.h"
#include "common/model/storage.h"

enum { NEXTID_FIRST = 100, NEXTID_LAST = 999999999 };

// ---- Status.

static struct json *status_cluster(const struct call *call, const struct corosync_conf *conf)
{
    const struct member_list *members = &call->host->view->members;
    struct json *row = json_new_object(call->arena);
    json_put_string(row, "type", "cluster");
    json_put_string(row, "id", "cluster");
    json_put_string(row, "name", corosync_conf_cluster_name(conf));
    json_put_int(row, "nodes", (int64_t)members->count);
    json_put_int(row, "version", corosync_conf_version(conf));
    json_put_int(row, "quorate", members->quorate ? 1 : 0);
    return row;
}

static struct json *status_node(const struct call *call, const struct corosync_conf *conf,
                                const char *node)
{
    struct json *row = json_new_object(call->arena);
    const struct corosync_node *known = conf != NULL ? corosync_conf_find_node(conf, node) : NULL;
    bool local = strcmp(node, call->host->node) == 0;
    json_put_string(row, "type", "node");
    json_put_string(row, "id", arena_printf(call->arena, "node/%s", node));
    json_put_string(row, "name", node);
    json_put_int(row, "nodeid", known != NULL ? (int64_t)known->id : 0);
    json_put_string(row, "ip", known != NULL ? known->addresses[0] : endpoint_address(call, node));
    json_put_int(row, "local", local ? 1 : 0);
    json_put_int(row, "online", local || endpoint_is_online(call, node) ? 1 : 0);
    json_put_string(row, "level", "");
    return row;
}

static void cluster_status(struct call *call)
{
    const struct member_list *members = &call->host->view->members;
    struct json *list = json_new_array(call->arena);
    struct corosync_conf *conf = NULL;
    struct error err = {0};
    int r = corosync_document_read(call, &conf, &err);
    if (r < 0 && r != -ENOENT) {
        call_fail(call, &err);
        return;
    }
    if (conf != NULL) {
        json_append(list, status_cluster(call, conf));
    }
    for (size_t i = 0; i < members->count; i++) {
        json_append(list, status_node(call, conf, members->members[i].node));
    }
    call_return(call, list);
}

// ---- Resources.

static void resources_guests(const struct call *call, const struct map *figures, struct json *list)
{
    map_each (e, &call->host->view->guests) {
        const struct guest *guest = e->value;
        struct guest_shown shown;
        const char *path = arena_printf(call->arena, "/vms/%s", sid_name(guest->sid));
        if (!guest_shown_is_one(guest) || !call_may(call, PRIVILEGE_VM_AUDIT, path)) {
            continue;
        }
        struct json *row = json_new_object(call->arena);
        guest_shown_read(call, figures, guest, &shown);
        guest_shown_put(call, guest, &shown, row);
        json_put_string(row, "id",
                        arena_printf(call->arena, "%s/%" PRId64, shown.type, shown.vmid));
        json_put_string(row, "node", guest->node);
        json_put_int(row, "maxcpu", shown.cpus);
        json_put_int(row, "template", 0);
        json_put_string(row, "hastate", guest_shown_hastate(call, guest->sid));
        json_append(list, row);
    }
}

static void resources_nodes(const struct call *call, const struct map *figures, struct json *list)
{
    const struct cluster_view *view = call->host->view;
    for (size_t i = 0; i < view->members.count; i++) {
        const char *name = view->members.members[i].node;
        const struct manager_node *node = map_find(&view->manager->nodes, name);
        struct json *row = node_row(call, figures, name);
        json_put_int(row, "cgroup-mode", 2);
        if (node != NULL) {
            json_put_string(row, "hastate", node_state_to_string(node->state));
        }
        json_append(list, row);
    }
}

static void resources_storages(const struct call *call, struct json *list)
{
    const struct member_list *members = &call->host->view->members;
    struct storage_book book;
    if (storage_book_read(call->arena, call->host->session, &book, NULL) < 0) {
        return; // the rest can be shown
    }
    map_each (e, &book.storages) {
        const struct storage *storage = e->value;
        for (size_t i = 0; !storage->disabled && i < members->count; i++) {
            const char *node = members->members[i].node;
            if (storage_has_node(storage, node) && storage_row_may(call, storage->id)) {
                json_append(list, storage_row_of_cluster(call, &book, storage, node));
            }
        }
    }
}

static bool resources_wants(const char *type, const char *kind)
{
    return type == NULL || strcmp(type, kind) == 0;
}

static void cluster_resources(struct call *call)
{
    const char *type = call_string(call, "type", NULL);
    struct json *list = json_new_array(call->arena);
    struct map figures;
    endpoint_figures(call, &figures);
    if (resources_wants(type, "vm")) {
        resources_guests(call, &figures, list);
    }
    if (resources_wants(type, "node")) {
        resources_nodes(call, &figures, list);
    }
    if (resources_wants(type, "storage")) {
        resources_storages(call, list);
    }
    call_return(call, list);
}

// ---- The next number.

static bool nextid_is_taken(const struct call *call, int64_t vmid)
{
    static const char *const types[] = {"ct", "vm"};
    const struct cluster_view *view = call->host->view;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        const char *sid = arena_printf(call->arena, "%s:%" PRId64, types[i], vmid);
        if (map_has(&view->guests, sid)) {
            return true;
        }
    }
    return false;
}

static void cluster_nextid(struct call *call)
{
    int64_t vmid = call_int(call, "vmid", 0);
    if (vmid != 0 && nextid_is_taken(call, vmid)) {
        call_fault(call, "vmid", "VM %" PRId64 " already exists", vmid);
        return;
    }
    for (int64_t id = NEXTID_FIRST; vmid == 0 && id <= NEXTID_LAST; id++) {
        vmid = nextid_is_taken(call, id) ? 0 : id;
    }
    call_return(call, json_new_string(call->arena, arena_printf(call->arena, "%" PRId64, vmid)));
}

// ---- The rows.

static const char *const resource_types[] = {"vm", "storage", "node", "sdn", NULL};

static const struct parameter parameters_resources[] = {
    {.name = "type", .values = resource_types, .description = "only these"}};
static const struct parameter parameters_nextid[] = {{.name = "vmid",
                                                      .type = PARAMETER_TYPE_INTEGER,
                                                      .format = PARAMETER_FORMAT_VMID,
                                                      .description = "this number, if it is free"}};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/status",
     .description = "the cluster and its nodes: who is there, and whether there is quorum",
     .access = METHOD_ACCESS_PRIVILEGE,
     .privilege = PRIVILEGE_SYS_AUDIT,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = cluster_status},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/resources",
     .description = "guests, nodes and storages that the caller may see",
     PARAMETERS(parameters_resources),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = cluster_resources},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/nextid",
     .description = "the lowest free number for a guest",
     PARAMETERS(parameters_nextid),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "string",
     .run = cluster_nextid},
};

const struct method_table endpoints_cluster = {methods, ARRAY_SIZE(methods)};
