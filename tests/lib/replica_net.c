// SPDX-License-Identifier: Apache-2.0
// The modelled network, disks and processes around replicas.
#include "tests/lib/replica_net.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/table.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/port/store.h"
#include "tests/lib/test.h"

enum { FORMAT_OFFSET = 4, KIND_OFFSET = 5 }; // in a message
enum { RUN_STEPS_MAX = 200000, SETTLE_TICKS_MAX = 3000, TICK_MS = 100 };

// What waits for a process: a message, or a change of the group.
struct item {
    uint64_t position; // on its ring; 0: a change of the group
    uint32_t sender;
    void *bytes;
    size_t size_bytes;
    uint64_t ring;
    struct replica_member members[NET_NODES_MAX];
    size_t members_count;
};

struct disk_batch {
    uint64_t number, epoch, last_version;
    bool replace_all;
    bool is_aside;   // to be set aside, in a file of its own
    struct map rows; // struct table_row; NULL: deleted
};

void net_fail(const struct net *net, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); // cut is fine
    va_end(args);
    print_error("%s: %s\n", net->label, text);
    fail_msg("%s: %s", net->label, text);
    abort(); // not reached
}

// --- lists ---------------------------------------------------------------------------------------

static void items_push(struct net_items *items, void *item)
{
    if (items->first + items->count == items->capacity) {
        if (items->first > 0) {
            memmove(items->items, items->items + items->first, items->count * sizeof(void *));
            items->first = 0;
        }
        if (items->count == items->capacity) {
            items->capacity = 2 * items->capacity + 16;
            items->items = alloc_resize(items->items, items->capacity * sizeof(void *));
        }
    }
    items->items[items->first + items->count++] = item;
}

static void *items_at(const struct net_items *items, size_t index)
{
    return items->items[items->first + index];
}

static void *items_take(struct net_items *items)
{
    void *item = items->items[items->first++];
    items->count--;
    return item;
}

static void item_free(void *item)
{
    struct item *self = item;
    free(self->bytes);
    free(self);
}

static void batch_free(void *batch)
{
    struct disk_batch *self = batch;
    map_done(&self->rows);
    free(self);
}

static void request_free(void *request)
{
    struct net_request *self = request;
    free(self->key);
    free(self);
}

static void items_clear(struct net_items *items, void (*item_done)(void *item))
{
    for (size_t i = 0; i < items->count; i++) {
        item_done(items_at(items, i));
    }
    free(items->items);
    *items = (struct net_items){0};
}

// --- effects -------------------------------------------------------------------------------------

int64_t net_clock(const struct net *net, unsigned node)
{
    return net->now_ms + net->nodes[node].offset_ms;
}

static void effect_multicast(struct net_node *node, const struct replica_effect *effect)
{
    struct item *item = alloc_zero(sizeof(*item));
    item->sender = node->id;
    item->bytes = alloc_memdup(effect->bytes, effect->size_bytes);
    item->size_bytes = effect->size_bytes;
    items_push(&node->outbox, item);
    node->multicasts_count++;
    node->multicasts_bytes += effect->size_bytes;
    const unsigned char *header = effect->bytes;
    node->format = header[KIND_OFFSET] != 1 ? header[FORMAT_OFFSET] : node->format;
}

static void effect_persist(struct net_node *node, const struct replica_effect *effect)
{
    struct disk_batch *batch = alloc_zero(sizeof(*batch));
    batch->number = effect->batch;
    batch->epoch = effect->epoch;
    batch->last_version = effect->last_version;
    batch->replace_all = effect->replace_all;
    map_init(&batch->rows, table_row_free);
    for (size_t i = 0; i < effect->rows_count; i++) {
        const struct replica_row *row = &effect->rows[i];
        map_put(&batch->rows, row->key,
                row->value == NULL
                    ? NULL
                    : table_row_new(row->key, row->value, row->size_bytes, row->version));
    }
    batch->is_aside = effect->kind == REPLICA_EFFECT_SET_ASIDE;
    items_push(&node->batches, batch);
    node->batches_count += batch->is_aside ? 0 : 1;
    node->batches_rows += batch->is_aside ? 0 : effect->rows_count;
}

