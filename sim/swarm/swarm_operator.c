// SPDX-License-Identifier: Apache-2.0
// Operators: each is a person with an order, who gives it on some node that answers, by the code of
// the tools, and gives it again for a while when it fails. The first one sets the cluster up.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/resource_edit.h"
#include "cli/session.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/command.h"
#include "common/model/fence_config.h"
#include "common/model/guest.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "common/model/store_keys.h"
#include "common/port/ids.h"
#include "common/port/membership.h"
#include "common/port/store.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_host.h"
#include "sim/swarm/swarm_taps.h"

enum {
    TRIES_MAX = 5,
    AGAIN_MS_MIN = 800,
    AGAIN_MS_MAX = 3000,
    SET_UP_AGAIN_MS = 250,
    SET_UP_PATIENCE = 60, // tries before it begins with the nodes that are there
};

struct swarm_operator {
    struct swarm_world *world;
    struct arena *arena;
    const char *key;
    struct campaign_step step; // count 0: it sets the cluster up
    int tries, tries_max;
    struct swarm_timer begin, done;
    // One try; NULL while there is none.
    struct swarm_node *node;
    struct swarm_client *client;
    struct swarm_store_tap store;
    struct swarm_fiber *fiber;
    int result;
};

// What one try works with.
struct op {
    struct arena *arena;
    struct swarm_operator *operator;
    struct session session;
    struct cluster_view view;
};

static const char *word(const struct op *op, size_t index)
{
    const struct campaign_step *step = &op->operator->step;
    return index < step->count ? step->words[index] : "";
}

static bool word_is(const struct op *op, size_t index, const char *text)
{
    return strcmp(word(op, index), text) == 0;
}

// --- What there is at the start.

static void ops_add(struct op *op, struct store_op *ops, size_t *count, const char *key,
                    const char *value)
{
    ops[(*count)++] = (struct store_op){.key = arena_strdup(op->arena, key),
                                        .value = arena_strdup(op->arena, value),
                                        .size_bytes = strlen(value),
                                        .expect = STORE_ABSENT};
}

static const char *resource_text(struct op *op, const char *sid)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct resource *resource = resource_new(op->arena, sid);
    resource_format(resource, &text);
    return arena_strdup(op->arena, strbuf_text(&text));
}

static const char *devices_text(struct op *op)
{
    const struct swarm_world *world = op->operator->world;
    struct fence_config *config = fence_config_new(op->arena);
    for (size_t i = 0; i < world->count; i++) {
        const char *node = world->nodes[i]->name;
        const char *name = arena_printf(op->arena, "switch-%s", node);
        struct fence_device *device = fence_device_new(op->arena, name);
        device->agent = "fence_switch";
        map_put(&device->nodes, node, NULL);
        map_put(&config->devices, name, device);
    }
    return fence_config_format(op->arena, config);
}

static int set_up(struct op *op, struct error *err)
{
    const struct swarm_world *world = op->operator->world;
    struct arena *arena = op->arena;
    int64_t services = world->cluster.services;
    struct store_op *ops = arena_array_of(arena, struct store_op, (size_t)(2 * services + 2));
    size_t count = 0;
    for (size_t i = 0; i < op->view.members.count; i++) {
        if (!op->view.members.members[i].online && op->operator->tries<SET_UP_PATIENCE) {
            return error_set(err, -EBUSY, "not all nodes have come");
        }
    }
    ops_add(op, ops, &count, STORE_KEY_DATACENTER,
            world->cluster.lease_loss_resets ? "ha: lease_loss=reset\n" : "ha: lease_loss=stop\n");
    if (world->cluster.has_fence_devices) {
        ops_add(op, ops, &count, STORE_KEY_FENCE, devices_text(op));
    }
    for (int64_t i = 0; i < services; i++) {
        const char *sid = arena_printf(arena, "ct:%" PRId64, CAMPAIGN_FIRST_ID + i);
        const struct swarm_node *node = world->nodes[(size_t)i % world->count];
        ops_add(op, ops, &count, arena_printf(arena, STORE_PREFIX_GUEST "%s", sid),
                guest_format(arena, guest_new(arena, sid, node->name)));
        ops_add(op, ops, &count, arena_printf(arena, STORE_PREFIX_RESOURCE "%s", sid),
                resource_text(op, sid));
    }
    const struct store_txn txn = {.ops = ops, .count = count};
    int r = store_commit(op->session.store, &txn, NULL, err);
    return r == -EAGAIN ? 0 : r; // it is there already: of a try whose answer got lost
}

// --- Orders.

