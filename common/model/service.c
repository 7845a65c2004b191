// SPDX-License-Identifier: Apache-2.0
// The master's record of a service as a document.
#include "common/model/service.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/sid.h"

ENUM_TABLE(
    svc_state, SVC_STATE_MAX, [SVC_STATE_REQUEST_START] = "request_start",
    [SVC_STATE_REQUEST_START_BALANCE] = "request_start_balance", [SVC_STATE_STARTED] = "started",
    [SVC_STATE_REQUEST_STOP] = "request_stop", [SVC_STATE_STOPPED] = "stopped",
    [SVC_STATE_MIGRATE] = "migrate", [SVC_STATE_RELOCATE] = "relocate",
    [SVC_STATE_FREEZE] = "freeze", [SVC_STATE_FENCE] = "fence", [SVC_STATE_RECOVERY] = "recovery",
    [SVC_STATE_ERROR] = "error");

ENUM_TABLE_DECLARE(service_command_kind);
ENUM_TABLE(
    service_command_kind,
    SERVICE_COMMAND_STOP + 1, [SERVICE_COMMAND_NONE] = NULL, [SERVICE_COMMAND_MIGRATE] = "migrate",
    [SERVICE_COMMAND_RELOCATE] = "relocate", [SERVICE_COMMAND_STOP] = "stop");

// A node name under the key, if the key is there.
static int service_read_node(const struct json *json, const char *key, const char **node,
                             struct error *err)
{
    int r = json_get_string_if(json, key, node, err);
    if (r == 0 && *node != NULL && node_name_check(*node, err) < 0) {
        return error_prefix(err, "key '%s'", key);
    }
    return r;
}

// ["migrate", "node2"], ["relocate", "node2"] or ["stop", 30].
static int service_read_command(const struct json *json, struct service_command *command,
                                struct error *err)
{
    const struct json *list = json_find(json, "cmd");
    if (list == NULL) {
        return 0;
    }
    bool is_pair = list->type == JSON_TYPE_ARRAY && list->count == 2;
    enum service_command_kind kind = SERVICE_COMMAND_NONE;
    if (!is_pair || list->items[0]->type != JSON_TYPE_STRING ||
        service_command_kind_from_string(list->items[0]->string, &kind) < 0) {
        return error_set(err, -EINVAL,
                         "key 'cmd': expected [\"migrate\", node], [\"relocate\", node] or "
                         "[\"stop\", seconds]");
    }
    const struct json *argument = list->items[1];
    if (kind == SERVICE_COMMAND_STOP) {
        if (argument->type != JSON_TYPE_INT || argument->integer < 0) {
            return error_set(err, -EINVAL, "key 'cmd': expected seconds, not negative");
        }
        *command = (struct service_command){.kind = kind, .timeout_s = argument->integer};
        return 0;
    }
    if (argument->type != JSON_TYPE_STRING || node_name_check(argument->string, NULL) < 0) {
        return error_set(err, -EINVAL, "key 'cmd': expected a node name");
    }
    *command = (struct service_command){.kind = kind, .target = argument->string};
    return 0;
}

static int service_read_failed_nodes(struct arena *arena, const struct json *json,
                                     struct service *service, struct error *err)
{
    const struct json *list = json_find(json, "failed_nodes");
    if (list == NULL) {
        return 0;
    }
    if (list->type != JSON_TYPE_ARRAY) {
        return error_set(err, -EINVAL, "key 'failed_nodes': expected a list of node names");
    }
    service->failed_nodes = arena_array_of(arena, const char *, list->count);
    for (size_t i = 0; i < list->count; i++) {
        const struct json *item = list->items[i];
        if (item->type != JSON_TYPE_STRING || node_name_check(item->string, NULL) < 0) {
            return error_set(err, -EINVAL, "key 'failed_nodes': expected a list of node names");
        }
        service->failed_nodes[i] = item->string;
    }
    service->failed_nodes_count = list->count;
    return 0;
}