static void effect_answer(struct net *net, const struct replica_effect *effect)
{
    struct net_request *request = items_at(&net->requests, effect->request_id - 1);
    if (request->is_answered) {
        net_fail(net, "request %" PRIu64 " is answered twice", request->id);
    }
    request->is_answered = true;
    request->answer = effect->answer;
    if ((effect->answer.code < 0) != (effect->answer.reason != NULL)) {
        net_fail(net, "answer %d of request %" PRIu64 " and its reason disagree",
                 effect->answer.code, request->id);
    }
    if (net->on_answer != NULL) {
        net->on_answer(net, request, net->userdata);
    }
}

// One version of a key has one value, whoever tells it.
static void effect_notify(struct net *net, unsigned node, const struct replica_effect *effect)
{
    for (size_t i = 0; i < effect->rows_count && !net->is_forced; i++) {
        const struct replica_row *row = &effect->rows[i];
        char name[700];
        (void)snprintf(name, sizeof(name), "%" PRIu64 " %s", row->version, row->key); // fits
        const char *value = row->value != NULL ? row->value : "(deleted)";
        const char *told = map_find(&net->told, name);
        if (told == NULL) {
            map_put(&net->told, name, alloc_strdup(value));
        } else if (strcmp(told, value) != 0) {
            net_fail(net, "node %u: '%s' is '%s', elsewhere it was '%s'", node + 1, name, value,
                     told);
        }
    }
}

static void effects_carry_out(struct net *net, unsigned index,
                              const struct replica_effects *effects)
{
    struct net_node *node = &net->nodes[index];
    for (size_t i = 0; i < effects->count; i++) {
        const struct replica_effect *effect = &effects->effects[i];
        switch (effect->kind) {
        case REPLICA_EFFECT_MULTICAST:
            effect_multicast(node, effect);
            break;
        case REPLICA_EFFECT_PERSIST:
            effect_persist(node, effect);
            break;
        case REPLICA_EFFECT_ANSWER:
            effect_answer(net, effect);
            break;
        case REPLICA_EFFECT_NOTIFY:
            effect_notify(net, index, effect);
            break;
        case REPLICA_EFFECT_EVENT:
            if (net->on_event != NULL) {
                net->on_event(net, index, effect->event, net->userdata);
            }
            break;
        case REPLICA_EFFECT_SET_ASIDE:
            effect_persist(node, effect);
            if (net->on_event != NULL) {
                net->on_event(net, index, effect->aside, net->userdata);
            }
            break;
        case REPLICA_EFFECT_MAX:
            net_fail(net, "unknown effect");
        }
    }
    uint64_t version = replica_version(node->replica);
    if (version < node->version_seen) {
        net_fail(net, "node %u: the version went back", index + 1);
    }
    node->version_seen = version;
}

// --- the group -----------------------------------------------------------------------------------

static uint32_t votes_needed(const struct net *net, unsigned part)
{
    bool has_device = net->has_device && !net->part_forced[part];
    return (net->part_expected[part] + (has_device ? 1 : 0)) / 2 + 1;
}

static uint32_t device_votes(const struct net *net, unsigned part)
{
    return net->has_device && net->device_part == (int)part ? 1 : 0;
}

enum told_quorum { TOLD_TRUTH, TOLD_NOTHING, TOLD_LOST };

static void process_configure(struct net *net, unsigned index, enum told_quorum told)
{
    struct net_node *node = &net->nodes[index];
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct replica_effects effects = {0};
    uint32_t quorum = votes_needed(net, node->part);
    const struct replica_configuration configuration = {
        .ring = node->ring,
        .members = node->members,
        .count = node->members_count,
        .quorate =
            told == TOLD_TRUTH && node->members_count + device_votes(net, node->part) >= quorum,
        .undecided = told == TOLD_NOTHING,
        .quorum_votes = quorum,
        .expected_votes = net->part_expected[node->part],
        .forced = net->part_expected[node->part] < net->nodes_count,
        .all_votes = net->nodes_count,
        .device_votes = device_votes(net, node->part),
        .device_silence_ms = net->has_device ? NET_DEVICE_SILENCE_MS : 0,
        .device_wait_ms = net->has_device ? NET_DEVICE_WAIT_MS : 0,
    };
    replica_configure(node->replica, net_clock(net, index), &configuration, arena, &effects);
    effects_carry_out(net, index, &effects);
}