static int op_command(struct op *op, struct command *command, struct error *err)
{
    struct arena *arena = op->arena;
    command->id = ids_next(&op->operator->world->ids.port, arena);
    command->by = op->session.node;
    const char *value = command_format(arena, command);
    const struct store_op write = {.key =
                                       arena_printf(arena, STORE_PREFIX_COMMAND "%s", command->id),
                                   .value = value,
                                   .size_bytes = strlen(value),
                                   .expect = STORE_ABSENT};
    return session_write(&op->session, "the queue of commands", &write, 1, err);
}

static int op_move(struct op *op, enum command_kind kind, struct error *err)
{
    struct command command = {.kind = kind, .sid = word(op, 1), .node = word(op, 2)};
    int r = resource_check_commandable(&op->view, command.sid, err);
    if (r == 0) {
        r = session_check_node(op->arena, &op->session, command.node, err);
    }
    return r < 0 ? r : op_command(op, &command, err);
}

static int op_migrate(struct op *op, struct error *err)
{
    return op_move(op, COMMAND_KIND_MIGRATE, err);
}

static int op_relocate(struct op *op, struct error *err)
{
    return op_move(op, COMMAND_KIND_RELOCATE, err);
}

static int op_stop(struct op *op, struct error *err)
{
    struct command command = {.kind = COMMAND_KIND_STOP, .sid = word(op, 1)};
    int r = resource_check_commandable(&op->view, command.sid, err);
    return r < 0 ? r : op_command(op, &command, err);
}

static int op_maintenance(struct op *op, struct error *err)
{
    struct command command = {.kind = word_is(op, 2, "on") ? COMMAND_KIND_ENABLE_NODE_MAINTENANCE
                                                           : COMMAND_KIND_DISABLE_NODE_MAINTENANCE,
                              .node = word(op, 1)};
    int r = session_check_node(op->arena, &op->session, command.node, err);
    return r < 0 ? r : op_command(op, &command, err);
}

static int op_disarm(struct op *op, struct error *err)
{
    struct command command = {.kind = COMMAND_KIND_DISARM_HA, .disarm = DISARM_MODE_FREEZE};
    return op_command(op, &command, err);
}

static int op_arm(struct op *op, struct error *err)
{
    struct command command = {.kind = COMMAND_KIND_ARM_HA};
    return op_command(op, &command, err);
}

// The guest is made first, here, when there is none.
static int op_add(struct op *op, struct error *err)
{
    struct resource_request request;
    struct arena *arena = op->arena;
    const char *sid = word(op, 1);
    resource_request_init(arena, &request);
    if (!map_has(&op->view.guests, sid)) {
        const char *value = guest_format(arena, guest_new(arena, sid, op->session.node));
        const struct store_op write = {.key = arena_printf(arena, STORE_PREFIX_GUEST "%s", sid),
                                       .value = value,
                                       .size_bytes = strlen(value),
                                       .expect = STORE_ABSENT};
        int r = session_write(&op->session, "the guest", &write, 1, err);
        if (r == 0) {
            r = cluster_view_read(arena, &op->session, &op->view, err);
        }
        if (r < 0) {
            return r;
        }
    }
    return resource_add(arena, &op->session, &op->view, sid, &request, err);
}

static int op_remove(struct op *op, struct error *err)
{
    return resource_remove(op->arena, &op->session, &op->view, word(op, 1), RESOURCE_PURGE_CHECK,
                           err);
}

static int op_set(struct op *op, struct error *err)
{
    struct resource_request request;
    resource_request_init(op->arena, &request);
    map_put(&request.set, word(op, 2), arena_strdup(op->arena, word(op, 3)));
    return resource_change(op->arena, &op->session, &op->view, word(op, 1), &request, err);
}

static int rule_add(struct op *op, struct rule_set *set, struct error *err)
{
    enum rule_type type = RULE_TYPE_MAX;
    const char *id = word(op, 3);
    int64_t last = 0;
    if (rule_type_from_string(word(op, 2), &type) < 0) {
        return error_set(err, -EINVAL, "there is no type '%s'", word(op, 2));
    }
    if (map_has(&set->rules, id)) {
        return error_set(err, -EEXIST, "rule '%s' exists already", id);
    }
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        last = rule->order > last ? rule->order : last;
    }
    struct rule *rule = rule_new(op->arena, id, type);
    rule->order = last + 1;
    for (size_t i = 4; i + 1 < op->operator->step.count; i += 2) {
        int r = rule_set_option(op->arena, rule, word(op, i) + strlen("--"), word(op, i + 1), err);
        if (r < 0) {
            return r;
        }
    }
    int r = rule_check_complete(rule, err);
    if (r == 0) {
        map_put(&set->rules, id, rule);
    }
    return r;
}

