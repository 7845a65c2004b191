// SPDX-License-Identifier: Apache-2.0
// /nodes/{node}/lxc and /qemu: guests of a node, their status and definition.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/guest_find.h"
#include "api/endpoints/guest_rows.h"
#include "api/endpoints/parameter_rows.h"
#include "api/task/task.h"
#include "cli/cluster_view.h"
#include "cli/guest_edit.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/model/event.h"
#include "common/model/guest.h"
#include "common/model/sid.h"

// ---- Finding.

const char *endpoint_guest_type(const struct call *call)
{
    return strstr(call->method->path, "/lxc") != NULL ? "ct" : "vm";
}

const struct guest *endpoint_guest(struct call *call)
{
    const char *type = endpoint_guest_type(call);
    int64_t vmid = call_int(call, "vmid", 0);
    const char *node = call_string(call, "node", "");
    const struct guest *guest =
        map_find(&call->host->view->guests, arena_printf(call->arena, "%s:%" PRId64, type, vmid));
    if (guest == NULL || strcmp(guest->node, node) != 0) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "Configuration file 'nodes/%s/%s/%" PRId64 ".conf' does not exist", node,
                    strcmp(type, "ct") == 0 ? "lxc" : "qemu-server", vmid);
        return NULL;
    }
    return guest;
}

// ---- Lists and statuses.

static void guests_list(struct call *call)
{
    const char *type = endpoint_guest_type(call);
    const char *node = call_string(call, "node", "");
    struct json *list = json_new_array(call->arena);
    struct map figures;
    endpoint_figures(call, &figures);
    map_each (e, &call->host->view->guests) {
        const struct guest *guest = e->value;
        struct guest_shown shown;
        const char *path = arena_printf(call->arena, "/vms/%s", sid_name(guest->sid));
        if (strcmp(guest->node, node) != 0 ||
            strcmp(sid_type(call->arena, guest->sid), type) != 0 ||
            !call_may(call, PRIVILEGE_VM_AUDIT, path)) {
            continue;
        }
        struct json *row = json_new_object(call->arena);
        guest_shown_read(call, &figures, guest, &shown);
        guest_shown_put(call, guest, &shown, row);
        json_put_int(row, "cpus", shown.cpus);
        if (strcmp(type, "ct") == 0) {
            json_put_int(row, "swap", 0);
            json_put_int(row, "maxswap", 0);
        }
        if (shown.pid > 0) {
            json_put_int(row, "pid", shown.pid);
        }
        json_append(list, row);
    }
    call_return(call, list);
}

static struct json *guest_ha(const struct call *call, const char *sid)
{
    struct json *ha = json_new_object(call->arena);
    bool managed = cluster_view_manages(call->host->view, sid);
    json_put_int(ha, "managed", managed ? 1 : 0);
    if (managed) {
        const struct service *service = map_find(&call->host->view->services, sid);
        json_put(ha, "state",
                 service != NULL ? json_new_string(call->arena, guest_shown_hastate(call, sid))
                                 : json_new_null(call->arena));
    }
    return ha;
}

static void guest_current(struct call *call)
{
    const struct guest *guest = endpoint_guest(call);
    struct guest_shown shown;
    struct map figures;
    if (guest == NULL) {
        return;
    }
    struct json *row = json_new_object(call->arena);
    endpoint_figures(call, &figures);
    guest_shown_read(call, &figures, guest, &shown);
    guest_shown_put(call, guest, &shown, row);
    json_put_int(row, "cpus", shown.cpus);
    if (shown.pid > 0) {
        json_put_int(row, "pid", shown.pid);
    }
    json_put(row, "ha", guest_ha(call, guest->sid));
    if (strcmp(shown.type, "qemu") == 0) {
        json_put_string(row, "qmpstatus", shown.status);
        if (map_has(&guest->config, "serial0")) {
            json_put_int(row, "serial", 1);
        }
    } else {
        json_put_int(row, "swap", 0);
        json_put_int(row, "maxswap", 0);
    }
    call_return(call, row);
}

static void guest_snapshots(struct call *call)
{
    const struct guest *guest = endpoint_guest(call);
    struct guest_shown shown;
    struct map figures;
    if (guest == NULL) {
        return;
    }
    struct json *list = json_new_array(call->arena);
    struct json *row = json_new_object(call->arena);
    endpoint_figures(call, &figures);
    guest_shown_read(call, &figures, guest, &shown);
    json_put_string(row, "name", "current");
    json_put_string(row, "description", "You are here!");
    json_put_int(row, "running", strcmp(shown.status, "running") == 0 ? 1 : 0);
    json_append(list, row);
    call_return(call, list);
}

// ---- Definitions.

