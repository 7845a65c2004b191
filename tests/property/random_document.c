// SPDX-License-Identifier: Apache-2.0
// Random documents: every optional part is there or not, every enum value occurs.
#include "tests/property/random_document.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/prng.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"
#include "common/model/command.h"
#include "common/model/fence_config.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/service.h"

enum { RANDOM_JSON_NODES_MAX = 40, RANDOM_TEXT_MAX = 12 };

static uint64_t random_below(struct random_source *source, uint64_t bound)
{
    return prng_below(source->prng, bound);
}

bool random_flip(struct random_source *source)
{
    return random_below(source, 2) == 0;
}

static uint32_t random_code(struct random_source *source)
{
    static const uint32_t edges[] = {0x01,   0x0a,   0x1f,   0x20,    0x22,    0x23,  0x25,
                                     0x5c,   0x7f,   0x80,   0xe4,    0x7ff,   0x800, 0xd7ff,
                                     0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff};
    switch (random_below(source, 3)) {
    case 0:
        return edges[random_below(source, ARRAY_SIZE(edges))];
    case 1:
        return (uint32_t)(0xe000 + random_below(source, 0x110000 - 0xe000));
    default:
        return (uint32_t)(0x21 + random_below(source, 0x5e));
    }
}

const char *random_text(struct random_source *source, size_t characters_max)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    size_t count = random_below(source, characters_max + 1);
    for (size_t i = 0; i < count; i++) {
        char bytes[UTF8_SEQUENCE_MAX];
        size_t length = utf8_encode(random_code(source), bytes);
        strbuf_append_bytes(&text, bytes, length);
    }
    return arena_strdup(source->arena, strbuf_text(&text));
}

static const char *random_text_or_null(struct random_source *source)
{
    return random_flip(source) ? random_text(source, RANDOM_TEXT_MAX) : NULL;
}

const char *random_node(struct random_source *source)
{
    static const char *const names[] = {"n", "n1", "node2", "a-b", "N-3", "9"};
    return names[random_below(source, ARRAY_SIZE(names))];
}

static const char *random_node_or_null(struct random_source *source)
{
    return random_flip(source) ? random_node(source) : NULL;
}

const char *random_sid(struct random_source *source)
{
    static const char *const types[] = {"ct", "vm", "fa"};
    return arena_printf(source->arena, "%s:%" PRIu64,
                        types[random_below(source, ARRAY_SIZE(types))],
                        100 + random_below(source, 20));
}

static int64_t random_int(struct random_source *source)
{
    static const int64_t edges[] = {0, -1, 1, INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN};
    return random_flip(source) ? edges[random_below(source, ARRAY_SIZE(edges))]
                               : (int64_t)prng_next(source->prng);
}

static double random_double(struct random_source *source)
{
    static const double edges[] = {0.0,
                                   -0.0,
                                   0.1,
                                   1.0,
                                   1e15,
                                   1e16,
                                   123456789.5,
                                   5e-324,
                                   2.2250738585072014e-308,
                                   1.7976931348623157e308,
                                   0.30000000000000004,
                                   1e22,
                                   1e23,
                                   -7.0};
    if (random_flip(source)) {
        return edges[random_below(source, ARRAY_SIZE(edges))];
    }
    uint64_t bits = prng_next(source->prng);
    double value = 0;
    memcpy(&value, &bits, sizeof(value));
    return isfinite(value) ? value : 0.5;
}

static struct json *random_scalar(struct random_source *source)
{
    switch (random_below(source, 5)) {
    case 0:
        return json_new_null(source->arena);
    case 1:
        return json_new_bool(source->arena, random_flip(source));
    case 2:
        return json_new_int(source->arena, random_int(source));
    case 3:
        return json_new_double(source->arena, random_double(source));
    default:
        return json_new_string(source->arena, random_text(source, RANDOM_TEXT_MAX));
    }
}

