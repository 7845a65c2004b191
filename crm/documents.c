// SPDX-License-Identifier: Apache-2.0
// One reader for each prefix of the store, all of one shape: given a changed entry, parse it in a
// scratch arena and copy what is needed into memory of its own.
#include "crm/documents.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/command.h"
#include "common/model/event.h"
#include "common/model/fence_config.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/options.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/storage.h"
#include "common/model/storage_state.h"
#include "common/model/store_keys.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"
#include "crm/document_slot.h"

struct document_lrm {
    struct arena *arena;
    struct lrm_status *status;
};

// A parsed document in an arena of its own.
struct document_parsed {
    struct arena *arena;
    struct storage *storage; // of storages
    struct map states;       // of a node's storage states
};

struct document_command {
    struct arena *arena;
    struct crm_command command;
    uint64_t version;
};

struct documents {
    struct crm_documents view;
    struct arena *scratch;
    struct event_sink *events; // of the running update
    struct map lrms;           // node → struct document_lrm *
    struct map versions;       // node → char *
    struct map commands;       // id → struct document_command *
    struct crm_command *commands_in_order;
    struct arena *status_arena;
    uint64_t status_version;
    struct arena *options_arena;
    struct options options;
    struct arena *fence_arena;
    char *rules;
    char *groups;
    char *reason;
    struct map storages;       // id → struct document_parsed *
    struct map storage_states; // node → struct document_parsed *
    uint64_t since[11];        // of each reader
};

// ---- memory

static void document_lrm_free(void *value)
{
    struct document_lrm *lrm = value;
    arena_free(lrm->arena);
    free(lrm);
}

static void document_parsed_free(void *value)
{
    struct document_parsed *parsed = value;
    arena_free(parsed->arena);
    free(parsed);
}

static void document_command_free(void *value)
{
    struct document_command *command = value;
    arena_free(command->arena);
    free(command);
}

static void documents_init(struct documents *documents)
{
    documents->scratch = arena_new();
    map_init(&documents->view.slots, document_slot_free);
    map_init(&documents->lrms, document_lrm_free);
    map_init(&documents->versions, free);
    map_init(&documents->view.lrms, NULL);
    map_init(&documents->storages, document_parsed_free);
    map_init(&documents->storage_states, document_parsed_free);
    map_init(&documents->view.storages, NULL);
    map_init(&documents->view.storage_states, NULL);
    map_init(&documents->commands, document_command_free);
    documents->status_arena = arena_new();
    documents->view.status = manager_status_new(documents->status_arena);
    documents->options_arena = arena_new();
    options_init(&documents->options);
    documents->view.options = &documents->options;
    documents->status_version = STORE_ABSENT;
}

static void documents_done(struct documents *documents)
{
    arena_free(documents->scratch);
    map_done(&documents->view.slots);
    map_done(&documents->view.lrms);
    map_done(&documents->lrms);
    map_done(&documents->versions);
    map_done(&documents->view.storages);
    map_done(&documents->view.storage_states);
    map_done(&documents->storages);
    map_done(&documents->storage_states);
    map_done(&documents->commands);
    free(documents->commands_in_order);
    arena_free(documents->status_arena);
    arena_free(documents->options_arena);
    arena_free(documents->fence_arena);
    free(documents->rules);
    free(documents->groups);
    free(documents->reason);
}

struct documents *documents_new(void)
{
    struct documents *documents = alloc_zero(sizeof(*documents));
    documents_init(documents);
    return documents;
}

void documents_free(struct documents *documents)
{
    if (documents == NULL) {
        return;
    }
    documents_done(documents);
    free(documents);
}

const struct crm_documents *documents_view(const struct documents *documents)
{
    return &documents->view;
}

// ---- slots

static struct document_slot *documents_get_slot(struct documents *documents, const char *sid)
{
    struct document_slot *slot = map_find(&documents->view.slots, sid);
    if (slot == NULL) {
        slot = alloc_zero(sizeof(*slot));
        slot->sid = alloc_strdup(sid);
        slot->slot.sid = slot->sid;
        map_put(&documents->view.slots, sid, slot);
    }
    return slot;
}

static void documents_settle_slot(struct documents *documents, struct document_slot *slot)
{
    slot->slot.unreadable = slot->resource_bad || slot->guest_bad || slot->record_bad;
    bool empty = slot->resource_version == STORE_ABSENT && slot->guest_version == STORE_ABSENT &&
                 slot->slot.record_version == STORE_ABSENT && slot->slot.results_count == 0;
    if (empty) {
        char *sid CLEANUP(alloc_freep) = alloc_strdup(slot->sid);
        (void)map_remove(&documents->view.slots, sid); // it is there
    }
}

