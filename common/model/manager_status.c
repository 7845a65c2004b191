// SPDX-License-Identifier: Apache-2.0
// The master's document about nodes, requests for maintenance, and disarming.
#include "common/model/manager_status.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/sid.h"

ENUM_TABLE(
    node_state,
    NODE_STATE_MAX, [NODE_STATE_ONLINE] = "online", [NODE_STATE_MAINTENANCE] = "maintenance",
    [NODE_STATE_UNKNOWN] = "unknown", [NODE_STATE_FENCE] = "fence", [NODE_STATE_GONE] = "gone");

ENUM_TABLE(disarm_mode, DISARM_MODE_MAX, [DISARM_MODE_NONE] = "none",
           [DISARM_MODE_FREEZE] = "freeze", [DISARM_MODE_IGNORE] = "ignore");

struct manager_status *manager_status_new(struct arena *arena)
{
    struct manager_status *status = arena_new_of(arena, struct manager_status);
    map_init_arena(&status->nodes, arena);
    return status;
}

static int manager_read_nodes(struct arena *arena, const struct json *json,
                              struct manager_status *status, struct error *err)
{
    const struct json *nodes = NULL;
    int r = json_get_object_if(json, "node_status", &nodes, err);
    if (r < 0 || nodes == NULL) {
        return r;
    }
    json_each (e, nodes) {
        const struct json *value = e->value;
        struct manager_node *node = arena_new_of(arena, struct manager_node);
        if (node_name_check(e->key, err) < 0) {
            return error_prefix(err, "key 'node_status'");
        }
        if (value->type != JSON_TYPE_STRING ||
            node_state_from_string(value->string, &node->state) < 0) {
            return error_set(err, -EINVAL, "key 'node_status': unknown state of node '%s'", e->key);
        }
        map_put(&status->nodes, e->key, node);
    }
    return 0;
}

static int manager_read_requests(struct arena *arena, const struct json *json,
                                 struct manager_status *status, struct error *err)
{
    const struct json *requests = NULL;
    int r = json_get_object_if(json, "node_request", &requests, err);
    if (r < 0 || requests == NULL) {
        return r;
    }
    json_each (e, requests) {
        const struct json *request = e->value;
        bool maintenance = false;
        if (request->type != JSON_TYPE_OBJECT || node_name_check(e->key, NULL) < 0) {
            return error_set(err, -EINVAL, "key 'node_request': expected objects by node name");
        }
        r = json_get_bool_if(request, "maintenance", &maintenance, err);
        if (r < 0) {
            return error_prefix(err, "key 'node_request': node '%s'", e->key);
        }
        struct manager_node *node = map_find(&status->nodes, e->key);
        if (node == NULL && maintenance) {
            // A node that was never seen has the state unknown.
            node = arena_new_of(arena, struct manager_node);
            node->state = NODE_STATE_UNKNOWN;
            map_put(&status->nodes, e->key, node);
        }
        if (node != NULL) {
            node->maintenance_requested = maintenance;
        }
    }
    return 0;
}

// What is told of nodes that have no state is left out.
static int manager_read_fences(const struct json *json, struct manager_status *status,
                               struct error *err)
{
    const struct json *fences = NULL;
    int r = json_get_object_if(json, "last_fence", &fences, err);
    if (r < 0 || fences == NULL) {
        return r;
    }
    json_each (e, fences) {
        struct manager_node *node = map_find(&status->nodes, e->key);
        const struct json *fence = e->value;
        if (fence->type != JSON_TYPE_OBJECT) {
            return error_set(err, -EINVAL, "key 'last_fence': expected objects by node name");
        }
        if (node != NULL) {
            node->fence_proof = json_find_string(fence, "proof");
            node->fence_evidence = json_find_string(fence, "evidence");
        }
    }
    return 0;
}

static int manager_read_holds(const struct json *json, struct manager_status *status,
                              struct error *err)
{
    const struct json *holds = NULL;
    int r = json_get_object_if(json, "held_off", &holds, err);
    if (r < 0 || holds == NULL) {
        return r;
    }
    json_each (e, holds) {
        struct manager_node *node = map_find(&status->nodes, e->key);
        int64_t until_s = 0;
        r = json_get_int(holds, e->key, 0, INT64_MAX, &until_s, err);
        if (r < 0) {
            return error_prefix(err, "key 'held_off'");
        }
        if (node != NULL) {
            node->held_off_until_s = until_s;
        }
    }
    return 0;
}

