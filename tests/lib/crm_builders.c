// SPDX-License-Identifier: Apache-2.0
// Documents are built directly, without text, so that a test of decisions does not depend on
// parsers.
#include "tests/lib/crm_builders.h"

#include <assert.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/command.h"
#include "common/model/event.h"
#include "common/model/storage.h"
#include "common/model/store_keys.h"

enum { CLUSTER_START_MS = 1000 * 1000 };

struct cluster *cluster_new(struct arena *arena, enum timing_profile profile, size_t nodes)
{
    assert(nodes <= CLUSTER_NODES_MAX);
    struct cluster *cluster = alloc_zero(sizeof(*cluster));
    cluster->arena = arena;
    timing_get(profile, &cluster->timing);
    cluster->crm = crm_new("node1", &cluster->timing);
    cluster->status = manager_status_new(arena);
    options_init(&cluster->options);
    map_init_arena(&cluster->documents.slots, arena);
    map_init_arena(&cluster->documents.lrms, arena);
    map_init_arena(&cluster->documents.storages, arena);
    map_init_arena(&cluster->documents.storage_states, arena);
    map_init_arena(&cluster->documents.versions, arena);
    map_init_arena(&cluster->leases, arena);
    map_init_arena(&cluster->stats.nodes, arena);
    map_init_arena(&cluster->stats.guests, arena);
    cluster->documents.readable = true;
    cluster->documents.status = cluster->status;
    cluster->documents.options = &cluster->options;
    cluster->input = (struct crm_input){.arena = arena,
                                        .now_ms = CLUSTER_START_MS,
                                        .view_ok = true,
                                        .member_ok = true,
                                        .documents = &cluster->documents,
                                        .seed = "seed"};
    for (size_t i = 0; i < nodes; i++) {
        cluster->members[i] =
            (struct member){.node = arena_printf(arena, "node%zu", i + 1), .online = true};
    }
    cluster->input.members =
        (struct member_list){.members = cluster->members, .count = nodes, .quorate = true};
    struct crm_output output = {0};
    crm_start(cluster->crm, arena, &output);
    return cluster;
}

void cluster_free(struct cluster *cluster)
{
    if (cluster != NULL) {
        crm_free(cluster->crm);
        alloc_freep(&cluster);
    }
}

void cluster_freep(struct cluster **cluster)
{
    cluster_free(*cluster);
    *cluster = NULL;
}

// ---- the world

void cluster_pass(struct cluster *cluster, int64_t seconds)
{
    cluster->input.now_ms += seconds * 1000;
}

void cluster_pass_ms(struct cluster *cluster, int64_t ms)
{
    cluster->input.now_ms += ms;
}

struct fence_device *cluster_device(struct cluster *cluster, const char *name, const char *node,
                                    int64_t level)
{
    if (cluster->fence == NULL) {
        cluster->fence = fence_config_new(cluster->arena);
        cluster->documents.fence = cluster->fence;
        cluster->input.can_fence = true;
    }
    struct fence_device *device = fence_device_new(cluster->arena, name);
    device->agent = "fence_test";
    device->level = level;
    map_put(&device->nodes, node, NULL);
    map_put(&cluster->fence->devices, name, device);
    cluster->documents.generation++;
    return device;
}

void cluster_fence_result(struct cluster *cluster, const char *device, const char *node,
                          enum fence_verdict verdict)
{
    struct fence_result *result = arena_new_of(cluster->arena, struct fence_result);
    *result = (struct fence_result){.node = arena_strdup(cluster->arena, node),
                                    .device = arena_strdup(cluster->arena, device),
                                    .verdict = verdict,
                                    .evidence = verdict == FENCE_VERDICT_OFF ? "is off" : "broken",
                                    .took_ms = 5};
    pointer_list_add(cluster->arena, &cluster->results, result);
}

const char *cluster_orders(struct cluster *cluster)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < cluster->actions.count; i++) {
        const struct crm_action *action = cluster->actions.items[i];
        if (action->kind == CRM_ACTION_FENCE_OFF) {
            strbuf_appendf(&text, "%s%s>%s", text.size_bytes > 0 ? " " : "", action->device->name,
                           action->node);
        }
    }
    return arena_strdup(cluster->arena, strbuf_text(&text));
}

void cluster_set_online(struct cluster *cluster, const char *node, bool online)
{
    for (size_t i = 0; i < cluster->input.members.count; i++) {
        if (strcmp(cluster->members[i].node, node) == 0) {
            cluster->members[i].online = online;
            return;
        }
    }
    assert(online); // the node must exist
}