static void documents_tell_corrupt(struct documents *documents, const struct store_entry *entry,
                                   const struct error *err)
{
    struct event *event = event_new(documents->scratch, EVENT_LEVEL_ERROR, "document-corrupt");
    (void)event_text(documents->scratch, event, "key", entry->key);
    (void)event_text(documents->scratch, event, "reason", err->text);
    event_emit(documents->events, event);
}

// A value that speaks of another service than its key would put the wrong one somewhere.
static int documents_check_sid(const char *found, const char *expected, struct error *err)
{
    if (strcmp(found, expected) != 0) {
        return error_set(err, -EINVAL, "it is about '%s'", found);
    }
    return 0;
}

static void documents_set_resource(struct documents *documents, struct document_slot *slot,
                                   const struct resource *resource)
{
    documents->view.resources_count -= slot->resource != NULL ? 1 : 0;
    document_slot_set_resource(slot, resource);
    documents->view.resources_count += slot->resource != NULL ? 1 : 0;
}

static void documents_read_resource(struct documents *documents, const struct store_entry *entry,
                                    const char *sid)
{
    struct document_slot *slot = documents_get_slot(documents, sid);
    struct error err = {0};
    struct resource *resource = NULL;
    slot->resource_version = entry->value != NULL ? entry->version : STORE_ABSENT;
    slot->resource_bad = false;
    if (entry->value == NULL) {
        documents_set_resource(documents, slot, NULL);
    } else if (resource_parse(documents->scratch, entry->value, &resource, &err) < 0 ||
               documents_check_sid(resource->sid, sid, &err) < 0) {
        documents_tell_corrupt(documents, entry, &err);
        slot->resource_bad = slot->resource == NULL;
    } else {
        documents_set_resource(documents, slot, resource);
    }
    if (entry->version > documents->view.resources_version) {
        documents->view.resources_version = entry->version;
    }
    documents_settle_slot(documents, slot);
}

static void documents_read_guest(struct documents *documents, const struct store_entry *entry,
                                 const char *sid)
{
    struct document_slot *slot = documents_get_slot(documents, sid);
    struct error err = {0};
    struct guest *guest = NULL;
    slot->guest_version = entry->value != NULL ? entry->version : STORE_ABSENT;
    slot->guest_bad = false;
    if (entry->value == NULL) {
        document_slot_set_guest(slot, NULL);
    } else if (guest_parse(documents->scratch, entry->value, entry->size_bytes, &guest, &err) < 0 ||
               documents_check_sid(guest->sid, sid, &err) < 0) {
        documents_tell_corrupt(documents, entry, &err);
        // Moving it means writing it anew, so that nothing can be done for the service until it is
        // mended.
        slot->guest_bad = true;
    } else {
        document_slot_set_guest(slot, guest);
    }
    documents_settle_slot(documents, slot);
}

// ---- records

static void documents_count_record(struct documents *documents, const struct service *record,
                                   size_t change)
{
    // `change` is 1 or SIZE_MAX: sizes wrap around.
    documents->view.records_count += record != NULL ? change : 0;
    documents->view.fence_count += record != NULL && record->state == SVC_STATE_FENCE ? change : 0;
}

static void documents_set_record(struct documents *documents, struct document_slot *slot,
                                 const struct service *record)
{
    documents_count_record(documents, slot->record, SIZE_MAX);
    document_slot_set_record(slot, record);
    documents_count_record(documents, slot->record, 1);
}

static void documents_read_record(struct documents *documents, const struct store_entry *entry,
                                  const char *sid)
{
    struct document_slot *slot = documents_get_slot(documents, sid);
    if (entry->value != NULL && slot->slot.record_version == entry->version) {
        return; // this master's own write
    }
    struct error err = {0};
    struct service *record = NULL;
    slot->slot.record_version = entry->value != NULL ? entry->version : STORE_ABSENT;
    slot->record_bad = false;
    if (entry->value == NULL) {
        documents_set_record(documents, slot, NULL);
    } else if (service_parse(documents->scratch, sid, entry->value, entry->size_bytes, &record,
                             &err) < 0) {
        documents_tell_corrupt(documents, entry, &err);
        slot->record_bad = slot->record == NULL;
    } else {
        documents_set_record(documents, slot, record);
    }
    documents_settle_slot(documents, slot);
}

