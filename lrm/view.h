// SPDX-License-Identifier: Apache-2.0
// What an LRM knows of the store, kept between rounds: only what changed is read and parsed. A
// document that cannot be read is an event, and the one before it stays in force.
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

struct lrm_view {
    bool readable; // the last refresh could read manager status and service records
    struct arena *manager_arena;
    struct manager_status *manager; // NULL: none yet
    bool manager_broken;            // the present one cannot be parsed
    struct map services;            // sid → struct service *
    struct map resources;           // sid → struct resource *: only the limits
    struct arena *options_arena;
    struct options options;
    uint64_t manager_version, services_version, resources_version, options_version;
};

void lrm_view_init(struct lrm_view *view);
void lrm_view_done(struct lrm_view *view);
// Reads what changed. `arena` is scratch.
void lrm_view_refresh(struct lrm_view *view, struct store *store, struct event_sink *events,
                      struct arena *arena);
void lrm_view_refresh_options(struct lrm_view *view, struct store *store, struct event_sink *events,
                              struct arena *arena);
// Sets the documents of the input. They are borrowed from the view until its next refresh.
void lrm_view_fill(const struct lrm_view *view, struct lrm_input *input);