static void random_json_add(struct random_source *source, struct json *parent, struct json *child)
{
    if (parent->type == JSON_TYPE_ARRAY) {
        json_append(parent, child);
    } else {
        json_put(parent, random_text(source, RANDOM_TEXT_MAX), child);
    }
}

struct json *random_json(struct random_source *source)
{
    if (random_below(source, 8) == 0) {
        return random_scalar(source);
    }
    // Containers are hung into any container that is not too deep.
    struct json *containers[RANDOM_JSON_NODES_MAX];
    size_t depths[RANDOM_JSON_NODES_MAX];
    size_t count = 1;
    containers[0] =
        random_flip(source) ? json_new_object(source->arena) : json_new_array(source->arena);
    depths[0] = 1;
    size_t nodes = random_below(source, RANDOM_JSON_NODES_MAX);
    for (size_t i = 0; i < nodes; i++) {
        // Mostly the newest one, so that trees grow deep.
        size_t which = random_below(source, 3) > 0 ? count - 1 : random_below(source, count);
        struct json *child = NULL;
        if (depths[which] < JSON_DEPTH_MAX && random_flip(source)) {
            child = random_flip(source) ? json_new_object(source->arena)
                                        : json_new_array(source->arena);
            containers[count] = child;
            depths[count] = depths[which] + 1;
            count++;
        } else {
            child = random_scalar(source);
        }
        random_json_add(source, containers[which], child);
    }
    return containers[0];
}

struct resource *random_resource(struct random_source *source)
{
    struct resource *resource = resource_new(source->arena, random_sid(source));
    resource->has_state = random_flip(source);
    if (resource->has_state) {
        resource->state = (enum request_state)random_below(source, REQUEST_STATE_MAX);
    }
    resource->has_failback = random_flip(source);
    resource->failback = !resource->has_failback || random_flip(source);
    resource->has_max_restart = random_flip(source);
    resource->max_restart = resource->has_max_restart ? (int64_t)random_below(source, 1001) : 1;
    resource->has_max_relocate = random_flip(source);
    resource->max_relocate = resource->has_max_relocate ? (int64_t)random_below(source, 1001) : 1;
    resource->group = random_flip(source) ? "group-1_A" : NULL;
    const char *comment = random_text(source, 40);
    resource->comment = *comment != '\0' ? comment : NULL;
    return resource;
}

struct guest *random_guest(struct random_source *source)
{
    struct guest *guest = guest_new(source->arena, random_sid(source), random_node(source));
    guest->lock = random_text_or_null(source);
    size_t count = random_below(source, 6);
    for (size_t i = 0; i < count; i++) {
        const char *key = random_text(source, RANDOM_TEXT_MAX);
        map_put(&guest->config, key,
                arena_strdup(source->arena, random_text(source, RANDOM_TEXT_MAX)));
    }
    return guest;
}

static struct service_command random_service_command(struct random_source *source)
{
    struct service_command command = {.kind = (enum service_command_kind)random_below(source, 4)};
    switch (command.kind) {
    case SERVICE_COMMAND_NONE:
        break;
    case SERVICE_COMMAND_MIGRATE:
    case SERVICE_COMMAND_RELOCATE:
        command.target = random_node(source);
        break;
    case SERVICE_COMMAND_STOP:
        command.timeout_s = (int64_t)random_below(source, 100);
        break;
    }
    return command;
}

struct service *random_service(struct random_source *source)
{
    struct service *service = arena_new_of(source->arena, struct service);
    service->sid = random_sid(source);
    service->state = (enum svc_state)random_below(source, SVC_STATE_MAX);
    service->node = random_node(source);
    service->uid = random_text_or_null(source);
    service->target = random_node_or_null(source);
    service->timeout_s =
        random_flip(source) ? SERVICE_TIMEOUT_NONE : (int64_t)random_below(source, 1000);
    service->cmd = random_service_command(source);
    service->running = random_flip(source);
    service->failed_nodes_count = random_below(source, 4);
    service->failed_nodes =
        arena_array_of(source->arena, const char *, service->failed_nodes_count);
    for (size_t i = 0; i < service->failed_nodes_count; i++) {
        service->failed_nodes[i] = random_node(source);
    }
    service->maintenance_node = random_node_or_null(source);
    return service;
}