void documents_take(struct documents *documents, const struct crm_write *write, uint64_t version)
{
    for (size_t i = 0; i < write->records.count; i++) {
        const struct crm_write_record *entry = write->records.items[i];
        if (entry->record != NULL) {
            struct document_slot *slot = documents_get_slot(documents, entry->sid);
            documents_set_record(documents, slot, entry->record);
            slot->slot.record_version = version;
        }
    }
    documents->view.generation++;
}

// ---- commands

static void documents_read_command(struct documents *documents, const struct store_entry *entry,
                                   const char *id)
{
    (void)map_remove(&documents->commands, id); // it may be new
    if (entry->value == NULL) {
        return;
    }
    struct document_command *command = alloc_zero(sizeof(*command));
    command->arena = arena_new();
    command->version = entry->version;
    command->command.id = arena_strdup(command->arena, id);
    command->command.text = arena_strdup(command->arena, entry->value);
    struct command *parsed = NULL;
    struct error err = {0};
    if (command_parse(command->arena, entry->value, entry->size_bytes, &parsed, &err) < 0) {
        command->command.reason = arena_strdup(command->arena, err.text);
    } else {
        command->command.command = parsed;
        command->command.text = command_format_text(command->arena, parsed);
    }
    map_put(&documents->commands, id, command);
}

static int document_command_compare(const void *a, const void *b)
{
    const struct document_command *const *one = a;
    const struct document_command *const *other = b;
    if ((*one)->version != (*other)->version) {
        return (*one)->version < (*other)->version ? -1 : 1;
    }
    return strcmp((*one)->command.id, (*other)->command.id);
}

static void documents_sort_commands(struct documents *documents)
{
    size_t count = documents->commands.count;
    const struct document_command **order =
        arena_array_of(documents->scratch, const struct document_command *, count);
    size_t i = 0;
    map_each (entry, &documents->commands) {
        order[i++] = entry->value;
    }
    qsort(order, count, sizeof(const struct document_command *), document_command_compare);
    free(documents->commands_in_order);
    documents->commands_in_order = alloc_zero((count + 1) * sizeof(struct crm_command));
    for (i = 0; i < count; i++) {
        documents->commands_in_order[i] = order[i]->command;
    }
    documents->view.commands = documents->commands_in_order;
    documents->view.commands_count = count;
}

// ---- single documents

static void documents_read_status(struct documents *documents, const struct store_entry *entry,
                                  const char *rest)
{
    if (*rest != '\0') {
        return; // another key
    }
    documents->status_version = entry->value != NULL ? entry->version : STORE_ABSENT;
    struct arena *arena = arena_new();
    struct manager_status *status = NULL;
    struct error err = {0};
    if (entry->value == NULL) {
        status = manager_status_new(arena);
    } else if (manager_status_parse(arena, entry->value, entry->size_bytes, &status, &err) < 0) {
        documents_tell_corrupt(documents, entry, &err);
        arena_free(arena);
        documents->view.status_unreadable = documents->view.status->master_node == NULL;
        return;
    }
    arena_free(documents->status_arena);
    documents->status_arena = arena;
    documents->view.status = status;
    documents->view.status_unreadable = false;
}

// All but the time stamp.
static bool lrm_is_same(const struct lrm_status *a, const struct lrm_status *b)
{
    if (a->state != b->state || a->mode != b->mode || a->results.count != b->results.count) {
        return false;
    }
    for (size_t i = 0; i < a->results.count; i++) {
        const struct lrm_result *one = a->results.entries[i].value;
        const struct lrm_result *other = b->results.entries[i].value;
        if (strcmp(one->uid, other->uid) != 0 || one->exit_code != other->exit_code) {
            return false;
        }
    }
    return true;
}

static void documents_read_lrm(struct documents *documents, const struct store_entry *entry,
                               const char *node)
{
    if (entry->value == NULL) {
        documents->view.generation++;
        (void)map_remove(&documents->view.lrms, node); // either may be missing
        (void)map_remove(&documents->lrms, node);
        return;
    }
    struct document_lrm *lrm = alloc_zero(sizeof(*lrm));
    lrm->arena = arena_new();
    struct error err = {0};
    if (lrm_status_parse(lrm->arena, entry->value, entry->size_bytes, &lrm->status, &err) < 0) {
        documents_tell_corrupt(documents, entry, &err);
        document_lrm_free(lrm);
        return;
    }
    lrm->status->version = entry->version;
    const struct lrm_status *old = map_find(&documents->view.lrms, node);
    documents->view.generation += old == NULL || !lrm_is_same(old, lrm->status) ? 1 : 0;
    map_put(&documents->view.lrms, node, lrm->status);
    map_put(&documents->lrms, node, lrm);
}