struct manager_node *cluster_node(struct cluster *cluster, const char *node, enum node_state state)
{
    struct manager_node *entry = arena_new_of(cluster->arena, struct manager_node);
    entry->state = state;
    map_put(&cluster->status->nodes, node, entry);
    cluster->documents.generation++;
    return entry;
}

void cluster_settle_nodes(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->input.members.count; i++) {
        (void)cluster_node(cluster, cluster->members[i].node, NODE_STATE_ONLINE);
        (void)cluster_lrm(cluster, cluster->members[i].node, LRM_MODE_ACTIVE);
    }
}

struct lrm_status *cluster_lrm(struct cluster *cluster, const char *node, enum lrm_mode mode)
{
    struct lrm_status *lrm = map_find(&cluster->documents.lrms, node);
    if (lrm == NULL) {
        lrm = lrm_status_new(cluster->arena);
        lrm->state = LRM_STATE_ACTIVE;
        map_put(&cluster->documents.lrms, node, lrm);
    }
    lrm->mode = mode;
    cluster->documents.generation++;
    return lrm;
}

void cluster_lease(struct cluster *cluster, const char *lease, int answer)
{
    int *entry = arena_new_of(cluster->arena, int);
    *entry = answer;
    map_put(&cluster->leases, lease, entry);
}

void cluster_agent_lease(struct cluster *cluster, const char *node, int answer)
{
    cluster_lease(cluster, arena_printf(cluster->arena, LEASE_AGENT_FORMAT, node), answer);
}

// ---- documents

struct crm_slot *cluster_slot(struct cluster *cluster, const char *sid)
{
    struct crm_slot *slot = map_find(&cluster->documents.slots, sid);
    if (slot == NULL) {
        slot = arena_new_of(cluster->arena, struct crm_slot);
        slot->sid = arena_strdup(cluster->arena, sid);
        map_put(&cluster->documents.slots, sid, slot);
    }
    cluster->documents.generation++;
    return slot;
}

struct resource *cluster_resource(struct cluster *cluster, const char *sid, const char *node,
                                  enum request_state request)
{
    struct crm_slot *slot = cluster_slot(cluster, sid);
    struct resource *resource = resource_new(cluster->arena, sid);
    resource->state = request;
    cluster->documents.resources_count += slot->resource == NULL ? 1 : 0;
    cluster->documents.resources_version++;
    slot->resource = resource;
    slot->guest_node = arena_strdup(cluster->arena, node);
    return resource;
}

static void cluster_count(struct cluster *cluster, const struct service *record, size_t change)
{
    cluster->documents.records_count += record != NULL ? change : 0;
    cluster->documents.fence_count +=
        record != NULL && record->state == SVC_STATE_FENCE ? change : 0;
}

static void cluster_set_record(struct cluster *cluster, struct crm_slot *slot,
                               const struct service *record)
{
    cluster_count(cluster, slot->record, SIZE_MAX);
    slot->record = record;
    cluster_count(cluster, record, 1);
}

struct service *cluster_service(struct cluster *cluster, const char *sid, enum svc_state state,
                                const char *node, enum request_state request)
{
    (void)cluster_resource(cluster, sid, node, request);
    struct service *record = arena_new_of(cluster->arena, struct service);
    record->sid = arena_strdup(cluster->arena, sid);
    record->state = state;
    record->node = arena_strdup(cluster->arena, node);
    record->uid = arena_printf(cluster->arena, "uid%llu", (unsigned long long)++cluster->uids);
    record->timeout_s = SERVICE_TIMEOUT_NONE;
    cluster_set_record(cluster, cluster_slot(cluster, sid), record);
    return record;
}

const struct service *cluster_record(const struct cluster *cluster, const char *sid)
{
    const struct crm_slot *slot = map_find(&cluster->documents.slots, sid);
    return slot != NULL ? slot->record : NULL;
}

enum node_state cluster_node_state(const struct cluster *cluster, const char *node)
{
    const struct manager_node *entry = map_find(&cluster->documents.status->nodes, node);
    return entry != NULL ? entry->state : NODE_STATE_UNKNOWN;
}

void cluster_result(struct cluster *cluster, const char *sid, int64_t code)
{
    const struct service *record = cluster_record(cluster, sid);
    assert(record != NULL);
    struct lrm_status *lrm = map_find(&cluster->documents.lrms, record->node);
    if (lrm == NULL) {
        lrm = cluster_lrm(cluster, record->node, LRM_MODE_ACTIVE);
    }
    struct lrm_result *result = arena_new_of(cluster->arena, struct lrm_result);
    *result = (struct lrm_result){
        .uid = record->uid, .sid = record->sid, .state = record->state, .exit_code = code};
    struct crm_result *said = arena_new_of(cluster->arena, struct crm_result);
    *said = (struct crm_result){.node = record->node, .result = result};
    struct crm_slot *slot = cluster_slot(cluster, sid);
    slot->results = said;
    slot->results_count = 1;
}

