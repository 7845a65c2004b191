// SPDX-License-Identifier: Apache-2.0
// Incremental reading of the four kinds of documents an LRM looks at.
#include "lrm/view.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"
#include "common/port/workers.h"
#include "lrm/core/lrm.h"

// One allocation with the texts behind it.
struct kept_service {
    struct service service;
    char texts[];
};

void lrm_view_init(struct lrm_view *view, const char *node)
{
    *view = (struct lrm_view){.node = alloc_strdup(node)};
    view->manager_arena = arena_new();
    view->options_arena = arena_new();
    map_init(&view->ours, NULL);
    map_init(&view->services, free);
    map_init(&view->resources, free);
    options_init(&view->options);
}

void lrm_view_done(struct lrm_view *view)
{
    map_done(&view->ours);
    map_done(&view->services);
    map_done(&view->resources);
    arena_free(view->manager_arena);
    arena_free(view->options_arena);
    free(view->node);
}

void lrm_view_expect(struct lrm_view *view, const struct workers_guests *guests)
{
    for (size_t i = 0; i < guests->count; i++) {
        if (!map_has(&view->ours, guests->sids[i])) {
            map_put(&view->ours, guests->sids[i], NULL);
            view->services_version = 0; // they may have been passed over
            view->resources_version = 0;
        }
    }
}

static void lrm_view_complain(struct event_sink *events, struct arena *arena, const char *key,
                              const struct error *err)
{
    struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "document-unreadable");
    event_text(arena, event, "key", key);
    event_text(arena, event, "reason", err->text);
    event_emit(events, event);
}

// Copies a text behind the record and moves the cursor on.
static const char *lrm_view_keep_text(char **cursor, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t size_bytes = strlen(text) + 1;
    char *copy = *cursor;
    memcpy(copy, text, size_bytes);
    *cursor += size_bytes;
    return copy;
}

static size_t lrm_view_text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

// Only what an LRM looks at.
static struct service *lrm_view_keep_service(const struct service *service)
{
    size_t texts = lrm_view_text_size(service->sid) + lrm_view_text_size(service->node) +
                   lrm_view_text_size(service->uid) + lrm_view_text_size(service->target);
    struct kept_service *kept = alloc_zero(sizeof(*kept) + texts);
    char *cursor = kept->texts;
    kept->service.state = service->state;
    kept->service.timeout_s = service->timeout_s;
    kept->service.sid = lrm_view_keep_text(&cursor, service->sid);
    kept->service.node = lrm_view_keep_text(&cursor, service->node);
    kept->service.uid = lrm_view_keep_text(&cursor, service->uid);
    kept->service.target = lrm_view_keep_text(&cursor, service->target);
    return &kept->service;
}

static int lrm_view_read_manager(struct lrm_view *view, struct store *store,
                                 struct event_sink *events, struct arena *arena)
{
    struct error err = {0};
    struct store_entries entries = {0};
    int r =
        store_read(store, STORE_KEY_MANAGER_STATUS, view->manager_version, arena, &entries, &err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        if (strcmp(entry->key, STORE_KEY_MANAGER_STATUS) != 0) {
            continue;
        }
        struct arena *fresh = arena_new();
        struct manager_status *manager = NULL;
        view->manager_broken = false;
        if (entry->value != NULL) {
            r = manager_status_parse(fresh, entry->value, entry->size_bytes, &manager, &err);
        }
        if (r < 0) {
            lrm_view_complain(events, arena, entry->key, &err);
            view->manager_broken = true;
            arena_free(fresh);
            continue;
        }
        arena_free(view->manager_arena);
        view->manager_arena = fresh;
        view->manager = manager;
    }
    view->manager_version = entries.version;
    return 0;
}