static int rule_check_usable(struct op *op, const struct rule_set *set, const char *id,
                             struct error *err)
{
    struct map nodes;
    struct map problems;
    map_init_arena(&nodes, op->arena);
    map_init_arena(&problems, op->arena);
    for (size_t i = 0; i < op->view.members.count; i++) {
        map_put(&nodes, op->view.members.members[i].node, op);
    }
    rules_check(op->arena, set, &nodes, &problems);
    const struct rule_problems *own = map_find(&problems, id);
    return own != NULL ? error_set(err, -EINVAL, "rule '%s': %s", id, own->reasons[0]) : 0;
}

static int op_rule(struct op *op, struct error *err)
{
    struct session_value value;
    struct rule_set set;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    int r = session_read(op->arena, &op->session, STORE_KEY_RULES, &value, err);
    if (r < 0) {
        return r;
    }
    rule_set_init(op->arena, &set);
    if (value.text != NULL) {
        r = rule_set_parse(op->arena, value.text, value.size_bytes, &set, err);
    }
    if (r == 0 && word_is(op, 1, "remove")) {
        (void)map_remove(&set.rules, word(op, 2)); // one that is not there is as removed
    } else if (r == 0) {
        r = rule_add(op, &set, err);
        r = r < 0 ? r : rule_check_usable(op, &set, word(op, 3), err);
    }
    if (r < 0) {
        return r;
    }
    rule_set_format(&set, &text);
    const struct store_op write = {.key = STORE_KEY_RULES,
                                   .value = strbuf_text(&text),
                                   .size_bytes = text.size_bytes,
                                   .expect = value.version};
    return session_write(&op->session, "the rules", &write, 1, err);
}

static const struct op_row {
    const char *verb;
    int (*run)(struct op *op, struct error *err);
} op_rows[] = {
    {"", set_up},
    {"add", op_add},
    {"remove", op_remove},
    {"set", op_set},
    {"migrate", op_migrate},
    {"relocate", op_relocate},
    {"stop", op_stop},
    {"maintenance", op_maintenance},
    {"disarm", op_disarm},
    {"arm", op_arm},
    {"rule", op_rule},
};

static const struct op_row *op_find(const char *verb)
{
    for (size_t i = 0; i < ARRAY_SIZE(op_rows); i++) {
        if (strcmp(op_rows[i].verb, verb) == 0) {
            return &op_rows[i];
        }
    }
    return NULL;
}

// --- One try.

static int op_run(struct swarm_operator *operator, struct arena * arena, struct error *err)
{
    struct op op = {.arena = arena,
                    .operator= operator,
                    .session = {.store = &operator->store.port,
                                .membership = swarm_client_membership(operator->client),
                                .node = operator->node->name } };
    if (!swarm_await_connection(operator->node, operator->client, operator->fiber)) {
        return error_set(err, -ENOTCONN, "ha-clusterd is not running");
    }
    int r = store_refresh(op.session.store, err);
    op.session.quorate = r == 0;
    if (r < 0 && r != -EHOSTDOWN) {
        return r;
    }
    r = session_need_quorum(&op.session, err);
    if (r == 0) {
        r = cluster_view_read(arena, &op.session, &op.view, err);
    }
    return r < 0 ? r : op_find(word(&op, 0))->run(&op, err);
}

static void timer_after(struct swarm_operator *operator, struct swarm_timer * timer, int64_t us)
{
    swarm_timer_set(timer, swarm_queue_now_us(operator->world->queue) + us);
}

static void try_body(void *userdata)
{
    struct swarm_operator *operator= userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    operator->result = op_run(operator, arena, &err);
    if (!swarm_fiber_is_ended(operator->fiber)) {
        timer_after(operator, & operator->done, 0);
    }
}

static void try_free(struct swarm_operator *operator)
{
    if (operator->fiber != NULL) {
        if (!swarm_fiber_is_done(operator->fiber)) {
            swarm_fiber_end(operator->fiber);
        }
        swarm_fiber_free(operator->fiber);
        swarm_client_free(operator->client);
        operator->fiber = NULL;
        operator->client = NULL;
        operator->node = NULL;
    }
    swarm_timer_stop(&operator->done);
}

static bool is_temporary(int code)
{
    return code == -ENOTCONN || code == -EHOSTDOWN || code == -ETIMEDOUT || code == -EAGAIN ||
           code == -EBUSY || code == -ENOSPC || code == -EHOSTUNREACH;
}

