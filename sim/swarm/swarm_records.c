// SPDX-License-Identifier: Apache-2.0
// Keeps one parsed copy of each document with the version it was read at, each in an arena of its
// own that is emptied when a newer version comes.
#include "sim/swarm/swarm_records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/model/guest.h"
#include "common/model/options.h"
#include "common/model/rules.h"
#include "common/model/rules_compile.h"
#include "common/model/store_keys.h"
#include "sim/swarm/swarm_world.h"

// A document as it was last seen. Version 0: never.
struct record_slot {
    struct arena *arena;
    uint64_t version;
    int64_t since_us;
    uint64_t lost_version; // what was seen there as committed, and is an older one now; 0: never
};

struct record_entry {
    char *sid, *resource_key, *service_key, *guest_key;
    struct record_slot resource, service, guest;
    struct swarm_record view;
};

struct swarm_records {
    struct map entries; // sid → struct record_entry *
    struct record_slot status, rules, options;
    const struct manager_status *manager;
    const struct affinity *affinity;
    size_t nodes;       // when it was made
    uint64_t looked_at; // version of the store at the last look
    uint64_t summed_at; // the highest version whose rows were summed up, and their sum
    uint64_t sum;
};

static void record_entry_free(void *value)
{
    struct record_entry *entry = value;
    arena_free(entry->resource.arena);
    arena_free(entry->service.arena);
    arena_free(entry->guest.arena);
    free(entry->sid);
    free(entry->resource_key);
    free(entry->service_key);
    free(entry->guest_key);
    free(entry);
}

struct swarm_records *swarm_records_new(void)
{
    struct swarm_records *records = alloc_zero(sizeof(*records));
    map_init(&records->entries, record_entry_free);
    records->status.arena = arena_new();
    records->rules.arena = arena_new();
    records->options.arena = arena_new();
    return records;
}

void swarm_records_free(struct swarm_records *records)
{
    if (records != NULL) {
        map_done(&records->entries);
        arena_free(records->status.arena);
        arena_free(records->rules.arena);
        arena_free(records->options.arena);
        free(records);
    }
}

static char *record_key(const char *prefix, const char *sid)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    return alloc_strdup(arena_printf(arena, "%s%s", prefix, sid));
}

void swarm_records_add_sid(struct swarm_records *records, const char *sid)
{
    if (map_has(&records->entries, sid)) {
        return;
    }
    struct record_entry *entry = alloc_zero(sizeof(*entry));
    entry->sid = alloc_strdup(sid);
    entry->resource_key = record_key(STORE_PREFIX_RESOURCE, sid);
    entry->service_key = record_key(STORE_PREFIX_SERVICE, sid);
    entry->guest_key = record_key(STORE_PREFIX_GUEST, sid);
    entry->resource.arena = arena_new();
    entry->service.arena = arena_new();
    entry->guest.arena = arena_new();
    entry->view.ignored_since_us = INT64_MAX;
    map_put(&records->entries, sid, entry);
}

// --- looking -------------------------------------------------------------------------------------

// The value when it is another one than before; NULL: nothing new (or gone, then ret_gone).
static const char *record_peek(struct record_slot *slot, int64_t true_us,
                               const struct swarm_world *world, size_t node, const char *key,
                               bool *ret_gone)
{
    uint64_t version = 0;
    const char *value = swarm_world_peek(world, node, key, &version);
    *ret_gone = value == NULL && slot->version != 0;
    if (*ret_gone) {
        slot->version = 0;
        slot->since_us = true_us;
    }
    if (value == NULL || version == slot->version) {
        return NULL;
    }
    if (version < slot->version) {
        slot->lost_version = slot->version;
    }
    arena_clear(slot->arena);
    slot->version = version;
    slot->since_us = true_us;
    return value;
}

// INV-7: what was committed does not become older again.
static int record_check_lost(const struct record_slot *slot, const char *key, struct error *err)
{
    if (slot->lost_version == 0) {
        return 0;
    }
    return error_set(err, -EBADMSG,
                     "INV-7: %s was committed in version %" PRIu64 " and is back at %" PRIu64, key,
                     slot->lost_version, slot->version);
}

static int record_check_entry(const struct record_entry *entry, struct error *err)
{
    int r = record_check_lost(&entry->resource, entry->resource_key, err);
    if (r == 0) {
        r = record_check_lost(&entry->service, entry->service_key, err);
    }
    return r < 0 ? r : record_check_lost(&entry->guest, entry->guest_key, err);
}

static int record_bad(struct error *err, const char *key)
{
    (void)error_prefix(err, "INV-15: a document that was accepted does not parse: %s", key);
    return -EBADMSG;
}

