// SPDX-License-Identifier: Apache-2.0
// What the store has about one service, parsed; and what the history tells of it. Internal to
// answers/.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct guest;
struct json;
struct lrm_result;
struct lrm_status;
struct manager_node;
struct manager_status;
struct resource;
struct service;
struct what_if_source;

struct why_facts {
    struct arena *arena;
    const struct what_if_source *source;
    const char *sid;
    int64_t wall_s;
    const struct resource *resource;      // NULL: not under HA
    const struct guest *guest;            // NULL: there is none
    const struct service *record;         // NULL: the manager does not know it
    const struct manager_status *manager; // never NULL
    const struct manager_node *node;      // of the record's node; NULL: none
    const struct lrm_status *lrm;         // likewise
    const struct lrm_result *result;      // of its present task there; NULL: none
    const char *rules;                    // text; NULL: none
    int64_t master_seen_s;                // the master's last sign of life; 0: not known
    const char *command;                  // one that waits for the master; NULL: none
    struct json *history;                 // its entries, newest first
};

// -ENOENT: there is no such service.
int why_facts_read(struct arena *arena, const struct what_if_source *source, const char *sid,
                   struct why_facts *ret, struct error *err) WARN_UNUSED;
// Of the newest entry with that name, from `first` on, the position; the count when there is none.
size_t why_find_event(const struct why_facts *facts, size_t first, const char *name) WARN_UNUSED;
const char *why_event_name(const struct json *entry) WARN_UNUSED;
// The entry's field as text, or NULL.
const char *why_event_field(const struct json *entry, const char *key) WARN_UNUSED;
// Seconds since the entry was written; −1: it does not say.
int64_t why_event_age_s(const struct why_facts *facts, const struct json *entry) WARN_UNUSED;
// "3 h 12 min"; in the arena.
const char *why_duration(struct arena *arena, int64_t seconds) WARN_UNUSED;
