// SPDX-License-Identifier: Apache-2.0
// What an LRM knows of the store, kept between rounds: only what changed is read, and only what
// concerns this node is kept, so that its rounds cost what its own services cost. A document that
// cannot be read is an event, and the one before it stays in force.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/map.h"
#include "common/model/options.h"

struct arena;
struct event_sink;
struct lrm_input;
struct manager_status;
struct store;
struct workers_guests;

struct lrm_view {
    char *node;
    bool readable; // the last refresh could read manager status and service records
    struct arena *manager_arena;
    struct manager_status *manager; // NULL: none yet
    bool manager_broken;            // the present one cannot be parsed
    // Services that were this node's once, or were noted by a process before this one: what became
    // of them is looked at for ever, wherever they are (lrm/core/lrm_strays.c). INV-5.
    struct map ours;
    struct map services;  // sid → struct service *: of `ours` those that have a record
    struct map resources; // sid → struct resource *: of `ours`, only the limits
    bool unsettled;       // see struct lrm_input
    uint64_t unsettled_version;
    struct arena *options_arena;
    struct options options;
    uint64_t manager_version, services_version, resources_version, options_version;
};

void lrm_view_init(struct lrm_view *view, const char *node);
void lrm_view_done(struct lrm_view *view);
// These may run here, whatever the records say. They are found with the next refresh.
void lrm_view_expect(struct lrm_view *view, const struct workers_guests *guests);
// Reads what changed.
void lrm_view_refresh(struct lrm_view *view, struct store *store, struct event_sink *events);
// The options alone; `arena` is scratch.
void lrm_view_refresh_options(struct lrm_view *view, struct store *store, struct event_sink *events,
                              struct arena *arena);
// Sets the documents of the input. They are borrowed from the view until its next refresh.
void lrm_view_fill(const struct lrm_view *view, struct lrm_input *input);