static int record_look_entry(struct record_entry *entry, int64_t true_us,
                             const struct swarm_world *world, size_t node, struct error *err)
{
    bool is_gone = false;
    struct resource *resource = NULL;
    struct service *service = NULL;
    struct guest *guest = NULL;
    const char *text =
        record_peek(&entry->resource, true_us, world, node, entry->resource_key, &is_gone);
    if (text != NULL && resource_parse(entry->resource.arena, text, &resource, err) < 0) {
        return record_bad(err, entry->resource_key);
    }
    if (text != NULL || is_gone) {
        bool is_ignored = resource == NULL || resource->state == REQUEST_STATE_IGNORED;
        int64_t since_us = entry->view.ignored_since_us;
        entry->view.resource = resource;
        entry->view.resource_since_us = true_us;
        entry->view.ignored_since_us = !is_ignored            ? INT64_MAX
                                       : since_us < INT64_MAX ? since_us
                                                              : true_us;
    }
    text = record_peek(&entry->service, true_us, world, node, entry->service_key, &is_gone);
    if (text != NULL &&
        service_parse(entry->service.arena, entry->sid, text, strlen(text), &service, err) < 0) {
        return record_bad(err, entry->service_key);
    }
    if (text != NULL || is_gone) {
        entry->view.service = service;
        entry->view.service_since_us = true_us;
    }
    text = record_peek(&entry->guest, true_us, world, node, entry->guest_key, &is_gone);
    if (text != NULL && guest_parse(entry->guest.arena, text, strlen(text), &guest, err) < 0) {
        return record_bad(err, entry->guest_key);
    }
    return 0;
}

// INV-4: each term has one master, and a later document is never of an earlier term.
static int record_look_status(struct swarm_records *records, int64_t true_us,
                              const struct swarm_world *world, size_t node, struct error *err)
{
    bool is_gone = false;
    const struct manager_status *before = records->manager;
    uint64_t term = before != NULL ? before->term : 0;
    char master[64] = "";
    if (before != NULL && before->master_node != NULL) {
        (void)snprintf(master, sizeof(master), "%s", before->master_node);
    }
    const char *text =
        record_peek(&records->status, true_us, world, node, STORE_KEY_MANAGER_STATUS, &is_gone);
    if (is_gone) {
        records->manager = NULL;
        return error_set(err, -EBADMSG, "INV-7: %s was there and is gone",
                         STORE_KEY_MANAGER_STATUS);
    }
    if (text == NULL) {
        return 0;
    }
    struct manager_status *status = NULL;
    if (manager_status_parse(records->status.arena, text, strlen(text), &status, err) < 0) {
        return record_bad(err, STORE_KEY_MANAGER_STATUS);
    }
    records->manager = status;
    if (status->term < term) {
        return error_set(err, -EBADMSG,
                         "INV-4: %s of term %" PRIu64 " was written after one of term %" PRIu64,
                         STORE_KEY_MANAGER_STATUS, status->term, term);
    }
    if (status->term == term && master[0] != '\0' && status->master_node != NULL &&
        strcmp(status->master_node, master) != 0) {
        return error_set(err, -EBADMSG, "INV-4: %s and %s are both masters of term %" PRIu64,
                         master, status->master_node, term);
    }
    return 0;
}

static void record_compile(struct swarm_records *records, const struct rule_set *set,
                           const struct swarm_world *world)
{
    struct map nodes;
    struct map problems;
    map_init_arena(&nodes, records->rules.arena);
    for (size_t i = 0; i < swarm_world_nodes(world); i++) {
        map_put(&nodes, swarm_world_node_name(world, i), records);
    }
    records->affinity = rules_compile(records->rules.arena, set, &nodes, &problems);
}

static int record_look_config(struct swarm_records *records, int64_t true_us,
                              const struct swarm_world *world, size_t node, struct error *err)
{
    bool is_gone = false;
    struct options options;
    if (records->nodes != swarm_world_nodes(world)) {
        records->nodes = swarm_world_nodes(world); // what is not strict goes for new ones, too
        records->rules.version = 0;
        records->affinity = NULL;
    }
    const char *text =
        record_peek(&records->rules, true_us, world, node, STORE_KEY_RULES, &is_gone);
    if (text != NULL || is_gone) {
        records->affinity = NULL;
    }
    if (text != NULL) {
        struct rule_set *set = arena_new_of(records->rules.arena, struct rule_set);
        rule_set_init(records->rules.arena, set);
        if (rule_set_parse(records->rules.arena, text, strlen(text), set, err) < 0) {
            return record_bad(err, STORE_KEY_RULES);
        }
        record_compile(records, set, world);
    }
    text = record_peek(&records->options, true_us, world, node, STORE_KEY_DATACENTER, &is_gone);
    if (text != NULL && options_parse(records->options.arena, text, &options, err) < 0) {
        return record_bad(err, STORE_KEY_DATACENTER);
    }
    return 0;
}

