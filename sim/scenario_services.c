// SPDX-License-Identifier: Apache-2.0
// The services of a scenario: their configuration, place, sizes, and which run at the start. Also
// used by the commands that add and change services.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/resources.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "sim/scenario_internal.h"
#include "sim/sim_service.h"
#include "sim/world.h"

// Options are texts, numbers or booleans in the file, and texts in a section.
static int scenario_set_option(struct arena *arena, struct resource *resource, const char *key,
                               const struct json *value, struct error *err)
{
    switch (value->type) {
    case JSON_TYPE_STRING:
        return resource_set(arena, resource, key, value->string, err);
    case JSON_TYPE_BOOL:
        return resource_set(arena, resource, key, value->boolean ? "1" : "0", err);
    case JSON_TYPE_INT:
        return resource_set(arena, resource, key, arena_printf(arena, "%" PRId64, value->integer),
                            err);
    case JSON_TYPE_NULL:
    case JSON_TYPE_DOUBLE:
    case JSON_TYPE_ARRAY:
    case JSON_TYPE_OBJECT:
    case JSON_TYPE_MAX:
        break;
    }
    return error_set(err, -EINVAL, "key '%s': expected text or a whole number", key);
}

static int scenario_read_service(struct scenario_reader *reader, const char *sid,
                                 const struct json *json, struct error *err)
{
    static const char *const allowed[] = {
        "node",         "state", "group",   "failback",       "max_restart",
        "max_relocate", "lock",  "comment", "retry_interval", NULL};
    const char *node = NULL;
    const char *lock = NULL;
    int r = sim_service_check_sid(sid, err);
    if (r < 0 || (r = scenario_check_keys(json, allowed, err)) < 0 ||
        (r = json_get_string(json, "node", &node, err)) < 0 ||
        (r = json_get_string_if(json, "lock", &lock, err)) < 0) {
        return r;
    }
    if (sim_world_find_node(reader->world, node) == NULL) {
        return error_set(err, -EINVAL, "key 'node': there is no node '%s'", node);
    }
    struct resource *resource = resource_new(reader->arena, sid);
    // Only in scenarios: without a requested state a service is disabled.
    r = resource_set(reader->arena, resource, "state", "disabled", err);
    json_each (e, json) {
        if (r == 0 && strcmp(e->key, "node") != 0 && strcmp(e->key, "lock") != 0) {
            r = scenario_set_option(reader->arena, resource, e->key, e->value, err);
        }
    }
    if (r < 0) {
        return r;
    }
    struct guest *guest = guest_new(reader->arena, sid, node);
    guest->lock = lock;
    sim_service_put(reader->world, resource, guest);
    return 0;
}

static int scenario_read_config(struct scenario_reader *reader, struct error *err)
{
    static const char name[] = "service_config";
    struct json *json = NULL;
    int r = scenario_read_object(reader, name, &json, err);
    if (r < 0) {
        return r;
    }
    if (json == NULL) {
        static const char usual[] =
            "{\"vm:101\":{\"node\":\"node1\"},\"vm:102\":{\"node\":\"node2\"},"
            "\"vm:103\":{\"node\":\"node3\"},\"vm:104\":{\"node\":\"node1\"},"
            "\"vm:105\":{\"node\":\"node2\"},\"vm:106\":{\"node\":\"node3\"}}";
        r = json_parse(reader->arena, usual, strlen(usual), &json, err);
        if (r < 0) {
            return r;
        }
    }
    json_each (e, json) {
        r = scenario_read_service(reader, e->key, e->value, err);
        if (r < 0) {
            return error_prefix(err, "%s: service '%s'", name, e->key);
        }
    }
    return 0;
}

// static_service_stats or dynamic_service_stats: sid → two numbers.
static int scenario_read_sizes(struct scenario_reader *reader, const char *name, const char *cpu,
                               const char *mem, struct error *err)
{
    const char *const allowed[] = {cpu, mem, NULL};
    struct json *json = NULL;
    int r = scenario_read_object(reader, name, &json, err);
    if (r < 0 || json == NULL) {
        return r;
    }
    json_each (e, json) {
        bool is_static = strcmp(cpu, "maxcpu") == 0;
        struct sim_sizes *sizes = sim_service_sizes(reader->world, e->key);
        r = sim_service_check_sid(e->key, err);
        if (r < 0 || (r = scenario_check_keys(e->value, allowed, err)) < 0 ||
            (r = json_get_double_if(e->value, cpu, is_static ? &sizes->maxcpu : &sizes->cpu, err)) <
                0 ||
            (r = json_get_double_if(e->value, mem, is_static ? &sizes->maxmem : &sizes->mem, err)) <
                0) {
            return error_prefix(err, "%s: service '%s'", name, e->key);
        }
    }
    return 0;
}

static int scenario_read_running(struct scenario_reader *reader, const struct sim_node *node,
                                 struct error *err)
{
    const char *name = arena_printf(reader->arena, "service_status_%s", node->name);
    struct json *json = NULL;
    int r = scenario_read_object(reader, name, &json, err);
    if (r < 0 || json == NULL) {
        return r;
    }
    json_each (e, json) {
        bool running = false;
        r = sim_service_check_sid(e->key, err);
        if (r < 0 || (r = json_get_bool_if(json, e->key, &running, err)) < 0) {
            return error_prefix(err, "%s", name);
        }
        if (running) {
            sim_guests_set(&reader->world->guests, node->name, e->key, true);
        }
    }
    return 0;
}

int scenario_read_services(struct scenario_reader *reader, struct error *err)
{
    int r = scenario_read_config(reader, err);
    if (r < 0 ||
        (r = scenario_read_sizes(reader, "static_service_stats", "maxcpu", "maxmem", err)) < 0 ||
        (r = scenario_read_sizes(reader, "dynamic_service_stats", "cpu", "mem", err)) < 0) {
        return r;
    }
    map_each (e, &reader->world->nodes) {
        r = scenario_read_running(reader, e->value, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
