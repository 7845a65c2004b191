// SPDX-License-Identifier: Apache-2.0
// The rows of the status and their texts.
#include "cli/status_rows.h"

#include <stdbool.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/output.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"

enum { STATUS_DRIFT_S = 2 }; // clocks of nodes may differ by this much

enum status_age { STATUS_AGE_ACTIVE, STATUS_AGE_OLD, STATUS_AGE_DRIFT };

// The quorate part of the cluster knows that the node is not in it.
static bool status_is_gone(const struct cluster_view *view, const char *node)
{
    for (size_t i = 0; view->members.quorate && i < view->members.count; i++) {
        if (strcmp(view->members.members[i].node, node) == 0) {
            return !view->members.members[i].online;
        }
    }
    return false;
}

static enum status_age status_age_of(const struct cluster_view *view,
                                     const struct status_clock *clock, const char *node,
                                     int64_t timestamp_s)
{
    if (status_is_gone(view, node)) {
        return STATUS_AGE_OLD;
    }
    int64_t age_s = clock->now_s - timestamp_s;
    if (age_s > clock->stale_s) {
        return STATUS_AGE_OLD;
    }
    return age_s < -STATUS_DRIFT_S ? STATUS_AGE_DRIFT : STATUS_AGE_ACTIVE;
}

// The age in words; with nothing configured nobody needs to give signs of life.
static const char *status_age_text(const struct cluster_view *view, enum status_age age)
{
    switch (age) {
    case STATUS_AGE_ACTIVE:
        return "active";
    case STATUS_AGE_OLD:
        return view->members.quorate && view->resources.count == 0 ? "idle"
                                                                   : "old timestamp - dead?";
    case STATUS_AGE_DRIFT:
        return "detected time drift!";
    }
    return "";
}

static struct json *status_row(struct arena *arena, const char *type, const char *id,
                               const char *node, const char *status)
{
    struct json *row = json_new_object(arena);
    json_put_string(row, "type", type);
    json_put_string(row, "id", id);
    json_put_string(row, "node", node);
    json_put_string(row, "status", status);
    return row;
}

static const char *status_disarm_state(const struct manager_status *manager)
{
    return manager->disarmed ? "disarmed" : "disarming";
}

static struct json *status_quorum(struct arena *arena, const struct cluster_view *view)
{
    const char *text =
        view->members.quorate ? "OK" : arena_printf(arena, "No quorum on node '%s'!", view->node);
    struct json *row = status_row(arena, "quorum", "quorum", view->node, text);
    json_put_int(row, "quorate", view->members.quorate ? 1 : 0);
    return row;
}

static struct json *status_master(struct arena *arena, const struct cluster_view *view,
                                  const struct status_clock *clock)
{
    const struct manager_status *manager = view->manager;
    enum status_age age = status_age_of(view, clock, view->master, view->master_timestamp_s);
    const char *text = arena_printf(arena, "%s (%s, %s)", view->master, status_age_text(view, age),
                                    output_date(arena, view->master_timestamp_s));
    if (manager->disarm != DISARM_MODE_NONE) {
        text = arena_printf(arena, "%s - %s, resource mode: %s", text, status_disarm_state(manager),
                            disarm_mode_to_string(manager->disarm));
    }
    if (view->options.scheduler != SCHEDULER_MODE_BASIC) {
        text = arena_printf(arena, "%s - %s load CRS", text,
                            scheduler_mode_to_string(view->options.scheduler));
    }
    struct json *row = status_row(arena, "master", "master", view->master, text);
    json_put_int(row, "timestamp", view->master_timestamp_s);
    return row;
}

static struct json *status_fencing(struct arena *arena, const struct cluster_view *view,
                                   const struct status_clock *clock)
{
    const struct manager_status *manager = view->manager;
    bool armed =
        view->has_master_timestamp &&
        status_age_of(view, clock, view->master, view->master_timestamp_s) == STATUS_AGE_ACTIVE;
    const char *state = armed ? "armed" : "standby";
    const char *text = arena_printf(arena, "%s (CRM watchdog %s)", state, armed ? "active" : state);
    if (manager->disarm != DISARM_MODE_NONE) {
        state = status_disarm_state(manager);
        text = arena_printf(arena, "%s, resource mode: %s (CRM watchdog %s)", state,
                            disarm_mode_to_string(manager->disarm),
                            manager->disarmed ? "released" : "active");
    }
    struct json *row = status_row(arena, "fencing", "fencing",
                                  view->master != NULL ? view->master : view->node, text);
    json_put_string(row, "armed-state", state);
    if (manager->disarm != DISARM_MODE_NONE) {
        json_put_string(row, "resource_mode", disarm_mode_to_string(manager->disarm));
    }
    return row;
}