struct storage *cluster_storage(struct cluster *cluster, const char *id)
{
    struct storage *storage = storage_new(cluster->arena, STORAGE_TYPE_DIR, id);
    map_put(&cluster->documents.storages, id, storage);
    cluster->documents.generation++;
    return storage;
}

void cluster_guest_storage(struct cluster *cluster, const char *sid, const char *storage)
{
    struct crm_slot *slot = cluster_slot(cluster, sid);
    const char **names = arena_array_of(cluster->arena, const char *, 1);
    names[0] = storage;
    slot->storages = names;
    slot->storages_count = 1;
    cluster->documents.generation++;
}

void cluster_storage_state(struct cluster *cluster, const char *node, const char *storage,
                           enum storage_condition condition)
{
    struct map *states = map_find(&cluster->documents.storage_states, node);
    if (states == NULL) {
        states = arena_new_of(cluster->arena, struct map);
        map_init_arena(states, cluster->arena);
        map_put(&cluster->documents.storage_states, node, states);
    }
    struct storage_state *state = arena_new_of(cluster->arena, struct storage_state);
    state->condition = condition;
    map_put(states, storage, state);
    cluster->documents.generation++;
}

void cluster_command(struct cluster *cluster, const char *id, const char *text)
{
    size_t count = cluster->documents.commands_count;
    struct crm_command *commands = arena_array_of(cluster->arena, struct crm_command, count + 1);
    if (count > 0) {
        memcpy(commands, cluster->documents.commands, count * sizeof(*commands));
    }
    struct command *command = NULL;
    struct error err = {0};
    struct crm_command *entry = &commands[count];
    entry->id = arena_strdup(cluster->arena, id);
    entry->text = arena_strdup(cluster->arena, text);
    if (command_parse_text(cluster->arena, text, &command, &err) < 0) {
        entry->reason = arena_strdup(cluster->arena, err.text);
    } else {
        entry->command = command;
    }
    cluster->documents.commands = commands;
    cluster->documents.commands_count = count + 1;
    cluster->documents.generation++;
}

void cluster_rules(struct cluster *cluster, const char *text)
{
    cluster->documents.rules = arena_strdup(cluster->arena, text);
    cluster->documents.rules_version++;
    cluster->documents.generation++;
}

void cluster_groups(struct cluster *cluster, const char *text)
{
    cluster->documents.groups = arena_strdup(cluster->arena, text);
    cluster->documents.groups_version++;
    cluster->documents.generation++;
}

void cluster_stats_node(struct cluster *cluster, const char *node, double cpu, double mem)
{
    struct node_stats *stats = arena_new_of(cluster->arena, struct node_stats);
    *stats = (struct node_stats){
        .cpu = cpu, .maxcpu = 16, .mem = mem, .maxmem = 64e9, .has_static = true};
    map_put(&cluster->stats.nodes, node, stats);
}

void cluster_stats_guest(struct cluster *cluster, const char *sid, const char *node, double cpu,
                         double mem)
{
    struct guest_stats *stats = arena_new_of(cluster->arena, struct guest_stats);
    *stats = (struct guest_stats){.node = arena_strdup(cluster->arena, node),
                                  .running = true,
                                  .cpu = cpu,
                                  .maxcpu = cpu,
                                  .mem = mem,
                                  .maxmem = mem};
    map_put(&cluster->stats.guests, sid, stats);
}

// ---- rounds

static struct crm_lease_answer cluster_acquire(struct cluster *cluster, const char *lease)
{
    const int *fixed = map_find(&cluster->leases, lease);
    struct crm_lease_answer answer = {.lease = lease};
    if (fixed != NULL) {
        answer.answer = *fixed;
    } else if (strcmp(lease, LEASE_MANAGER) == 0) {
        answer.answer = cluster->had_manager_lease ? LEASE_RENEWED : LEASE_ACQUIRED;
    } else {
        answer.answer = LEASE_BUSY;
    }
    if (strcmp(lease, LEASE_MANAGER) == 0) {
        cluster->had_manager_lease =
            answer.answer == LEASE_ACQUIRED || answer.answer == LEASE_RENEWED;
    }
    cluster->term += answer.answer == LEASE_ACQUIRED ? 1 : 0;
    answer.grant = (struct lease_grant){.term = cluster->term,
                                        .origin = cluster->origin,
                                        .authority_until_ms =
                                            cluster->input.now_ms + cluster->timing.authority_ms,
                                        .retry_at_ms = cluster->input.now_ms + 777};
    return answer;
}