// Whether the record may name this node. Nearly all of a large cluster are others': no need to
// parse a well-formed one that does not have the name in it. Written with an escape it would not be
// found.
static bool lrm_view_may_name(const struct lrm_view *view, const struct store_entry *entry)
{
    size_t size_bytes = entry->size_bytes;
    bool whole = size_bytes > 1 && entry->value[0] == '{' && entry->value[size_bytes - 1] == '}';
    return !whole || strchr(entry->value, '\\') != NULL || strstr(entry->value, view->node) != NULL;
}

static bool lrm_view_names(const struct lrm_view *view, const struct service *service)
{
    return strcmp(service->node, view->node) == 0 ||
           (service->target != NULL && strcmp(service->target, view->node) == 0);
}

// `fresh`: services that were not this node's before.
static void lrm_view_read_service(struct lrm_view *view, const struct store_entry *entry,
                                  struct event_sink *events, struct arena *arena, struct map *fresh)
{
    const char *sid = entry->key + strlen(STORE_PREFIX_SERVICE);
    bool ours = map_has(&view->ours, sid);
    struct service *service = NULL;
    struct error err = {0};
    if (entry->value == NULL) {
        (void)map_remove(&view->services, sid); // it may be one that was never readable
        return;
    }
    if (!ours && !lrm_view_may_name(view, entry)) {
        return;
    }
    if (service_parse(arena, sid, entry->value, entry->size_bytes, &service, &err) < 0) {
        lrm_view_complain(events, arena, entry->key, &err);
        return;
    }
    if (!ours && lrm_view_names(view, service)) {
        ours = true;
        map_put(&view->ours, sid, NULL);
        map_put(fresh, sid, NULL);
    }
    if (ours) {
        map_put(&view->services, sid, lrm_view_keep_service(service));
    }
}

static int lrm_view_read_services(struct lrm_view *view, struct store *store,
                                  struct event_sink *events, struct arena *arena, struct map *fresh)
{
    struct error err = {0};
    struct store_entries entries = {0};
    int r = store_read(store, STORE_PREFIX_SERVICE, view->services_version, arena, &entries, &err);
    if (r < 0) {
        return r;
    }
    if (view->services_version == 0) {
        map_clear(&view->services); // these are all there are
    }
    for (size_t i = 0; i < entries.count; i++) {
        lrm_view_read_service(view, &entries.entries[i], events, arena, fresh);
    }
    view->services_version = entries.version;
    return 0;
}

static void lrm_view_read_resource(struct lrm_view *view, const struct store_entry *entry,
                                   struct event_sink *events, struct arena *arena)
{
    const char *sid = entry->key + strlen(STORE_PREFIX_RESOURCE);
    struct resource *resource = NULL;
    struct error err = {0};
    if (!map_has(&view->ours, sid)) {
        return; // read when it becomes so
    }
    if (entry->value == NULL) {
        (void)map_remove(&view->resources, sid); // it may be one that was never readable
        return;
    }
    if (resource_parse(arena, entry->value, &resource, &err) < 0) {
        lrm_view_complain(events, arena, entry->key, &err);
        return;
    }
    struct resource *limits = alloc_zero(sizeof(*limits));
    limits->max_restart = resource->max_restart;
    limits->max_relocate = resource->max_relocate;
    limits->probe = resource->probe != NULL ? "" : NULL; // whether there is one
    limits->probe_interval_s = resource->probe_interval_s;
    limits->probe_failures = resource->probe_failures;
    limits->restart_limit = resource->restart_limit;
    limits->restart_window_s = resource->restart_window_s;
    map_put(&view->resources, sid, limits);
}

static void lrm_view_refresh_resources(struct lrm_view *view, struct store *store,
                                       struct event_sink *events, struct arena *arena)
{
    struct error err = {0};
    struct store_entries entries = {0};
    if (store_read(store, STORE_PREFIX_RESOURCE, view->resources_version, arena, &entries, &err) <
        0) {
        return; // the limits as they were; whether the store can be read is told by the services
    }
    if (view->resources_version == 0) {
        map_clear(&view->resources); // as above
    }
    for (size_t i = 0; i < entries.count; i++) {
        lrm_view_read_resource(view, &entries.entries[i], events, arena);
    }
    view->resources_version = entries.version;
}

