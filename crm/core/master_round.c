// SPDX-License-Identifier: Apache-2.0
// The working copy of a round: nodes and services by index, and the one place where a service
// changes its state. What the changes are for is decided in the files that use this.
#include "crm/core/master_round.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/fence_config.h"
#include "common/model/timing.h"
#include "crm/core/manager.h"
#include "crm/core/transitions.h"

// Records and guests of so many services fit into one transaction with room to spare.
enum { MASTER_ROUND_CHANGES_MAX = 4000 };

static struct event *round_tell(struct master_round *round, enum event_level level,
                                const char *name, bool decided)
{
    struct crm_output_event *entry = arena_new_of(round->arena, struct crm_output_event);
    entry->event = event_new(round->arena, level, name);
    entry->decided = decided;
    pointer_list_add(round->arena, &round->output->events, entry);
    return entry->event;
}

struct event *master_round_fact(struct master_round *round, enum event_level level,
                                const char *name)
{
    return round_tell(round, level, name, false);
}

struct event *master_round_event(struct master_round *round, enum event_level level,
                                 const char *name)
{
    return round_tell(round, level, name, true);
}

void master_round_text(struct master_round *round, struct event *event, const char *key,
                       const char *value)
{
    (void)event_text(round->arena, event, key, value); // returns its argument
}

struct event *master_round_event_of(struct master_round *round, enum event_level level,
                                    const char *name, const char *sid, const char *node)
{
    struct event *event = master_round_event(round, level, name);
    master_round_text(round, event, "sid", sid);
    master_round_text(round, event, "node", node);
    return event;
}

const char *master_round_uid(struct master_round *round)
{
    round->uids++;
    return arena_printf(round->arena, "%s.%llu", round->input->seed,
                        (unsigned long long)round->uids);
}

void master_round_wake(struct master_round *round, int64_t at_ms)
{
    if (at_ms < round->wake_ms) {
        round->wake_ms = at_ms;
    }
}

int master_round_node(const struct master_round *round, const char *name)
{
    if (name == NULL) {
        return NODE_NONE;
    }
    int low = 0;
    int high = round->nodes_count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(round->nodes[middle].name, name);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NODE_NONE;
}