// Tells all living nodes of a part, where it stands in their order, who is in the group now.
static void part_announce(struct net *net, unsigned part, bool is_new_ring)
{
    struct item group = {0};
    if (is_new_ring) {
        net->part_ring[part] = ++net->rings;
    }
    group.ring = net->part_ring[part];
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        if (net->nodes[i].is_alive && net->nodes[i].part == part) {
            group.members[group.members_count++] =
                (struct replica_member){.id = net->nodes[i].id, .votes = 1};
        }
    }
    if (net->part_expected[part] < group.members_count) {
        net->part_expected[part] = (unsigned)group.members_count;
        net->part_forced[part] = net->part_forced[part] && group.members_count < net->nodes_count;
    }
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        if (net->nodes[i].is_alive && net->nodes[i].part == part) {
            items_push(&net->nodes[i].inbox, alloc_memdup(&group, sizeof(group)));
        }
    }
}

bool net_is_quorate(const struct net *net, unsigned index)
{
    const struct net_node *node = &net->nodes[index];
    return node->is_alive &&
           node->members_count + device_votes(net, node->part) >= votes_needed(net, node->part);
}

bool net_is_serving(const struct net *net, unsigned node)
{
    return net->nodes[node].is_alive &&
           replica_mode(net->nodes[node].replica) == REPLICA_MODE_SERVING;
}

// --- steps ---------------------------------------------------------------------------------------

static bool step_order(struct net *net, struct net_node *node)
{
    if (node->outbox.count == 0) {
        return false;
    }
    struct item *item = items_take(&node->outbox);
    item->position = ++net->positions;
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        struct net_node *other = &net->nodes[i];
        if (other->is_alive && other->part == node->part) {
            struct item *copy = alloc_memdup(item, sizeof(*item));
            copy->bytes = alloc_memdup(item->bytes, item->size_bytes);
            items_push(&other->inbox, copy);
        }
    }
    item_free(item);
    return true;
}

static bool step_deliver(struct net *net, unsigned index)
{
    struct net_node *node = &net->nodes[index];
    if (node->inbox.count == 0) {
        return false;
    }
    struct item *item = items_take(&node->inbox);
    if (item->position == 0) {
        node->ring = item->ring;
        memcpy(node->members, item->members, sizeof(node->members));
        node->members_count = item->members_count;
        node->is_quorum_untold = net->tell_quorum_late;
        process_configure(net, index, net->tell_quorum_late ? TOLD_NOTHING : TOLD_TRUTH);
    } else {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct replica_effects effects = {0};
        node->delivered_position = item->position;
        replica_deliver(node->replica, net_clock(net, index), item->sender, item->bytes,
                        item->size_bytes, arena, &effects);
        effects_carry_out(net, index, &effects);
    }
    node->is_unflushed = true;
    item_free(item);
    return true;
}