static int manager_read_disarm(const struct json *json, struct manager_status *status,
                               struct error *err)
{
    const struct json *disarm = NULL;
    int r = json_get_object_if(json, "disarm", &disarm, err);
    if (r < 0 || disarm == NULL) {
        return r;
    }
    const char *mode = json_find_string(disarm, "mode");
    const char *state = json_find_string(disarm, "state");
    if (mode == NULL || disarm_mode_from_string(mode, &status->disarm) < 0 ||
        status->disarm == DISARM_MODE_NONE) {
        return error_set(err, -EINVAL, "key 'disarm': expected the mode freeze or ignore");
    }
    if (state == NULL || (strcmp(state, "disarming") != 0 && strcmp(state, "disarmed") != 0)) {
        return error_set(err, -EINVAL, "key 'disarm': expected the state disarming or disarmed");
    }
    status->disarmed = strcmp(state, "disarmed") == 0;
    return 0;
}

int manager_status_parse(struct arena *arena, const char *text, size_t size_bytes,
                         struct manager_status **ret, struct error *err)
{
    struct json *json = NULL;
    int r = json_parse_object(arena, text, size_bytes, &json, err);
    if (r < 0) {
        return r;
    }
    struct manager_status *status = manager_status_new(arena);
    int64_t term = 0;
    if ((r = json_get_string_if(json, "master_node", &status->master_node, err)) < 0 ||
        (r = json_get_int_if(json, "term", 0, INT64_MAX, &term, err)) < 0 ||
        (r = manager_read_nodes(arena, json, status, err)) < 0 ||
        (r = manager_read_requests(arena, json, status, err)) < 0 ||
        (r = manager_read_fences(json, status, err)) < 0 ||
        (r = manager_read_holds(json, status, err)) < 0 ||
        (r = manager_read_disarm(json, status, err)) < 0) {
        return r;
    }
    if (status->master_node != NULL && node_name_check(status->master_node, err) < 0) {
        return error_prefix(err, "key 'master_node'");
    }
    status->term = (uint64_t)term;
    *ret = status;
    return 0;
}

static void manager_put_fence(struct json *fences, struct arena *arena, const char *name,
                              const struct manager_node *node)
{
    if (node->fence_proof != NULL) {
        struct json *fence = json_new_object(arena);
        json_put_string(fence, "proof", node->fence_proof);
        json_put_string(fence, "evidence", node->fence_evidence);
        json_put(fences, name, fence);
    }
}

char *manager_status_format(struct arena *arena, const struct manager_status *status)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "master_node", status->master_node);
    assert(status->term <= INT64_MAX);
    json_put_int(json, "term", (int64_t)status->term);
    struct json *states = json_new_object(arena);
    struct json *requests = json_new_object(arena);
    struct json *fences = json_new_object(arena);
    struct json *holds = json_new_object(arena);
    map_each (e, &status->nodes) {
        const struct manager_node *node = e->value;
        json_put_string(states, e->key, node_state_to_string(node->state));
        if (node->maintenance_requested) {
            struct json *request = json_new_object(arena);
            json_put_int(request, "maintenance", 1);
            json_put(requests, e->key, request);
        }
        manager_put_fence(fences, arena, e->key, node);
        if (node->held_off_until_s > 0) {
            json_put_int(holds, e->key, node->held_off_until_s);
        }
    }
    json_put(json, "node_status", states);
    json_put(json, "node_request", requests);
    if (fences->members.count > 0) {
        json_put(json, "last_fence", fences);
    }
    if (holds->members.count > 0) {
        json_put(json, "held_off", holds);
    }
    if (status->disarm != DISARM_MODE_NONE) {
        struct json *disarm = json_new_object(arena);
        json_put_string(disarm, "mode", disarm_mode_to_string(status->disarm));
        json_put_string(disarm, "state", status->disarmed ? "disarmed" : "disarming");
        json_put(json, "disarm", disarm);
    }
    return json_to_text(arena, json);
}