static bool lrm_result_is_news(const struct lrm_result *a, const struct lrm_result *b)
{
    if (a == NULL || b == NULL) {
        return a != b;
    }
    return strcmp(a->uid, b->uid) != 0 || a->exit_code != b->exit_code;
}

static void documents_set_result(struct documents *documents, const char *sid, const char *node,
                                 const struct lrm_result *result)
{
    struct document_slot *slot = documents_get_slot(documents, sid);
    bool news = lrm_result_is_news(document_slot_find_result(slot, node), result);
    documents->view.generation += news ? 1 : 0;
    document_slot_set_result(slot, node, result);
    documents_settle_slot(documents, slot);
}

static void documents_read_result(struct documents *documents, const struct store_entry *entry,
                                  const char *rest)
{
    const char *slash = strchr(rest, '/');
    struct lrm_result *result = NULL;
    struct error err = {0};
    if (slash == NULL) {
        return; // another key
    }
    const char *sid = slash + 1;
    const char *node = arena_printf(documents->scratch, "%.*s", (int)(slash - rest), rest);
    if (entry->value != NULL &&
        (lrm_result_parse(documents->scratch, entry->value, entry->size_bytes, &result, &err) < 0 ||
         documents_check_sid(result->sid, sid, &err) < 0)) {
        documents_tell_corrupt(documents, entry, &err);
        return;
    }
    documents_set_result(documents, sid, node, result);
}

static void documents_read_version(struct documents *documents, const struct store_entry *entry,
                                   const char *node)
{
    if (entry->value == NULL) {
        (void)map_remove(&documents->versions, node); // it may be missing
    } else {
        map_put(&documents->versions, node, alloc_strdup(entry->value));
    }
    documents->view.versions = documents->versions;
}

static struct document_parsed *document_parsed_new(void)
{
    struct document_parsed *parsed = alloc_zero(sizeof(*parsed));
    parsed->arena = arena_new();
    return parsed;
}

static void documents_read_storage(struct documents *documents, const struct store_entry *entry,
                                   const char *id)
{
    struct error err = {0};
    struct document_parsed *parsed = document_parsed_new();
    if (entry->value != NULL &&
        storage_parse(parsed->arena, entry->value, &parsed->storage, &err) == 0) {
        map_put(&documents->view.storages, id, parsed->storage);
        map_put(&documents->storages, id, parsed);
        return;
    }
    document_parsed_free(parsed);
    if (entry->value != NULL) {
        documents_tell_corrupt(documents, entry, &err); // the last good one stays in use
        return;
    }
    (void)map_remove(&documents->view.storages, id); // either may be missing
    (void)map_remove(&documents->storages, id);
}

// What cannot be understood is taken as nothing said.
static void documents_read_storage_states(struct documents *documents,
                                          const struct store_entry *entry, const char *node)
{
    struct document_parsed *parsed = document_parsed_new();
    if (entry->value != NULL && storage_states_parse(parsed->arena, entry->value, entry->size_bytes,
                                                     &parsed->states, NULL) == 0) {
        map_put(&documents->view.storage_states, node, &parsed->states);
        map_put(&documents->storage_states, node, parsed);
        return;
    }
    document_parsed_free(parsed);
    (void)map_remove(&documents->view.storage_states, node); // either may be missing
    (void)map_remove(&documents->storage_states, node);
}

static void documents_read_options(struct documents *documents, const struct store_entry *entry)
{
    struct arena *arena = arena_new();
    struct options options;
    struct error err = {0};
    options_init(&options);
    if (entry->value != NULL && options_parse(arena, entry->value, &options, &err) < 0) {
        documents_tell_corrupt(documents, entry, &err);
        arena_free(arena);
        return;
    }
    arena_free(documents->options_arena);
    documents->options_arena = arena;
    documents->options = options;
}

// What cannot be read is no device: the old ones may not exist any more, and the lease proves the
// same.
static void documents_read_fence(struct documents *documents, const struct store_entry *entry)
{
    arena_free(documents->fence_arena);
    documents->fence_arena = arena_new();
    documents->view.fence = NULL;
    struct fence_config *config = NULL;
    struct error err = {0};
    if (entry->value != NULL &&
        fence_config_parse(documents->fence_arena, entry->value, &config, &err) < 0) {
        documents_tell_corrupt(documents, entry, &err);
        return;
    }
    documents->view.fence = config;
}

static void documents_set_text(char **text, uint64_t *version, const struct store_entry *entry)
{
    free(*text);
    *text = entry->value != NULL ? alloc_strdup(entry->value) : NULL;
    *version = entry->value != NULL ? entry->version : STORE_ABSENT;
}