static bool step_flush(struct net *net, unsigned index)
{
    struct net_node *node = &net->nodes[index];
    if (!node->is_unflushed) {
        return false;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct replica_effects effects = {0};
    node->is_unflushed = false;
    replica_flush(node->replica, net_clock(net, index), arena, &effects);
    effects_carry_out(net, index, &effects);
    return true;
}

static void batch_set_aside(struct net_node *node, const struct disk_batch *batch)
{
    map_each (entry, &batch->rows) {
        map_put(&node->aside, entry->key, table_row_share(entry->value));
    }
    node->asides_count++;
}

static void batch_store(struct net_node *node, const struct disk_batch *batch)
{
    if (batch->replace_all) {
        map_clear(&node->disk);
    }
    map_each (entry, &batch->rows) {
        if (entry->value == NULL) {
            (void)map_remove(&node->disk, entry->key); // if it was there
        } else {
            map_put(&node->disk, entry->key, table_row_share(entry->value));
        }
    }
    node->disk_epoch = batch->epoch;
    node->disk_version = batch->last_version;
}

// The oldest batch is on the disk; the process may die before it hears of it. The number of the
// batch, or 0 for what was set aside.
static uint64_t disk_write(struct net_node *node)
{
    struct disk_batch *batch = items_take(&node->batches);
    uint64_t number = batch->is_aside ? 0 : batch->number;
    if (!batch->is_aside) {
        batch_store(node, batch);
    } else if (!node->is_aside_refused) {
        batch_set_aside(node, batch);
    }
    batch_free(batch);
    return number;
}

static bool step_disk(struct net *net, unsigned index)
{
    struct net_node *node = &net->nodes[index];
    if (node->batches.count == 0) {
        return false;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct replica_effects effects = {0};
    uint64_t number = disk_write(node);
    node->is_unflushed = true;
    if (number > 0) {
        replica_persisted(node->replica, net_clock(net, index), number, arena, &effects);
    } else {
        replica_was_set_aside(node->replica, net_clock(net, index), !node->is_aside_refused, arena,
                              &effects);
    }
    effects_carry_out(net, index, &effects);
    return true;
}

bool net_step(struct net *net, unsigned index, enum net_step step)
{
    struct net_node *node = &net->nodes[index];
    if (!node->is_alive) {
        return false;
    }
    switch (step) {
    case NET_STEP_ORDER:
        return step_order(net, node);
    case NET_STEP_DELIVER:
        return step_deliver(net, index);
    case NET_STEP_QUORUM:
        if (!node->is_quorum_untold) {
            return false;
        }
        node->is_quorum_untold = false;
        process_configure(net, index, TOLD_TRUTH);
        return true;
    case NET_STEP_FLUSH:
        return step_flush(net, index);
    case NET_STEP_DISK:
        return step_disk(net, index);
    case NET_STEP_MAX:
        break;
    }
    return false;
}

void net_tick(struct net *net, int64_t ms)
{
    net->now_ms += ms;
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        if (net->nodes[i].is_alive) {
            struct arena *arena CLEANUP(arena_freep) = arena_new();
            struct replica_effects effects = {0};
            replica_tick(net->nodes[i].replica, net_clock(net, i), arena, &effects);
            effects_carry_out(net, i, &effects);
        }
    }
}

static bool run_step(struct net *net)
{
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        for (enum net_step step = NET_STEP_ORDER; step < NET_STEP_MAX; step++) {
            if (net_step(net, i, step)) {
                return true;
            }
        }
    }
    return false;
}

void net_run(struct net *net)
{
    size_t steps = 0;
    while (run_step(net)) {
        if (++steps > RUN_STEPS_MAX) {
            net_fail(net, "the replicas do not come to rest");
        }
    }
}

static bool all_serve(const struct net *net)
{
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        bool is_enough = net->nodes[i].members_count >= votes_needed(net, net->nodes[i].part);
        if (net->nodes[i].is_alive && is_enough && !net_is_serving(net, i)) {
            return false;
        }
    }
    return true;
}

void net_settle(struct net *net)
{
    net_run(net);
    for (size_t i = 0; !all_serve(net); i++) {
        if (i > SETTLE_TICKS_MAX) {
            net_fail(net, "a quorate part does not serve");
        }
        net_tick(net, TICK_MS);
        net_run(net);
    }
}

// --- faults --------------------------------------------------------------------------------------