static bool config_is_number(const char *key)
{
    static const char *const keys[] = {
        "memory",   "swap", "cores",        "sockets",    "onboot", "nesting",  "cpuunits",
        "cpulimit", "kvm",  "unprivileged", "protection", "numa",   "template", "migrate_speed"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strcmp(keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static void guest_config_get(struct call *call)
{
    const struct guest *guest = endpoint_guest(call);
    if (guest == NULL) {
        return;
    }
    struct json *row = json_new_object(call->arena);
    const char *text = guest_format(call->arena, guest);
    map_each (e, &guest->config) {
        int64_t number = 0;
        if (config_is_number(e->key) && parse_int64(e->value, 0, INT64_MAX, &number) == 0) {
            json_put_int(row, e->key, number);
        } else {
            json_put_string(row, e->key, e->value);
        }
    }
    json_put_string(row, "lock", guest->lock);
    json_put_string(row, "digest", digest_sha1_hex(call->arena, text, strlen(text)));
    call_return(call, row);
}

static const char *const config_keys[] = {
    "hostname", "name",   "memory", "swap",        "cores",      "sockets",      "cpu", "cpulimit",
    "cpuunits", "onboot", "tags",   "description", "nameserver", "searchdomain", NULL};

static enum privilege config_privilege(const char *key)
{
    static const struct {
        const char *key;
        enum privilege privilege;
    } rows[] = {
        {"memory", PRIVILEGE_VM_CONFIG_MEMORY},
        {"swap", PRIVILEGE_VM_CONFIG_MEMORY},
        {"cores", PRIVILEGE_VM_CONFIG_CPU},
        {"sockets", PRIVILEGE_VM_CONFIG_CPU},
        {"cpu", PRIVILEGE_VM_CONFIG_CPU},
        {"cpulimit", PRIVILEGE_VM_CONFIG_CPU},
        {"cpuunits", PRIVILEGE_VM_CONFIG_CPU},
        {"hostname", PRIVILEGE_VM_CONFIG_NETWORK},
        {"nameserver", PRIVILEGE_VM_CONFIG_NETWORK},
        {"searchdomain", PRIVILEGE_VM_CONFIG_NETWORK},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return rows[i].privilege;
        }
    }
    return PRIVILEGE_VM_CONFIG_OPTIONS;
}

// Each key has its own right; false when one is missing, or a key cannot be changed here.
static bool config_check(struct call *call, const struct guest_request *request)
{
    const char *path = arena_printf(call->arena, "/vms/%" PRId64, call_int(call, "vmid", 0));
    const struct json *unset = call_list(call, "delete");
    map_each (e, &request->set) {
        if (!call_need(call, config_privilege(e->key), path)) {
            return false;
        }
    }
    for (size_t i = 0; unset != NULL && i < unset->count; i++) {
        const char *key = unset->items[i]->string;
        bool known = false;
        for (size_t k = 0; config_keys[k] != NULL; k++) {
            known = known || strcmp(config_keys[k], key) == 0;
        }
        if (!known) {
            call_fault(call, "delete", "unable to delete '%s'", key);
            return false;
        }
        if (!call_need(call, config_privilege(key), path)) {
            return false;
        }
    }
    bool nothing = request->set.count == 0 && unset == NULL;
    return call_need(call, nothing ? PRIVILEGE_VM_CONFIG_OPTIONS : PRIVILEGE_VM_AUDIT, path);
}

// Carries the change out and tells of it; -errno with words.
static int config_change(struct call *call, const struct guest *guest,
                         const struct guest_request *request, struct error *err)
{
    if (request->set.count == 0 && request->unset == NULL) {
        return 0;
    }
    int r = guest_change(call->arena, call->host->session, guest->sid, request, err);
    if (r == -ESTALE) {
        return error_set(err, r,
                         "detected modified configuration - file changed by other user? Try "
                         "again.");
    }
    if (r < 0) {
        return r;
    }
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "guest-changed");
    event_text(call->arena, event, "sid", guest->sid);
    endpoint_tell(call, event, "changed", endpoint_summary(call, &request->set, request->unset));
    return 0;
}

static bool config_begin(struct call *call, const struct guest **ret_guest,
                         struct guest_request *request)
{
    guest_request_init(call->arena, request);
    endpoint_texts(call, config_keys, &request->set);
    request->unset = endpoint_text(call, "delete");
    request->digest = call_string(call, "digest", NULL);
    if (!config_check(call, request)) {
        return false;
    }
    *ret_guest = endpoint_guest(call);
    return *ret_guest != NULL;
}

static void guest_config_put(struct call *call)
{
    const struct guest *guest = NULL;
    struct guest_request request;
    struct error err = {0};
    if (config_begin(call, &guest, &request) && config_change(call, guest, &request, &err) < 0) {
        call_fail(call, &err);
    }
}

struct config_task {
    struct call *call;
    const struct guest *guest;
    const struct guest_request *request;
};

static int config_task_run(void *userdata, int log_fd, struct error *err)
{
    const struct config_task *task = userdata;
    (void)log_fd;
    return config_change(task->call, task->guest, task->request, err);
}

static void guest_config_post(struct call *call)
{
    struct guest_request request;
    struct config_task task = {.call = call, .request = &request};
    if (!config_begin(call, &task.guest, &request)) {
        return;
    }
    const struct task_spec spec = {.type = "qmconfig",
                                   .id = sid_name(task.guest->sid),
                                   .run = config_task_run,
                                   .userdata = &task};
    call_task(call, &spec);
}

// ---- The rows.

static const struct parameter parameters_list[] = {
    PARAMETER_NODE,
    {.name = "full",
     .type = PARAMETER_TYPE_BOOLEAN,
     .description = "for clients that give it: all is always shown"}};
static const struct parameter parameters_guest[] = {PARAMETER_NODE, PARAMETER_VMID};
static const struct parameter parameters_config_get[] = {
    PARAMETER_NODE,
    PARAMETER_VMID,
    {.name = "current",
     .type = PARAMETER_TYPE_BOOLEAN,
     .description = "for clients that give it: there are no pending changes"},
    {.name = "snapshot",
     .length_max = 40,
     .values = (const char *const[]){"current", NULL},
     .description = "there are no others"}};

#define NUMBER(name_, max_, description_)                                                          \
    {                                                                                              \
        .name = (name_), .type = PARAMETER_TYPE_INTEGER, .has_minimum = true, .has_maximum = true, \
        .maximum = (max_), .description = (description_)                                           \
    }
#define PARAMETERS_CONFIG                                                                          \
    PARAMETER_NODE, PARAMETER_VMID,                                                                \
        NUMBER("memory", 1 << 30, "limit of its memory in MiB; of a machine its memory"),          \
        NUMBER("cores", 8192, "processors"),                                                       \
        {.name = "description",                                                                    \
         .format = PARAMETER_FORMAT_TEXT,                                                          \
         .length_max = 8192,                                                                       \
         .description = "free text"},                                                              \
        {.name = "tags", .description = "words for clients that sort guests"},                     \
        {.name = "onboot",                                                                         \
         .type = PARAMETER_TYPE_BOOLEAN,                                                           \
         .description = "kept, without effect: what runs is decided by HA"},                       \
        {.name = "hostname", .description = "its host name"},                                      \
        {.name = "name", .description = "a machine's name"},                                       \
        NUMBER("swap", 1 << 30, "a container's swap in MiB"),                                      \
        NUMBER("sockets", 64, "a machine's sockets"),                                              \
        {.name = "cpu", .description = "a machine's kind of processor"},                           \
        {.name = "cpulimit", .type = PARAMETER_TYPE_NUMBER, .description = "processors' time"},    \
        NUMBER("cpuunits", 500000, "weight among others"),                                         \
        {.name = "nameserver", .description = "a container's"},                                    \
        {.name = "searchdomain", .description = "a container's"}, PARAMETER_DELETE,                \
        PARAMETER_DIGEST
static const struct parameter parameters_config[] = {PARAMETERS_CONFIG};

#define SHOWS_GUEST MAY_READ_GUEST, .kind = METHOD_KIND_READ
// The keys have rights of their own.
#define CHANGES_CONFIG .access = METHOD_ACCESS_USER, .kind = METHOD_KIND_WORK
#define METHODS_OF(kind_)                                                                          \
    {GUEST_METHOD(GET, kind_, parameters_list, "array", guests_list),                              \
     .access = METHOD_ACCESS_USER, .kind = METHOD_KIND_READ,                                       \
     .description = "guests of the node that the caller may see"},                                 \
        {GUEST_METHOD(GET, kind_ "/{vmid}/status/current", parameters_guest, "object",             \
                      guest_current),                                                              \
         SHOWS_GUEST, .description = "whether it runs, and what it uses"},                         \
        {GUEST_METHOD(GET, kind_ "/{vmid}/config", parameters_config_get, "object",                \
                      guest_config_get),                                                           \
         SHOWS_GUEST, .description = "its definition"},                                            \
        {GUEST_METHOD(PUT, kind_ "/{vmid}/config", parameters_config, "null", guest_config_put),   \
         CHANGES_CONFIG, .description = "change its definition, for its next start"},              \
    {                                                                                              \
        GUEST_METHOD(GET, kind_ "/{vmid}/snapshot", parameters_guest, "array", guest_snapshots),   \
            SHOWS_GUEST, .description = "the guest as it is now, as there are no snapshots"        \
    }

static const struct method methods[] = {
    METHODS_OF("lxc"),
    METHODS_OF("qemu"),
    {GUEST_METHOD(POST, "qemu/{vmid}/config", parameters_config, "string", guest_config_post),
     CHANGES_CONFIG, .description = "the same as a task"},
};

const struct method_table endpoints_guests = {methods, ARRAY_SIZE(methods)};