// Frees the operator when that was the last try.
static void try_over(struct swarm_operator *operator, int result)
{
    struct swarm_world *world = operator->world;
    bool sets_up = operator->step.count == 0;
    try_free(operator);
    operator->tries++;
    if (result == 0 ||
        (!sets_up && (!is_temporary(result) || operator->tries >= operator->tries_max))) {
        (void)map_remove(&world->operators, operator->key); // frees it; it was there
        return;
    }
    timer_after(operator, & operator->begin,
                sets_up ? SET_UP_AGAIN_MS * SWARM_MS
                        : swarm_random(world, AGAIN_MS_MIN * SWARM_MS, AGAIN_MS_MAX * SWARM_MS));
}

static void try_done(void *userdata)
{
    struct swarm_operator *operator= userdata;
    try_over(operator, operator->result);
}

// A node that answers, any.
static struct swarm_node *node_choose(struct swarm_world *world)
{
    size_t first = (size_t)swarm_random(world, 0, (int64_t)world->count - 1);
    for (size_t i = 0; i < world->count; i++) {
        struct swarm_node *node = world->nodes[(first + i) % world->count];
        if (node->is_on && !node->is_paused && node->reset_why == NULL && node->clusterd != NULL &&
            swarm_clusterd_is_serving(node->clusterd)) {
            return node;
        }
    }
    return NULL;
}

static void try_begin(void *userdata)
{
    static const char *const prefixes[] = {NULL};
    struct swarm_operator *operator= userdata;
    struct swarm_world *world = operator->world;
    struct swarm_node *node = node_choose(world);
    if (node == NULL) {
        try_over(operator, - ENOTCONN);
        return;
    }
    const struct swarm_client_spec spec = {.queue = world->queue,
                                           .prng = &world->prng,
                                           .gate = &node->gate,
                                           .clock = &node->clock,
                                           .owner = node->name,
                                           .timing = &world->timing,
                                           .prefixes = prefixes,
                                           .changed = swarm_client_ignore};
    operator->node = node;
    operator->client = swarm_client_new(&spec);
    operator->fiber = swarm_fiber_new(try_body, operator);
    swarm_client_set_fiber(operator->client, operator->fiber);
    swarm_client_connect(operator->client, node->clusterd);
    swarm_store_tap_init(&operator->store, node,
                         swarm_client_store(operator->client), operator->fiber, NULL);
    swarm_fiber_resume(operator->fiber);
}

static void operator_free(void *value)
{
    struct swarm_operator *operator= value;
    try_free(operator);
    swarm_timer_stop(&operator->begin);
    arena_free(operator->arena); // holds the operator too
}

static struct swarm_operator *operator_new(struct swarm_world *world,
                                           const struct campaign_step *step)
{
    struct arena *arena = arena_new();
    struct swarm_operator *operator= arena_new_of(arena, struct swarm_operator);
    if (world->operators.value_free == NULL) {
        map_init(&world->operators, operator_free);
    }
    operator->world = world;
    operator->arena = arena;
    operator->key = arena_printf(arena, "%020" PRIu64, ++world->operators_given);
    for (size_t i = 0; step != NULL && i < step->count; i++) {
        operator->step.words[operator->step.count++] = arena_strdup(arena, step->words[i]);
    }
    operator->tries_max =(int) swarm_random(world, 1, TRIES_MAX);
    swarm_timer_init(&operator->begin, world->queue, NULL, try_begin, operator);
    swarm_timer_init(&operator->done, world->queue, NULL, try_done, operator);
    map_put(&world->operators, operator->key, operator);
    timer_after(operator, & operator->begin, 0);
    return operator;
}

void swarm_operator_set_up(struct swarm_world *world)
{
    (void)operator_new(world, NULL); // the world's own
}

int swarm_operator_do(struct swarm_world *world, const struct campaign_step *step,
                      struct error *err)
{
    if (op_find(step->words[0]) == NULL) {
        return error_set(err, -EINVAL, "there is no order '%s'", step->words[0]);
    }
    (void)operator_new(world, step); // the world's own
    return 0;
}

void swarm_operators_leave(struct swarm_node *node)
{
    size_t i = 0;
    while (i < node->world->operators.count) {
        size_t count = node->world->operators.count;
        struct swarm_operator *operator= node->world->operators.entries[i].value;
        if (operator->node == node) {
            try_over(operator, - ENOTCONN);
        }
        i += node->world->operators.count == count ? 1 : 0;
    }
}

void swarm_operators_end(struct swarm_world *world)
{
    map_done(&world->operators);
    world->operators = (struct map){0};
}