// The nodes of an old part that are in one new part deliver the same of what was under way: all up
// to a point, and behind it only what one of them sent.
static void side_lose(struct net *net, const unsigned *sides, unsigned old_part, unsigned side,
                      unsigned kept_percent)
{
    uint64_t low = 0;
    uint64_t high = 0;
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        const struct net_node *node = &net->nodes[i];
        if (node->part != old_part || sides[i] != side || !node->is_alive) {
            continue;
        }
        low = node->delivered_position > low ? node->delivered_position : low;
        for (size_t n = 0; n < node->inbox.count; n++) {
            const struct item *item = items_at(&node->inbox, n);
            high = item->position > high ? item->position : high;
        }
    }
    uint64_t kept = high > low ? low + (high - low) * kept_percent / 100 : low;
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        struct net_node *node = &net->nodes[i];
        if (node->part != old_part || sides[i] != side || !node->is_alive) {
            continue;
        }
        for (size_t left = node->inbox.count; left > 0; left--) {
            struct item *item = items_take(&node->inbox);
            if (item->position > kept && sides[item->sender - 1] != side) {
                item_free(item);
            } else {
                items_push(&node->inbox, item);
            }
        }
    }
}

void net_split(struct net *net, const unsigned parts[NET_NODES_MAX],
               const unsigned kept_percent[NET_NODES_MAX])
{
    unsigned expected[NET_NODES_MAX] = {0};
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        unsigned before = net->part_expected[net->nodes[i].part];
        expected[parts[i]] = before > expected[parts[i]] ? before : expected[parts[i]];
    }
    for (unsigned old_part = 0; old_part < NET_NODES_MAX; old_part++) {
        for (unsigned side = 0; side < NET_NODES_MAX; side++) {
            side_lose(net, parts, old_part, side, kept_percent[side]);
        }
    }
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        net->nodes[i].part = parts[i];
    }
    net->device_part = -1; // until it has chosen
    for (unsigned part = 0; part < NET_NODES_MAX; part++) {
        net->part_forced[part] = net->part_forced[part] && expected[part] < net->nodes_count;
        net->part_expected[part] = expected[part];
        part_announce(net, part, true);
    }
}

void net_heal(struct net *net)
{
    const unsigned parts[NET_NODES_MAX] = {0};
    const unsigned kept[NET_NODES_MAX] = {100, 100, 100, 100, 100};
    net_split(net, parts, kept);
    net->device_part = 0;
}

void net_crash(struct net *net, unsigned index, bool power_lost, size_t batches_kept)
{
    struct net_node *node = &net->nodes[index];
    while (!power_lost && step_order(net, node)) {
    }
    for (size_t i = 0; i < batches_kept && node->batches.count > 0; i++) {
        (void)disk_write(node); // nobody is left to be told
    }
    items_clear(&node->batches, batch_free);
    items_clear(&node->outbox, item_free);
    items_clear(&node->inbox, item_free);
    replica_free(node->replica);
    node->replica = NULL;
    node->is_alive = false;
    node->is_quorum_untold = false;
    node->is_unflushed = false;
    node->members_count = 0;
    for (size_t i = 0; i < net->requests.count; i++) {
        struct net_request *request = items_at(&net->requests, i);
        request->is_answered = request->is_answered || request->node == index;
        if (request->node == index && request->answer.code == 0 && request->answer.version == 0) {
            request->answer.code = -EPIPE; // nobody is left to be answered
        }
    }
    part_announce(net, node->part, power_lost);
}

void net_wipe_disk(struct net *net, unsigned index)
{
    struct net_node *node = &net->nodes[index];
    map_clear(&node->disk);
    node->disk_epoch = 0;
    node->disk_version = 0;
}

static void process_load(struct net *net, struct net_node *node)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct replica_row *rows = arena_array_of(arena, struct replica_row, node->disk.count);
    size_t count = 0;
    map_each (entry, &node->disk) {
        const struct table_row *row = entry->value;
        rows[count++] = (struct replica_row){entry->key, row->value, row->size_bytes, row->version};
    }
    node->boot_id = ++net->boots;
    node->replica = replica_new(node->id, node->boot_id, NET_LEASE_MS);
    node->version_seen = 0;
    node->is_alive = true;
    if (node->highest_format > 0) {
        replica_speak(node->replica, node->lowest_format, node->highest_format);
    }
    if (node->disk_epoch > 0) {
        replica_load(node->replica, node->disk_epoch, node->disk_version, rows, count);
    }
}

