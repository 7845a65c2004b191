// SPDX-License-Identifier: Apache-2.0
// Copying parsed documents: only what decisions read, in few pieces of memory, since there can be
// tens of thousands.
#include "crm/document_slot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/storage.h"

static void document_result_free(struct crm_result *result)
{
    alloc_freep(&result->node);
    alloc_freep(&result->result);
}

void document_slot_free(void *value)
{
    struct document_slot *slot = value;
    for (size_t i = 0; i < slot->slot.results_count; i++) {
        document_result_free(&slot->results[i]);
    }
    free(slot->results);
    free(slot->sid);
    free(slot->resource);
    free(slot->group);
    free(slot->guest_node);
    free(slot->guest_lock);
    free(slot->storages);
    free(slot->record);
    free(slot);
}

void document_slot_set_resource(struct document_slot *slot, const struct resource *resource)
{
    free(slot->resource);
    free(slot->group);
    slot->resource = NULL;
    slot->group = NULL;
    if (resource != NULL) {
        slot->resource = alloc_memdup(resource, sizeof(*resource));
        slot->group = resource->group != NULL ? alloc_strdup(resource->group) : NULL;
        slot->resource->sid = slot->sid;
        slot->resource->group = slot->group;
        slot->resource->comment = NULL;
    }
    slot->slot.resource = slot->resource;
}

// The names in one piece of memory; NULL: none.
static const char **storages_clone(const struct storage_names *names)
{
    size_t size = names->count * sizeof(char *);
    for (size_t i = 0; i < names->count; i++) {
        size += strlen(names->names[i]) + 1;
    }
    if (names->count == 0) {
        return NULL;
    }
    const char **copy = alloc_zero(size);
    char *at = (char *)(copy + names->count);
    for (size_t i = 0; i < names->count; i++) {
        size_t length = strlen(names->names[i]) + 1;
        copy[i] = memcpy(at, names->names[i], length);
        at += length;
    }
    return copy;
}

static void document_slot_set_storages(struct document_slot *slot, const struct guest *guest)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct storage_names names = {0};
    if (guest != NULL) {
        names = storage_names_of_guest(arena, guest);
    }
    free(slot->storages);
    slot->storages = storages_clone(&names);
    slot->slot.storages = slot->storages;
    slot->slot.storages_count = names.count;
}

void document_slot_set_guest(struct document_slot *slot, const struct guest *guest)
{
    document_slot_set_storages(slot, guest);
    free(slot->guest_node);
    free(slot->guest_lock);
    slot->guest_node = guest != NULL ? alloc_strdup(guest->node) : NULL;
    slot->guest_lock = guest != NULL && guest->lock != NULL ? alloc_strdup(guest->lock) : NULL;
    slot->slot.guest_node = slot->guest_node;
    slot->slot.guest_lock = slot->guest_lock;
}

static size_t record_text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *record_copy_text(char **at, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

// A copy in one piece of memory, to be released with free(). The sid is borrowed.
static struct service *record_clone(const struct service *record, const char *sid)
{
    size_t count = record->failed_nodes_count;
    size_t size = sizeof(*record) + count * sizeof(const char *) + record_text_size(record->node) +
                  record_text_size(record->uid) + record_text_size(record->target) +
                  record_text_size(record->cmd.target) +
                  record_text_size(record->maintenance_node) + record_text_size(record->error) +
                  record_text_size(record->output) + record_text_size(record->halted_by);
    for (size_t i = 0; i < count; i++) {
        size += record_text_size(record->failed_nodes[i]);
    }
    struct service *copy = alloc_zero(size);
    *copy = *record;
    const char **nodes = (const char **)(copy + 1);
    char *at = (char *)(nodes + count);
    copy->sid = sid;
    copy->node = record_copy_text(&at, record->node);
    copy->uid = record_copy_text(&at, record->uid);
    copy->target = record_copy_text(&at, record->target);
    copy->cmd.target = record_copy_text(&at, record->cmd.target);
    copy->maintenance_node = record_copy_text(&at, record->maintenance_node);
    copy->error = record_copy_text(&at, record->error);
    copy->output = record_copy_text(&at, record->output);
    copy->halted_by = record_copy_text(&at, record->halted_by);
    copy->failed_nodes = count > 0 ? nodes : NULL;
    for (size_t i = 0; i < count; i++) {
        nodes[i] = record_copy_text(&at, record->failed_nodes[i]);
    }
    assert((size_t)(at - (char *)copy) <= size);
    return copy;
}

void document_slot_set_record(struct document_slot *slot, const struct service *record)
{
    // The new one may be the old one's copy: first copy, then release.
    struct service *copy = record != NULL ? record_clone(record, slot->sid) : NULL;
    free(slot->record);
    slot->record = copy;
    slot->slot.record = copy;
}

// Its place among the results, or where it belongs.
static size_t document_slot_place(const struct document_slot *slot, const char *node)
{
    size_t place = 0;
    while (place < slot->slot.results_count && strcmp(slot->results[place].node, node) < 0) {
        place++;
    }
    return place;
}

static bool document_slot_is_at(const struct document_slot *slot, size_t place, const char *node)
{
    return place < slot->slot.results_count && strcmp(slot->results[place].node, node) == 0;
}

const struct lrm_result *document_slot_find_result(const struct document_slot *slot,
                                                   const char *node)
{
    size_t place = document_slot_place(slot, node);
    return document_slot_is_at(slot, place, node) ? slot->results[place].result : NULL;
}

void document_slot_set_result(struct document_slot *slot, const char *node,
                              const struct lrm_result *result)
{
    size_t count = slot->slot.results_count;
    size_t place = document_slot_place(slot, node);
    bool there = document_slot_is_at(slot, place, node);
    if (result == NULL && !there) {
        return;
    }
    if (!there) {
        slot->results = alloc_resize(slot->results, (count + 1) * sizeof(*slot->results));
        memmove(&slot->results[place + 1], &slot->results[place],
                (count - place) * sizeof(*slot->results));
        slot->results[place] = (struct crm_result){.node = alloc_strdup(node)};
        count++;
    }
    if (result != NULL) {
        alloc_freep(&slot->results[place].result);
        slot->results[place].result = lrm_result_clone(result);
    } else {
        document_result_free(&slot->results[place]);
        count--;
        memmove(&slot->results[place], &slot->results[place + 1],
                (count - place) * sizeof(*slot->results));
    }
    slot->slot.results = slot->results;
    slot->slot.results_count = count;
}
