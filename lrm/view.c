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
#include "lrm/core/lrm.h"

// One allocation with the texts behind it.
struct kept_service {
    struct service service;
    char texts[];
};

void lrm_view_init(struct lrm_view *view)
{
    *view = (struct lrm_view){0};
    view->manager_arena = arena_new();
    view->options_arena = arena_new();
    map_init(&view->services, free);
    map_init(&view->resources, free);
    options_init(&view->options);
}

void lrm_view_done(struct lrm_view *view)
{
    map_done(&view->services);
    map_done(&view->resources);
    arena_free(view->manager_arena);
    arena_free(view->options_arena);
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

static int lrm_view_read_services(struct lrm_view *view, struct store *store,
                                  struct event_sink *events, struct arena *arena)
{
    struct error err = {0};
    struct store_entries entries = {0};
    int r = store_read(store, STORE_PREFIX_SERVICE, view->services_version, arena, &entries, &err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        const char *sid = entry->key + strlen(STORE_PREFIX_SERVICE);
        struct service *service = NULL;
        if (entry->value == NULL) {
            (void)map_remove(&view->services, sid); // it may be one that was never readable
        } else if (service_parse(arena, sid, entry->value, entry->size_bytes, &service, &err) < 0) {
            lrm_view_complain(events, arena, entry->key, &err);
        } else {
            map_put(&view->services, sid, lrm_view_keep_service(service));
        }
    }
    view->services_version = entries.version;
    return 0;
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
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        const char *sid = entry->key + strlen(STORE_PREFIX_RESOURCE);
        struct resource *resource = NULL;
        if (entry->value == NULL) {
            (void)map_remove(&view->resources, sid); // as above
        } else if (resource_parse(arena, entry->value, &resource, &err) < 0) {
            lrm_view_complain(events, arena, entry->key, &err);
        } else {
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
    }
    view->resources_version = entries.version;
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

void lrm_view_refresh(struct lrm_view *view, struct store *store, struct event_sink *events,
                      struct arena *arena)
{
    // Both, so that a record is never older than the manager status it is read with.
    int manager = lrm_view_read_manager(view, store, events, arena);
    int services = lrm_view_read_services(view, store, events, arena);
    view->readable = manager == 0 && services == 0 && !view->manager_broken;
    lrm_view_refresh_resources(view, store, events, arena);
    lrm_view_refresh_options(view, store, events, arena);
}

void lrm_view_fill(const struct lrm_view *view, struct lrm_input *input)
{
    input->readable = view->readable;
    input->manager = view->manager;
    input->services = &view->services;
    input->resources = &view->resources;
    input->options = &view->options;
}