// INV-7: two nodes that stand at one version have the same rows.
static int record_look_sum(struct swarm_records *records, struct swarm_world *world, size_t node,
                           struct error *err)
{
    uint64_t version = 0;
    uint64_t sum = swarm_world_checksum(world, node, &version);
    if (version == records->summed_at && sum != records->sum) {
        return error_set(err, -EBADMSG,
                         "INV-7: at version %" PRIu64
                         " %s has other rows than a node before it had",
                         version, swarm_world_node_name(world, node));
    }
    if (version > records->summed_at) {
        records->summed_at = version;
        records->sum = sum;
    }
    return 0;
}

int swarm_records_look(struct swarm_records *records, int64_t true_us, struct swarm_world *world,
                       size_t node, struct error *err)
{
    uint64_t version = 0;
    (void)swarm_world_checksum(world, node, &version);
    if (version <= records->looked_at) {
        return 0;
    }
    records->looked_at = version;
    int r = record_look_sum(records, world, node, err);
    if (r == 0) {
        r = record_look_status(records, true_us, world, node, err);
    }
    if (r == 0) {
        r = record_look_config(records, true_us, world, node, err);
    }
    for (size_t i = 0; i < records->entries.count && r == 0; i++) {
        r = record_look_entry(records->entries.entries[i].value, true_us, world, node, err);
        if (r == 0) {
            r = record_check_entry(records->entries.entries[i].value, err);
        }
    }
    return r;
}

// --- at the end ----------------------------------------------------------------------------------

static int record_compare_slot(const struct record_slot *slot, struct swarm_world *world,
                               size_t node, const char *key, struct error *err)
{
    uint64_t version = 0;
    const char *value = swarm_world_peek(world, node, key, &version);
    if (value != NULL && version < slot->version) {
        return error_set(err, -EBADMSG,
                         "INV-7: %s has %s of version %" PRIu64 ", committed was %" PRIu64,
                         swarm_world_node_name(world, node), key, version, slot->version);
    }
    return 0;
}

static int record_compare_node(struct swarm_records *records, struct swarm_world *world,
                               size_t node, struct error *err)
{
    uint64_t version = 0;
    (void)swarm_world_checksum(world, node, &version);
    if (version < records->looked_at) {
        return error_set(err, -EBADMSG,
                         "INV-7: %s stands at version %" PRIu64 ", committed was %" PRIu64,
                         swarm_world_node_name(world, node), version, records->looked_at);
    }
    int r = record_look_sum(records, world, node, err);
    if (r == 0) {
        r = record_compare_slot(&records->status, world, node, STORE_KEY_MANAGER_STATUS, err);
    }
    for (size_t i = 0; i < records->entries.count && r == 0; i++) {
        const struct record_entry *entry = records->entries.entries[i].value;
        r = record_compare_slot(&entry->resource, world, node, entry->resource_key, err);
        if (r == 0) {
            r = record_compare_slot(&entry->service, world, node, entry->service_key, err);
        }
        if (r == 0) {
            r = record_compare_slot(&entry->guest, world, node, entry->guest_key, err);
        }
    }
    return r;
}

int swarm_records_compare(struct swarm_records *records, struct swarm_world *world,
                          struct error *err)
{
    for (size_t i = 0; i < swarm_world_nodes(world); i++) {
        if (swarm_world_is_on(world, i) && swarm_world_is_serving(world, i)) {
            int r = record_compare_node(records, world, i, err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

void swarm_records_forget(struct swarm_records *records)
{
    records->looked_at = records->summed_at = 0;
    records->status.version = records->rules.version = records->options.version = 0;
    records->manager = NULL;
    records->affinity = NULL;
    map_each (e, &records->entries) {
        struct record_entry *entry = e->value;
        entry->resource.version = entry->service.version = entry->guest.version = 0;
        entry->view.resource = NULL;
        entry->view.service = NULL;
        entry->view.ignored_since_us = INT64_MAX;
    }
}

const struct swarm_record *swarm_records_find(const struct swarm_records *records, const char *sid)
{
    const struct record_entry *entry = map_find(&records->entries, sid);
    return entry != NULL ? &entry->view : NULL;
}

size_t swarm_records_count(const struct swarm_records *records)
{
    return records->entries.count;
}

const char *swarm_records_sid(const struct swarm_records *records, size_t index)
{
    return records->entries.entries[index].key;
}

const struct manager_status *swarm_records_status(const struct swarm_records *records)
{
    return records->manager;
}

const struct affinity *swarm_records_affinity(const struct swarm_records *records,
                                              int64_t *ret_since_us)
{
    *ret_since_us = records->rules.since_us;
    return records->affinity;
}
