// SPDX-License-Identifier: Apache-2.0
// The CRM's parsed copy of what the store holds. Each round reads only what changed since the last
// one and parses only that. A value that cannot be parsed is told once and named; the last good one
// stays in use, and a service that never had a good one is left alone.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "crm/core/crm.h"

struct arena;
struct documents;
struct event_sink;
struct store;

struct documents *documents_new(void) WARN_UNUSED;
void documents_free(struct documents *documents);
// Reads what changed. When the store cannot be read, the view says so and keeps what it had.
void documents_update(struct documents *documents, struct store *store, struct event_sink *events);
// Valid until the next call with this object.
const struct crm_documents *documents_view(const struct documents *documents) WARN_UNUSED;
// Takes over the records of a write that was committed with this version, so that they need not be
// parsed.
void documents_take(struct documents *documents, const struct crm_write *write, uint64_t version);

// Versions to expect when writing; STORE_ABSENT when the key does not exist.
uint64_t documents_status_version(const struct documents *documents) WARN_UNUSED;
uint64_t documents_record_version(const struct documents *documents, const char *sid) WARN_UNUSED;
uint64_t documents_guest_version(const struct documents *documents, const char *sid) WARN_UNUSED;
uint64_t documents_resource_version(const struct documents *documents, const char *sid) WARN_UNUSED;
uint64_t documents_command_version(const struct documents *documents, const char *id) WARN_UNUSED;
uint64_t documents_rules_version(const struct documents *documents) WARN_UNUSED;
uint64_t documents_groups_version(const struct documents *documents) WARN_UNUSED;