static void cluster_carry_out(struct cluster *cluster)
{
    const struct pointer_list *actions = &cluster->output.actions;
    struct crm_lease_answer *answers =
        arena_array_of(cluster->arena, struct crm_lease_answer, actions->count);
    size_t count = 0;
    for (size_t i = 0; i < actions->count; i++) {
        const struct crm_action *action = actions->items[i];
        if (action->kind == CRM_ACTION_LEASE_ACQUIRE) {
            answers[count++] = cluster_acquire(cluster, action->lease);
        }
        pointer_list_add(cluster->arena, &cluster->actions, actions->items[i]);
    }
    cluster->input.answers = answers;
    cluster->input.answers_count = count;
}

static void cluster_apply_command(struct cluster *cluster, const char *id)
{
    struct crm_command *commands =
        arena_array_of(cluster->arena, struct crm_command, cluster->documents.commands_count);
    size_t count = 0;
    for (size_t i = 0; i < cluster->documents.commands_count; i++) {
        if (strcmp(cluster->documents.commands[i].id, id) != 0) {
            commands[count++] = cluster->documents.commands[i];
        }
    }
    cluster->documents.commands = commands;
    cluster->documents.commands_count = count;
}

static void cluster_apply(struct cluster *cluster)
{
    const struct crm_write *write = &cluster->output.write;
    if (!write->wanted || cluster->write_fails) {
        return;
    }
    cluster->documents.status = write->status;
    *cluster->status = *write->status;
    for (size_t i = 0; i < write->records.count; i++) {
        const struct crm_write_record *entry = write->records.items[i];
        cluster_set_record(cluster, cluster_slot(cluster, entry->sid), entry->record);
    }
    for (size_t i = 0; i < write->guests.count; i++) {
        const struct crm_write_guest *entry = write->guests.items[i];
        struct crm_slot *slot = cluster_slot(cluster, entry->sid);
        slot->guest_node = entry->node != NULL ? entry->node : slot->guest_node;
        slot->guest_lock = entry->unlock ? NULL : slot->guest_lock;
    }
    for (size_t i = 0; i < write->resources.count; i++) {
        const struct crm_write_resource *entry = write->resources.items[i];
        struct resource *copy = arena_new_of(cluster->arena, struct resource);
        struct crm_slot *slot = cluster_slot(cluster, entry->sid);
        *copy = *slot->resource;
        copy->state = entry->stop ? REQUEST_STATE_STOPPED : copy->state;
        copy->group = entry->drop_group ? NULL : copy->group;
        copy->failback = copy->failback && !entry->failback_off;
        slot->resource = copy;
    }
    for (size_t i = 0; i < write->answers.count; i++) {
        const struct crm_write_answer *entry = write->answers.items[i];
        cluster_apply_command(cluster, entry->id);
    }
    if (write->rules != NULL) {
        cluster_rules(cluster, write->rules);
    }
    cluster->documents.groups = write->groups_remove ? NULL : cluster->documents.groups;
    cluster->documents.generation++;
}

void cluster_round(struct cluster *cluster)
{
    cluster->events = (struct pointer_list){0};
    cluster->actions = (struct pointer_list){0};
    cluster->calls = 0;
    cluster->input.answers = NULL;
    cluster->input.answers_count = 0;
    cluster->input.seed =
        arena_printf(cluster->arena, "round%llu", (unsigned long long)++cluster->rounds);
    cluster->input.static_stats = cluster->stats_missing ? NULL : &cluster->stats;
    cluster->input.dynamic_stats = cluster->input.static_stats;
    struct fence_result *results =
        arena_array_of(cluster->arena, struct fence_result, cluster->results.count);
    for (size_t i = 0; i < cluster->results.count; i++) {
        const struct fence_result *result = cluster->results.items[i];
        results[i] = *result;
    }
    cluster->input.fence_results = results;
    cluster->input.fence_results_count = cluster->results.count;
    cluster->results = (struct pointer_list){0};
    cluster->input.wall_s = cluster->input.now_ms / 1000;
    do {
        assert(cluster->calls < CRM_CALLS_MAX);
        cluster->calls++;
        cluster->output = (struct crm_output){0};
        crm_step(cluster->crm, &cluster->input, &cluster->output);
        for (size_t i = 0; i < cluster->output.events.count; i++) {
            pointer_list_add(cluster->arena, &cluster->events, cluster->output.events.items[i]);
        }
        cluster_carry_out(cluster);
    } while (cluster->output.again);
    cluster_apply(cluster);
}