struct item *master_round_item(const struct master_round *round, const char *sid)
{
    size_t low = 0;
    size_t high = round->items_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(round->items[middle].sid, sid);
        if (order == 0) {
            return &round->items[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

// ---- building

static void round_add_name(struct map *names, const char *name)
{
    if (name != NULL && !map_has(names, name)) {
        map_put(names, name, NULL);
    }
}

// Fills the table from the sorted names; what is known of each is set in round_load_nodes().
static void round_set_names(struct master_round *round, const struct map *names)
{
    size_t count = names->count;
    if (count > NODE_SET_MAX) {
        struct event *event = master_round_event(round, EVENT_LEVEL_ERROR, "too-many-nodes");
        event_int(event, "count", (int64_t)count);
        event_int(event, "max", NODE_SET_MAX);
        round->aborted = true;
        count = NODE_SET_MAX;
    }
    round->nodes = arena_array_of(round->arena, struct round_node, count);
    round->nodes_count = (int)count;
    for (size_t i = 0; i < count; i++) {
        round->nodes[i].name = names->entries[i].key;
    }
}

static bool round_has_device(const struct master_round *round, const char *node)
{
    const struct crm_input *input = round->input;
    if (round->classic || !input->can_fence || input->documents->fence == NULL) {
        return false;
    }
    const struct fence_device **devices;
    size_t count = 0;
    fence_config_devices_of(round->arena, input->documents->fence, node, &devices, &count);
    return count > 0;
}

static void round_load_node(struct master_round *round, struct round_node *node)
{
    const struct crm_documents *documents = round->input->documents;
    node->has_device = round_has_device(round, node->name);
    node->held_until_ms =
        presence_held_until_ms(&round->manager->presence, node->name, round->input->now_ms);
    node->state = NODE_STATE_UNKNOWN;
    node->mode = round->classic ? LRM_MODE_ACTIVE : LRM_MODE_UNKNOWN;
    const struct manager_node *stored = map_find(&documents->status->nodes, node->name);
    if (stored == NULL) {
        return;
    }
    node->known = true;
    node->present = true;
    node->state = (int)stored->state;
    node->fence_stored = stored->state == NODE_STATE_FENCE;
    node->maintenance_requested = stored->maintenance_requested;
    node->fence_proof = stored->fence_proof;
    node->fence_evidence = stored->fence_evidence;
    node->held_off_until_s = stored->held_off_until_s;
    node->lrm = map_find(&documents->lrms, node->name);
    if (node->lrm != NULL) {
        node->mode = node->lrm->mode;
    }
}

// A node that is there, and whose LRM does nothing that it is told, counts as one that is not: it
// gets no services, and what it had is recovered when the end of its lease proves that nothing of
// it runs there. Nobody is switched off for that. The own node is another master's matter
// (crm_yield_silent()).
static void round_load_silence(const struct master_round *round, struct round_node *node)
{
    node->silent = node->member_online && strcmp(node->name, round->own) != 0 &&
                   presence_is_silent(&round->manager->presence, round->timing, node->name,
                                      round->input->now_ms);
    if (node->silent) {
        node->member_online = false;
        node->has_device = false;
    }
}

static void round_load_nodes(struct master_round *round)
{
    for (int i = 0; i < round->nodes_count; i++) {
        round_load_node(round, &round->nodes[i]);
    }
    const struct member_list *members = &round->input->members;
    for (size_t i = 0; i < members->count; i++) {
        int node = master_round_node(round, members->members[i].node);
        if (node != NODE_NONE) {
            round->nodes[node].listed = true;
            round->nodes[node].member_online = members->members[i].online;
            round->nodes[node].member_present = members->members[i].present;
            round_load_silence(round, &round->nodes[node]);
        }
    }
}

static void round_load_item(struct master_round *round, struct item *item,
                            const struct crm_slot *slot)
{
    const struct resource *resource = slot->resource;
    item->sid = slot->sid;
    item->slot = slot;
    item->stored = slot->record;
    item->record = slot->record;
    // A service whose configuration is gone is treated as disabled until it is removed.
    item->request = resource != NULL ? resource->state : REQUEST_STATE_DISABLED;
    item->failback = resource == NULL || resource->failback;
    item->max_relocate = resource != NULL ? resource->max_relocate : RESOURCE_TRIES_DEFAULT;
    item->retry_interval_s = resource != NULL ? resource->retry_interval_s : 0;
    item->is_vm = strncmp(slot->sid, "vm:", 3) == 0;
    item->guest_node = slot->guest_node;
    item->node = NODE_NONE;
    item->target = NODE_NONE;
    item->counted_node = NODE_NONE;
    item->counted_target = NODE_NONE;
    (void)round;
}

static void round_load_items(struct master_round *round)
{
    const struct map *slots = &round->input->documents->slots;
    round->items = arena_array_of(round->arena, struct item, slots->count);
    map_each (entry, slots) {
        const struct crm_slot *slot = entry->value;
        bool concerns = slot->resource != NULL || slot->record != NULL;
        if (concerns && !slot->unreadable) {
            round_load_item(round, &round->items[round->items_count++], slot);
        }
    }
}

static bool round_is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

// Sets the items' node indexes; false and the missing names when a service names a node that the
// table has not.
static bool round_index_items(struct master_round *round, struct map *names)
{
    bool complete = true;
    for (size_t i = 0; i < round->items_count; i++) {
        struct item *item = &round->items[i];
        const char *name = item->record != NULL ? item->record->node : item->guest_node;
        const char *target = item->record != NULL ? item->record->target : NULL;
        item->node = master_round_node(round, name);
        item->target = master_round_node(round, target);
        bool missing = item->node == NODE_NONE || (target != NULL && item->target == NODE_NONE);
        if (!missing && item->guest_node != NULL && !round_is_same(item->guest_node, name)) {
            missing = master_round_node(round, item->guest_node) == NODE_NONE;
        }
        if (missing) {
            complete = false;
            round_add_name(names, name);
            round_add_name(names, target);
            round_add_name(names, item->guest_node);
        }
    }
    return complete;
}

struct master_round *master_round_new(struct manager *manager, const struct crm_input *input,
                                      struct crm_output *output)
{
    struct master_round *round = arena_new_of(input->arena, struct master_round);
    round->manager = manager;
    round->input = input;
    round->output = output;
    round->arena = input->arena;
    round->timing = manager->timing;
    round->classic = manager->classic;
    round->own = manager->node;
    round->wake_ms = INT64_MAX;
    const struct manager_status *status = input->documents->status;
    round->disarm = status->disarm;
    round->disarmed = status->disarmed;

    struct map names;
    map_init_arena(&names, round->arena);
    map_each (entry, &status->nodes) {
        round_add_name(&names, entry->key);
    }
    for (size_t i = 0; i < input->members.count; i++) {
        round_add_name(&names, input->members.members[i].node);
    }
    round_set_names(round, &names);
    round_load_items(round);
    if (!round_index_items(round, &names)) {
        round_set_names(round, &names);
        (void)round_index_items(round, &names); // what is still missing has no node at all
    }
    round_load_nodes(round);
    return round;
}

// ---- nodes

bool master_round_is_online(const struct master_round *round, int node)
{
    if (planted_is(PLANTED_MAINTENANCE_IGNORED) && node != NODE_NONE &&
        round->nodes[node].state == NODE_STATE_MAINTENANCE) {
        return true;
    }
    return node != NODE_NONE && round->nodes[node].present &&
           round->nodes[node].state == NODE_STATE_ONLINE;
}

bool master_round_is_delayed(struct master_round *round, int node, int64_t delay_ms)
{
    if (node == NODE_NONE || master_round_is_online(round, node)) {
        return false;
    }
    const char *name = round->nodes[node].name;
    const struct presence_node *seen = presence_find(&round->manager->presence, name);
    if (round->nodes[node].silent) {
        return true; // that took longer than any delay
    }
    if (seen == NULL) {
        presence_note(&round->manager->presence, name, round->input->now_ms, false);
        master_round_wake(round, round->input->now_ms + delay_ms);
        return false;
    }
    if (round->input->now_ms - seen->at_ms >= delay_ms) {
        return true;
    }
    master_round_wake(round, seen->at_ms + delay_ms);
    return false;
}

// Whether the node's LRM said last that it held its lease, and so had its watchdog armed.
static bool round_is_protected(const struct master_round *round, int node)
{
    const struct lrm_status *lrm = node != NODE_NONE ? round->nodes[node].lrm : NULL;
    if (lrm == NULL) {
        return false;
    }
    switch (lrm->state) {
    case LRM_STATE_ACTIVE:
    case LRM_STATE_LOST_AGENT_LOCK:
        return true;
    case LRM_STATE_MAINTENANCE: // without a lease, unless something here needed it
    case LRM_STATE_STARTUP:
    case LRM_STATE_WAIT_FOR_AGENT_LOCK:
    case LRM_STATE_MAX:
        break;
    }
    return false;
}

// Live only. INV-10: whoever is there, or has not had the time to come, is not lost.
static bool round_is_spared(struct master_round *round, int node)
{
    const struct round_node *entry = &round->nodes[node];
    // INV-1: an LRM that gave its lease back for a disarming left its services running without a
    // watchdog, so that its free lease proves nothing. The node is waited for.
    if (entry->member_online || entry->mode == LRM_MODE_DISARM) {
        return true;
    }
    // INV-2: the lease of an LRM that did not have it when it was heard last is free, whatever runs
    // there.
    if (entry->silent && !round_is_protected(round, node)) {
        return true;
    }
    int64_t until_ms;
    if (!presence_is_awaited(&round->manager->presence, round->input, round->timing, entry->name,
                             &until_ms)) {
        return false;
    }
    master_round_wake(round, until_ms);
    return true;
}

bool master_round_is_lost(struct master_round *round, int node)
{
    if (!round->classic && node != NODE_NONE && round_is_spared(round, node)) {
        return false;
    }
    // INV-10: a node whose ha-clusterd alone is gone may have it back soon.
    bool at_once =
        node != NODE_NONE && round->nodes[node].has_device && !round->nodes[node].member_present;
    return master_round_is_delayed(round, node, at_once ? 0 : round->timing->fence_delay_ms);
}

bool master_round_is_lost_for(struct master_round *round, const struct item *item)
{
    // INV-2: the lease of a node whose LRM never took it is free, whatever runs there. What may run
    // unguarded is waited for until the node is back. What an LRM said before that was known may be
    // the word of one that has ended since.
    const struct round_node *node = item->node != NODE_NONE ? &round->nodes[item->node] : NULL;
    bool said = node != NULL && !node->silent && round_is_protected(round, item->node) &&
                node->lrm->version >= item->slot->record_version;
    if (item->record->unguarded && !said && !planted_is(PLANTED_UNGUARDED_IGNORED)) {
        return false;
    }
    return master_round_is_lost(round, item->node);
}

// ---- services

bool master_round_is_full(struct master_round *round, const struct item *item)
{
    if (round->classic || item->edited != NULL || round->changes < MASTER_ROUND_CHANGES_MAX) {
        return false;
    }
    round->truncated = true;
    return true;
}

struct service *item_edit(struct master_round *round, struct item *item)
{
    assert(item->record != NULL);
    if (item->edited == NULL) {
        round->changes++;
        item->edited = arena_new_of(round->arena, struct service);
        *item->edited = *item->record;
        item->record = item->edited;
    }
    assert(item->record == item->edited);
    return item->edited;
}

// What the node's LRM said of the item's present task. Nothing counts of an LRM without a status.
static const struct lrm_result *item_result_at(const struct item *item,
                                               const struct round_node *node)
{
    if (node->lrm == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < item->slot->results_count; i++) {
        const struct crm_result *said = &item->slot->results[i];
        if (strcmp(said->result->uid, item->record->uid) == 0 &&
            strcmp(said->node, node->name) == 0) {
            return said->result;
        }
    }
    return map_find(&node->lrm->results, item->record->uid);
}

const struct lrm_result *item_result(const struct master_round *round, const struct item *item)
{
    assert(item->node != NODE_NONE); // the round's table has every node that a record names
    if (item->record->uid == NULL) {
        return NULL;
    }
    // Only the LRM of the service's own node is asked: nobody else was given this task. In classic
    // replay a result counts wherever it stands: that of a service which was moved by hand, too.
    int first = round->classic ? 0 : item->node;
    int last = round->classic ? round->nodes_count - 1 : item->node;
    const struct lrm_result *result = NULL;
    for (int i = first; i <= last && result == NULL; i++) {
        result = item_result_at(item, &round->nodes[i]);
    }
    return result;
}

enum svc_state item_wanted(const struct item *item)
{
    return item->request == REQUEST_STATE_STARTED ? SVC_STATE_STARTED : SVC_STATE_REQUEST_STOP;
}

static const char *round_node_name(const struct master_round *round, int node)
{
    return node != NODE_NONE ? round->nodes[node].name : NULL;
}

void item_change(struct master_round *round, struct item *item, const struct change *change)
{
    struct service *record = item_edit(round, item);
    int state = (int)record->state;
    const char *from = svc_state_to_string(record->state);
    transition_move(&transitions_service, &state, (int)change->to);

    if (round->usage != NULL) {
        usage_remove(round->usage, item);
    }
    if (change->node != NODE_NONE) {
        // Where it comes to, nothing of it runs yet.
        record->unguarded = record->unguarded && change->node == item->node;
        item->node = change->node;
        record->node = round->nodes[change->node].name;
    }
    item->target = change->target;
    record->state = (enum svc_state)state;
    record->target = round_node_name(round, change->target);
    record->timeout_s = change->timeout_s;
    record->cmd = (struct service_command){.kind = SERVICE_COMMAND_NONE};
    record->running = false;
    if (change->to != SVC_STATE_REQUEST_STOP && change->to != SVC_STATE_STOPPED) {
        record->halted_by = NULL;
    }
    record->uid = master_round_uid(round);
    if (round->usage != NULL) { // before it is built, it will count what it then finds
        usage_add(round, item);
    }

    struct event *event = master_round_event(round, EVENT_LEVEL_NOTICE, "service-state");
    master_round_text(round, event, "sid", item->sid);
    master_round_text(round, event, "from", from);
    master_round_text(round, event, "to", svc_state_to_string(record->state));
    master_round_text(round, event, "node", round_node_name(round, change->node));
    master_round_text(round, event, "target", record->target);
    if (change->timeout_s != SERVICE_TIMEOUT_NONE) {
        event_int(event, "timeout", change->timeout_s);
    }
}

void item_change_at(struct master_round *round, struct item *item, enum svc_state to, int node)
{
    struct change change = {
        .to = to, .node = node, .target = NODE_NONE, .timeout_s = SERVICE_TIMEOUT_NONE};
    item_change(round, item, &change);
}

void item_change_state(struct master_round *round, struct item *item, enum svc_state to)
{
    item_change_at(round, item, to, NODE_NONE);
}

// ---- writing

static bool service_command_is_equal(const struct service_command *a,
                                     const struct service_command *b)
{
    return a->kind == b->kind && round_is_same(a->target, b->target) &&
           a->timeout_s == b->timeout_s;
}

static bool service_is_equal(const struct service *a, const struct service *b)
{
    if (a->state != b->state || !round_is_same(a->node, b->node) ||
        !round_is_same(a->uid, b->uid) || !round_is_same(a->target, b->target) ||
        a->timeout_s != b->timeout_s || !service_command_is_equal(&a->cmd, &b->cmd) ||
        a->running != b->running || a->unguarded != b->unguarded || a->attempts != b->attempts ||
        a->retry_at_s != b->retry_at_s ||
        !round_is_same(a->maintenance_node, b->maintenance_node) ||
        !round_is_same(a->error, b->error) || !round_is_same(a->output, b->output) ||
        !round_is_same(a->halted_by, b->halted_by) ||
        a->failed_nodes_count != b->failed_nodes_count) {
        return false;
    }
    for (size_t i = 0; i < a->failed_nodes_count; i++) {
        if (!round_is_same(a->failed_nodes[i], b->failed_nodes[i])) {
            return false;
        }
    }
    return true;
}

static void round_finish_item(struct master_round *round, const struct item *item)
{
    struct crm_write *write = &round->output->write;
    bool removed = item->stored != NULL && item->record == NULL;
    bool added = item->stored == NULL && item->record != NULL;
    bool changed = item->edited != NULL && item->record != NULL && item->stored != NULL &&
                   !service_is_equal(item->stored, item->record);
    if (removed || added || changed) {
        struct crm_write_record *entry = arena_new_of(round->arena, struct crm_write_record);
        *entry = (struct crm_write_record){.sid = item->sid, .record = item->record};
        pointer_list_add(round->arena, &write->records, entry);
    }
    bool moved = !round_is_same(item->guest_node, item->slot->guest_node);
    if (moved || item->guest_unlock) {
        struct crm_write_guest *entry = arena_new_of(round->arena, struct crm_write_guest);
        *entry = (struct crm_write_guest){.sid = item->sid,
                                          .from = item->slot->guest_node,
                                          .node = moved ? item->guest_node : NULL,
                                          .unlock = item->guest_unlock};
        pointer_list_add(round->arena, &write->guests, entry);
    }
    if (item->stop_request || item->drop_group) {
        struct crm_write_resource *entry = arena_new_of(round->arena, struct crm_write_resource);
        *entry = (struct crm_write_resource){.sid = item->sid,
                                             .stop = item->stop_request,
                                             .drop_group = item->drop_group,
                                             .failback_off = item->failback_off};
        pointer_list_add(round->arena, &write->resources, entry);
    }
}

static struct manager_status *round_make_status(struct master_round *round)
{
    struct manager_status *status = manager_status_new(round->arena);
    status->master_node = round->own;
    status->term = round->manager->term;
    status->disarm = round->disarm;
    status->disarmed = round->disarmed;
    for (int i = 0; i < round->nodes_count; i++) {
        const struct round_node *node = &round->nodes[i];
        if (node->present) {
            struct manager_node *entry = arena_new_of(round->arena, struct manager_node);
            entry->state = (enum node_state)node->state;
            entry->maintenance_requested = node->maintenance_requested;
            entry->fence_proof = node->fence_proof;
            entry->fence_evidence = node->fence_evidence;
            entry->held_off_until_s = node->held_off_until_s;
            map_put(&status->nodes, node->name, entry);
        }
    }
    return status;
}

static bool manager_node_is_equal(const struct manager_node *a, const struct manager_node *b)
{
    return a->state == b->state && a->maintenance_requested == b->maintenance_requested &&
           a->held_off_until_s == b->held_off_until_s &&
           round_is_same(a->fence_proof, b->fence_proof) &&
           round_is_same(a->fence_evidence, b->fence_evidence);
}

static bool status_is_equal(const struct manager_status *a, const struct manager_status *b)
{
    if (!round_is_same(a->master_node, b->master_node) || a->term != b->term ||
        a->disarm != b->disarm || a->disarmed != b->disarmed || a->nodes.count != b->nodes.count) {
        return false;
    }
    for (size_t i = 0; i < a->nodes.count; i++) {
        if (strcmp(a->nodes.entries[i].key, b->nodes.entries[i].key) != 0 ||
            !manager_node_is_equal(a->nodes.entries[i].value, b->nodes.entries[i].value)) {
            return false;
        }
    }
    return true;
}

void master_round_finish(struct master_round *round)
{
    struct crm_write *write = &round->output->write;
    for (size_t i = 0; i < round->items_count; i++) {
        round_finish_item(round, &round->items[i]);
    }
    write->term = round->manager->term;
    write->status = round_make_status(round);
    write->answers = round->answers;
    write->rules = round->new_rules;
    write->groups_remove = round->groups_remove;
    write->wanted = !status_is_equal(write->status, round->input->documents->status) ||
                    write->records.count > 0 || write->guests.count > 0 ||
                    write->resources.count > 0 || write->answers.count > 0 ||
                    write->rules != NULL || write->groups_remove;
}