struct manager_status *random_manager_status(struct random_source *source)
{
    struct manager_status *status = manager_status_new(source->arena);
    status->master_node = random_node_or_null(source);
    status->term = prng_next(source->prng) & INT64_MAX;
    size_t count = random_below(source, 5);
    for (size_t i = 0; i < count; i++) {
        struct manager_node *node = arena_new_of(source->arena, struct manager_node);
        node->state = (enum node_state)random_below(source, NODE_STATE_MAX);
        node->maintenance_requested = random_flip(source);
        map_put(&status->nodes, random_node(source), node);
    }
    status->disarm = (enum disarm_mode)random_below(source, DISARM_MODE_MAX);
    status->disarmed = status->disarm != DISARM_MODE_NONE && random_flip(source);
    return status;
}

struct lrm_result *random_lrm_result(struct random_source *source)
{
    struct lrm_result *result = arena_new_of(source->arena, struct lrm_result);
    result->uid = random_text(source, RANDOM_TEXT_MAX);
    result->sid = random_sid(source);
    result->state = (enum svc_state)random_below(source, SVC_STATE_MAX);
    result->exit_code = (int64_t)random_below(source, 10) - 1;
    result->reason = random_text_or_null(source);
    return result;
}

struct lrm_status *random_lrm_status(struct random_source *source)
{
    struct lrm_status *status = lrm_status_new(source->arena);
    status->state = (enum lrm_state)random_below(source, LRM_STATE_MAX);
    status->mode = (enum lrm_mode)random_below(source, LRM_MODE_MAX);
    status->timestamp_s = (int64_t)(prng_next(source->prng) & INT64_MAX);
    size_t count = random_below(source, 5);
    for (size_t i = 0; i < count; i++) {
        struct lrm_result *result = random_lrm_result(source);
        map_put(&status->results, result->uid, result);
    }
    return status;
}

struct command *random_command(struct random_source *source)
{
    struct command *command = arena_new_of(source->arena, struct command);
    command->id = random_text(source, RANDOM_TEXT_MAX);
    command->by = random_text_or_null(source);
    command->kind = (enum command_kind)random_below(source, COMMAND_KIND_MAX);
    switch (command->kind) {
    case COMMAND_KIND_MIGRATE:
    case COMMAND_KIND_RELOCATE:
        command->sid = random_sid(source);
        command->node = random_node(source);
        break;
    case COMMAND_KIND_STOP:
        command->sid = random_sid(source);
        command->timeout_s = (int64_t)random_below(source, 100000);
        break;
    case COMMAND_KIND_ENABLE_NODE_MAINTENANCE:
    case COMMAND_KIND_DISABLE_NODE_MAINTENANCE:
        command->node = random_node(source);
        break;
    case COMMAND_KIND_DISARM_HA:
        command->disarm = random_flip(source) ? DISARM_MODE_FREEZE : DISARM_MODE_IGNORE;
        break;
    case COMMAND_KIND_ARM_HA:
        break;
    case COMMAND_KIND_MAX:
        abort();
    }
    return command;
}