void cluster_become_master(struct cluster *cluster)
{
    cluster_round(cluster);
    assert(crm_state_get(cluster->crm) == CRM_STATE_MASTER);
    cluster->events = (struct pointer_list){0};
}

// ---- what happened

static const struct event *cluster_event(const struct cluster *cluster, size_t i)
{
    const struct crm_output_event *entry = cluster->events.items[i];
    return entry->event;
}

const char *cluster_events(struct cluster *cluster, const char *name)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < cluster->events.count; i++) {
        const struct event *event = cluster_event(cluster, i);
        if (name == NULL || strcmp(event->name, name) == 0) {
            event_format_text(event, &text);
            strbuf_append_char(&text, '\n');
        }
    }
    return arena_strdup(cluster->arena, strbuf_text(&text));
}

size_t cluster_events_count(const struct cluster *cluster, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < cluster->events.count; i++) {
        count += strcmp(cluster_event(cluster, i)->name, name) == 0 ? 1 : 0;
    }
    return count;
}

const char *cluster_moves(struct cluster *cluster, const char *sid)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < cluster->events.count; i++) {
        const struct event *event = cluster_event(cluster, i);
        if (strcmp(event->name, "service-state") == 0 &&
            strcmp(event_find(event, "sid"), sid) == 0) {
            strbuf_appendf(&text, "%s%s>%s", text.size_bytes > 0 ? " " : "",
                           event_find(event, "from"), event_find(event, "to"));
        }
    }
    return arena_strdup(cluster->arena, strbuf_text(&text));
}

bool cluster_acted(const struct cluster *cluster, enum crm_action_kind kind, const char *lease)
{
    for (size_t i = 0; i < cluster->actions.count; i++) {
        const struct crm_action *action = cluster->actions.items[i];
        if (action->kind == kind &&
            (lease == NULL || (action->lease != NULL && strcmp(action->lease, lease) == 0))) {
            return true;
        }
    }
    return false;
}

const char *cluster_write_text(struct cluster *cluster)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    const struct crm_write *write = &cluster->output.write;
    if (!write->wanted) {
        return "";
    }
    strbuf_appendf(&text, "%s\n", manager_status_format(cluster->arena, write->status));
    for (size_t i = 0; i < write->records.count; i++) {
        const struct crm_write_record *entry = write->records.items[i];
        strbuf_appendf(&text, "%s %s\n", entry->sid,
                       entry->record != NULL ? service_format(cluster->arena, entry->record) : "-");
    }
    for (size_t i = 0; i < write->guests.count; i++) {
        const struct crm_write_guest *entry = write->guests.items[i];
        strbuf_appendf(&text, "guest %s %s>%s%s\n", entry->sid, entry->from,
                       entry->node != NULL ? entry->node : "-", entry->unlock ? " unlock" : "");
    }
    for (size_t i = 0; i < write->resources.count; i++) {
        const struct crm_write_resource *entry = write->resources.items[i];
        strbuf_appendf(&text, "resource %s%s%s%s\n", entry->sid, entry->stop ? " stop" : "",
                       entry->drop_group ? " drop-group" : "",
                       entry->failback_off ? " failback-off" : "");
    }
    for (size_t i = 0; i < write->answers.count; i++) {
        const struct crm_write_answer *entry = write->answers.items[i];
        strbuf_appendf(&text, "answer %s %s\n", entry->id, entry->refused ? entry->reason : "ok");
    }
    return arena_strdup(cluster->arena, strbuf_text(&text));
}

const struct crm_write_guest *cluster_guest_write(const struct cluster *cluster, const char *sid)
{
    for (size_t i = 0; i < cluster->output.write.guests.count; i++) {
        const struct crm_write_guest *entry = cluster->output.write.guests.items[i];
        if (strcmp(entry->sid, sid) == 0) {
            return entry;
        }
    }
    return NULL;
}

const char *cluster_answer(const struct cluster *cluster, const char *id)
{
    for (size_t i = 0; i < cluster->output.write.answers.count; i++) {
        const struct crm_write_answer *entry = cluster->output.write.answers.items[i];
        if (strcmp(entry->id, id) == 0) {
            return entry->refused ? entry->reason : "";
        }
    }
    return NULL;
}