void net_start(struct net *net, unsigned index)
{
    struct net_node *node = &net->nodes[index];
    process_load(net, node);
    node->delivered_position = net->positions;
    part_announce(net, node->part, true);
}

void net_add_node(struct net *net)
{
    unsigned index = net->nodes_count++;
    net->nodes[index].part = 0;
    for (unsigned part = 0; part < NET_NODES_MAX; part++) {
        net->part_expected[part] = net->nodes_count;
    }
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        if (net->nodes[i].is_alive && net->nodes[i].members_count > 0) {
            process_configure(net, i, net->nodes[i].is_quorum_untold ? TOLD_NOTHING : TOLD_TRUTH);
        }
    }
}

void net_remove_node(struct net *net)
{
    net->nodes_count--;
    for (unsigned part = 0; part < NET_NODES_MAX; part++) {
        net->part_expected[part] = net->nodes_count;
    }
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        if (net->nodes[i].is_alive && net->nodes[i].members_count > 0) {
            process_configure(net, i, net->nodes[i].is_quorum_untold ? TOLD_NOTHING : TOLD_TRUTH);
        }
    }
}

bool net_hold(struct net *net, unsigned index, int kind)
{
    struct net_node *node = &net->nodes[index];
    bool is_held = false;
    for (size_t left = node->outbox.count; left > 0; left--) {
        struct item *item = items_take(&node->outbox);
        bool is_wanted = !is_held && ((const unsigned char *)item->bytes)[KIND_OFFSET] == kind;
        items_push(is_wanted ? &node->held : &node->outbox, item);
        is_held = is_held || is_wanted;
    }
    return is_held;
}

void net_let_go(struct net *net, unsigned index)
{
    struct net_node *node = &net->nodes[index];
    while (node->held.count > 0) {
        items_push(&node->outbox, items_take(&node->held));
    }
}

void net_lose_corosync(struct net *net, unsigned index)
{
    struct net_node *node = &net->nodes[index];
    if (!node->is_alive) {
        return;
    }
    items_clear(&node->outbox, item_free);
    items_clear(&node->inbox, item_free);
    node->ring = 0;
    node->members[0] = (struct replica_member){.id = node->id, .votes = 1};
    node->members_count = 1;
    node->delivered_position = net->positions;
    node->is_quorum_untold = false;
    node->is_unflushed = true;
    process_configure(net, index, TOLD_LOST);
    part_announce(net, node->part, true);
}

void net_flap_quorum(struct net *net, unsigned index)
{
    if (net->nodes[index].is_alive && net->nodes[index].members_count > 0) {
        process_configure(net, index, TOLD_LOST);
        net->nodes[index].is_quorum_untold = true;
        net->nodes[index].is_unflushed = true;
    }
}

void net_give_device(struct net *net, int part)
{
    int before = net->has_device ? net->device_part : -1;
    net->has_device = true;
    net->device_part = part;
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        struct net_node *node = &net->nodes[i];
        if (!node->is_alive || node->members_count == 0) {
            continue;
        }
        if ((int)node->part == before && before != part) {
            process_configure(net, i, TOLD_LOST);
            node->is_unflushed = true;
        }
        node->is_quorum_untold = true;
    }
}

void net_force_expected(struct net *net, unsigned index, unsigned votes)
{
    unsigned part = net->nodes[index].part;
    unsigned present = 0;
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        present += net->nodes[i].is_alive && net->nodes[i].part == part ? 1 : 0;
    }
    votes = votes > present ? votes : present; // Corosync refuses less
    net->is_forced = true;
    net->part_expected[part] = votes;
    net->part_forced[part] = true;
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        if (net->nodes[i].is_alive && net->nodes[i].part == part &&
            net->nodes[i].members_count > 0) {
            net->nodes[i].is_quorum_untold = true;
        }
    }
}

// --- requests ------------------------------------------------------------------------------------