static struct rule *random_rule(struct random_source *source, const char *id)
{
    bool is_node = random_below(source, 3) == 0;
    struct rule *rule = rule_new(source->arena, id,
                                 is_node ? RULE_TYPE_NODE_AFFINITY : RULE_TYPE_RESOURCE_AFFINITY);
    rule->disabled = random_below(source, 8) == 0;
    const char *comment = random_text(source, RANDOM_TEXT_MAX);
    rule->comment = *comment != '\0' ? comment : NULL;
    size_t resources = 1 + random_below(source, 4);
    for (size_t i = 0; i < resources; i++) {
        rule_add_resource(
            rule, arena_printf(source->arena, "vm:%" PRIu64, 100 + random_below(source, 9)));
    }
    if (!is_node) {
        rule->affinity = random_flip(source) ? RULE_AFFINITY_POSITIVE : RULE_AFFINITY_NEGATIVE;
        return rule;
    }
    size_t nodes = 1 + random_below(source, 3);
    for (size_t i = 0; i < nodes; i++) {
        int64_t priority = random_below(source, 3) > 0 ? 0 : (int64_t)random_below(source, 3);
        rule_add_node(source->arena, rule, random_node(source), priority);
    }
    rule->has_strict = random_flip(source);
    rule->strict = rule->has_strict && random_flip(source);
    return rule;
}

struct rule_set *random_rules(struct random_source *source)
{
    struct rule_set *set = arena_new_of(source->arena, struct rule_set);
    rule_set_init(source->arena, set);
    size_t count = random_below(source, 7);
    for (size_t i = 0; i < count; i++) {
        // Names are in another order than the rules.
        struct rule *rule =
            random_rule(source, arena_printf(source->arena, "rule%zu", (i * 5) % 7));
        rule->order = (int64_t)i + 1;
        map_put(&set->rules, rule->id, rule);
    }
    return set;
}

// Printable text of one line without blanks at its ends.
static const char *random_line(struct random_source *source)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    size_t count = random_below(source, RANDOM_TEXT_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        bool end = i == 0 || i + 1 == count;
        strbuf_append_char(&text, (char)(end ? '!' + (char)random_below(source, 94)
                                             : ' ' + (char)random_below(source, 95)));
    }
    return arena_strdup(source->arena, strbuf_text(&text));
}

static struct fence_device *random_fence_device(struct random_source *source, const char *name)
{
    static const char *const agents[] = {"fence_ipmilan", "fence_apc", "fence_x-1"};
    static const char *const plugs[] = {"1", "a:b", "blade/3", "ä"};
    struct fence_device *device = fence_device_new(source->arena, name);
    device->agent = agents[random_below(source, ARRAY_SIZE(agents))];
    device->level = 1 + (int64_t)random_below(source, FENCE_LEVEL_MAX);
    device->delay_s = random_flip(source) ? 0 : (int64_t)random_below(source, FENCE_DELAY_MAX_S);
    device->timeout_s = 1 + (int64_t)random_below(source, FENCE_TIMEOUT_MAX_S);
    device->disabled = random_flip(source);
    size_t nodes = 1 + random_below(source, 3);
    for (size_t i = 0; i < nodes; i++) {
        const char *plug = plugs[random_below(source, ARRAY_SIZE(plugs))];
        map_put(&device->nodes, random_node(source),
                random_flip(source) ? arena_strdup(source->arena, plug) : NULL);
    }
    size_t params = random_below(source, 4);
    for (size_t i = 0; i < params; i++) {
        const char *key = arena_printf(source->arena, "p_%" PRIu64, random_below(source, 9));
        map_put(&device->params, key, arena_strdup(source->arena, random_line(source)));
    }
    return device;
}

struct fence_config *random_fence_config(struct random_source *source)
{
    struct fence_config *config = fence_config_new(source->arena);
    size_t count = random_below(source, 4);
    for (size_t i = 0; i < count; i++) {
        const char *name = arena_printf(source->arena, "d%" PRIu64, random_below(source, 20));
        name = strlen(name) > 1 ? name : "dx";
        map_put(&config->devices, name, random_fence_device(source, name));
    }
    if (random_flip(source)) {
        config->self_test_interval_s =
            FENCE_SELF_TEST_MIN_S + (int64_t)random_below(source, 100000);
    }
    return config;
}