int service_from_json(struct arena *arena, const char *sid, const struct json *json,
                      struct service **ret, struct error *err)
{
    struct service *service = arena_new_of(arena, struct service);
    service->sid = arena_strdup(arena, sid);
    service->timeout_s = SERVICE_TIMEOUT_NONE;
    if (json->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "expected an object");
    }
    const char *state = NULL;
    const char *node = NULL;
    int r = json_get_string(json, "state", &state, err);
    if (r < 0 || (r = json_get_string(json, "node", &node, err)) < 0) {
        return r;
    }
    if (svc_state_from_string(state, &service->state) < 0) {
        return error_set(err, -EINVAL, "key 'state': unknown value '%s'", state);
    }
    if ((r = service_read_node(json, "node", &service->node, err)) < 0 ||
        (r = service_read_node(json, "target", &service->target, err)) < 0 ||
        (r = service_read_node(json, "maintenance_node", &service->maintenance_node, err)) < 0 ||
        (r = json_get_string_if(json, "uid", &service->uid, err)) < 0 ||
        (r = json_get_string_if(json, "error", &service->error, err)) < 0 ||
        (r = json_get_string_if(json, "output", &service->output, err)) < 0 ||
        (r = json_get_int_if(json, "timeout", 0, INT32_MAX, &service->timeout_s, err)) < 0 ||
        (r = json_get_string_if(json, "halted_by", &service->halted_by, err)) < 0 ||
        (r = json_get_int_if(json, "attempts", 0, INT64_MAX, &service->attempts, err)) < 0 ||
        (r = json_get_int_if(json, "retry_at", 0, INT64_MAX, &service->retry_at_s, err)) < 0 ||
        (r = json_get_bool_if(json, "running", &service->running, err)) < 0 ||
        (r = json_get_bool_if(json, "unguarded", &service->unguarded, err)) < 0 ||
        (r = service_read_command(json, &service->cmd, err)) < 0 ||
        (r = service_read_failed_nodes(arena, json, service, err)) < 0) {
        return r;
    }
    *ret = service;
    return 0;
}

struct json *service_to_json(struct arena *arena, const struct service *service)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "state", svc_state_to_string(service->state));
    json_put_string(json, "node", service->node);
    json_put_string(json, "uid", service->uid);
    json_put_string(json, "target", service->target);
    json_put_string(json, "maintenance_node", service->maintenance_node);
    json_put_string(json, "error", service->error);
    json_put_string(json, "output", service->output);
    json_put_string(json, "halted_by", service->halted_by);
    if (service->timeout_s != SERVICE_TIMEOUT_NONE) {
        json_put_int(json, "timeout", service->timeout_s);
    }
    if (service->attempts > 0) {
        json_put_int(json, "attempts", service->attempts);
    }
    if (service->retry_at_s > 0) {
        json_put_int(json, "retry_at", service->retry_at_s);
    }
    if (service->unguarded) {
        json_put_int(json, "unguarded", 1);
    }
    if (service->running) {
        json_put_int(json, "running", 1);
    }
    if (service->cmd.kind != SERVICE_COMMAND_NONE) {
        struct json *list = json_new_array(arena);
        json_append(list,
                    json_new_string(arena, service_command_kind_to_string(service->cmd.kind)));
        json_append(list, service->cmd.kind == SERVICE_COMMAND_STOP
                              ? json_new_int(arena, service->cmd.timeout_s)
                              : json_new_string(arena, service->cmd.target));
        json_put(json, "cmd", list);
    }
    if (service->failed_nodes_count > 0) {
        struct json *list = json_new_array(arena);
        for (size_t i = 0; i < service->failed_nodes_count; i++) {
            json_append(list, json_new_string(arena, service->failed_nodes[i]));
        }
        json_put(json, "failed_nodes", list);
    }
    return json;
}

int service_parse(struct arena *arena, const char *sid, const char *text, size_t size_bytes,
                  struct service **ret, struct error *err)
{
    struct json *json = NULL;
    int r = json_parse(arena, text, size_bytes, &json, err);
    return r < 0 ? r : service_from_json(arena, sid, json, ret, err);
}

char *service_format(struct arena *arena, const struct service *service)
{
    return json_to_text(arena, service_to_json(arena, service));
}