size_t net_request(struct net *net, unsigned index, const struct replica_request *what)
{
    struct net_node *node = &net->nodes[index];
    struct net_request *request = alloc_zero(sizeof(*request));
    request->id = net->requests.count + 1;
    request->node = index;
    request->what = *what;
    request->asked_ms = net->now_ms;
    bool has_key = what->ops_count > 0 && what->ops[0].key != NULL;
    request->key = has_key ? alloc_strdup(what->ops[0].key) : NULL;
    items_push(&net->requests, request);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct replica_effects effects = {0};
    replica_request(node->replica, net_clock(net, index), request->id, what, arena, &effects);
    effects_carry_out(net, index, &effects);
    request->what.ops = NULL; // the caller's
    return request->id - 1;
}

size_t net_put(struct net *net, unsigned node, const char *key, const char *value, uint64_t expect)
{
    const struct replica_op op = {
        .key = key,
        .value = value,
        .size_bytes = value != NULL ? strlen(value) : 0,
        .expect = expect,
    };
    return net_request(
        net, node,
        &(struct replica_request){.kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1});
}

size_t net_lease(struct net *net, unsigned node, enum replica_request_kind kind, const char *name,
                 uint64_t term, uint64_t version)
{
    static const char *const owners[NET_NODES_MAX] = {"node1", "node2", "node3", "node4", "node5"};
    return net_request(net, node,
                       &(struct replica_request){
                           .kind = kind,
                           .lease = name,
                           .owner = owners[node],
                           .term = term,
                           .version = version,
                       });
}

const struct net_request *net_answer(const struct net *net, size_t request)
{
    return items_at(&net->requests, request);
}

// --- looking -------------------------------------------------------------------------------------

const char *net_value(const struct net *net, unsigned index, const char *key, uint64_t *ret_version)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct replica_row *rows;
    size_t count;
    replica_read(net->nodes[index].replica, key, 0, arena, &rows, &count);
    bool is_there = count > 0 && strcmp(rows[0].key, key) == 0;
    if (is_there && ret_version != NULL) {
        *ret_version = rows[0].version;
    }
    return is_there ? rows[0].value : NULL; // the value is the replica's
}

void net_check_equal(struct net *net)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *digests[NET_NODES_MAX] = {NULL};
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        const struct net_node *node = &net->nodes[i];
        if (!net_is_serving(net, i)) {
            continue;
        }
        digests[i] = replica_digest(node->replica, false, arena);
        for (unsigned n = 0; n < i; n++) {
            const struct net_node *other = &net->nodes[n];
            if (digests[n] != NULL && other->ring == node->ring &&
                (strcmp(digests[i], digests[n]) != 0 ||
                 replica_version(node->replica) != replica_version(other->replica))) {
                net_fail(net, "nodes %u and %u differ", other->id, node->id);
            }
        }
    }
}

// --- life ----------------------------------------------------------------------------------------

struct net *net_new(unsigned nodes_count)
{
    struct net *net = alloc_zero(sizeof(*net));
    net->nodes_count = nodes_count;
    net->now_ms = 1000000;
    map_init(&net->told, free);
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        net->nodes[i].id = i + 1;
        net->nodes[i].offset_ms = 1000 * (int64_t)i;
        map_init(&net->nodes[i].disk, table_row_free);
        map_init(&net->nodes[i].aside, table_row_free);
    }
    for (unsigned part = 0; part < NET_NODES_MAX; part++) {
        net->part_expected[part] = nodes_count;
    }
    for (unsigned i = 0; i < nodes_count; i++) {
        process_load(net, &net->nodes[i]);
    }
    part_announce(net, 0, true);
    return net;
}

void net_free(struct net *net)
{
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        struct net_node *node = &net->nodes[i];
        replica_free(node->replica);
        items_clear(&node->batches, batch_free);
        items_clear(&node->outbox, item_free);
        items_clear(&node->held, item_free);
        items_clear(&node->inbox, item_free);
        map_done(&node->disk);
        map_done(&node->aside);
    }
    items_clear(&net->requests, request_free);
    map_done(&net->told);
    free(net);
}
