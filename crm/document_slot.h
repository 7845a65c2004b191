// SPDX-License-Identifier: Apache-2.0
// What the CRM keeps of one service id: copies of what was parsed, in memory of their own.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crm/core/crm.h"

struct guest;
struct lrm_result;
struct resource;
struct service;

// A slot with what the core need not see. The public part comes first.
struct document_slot {
    struct crm_slot slot;
    char *sid;
    struct resource *resource;
    char *group;
    char *guest_node;
    char *guest_lock;
    const char **storages; // one piece of memory with the names; the same as slot.storages
    struct service *record;
    struct crm_result *results; // the same as slot.results
    uint64_t resource_version;
    uint64_t guest_version;
    bool resource_bad; // there is one, and none was ever readable
    bool guest_bad;    // there is one, and it is not readable now
    bool record_bad;
};

// Releases a slot; for maps.
void document_slot_free(void *value);
// Each takes a copy and releases the one before. NULL: there is none any more.
void document_slot_set_resource(struct document_slot *slot, const struct resource *resource);
void document_slot_set_guest(struct document_slot *slot, const struct guest *guest);
void document_slot_set_record(struct document_slot *slot, const struct service *record);
void document_slot_set_result(struct document_slot *slot, const char *node,
                              const struct lrm_result *result);
// What was set for the node, or NULL.
const struct lrm_result *document_slot_find_result(const struct document_slot *slot,
                                                   const char *node) WARN_UNUSED;