static void documents_read_config(struct documents *documents, const struct store_entry *entry,
                                  const char *rest)
{
    (void)rest;
    if (strcmp(entry->key, STORE_KEY_DATACENTER) == 0) {
        documents_read_options(documents, entry);
    } else if (strcmp(entry->key, STORE_KEY_FENCE) == 0) {
        documents_read_fence(documents, entry);
    } else if (strcmp(entry->key, STORE_KEY_RULES) == 0) {
        documents_set_text(&documents->rules, &documents->view.rules_version, entry);
        documents->view.rules = documents->rules;
    } else if (strcmp(entry->key, STORE_KEY_GROUPS) == 0) {
        documents_set_text(&documents->groups, &documents->view.groups_version, entry);
        documents->view.groups = documents->groups;
    }
}

// ---- reading

struct document_reader {
    const char *prefix;
    void (*read)(struct documents *documents, const struct store_entry *entry, const char *rest);
    bool compares; // it finds out itself whether what it read is news
};

static const struct document_reader document_readers[] = {
    {"config/", documents_read_config, false},
    {STORE_PREFIX_RESOURCE, documents_read_resource, false},
    {STORE_PREFIX_GUEST, documents_read_guest, false},
    {STORE_KEY_MANAGER_STATUS, documents_read_status, false},
    {STORE_PREFIX_SERVICE, documents_read_record, false},
    {STORE_PREFIX_LRM, documents_read_lrm, true},
    {STORE_PREFIX_RESULT, documents_read_result, true},
    {STORE_PREFIX_NODE_VERSION, documents_read_version, false},
    {STORE_PREFIX_COMMAND, documents_read_command, false},
    {STORE_PREFIX_STORAGE, documents_read_storage, false},
    {STORE_PREFIX_LIVE_STORAGE, documents_read_storage_states, false},
};
static_assert(ARRAY_SIZE(document_readers) == ARRAY_SIZE(((struct documents *)0)->since),
              "one each");

static int documents_read_all(struct documents *documents, const struct document_reader *reader,
                              uint64_t *since, struct store *store, struct arena *arena,
                              struct error *err)
{
    struct store_entries entries;
    int r = store_read(store, reader->prefix, *since, arena, &entries, err);
    if (r < 0) {
        return r;
    }
    // What an LRM says each few seconds is mostly the same.
    documents->view.generation += entries.count > 0 && !reader->compares ? 1 : 0;
    for (size_t i = 0; i < entries.count; i++) {
        arena_clear(documents->scratch);
        reader->read(documents, &entries.entries[i],
                     entries.entries[i].key + strlen(reader->prefix));
    }
    *since = entries.version;
    if (entries.count > 0 && reader->read == documents_read_command) {
        documents_sort_commands(documents);
    }
    return 0;
}

void documents_update(struct documents *documents, struct store *store, struct event_sink *events)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    documents->events = events;
    documents->view.readable = true;
    for (size_t i = 0; i < ARRAY_SIZE(document_readers) && documents->view.readable; i++) {
        if (documents_read_all(documents, &document_readers[i], &documents->since[i], store, arena,
                               &err) < 0) {
            free(documents->reason);
            documents->reason = alloc_strdup(err.text);
            documents->view.reason = documents->reason;
            documents->view.readable = false;
        }
    }
    documents->events = NULL;
}

// ---- versions

static const struct document_slot *documents_find_slot(const struct documents *documents,
                                                       const char *sid)
{
    return map_find(&documents->view.slots, sid);
}

uint64_t documents_status_version(const struct documents *documents)
{
    return documents->status_version;
}

uint64_t documents_record_version(const struct documents *documents, const char *sid)
{
    const struct document_slot *slot = documents_find_slot(documents, sid);
    return slot != NULL ? slot->slot.record_version : STORE_ABSENT;
}

uint64_t documents_guest_version(const struct documents *documents, const char *sid)
{
    const struct document_slot *slot = documents_find_slot(documents, sid);
    return slot != NULL ? slot->guest_version : STORE_ABSENT;
}

uint64_t documents_resource_version(const struct documents *documents, const char *sid)
{
    const struct document_slot *slot = documents_find_slot(documents, sid);
    return slot != NULL ? slot->resource_version : STORE_ABSENT;
}

uint64_t documents_command_version(const struct documents *documents, const char *id)
{
    const struct document_command *command = map_find(&documents->commands, id);
    return command != NULL ? command->version : STORE_ABSENT;
}

uint64_t documents_rules_version(const struct documents *documents)
{
    return documents->view.rules_version;
}

uint64_t documents_groups_version(const struct documents *documents)
{
    return documents->view.groups_version;
}