// The limits of services that were others' before, which were passed over.
static void lrm_view_catch_up(struct lrm_view *view, struct store *store, struct event_sink *events,
                              struct arena *arena, const struct map *fresh)
{
    for (size_t i = 0; i < fresh->count && view->resources_version > 0; i++) {
        const char *key = arena_printf(arena, STORE_PREFIX_RESOURCE "%s", fresh->entries[i].key);
        struct store_entries entries = {0};
        if (store_read(store, key, 0, arena, &entries, NULL) < 0) {
            view->resources_version = 0; // all of them, when that works again
            return;
        }
        for (size_t k = 0; k < entries.count && strcmp(entries.entries[k].key, key) <= 0; k++) {
            lrm_view_read_resource(view, &entries.entries[k], events, arena);
        }
    }
}

// All records count for that, so they are looked at only while the cluster is disarmed, and
// changed.
static void lrm_view_refresh_unsettled(struct lrm_view *view, struct store *store,
                                       struct arena *arena)
{
    struct store_entries entries = {0};
    if (view->manager == NULL || view->manager->disarm == DISARM_MODE_NONE) {
        view->unsettled_version = 0;
        return;
    }
    if (view->unsettled_version == view->services_version ||
        store_read(store, STORE_PREFIX_SERVICE, 0, arena, &entries, NULL) < 0) {
        return;
    }
    view->unsettled = false;
    for (size_t i = 0; i < entries.count && !view->unsettled; i++) {
        const struct store_entry *entry = &entries.entries[i];
        struct service *service = NULL;
        // INV-2: of one that cannot be read the master may know more.
        view->unsettled = service_parse(arena, entry->key + strlen(STORE_PREFIX_SERVICE),
                                        entry->value, entry->size_bytes, &service, NULL) < 0 ||
                          lrm_defers_disarming(service->state);
    }
    view->unsettled_version = view->services_version;
}

void lrm_view_refresh_options(struct lrm_view *view, struct store *store, struct event_sink *events,
                              struct arena *arena)
{
    struct error err = {0};
    struct store_entries entries = {0};
    if (store_read(store, STORE_KEY_DATACENTER, view->options_version, arena, &entries, &err) < 0) {
        return; // the options as they were
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        if (strcmp(entry->key, STORE_KEY_DATACENTER) != 0) {
            continue;
        }
        struct arena *fresh = arena_new();
        struct options options;
        options_init(&options);
        if (entry->value != NULL && options_parse(fresh, entry->value, &options, &err) < 0) {
            lrm_view_complain(events, arena, entry->key, &err);
            arena_free(fresh);
            continue;
        }
        arena_free(view->options_arena);
        view->options_arena = fresh;
        view->options = options;
    }
    view->options_version = entries.version;
}

void lrm_view_refresh(struct lrm_view *view, struct store *store, struct event_sink *events)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new(); // the first reading is a large one
    struct map fresh;
    map_init_arena(&fresh, arena);
    // Both, so that a record is never older than the manager status it is read with.
    int manager = lrm_view_read_manager(view, store, events, arena);
    int services = lrm_view_read_services(view, store, events, arena, &fresh);
    view->readable = manager == 0 && services == 0 && !view->manager_broken;
    lrm_view_catch_up(view, store, events, arena, &fresh);
    lrm_view_refresh_resources(view, store, events, arena);
    lrm_view_refresh_unsettled(view, store, arena);
    lrm_view_refresh_options(view, store, events, arena);
}

void lrm_view_fill(const struct lrm_view *view, struct lrm_input *input)
{
    input->readable = view->readable;
    input->manager = view->manager;
    input->services = &view->services;
    input->unsettled = view->unsettled_version > 0 && view->unsettled;
    input->resources = &view->resources;
    input->options = &view->options;
}