// How many services the node has to do something for.
static size_t status_active_count(const struct cluster_view *view, const char *node)
{
    size_t count = 0;
    map_each (e, &view->services) {
        const struct service *service = e->value;
        bool idle = service->state == SVC_STATE_STOPPED || service->state == SVC_STATE_ERROR;
        count += strcmp(service->node, node) == 0 && !idle ? 1 : 0;
    }
    return count;
}

static const char *status_lrm_what(struct arena *arena, const struct cluster_view *view,
                                   const char *node, const struct lrm_status *lrm,
                                   enum status_age age)
{
    const char *mode = arena_printf(arena, "%s mode", lrm_mode_to_string(lrm->mode));
    if (age != STATUS_AGE_ACTIVE) {
        bool shown = lrm->mode == LRM_MODE_MAINTENANCE || lrm->mode == LRM_MODE_DISARM;
        return shown ? mode : status_age_text(view, age);
    }
    if (lrm->mode != LRM_MODE_ACTIVE) {
        return mode;
    }
    if (lrm->state == LRM_STATE_WAIT_FOR_AGENT_LOCK && status_active_count(view, node) == 0) {
        return "idle";
    }
    return lrm_state_to_string(lrm->state);
}

static const char *status_lrm_watchdog(const struct lrm_status *lrm, enum status_age age)
{
    if (age == STATUS_AGE_ACTIVE &&
        (lrm->state == LRM_STATE_ACTIVE || lrm->state == LRM_STATE_MAINTENANCE)) {
        return "watchdog active";
    }
    return lrm->mode == LRM_MODE_DISARM ? "watchdog released" : "watchdog standby";
}

static struct json *status_lrm(struct arena *arena, const struct cluster_view *view,
                               const char *node, const struct status_clock *clock)
{
    const struct lrm_status *lrm = map_find(&view->lrms, node);
    const char *id = arena_printf(arena, "lrm:%s", node);
    if (lrm == NULL) {
        return status_row(arena, "lrm", id, node,
                          arena_printf(arena, "%s (unable to read lrm status)", node));
    }
    enum status_age age = status_age_of(view, clock, node, lrm->timestamp_s);
    const char *text =
        arena_printf(arena, "%s (%s, %s, %s)", node, status_lrm_what(arena, view, node, lrm, age),
                     status_lrm_watchdog(lrm, age), output_date(arena, lrm->timestamp_s));
    struct json *row = status_row(arena, "lrm", id, node, text);
    json_put_int(row, "timestamp", lrm->timestamp_s);
    return row;
}

static const char *status_started(const struct service *service, enum request_state wanted)
{
    if (!service->running) {
        return "starting";
    }
    return wanted == REQUEST_STATE_STOPPED || wanted == REQUEST_STATE_DISABLED ? "stopping"
                                                                               : "started";
}

static const char *status_stopped(enum request_state wanted)
{
    if (wanted == REQUEST_STATE_STARTED) {
        return "starting";
    }
    return wanted == REQUEST_STATE_DISABLED ? "disabled" : "stopped";
}

// Where the service is: as the manager knows, else where its guest is; NULL when nobody knows.
static const char *status_service_node(const struct cluster_view *view, const char *sid)
{
    const struct service *service = map_find(&view->services, sid);
    const struct guest *guest = map_find(&view->guests, sid);
    if (service != NULL) {
        return service->node;
    }
    return guest != NULL ? guest->node : NULL;
}

const char *status_shown_state(const struct cluster_view *view, const char *sid)
{
    const struct resource *resource = map_find(&view->resources, sid);
    const struct service *service = map_find(&view->services, sid);
    if (view->manager->disarm == DISARM_MODE_IGNORE) {
        return "ignore";
    }
    if (resource == NULL) {
        return "deleting";
    }
    if (resource->state == REQUEST_STATE_IGNORED) {
        return "ignored";
    }
    if (status_service_node(view, sid) == NULL) {
        return "not found";
    }
    if (service == NULL) {
        return "queued";
    }
    if (service->state == SVC_STATE_STOPPED && service->halted_by != NULL &&
        resource->state == REQUEST_STATE_STARTED) {
        return "waiting for storage";
    }
    if (service->state == SVC_STATE_STOPPED) {
        return status_stopped(resource->state);
    }
    if (service->state == SVC_STATE_STARTED) {
        return status_started(service, resource->state);
    }
    if (service->state == SVC_STATE_ERROR && resource->state == REQUEST_STATE_DISABLED) {
        return "clearing error flag";
    }
    return svc_state_to_string(service->state);
}

static struct json *status_service(struct arena *arena, const struct cluster_view *view,
                                   const char *sid)
{
    const struct resource *resource = map_find(&view->resources, sid);
    const struct service *service = map_find(&view->services, sid);
    const char *node = status_service_node(view, sid);
    const char *shown = status_shown_state(view, sid);
    const char *text = arena_printf(arena, "%s (%s, %s)", sid, node != NULL ? node : "---", shown);
    struct json *row =
        status_row(arena, "service", arena_printf(arena, "service:%s", sid), node, text);
    json_put_string(row, "sid", sid);
    json_put_string(row, "state", shown);
    if (service != NULL) {
        json_put_string(row, "crm_state", svc_state_to_string(service->state));
        json_put_string(row, "halted_by", service->halted_by);
    }
    if (resource != NULL) {
        json_put_string(row, "request_state", request_state_to_string(resource->state));
        json_put_int(row, "max_restart", resource->max_restart);
        json_put_int(row, "max_relocate", resource->max_relocate);
        json_put_int(row, "failback", resource->failback ? 1 : 0);
        json_put_string(row, "comment", resource->comment);
        json_put_string(row, "group",
                        resource->group != NULL ? resource->group : map_find(&view->groups, sid));
    }
    return row;
}

struct json *status_rows(struct arena *arena, const struct cluster_view *view,
                         const struct status_clock *clock)
{
    struct json *rows = json_new_array(arena);
    json_append(rows, status_quorum(arena, view));
    if (view->master != NULL && view->has_master_timestamp) {
        json_append(rows, status_master(arena, view, clock));
    }
    json_append(rows, status_fencing(arena, view, clock));
    for (size_t i = 0; i < view->members.count; i++) {
        json_append(rows, status_lrm(arena, view, view->members.members[i].node, clock));
    }
    map_each (e, &view->services) {
        json_append(rows, status_service(arena, view, e->key));
    }
    map_each (e, &view->resources) {
        if (!map_has(&view->services, e->key)) {
            json_append(rows, status_service(arena, view, e->key));
        }
    }
    return rows;
}

// The status as one document, with the services and the sign of life that are kept apart.
static struct json *status_manager_document(struct arena *arena, const struct cluster_view *view)
{
    const char *text = manager_status_format(arena, view->manager);
    struct json *services = json_new_object(arena);
    struct json *manager = NULL;
    if (json_parse(arena, text, strlen(text), &manager, NULL) < 0) {
        manager = json_new_object(arena); // not reached: we wrote it
    }
    map_each (e, &view->services) {
        json_put(services, e->key, service_to_json(arena, e->value));
    }
    json_put(manager, "service_status", services);
    if (view->has_master_timestamp) {
        json_put_string(manager, "master_node", view->master);
        json_put_int(manager, "timestamp", view->master_timestamp_s);
    }
    return manager;
}

struct json *status_documents(struct arena *arena, const struct cluster_view *view)
{
    struct json *all = json_new_object(arena);
    struct json *quorum = json_new_object(arena);
    struct json *lrms = json_new_object(arena);
    json_put_string(quorum, "node", view->node);
    json_put_int(quorum, "quorate", view->members.quorate ? 1 : 0);
    map_each (e, &view->lrms) {
        const char *text = lrm_status_format(arena, e->value);
        struct json *lrm = NULL;
        if (json_parse(arena, text, strlen(text), &lrm, NULL) < 0) {
            continue; // not reached: we wrote it
        }
        if (json_find(lrm, "results") == NULL) {
            json_put(lrm, "results", json_new_object(arena));
        }
        json_put(lrms, e->key, lrm);
    }
    json_put(all, "manager_status", status_manager_document(arena, view));
    json_put(all, "quorum", quorum);
    json_put(all, "lrm_status", lrms);
    return all;
}
