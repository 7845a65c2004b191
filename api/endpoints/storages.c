// SPDX-License-Identifier: Apache-2.0
// /storage and /nodes/{node}/storage: where guests' volumes are, and how the nodes find them.
#include <errno.h>
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "api/endpoints/storage_rows.h"
#include "cli/cluster_view.h"
#include "cli/session.h"
#include "cli/storage_edit.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/event.h"
#include "common/model/node_figures.h"
#include "common/model/storage.h"
#include "common/model/storage_state.h"

// What guests' volumes are called by clients.
#define STORAGE_CONTENT "images,rootdir"

// ---- Rows.

bool storage_row_may(const struct call *call, const char *id)
{
    const char *path = arena_printf(call->arena, "/storage/%s", id);
    return call_may(call, PRIVILEGE_DATASTORE_AUDIT, path) ||
           call_may(call, PRIVILEGE_DATASTORE_ALLOCATE_SPACE, path);
}

// How the node finds the storage; of its own folder, which nobody looks after, what the node itself
// tells. NULL: nothing is known.
static const struct storage_state *storage_state_of(const struct call *call,
                                                    const struct storage_book *book, const char *id,
                                                    const char *node)
{
    const struct map *states = map_find(&book->states, node);
    const struct storage_state *state = states != NULL ? map_find(states, id) : NULL;
    if (state != NULL || strcmp(id, STORAGE_LOCAL) != 0 || map_has(&book->texts, id)) {
        return state;
    }
    const struct node_figures *own = endpoint_figures_of(call, node);
    if (own == NULL || own->local_max_bytes == 0) {
        return NULL;
    }
    struct storage_state *local = arena_new_of(call->arena, struct storage_state);
    local->condition = STORAGE_CONDITION_READY;
    local->total_bytes = own->local_max_bytes;
    local->available_bytes = own->local_max_bytes - own->local_bytes;
    return local;
}

static bool storage_is_active(const struct call *call, const struct storage_state *state,
                              const char *node)
{
    return state != NULL && state->condition == STORAGE_CONDITION_READY &&
           (endpoint_is_online(call, node) || strcmp(node, call->host->node) == 0);
}

struct json *storage_row_of_cluster(const struct call *call, const struct storage_book *book,
                                    const struct storage *storage, const char *node)
{
    const struct storage_state *state = storage_state_of(call, book, storage->id, node);
    bool active = storage_is_active(call, state, node);
    struct json *row = json_new_object(call->arena);
    json_put_string(row, "id", arena_printf(call->arena, "storage/%s/%s", node, storage->id));
    json_put_string(row, "type", "storage");
    json_put_string(row, "storage", storage->id);
    json_put_string(row, "node", node);
    json_put_string(row, "status", active ? "available" : "unknown");
    json_put_int(row, "shared", storage->shared ? 1 : 0);
    json_put_string(row, "content", STORAGE_CONTENT);
    json_put_string(row, "plugintype", storage_type_to_string(storage->type));
    json_put_int(row, "disk", active ? state->total_bytes - state->available_bytes : 0);
    json_put_int(row, "maxdisk", active ? state->total_bytes : 0);
    return row;
}

static struct json *storage_row_of_node(const struct call *call, const struct storage_book *book,
                                        const struct storage *storage, const char *node)
{
    const struct storage_state *state = storage_state_of(call, book, storage->id, node);
    bool active = storage_is_active(call, state, node);
    int64_t total = active ? state->total_bytes : 0;
    int64_t available = active ? state->available_bytes : 0;
    struct json *row = json_new_object(call->arena);
    json_put_string(row, "storage", storage->id);
    json_put_string(row, "type", storage_type_to_string(storage->type));
    json_put_string(row, "content", STORAGE_CONTENT);
    json_put_int(row, "enabled", storage->disabled ? 0 : 1);
    json_put_int(row, "active", active ? 1 : 0);
    json_put_int(row, "shared", storage->shared ? 1 : 0);
    json_put_int(row, "total", total);
    json_put_int(row, "used", total - available);
    json_put_int(row, "avail", available);
    json_put(row, "used_fraction",
             json_new_double(call->arena,
                             total > 0 ? (double)(total - available) / (double)total : 0.0));
    return row;
}

static struct json *storage_row_defined(const struct call *call, const struct storage_book *book,
                                        const struct storage *storage)
{
    const char *text = map_find(&book->texts, storage->id);
    struct json *row = json_new_object(call->arena);
    json_put_string(row, "storage", storage->id);
    json_put_string(row, "type", storage_type_to_string(storage->type));
    json_put_string(row, "content", STORAGE_CONTENT);
    json_put_string(
        row, "digest",
        digest_sha1_hex(call->arena, text != NULL ? text : "", text != NULL ? strlen(text) : 0));
    json_put_string(row, "path", storage->path);
    json_put_string(row, "nodes", storage_nodes_text(call->arena, storage));
    json_put_string(row, "server", storage->server);
    json_put_string(row, "export", storage->export);
    json_put_string(row, "options", storage->options);
    if (storage->shared && storage->type == STORAGE_TYPE_DIR) {
        json_put_int(row, "shared", 1);
    }
    if (storage->disabled) {
        json_put_int(row, "disable", 1);
    }
    if (storage->is_mount) {
        json_put_string(row, "is_mountpoint", "1");
    }
    if (storage->on_loss != STORAGE_LOSS_MOVE) {
        json_put_string(row, "on-loss", storage_loss_to_string(storage->on_loss));
    }
    return row;
}

// ---- Reading.

static bool storages_read(struct call *call, struct storage_book *ret)
{
    struct error err = {0};
    if (storage_book_read(call->arena, call->host->session, ret, &err) < 0) {
        call_fail(call, &err);
        return false;
    }
    return true;
}

static void storages_list(struct call *call)
{
    const char *type = call_string(call, "type", NULL);
    struct json *list = json_new_array(call->arena);
    struct storage_book book;
    if (!storages_read(call, &book)) {
        return;
    }
    map_each (e, &book.storages) {
        const struct storage *storage = e->value;
        if (storage_row_may(call, storage->id) &&
            (type == NULL || strcmp(type, storage_type_to_string(storage->type)) == 0)) {
            json_append(list, storage_row_defined(call, &book, storage));
        }
    }
    call_return(call, list);
}

static const struct storage *storages_find(struct call *call, const struct storage_book *book)
{
    const char *id = call_string(call, "storage", "");
    const struct storage *storage = map_find(&book->storages, id);
    if (storage == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "storage '%s' does not exist", id);
    }
    return storage;
}

static void storage_get(struct call *call)
{
    struct storage_book book;
    const struct storage *storage = storages_read(call, &book) ? storages_find(call, &book) : NULL;
    if (storage != NULL) {
        call_return(call, storage_row_defined(call, &book, storage));
    }
}

static void node_storages(struct call *call)
{
    const char *node = call_string(call, "node", "");
    const char *only = call_string(call, "storage", NULL);
    const char *target = call_string(call, "target", NULL);
    struct json *list = json_new_array(call->arena);
    struct storage_book book;
    if (!storages_read(call, &book)) {
        return;
    }
    map_each (e, &book.storages) {
        const struct storage *storage = e->value;
        if (storage_has_node(storage, node) && storage_row_may(call, storage->id) &&
            (target == NULL || storage_has_node(storage, target)) &&
            (only == NULL || strcmp(only, storage->id) == 0) &&
            (!storage->disabled || !call_bool(call, "enabled", false))) {
            json_append(list, storage_row_of_node(call, &book, storage, node));
        }
    }
    call_return(call, list);
}

static void node_storage_status(struct call *call)
{
    const char *node = call_string(call, "node", "");
    struct storage_book book;
    const struct storage *storage = storages_read(call, &book) ? storages_find(call, &book) : NULL;
    if (storage == NULL) {
        return;
    }
    if (!storage_has_node(storage, node)) {
        call_refuse(call, CALL_STATUS_FAILED, "storage '%s' is not available on node '%s'",
                    storage->id, node);
        return;
    }
    call_return(call, storage_row_of_node(call, &book, storage, node));
}

// ---- Changing.

static const char *const storage_keys[] = {"path",  "server", "export",  "options", "content",
                                           "nodes", "shared", "disable", "on-loss", NULL};

static void storage_fill(struct call *call, struct storage_request *request)
{
    const char *mount = endpoint_text(call, "is_mountpoint");
    storage_request_init(call->arena, request);
    endpoint_texts(call, storage_keys, &request->set);
    if (mount != NULL) {
        map_put(&request->set, "mountpoint", arena_strdup(call->arena, mount));
    }
}

static void storage_tell(const struct call *call, const char *id, const char *what,
                         const char *settings)
{
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "storage-changed");
    event_text(call->arena, event, "storage", id);
    endpoint_tell(call, event, what, settings);
}

static void storage_return(struct call *call, const char *id, const char *type)
{
    struct json *row = json_new_object(call->arena);
    json_put_string(row, "storage", id);
    json_put_string(row, "type", type);
    call_return(call, row);
}

static void storage_post(struct call *call)
{
    const char *id = call_string(call, "storage", "");
    const char *type = call_string(call, "type", "");
    struct storage_request request;
    struct error err = {0};
    storage_fill(call, &request);
    int r =
        storage_add(call->arena, call->host->session, call->host->view, type, id, &request, &err);
    if (r == -EEXIST) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "create storage failed: storage ID '%s' already defined", id);
        return;
    }
    if (r < 0) {
        if (r != -EHOSTDOWN) {
            error_prefix(&err, "create storage failed");
        }
        call_fail(call, &err);
        return;
    }
    storage_tell(call, id, "added", endpoint_summary(call, &request.set, NULL));
    storage_return(call, id, type);
}

// The name that clients give a key as ours.
static const char *storage_unset(const struct call *call)
{
    const struct json *list = call_list(call, "delete");
    const char *text = NULL;
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const char *key = list->items[i]->string;
        key = strcmp(key, "is_mountpoint") == 0 ? "mountpoint" : key;
        text = text != NULL ? arena_printf(call->arena, "%s,%s", text, key) : key;
    }
    return text;
}

static void storage_put(struct call *call)
{
    const char *id = call_string(call, "storage", "");
    struct storage_request request;
    struct storage_book book;
    struct error err = {0};
    const struct storage *storage = storages_read(call, &book) ? storages_find(call, &book) : NULL;
    if (storage == NULL) {
        return;
    }
    storage_fill(call, &request);
    request.unset = storage_unset(call);
    request.digest = call_string(call, "digest", NULL);
    int r = storage_change(call->arena, call->host->session, call->host->view, id, &request, &err);
    if (r == -ESTALE) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "update storage failed: detected modified configuration - file changed by "
                    "other user? Try again.");
        return;
    }
    if (r < 0) {
        if (r != -EHOSTDOWN) {
            error_prefix(&err, "update storage failed");
        }
        call_fail(call, &err);
        return;
    }
    storage_tell(call, id, "changed", endpoint_summary(call, &request.set, request.unset));
    storage_return(call, id, storage_type_to_string(storage->type));
}

static void storage_delete(struct call *call)
{
    const char *id = call_string(call, "storage", "");
    struct storage_book book;
    struct error err = {0};
    if (!storages_read(call, &book) || storages_find(call, &book) == NULL) {
        return;
    }
    if (storage_remove(call->arena, call->host->session, call->host->view, id, &err) < 0) {
        error_prefix(&err, "delete storage failed");
        call_fail(call, &err);
        return;
    }
    storage_tell(call, id, "removed", NULL);
}

// ---- The rows.

static const char *const storage_types[] = {"dir", "nfs", NULL};
static const char *const storage_losses[] = {"move", "keep", "stop", NULL};

#define PARAMETER_STORAGE                                                                          \
    {                                                                                              \
        .name = "storage", .format = PARAMETER_FORMAT_ID, .required = true,                        \
        .description = "name of the storage"                                                       \
    }
#define PARAMETERS_STORAGE                                                                         \
    PARAMETER_STORAGE, {.name = "path", .description = "the folder; of nfs: where it is mounted"}, \
        {.name = "server", .format = PARAMETER_FORMAT_ADDRESS, .description = "nfs: the server"},  \
        {.name = "export", .description = "nfs: the folder it exports"},                           \
        {.name = "options", .description = "nfs: options for mount"},                              \
        {.name = "content",                                                                        \
         .type = PARAMETER_TYPE_LIST,                                                              \
         .description = "for clients that give it: guests' volumes are what it is for"},           \
        {.name = "nodes",                                                                          \
         .type = PARAMETER_TYPE_LIST,                                                              \
         .format = PARAMETER_FORMAT_NODE,                                                          \
         .description = "the only nodes that have it"},                                            \
        {.name = "shared",                                                                         \
         .type = PARAMETER_TYPE_BOOLEAN,                                                           \
         .description = "dir: all nodes see the same volumes"},                                    \
        {.name = "disable",                                                                        \
         .type = PARAMETER_TYPE_BOOLEAN,                                                           \
         .description = "it is not mounted and not looked at"},                                    \
        {.name = "is_mountpoint",                                                                  \
         .type = PARAMETER_TYPE_BOOLEAN,                                                           \
         .description = "dir: only there while something is mounted on the path"},                 \
    {                                                                                              \
        .name = "on-loss", .values = storage_losses, .default_text = "move",                       \
        .description = "what becomes of services on a node that has lost it"                       \
    }

static const struct parameter parameters_list[] = {
    {.name = "type", .values = storage_types, .description = "only storages of this type"}};
static const struct parameter parameters_storage[] = {PARAMETER_STORAGE};
static const struct parameter parameters_post[] = {
    PARAMETERS_STORAGE,
    {.name = "type",
     .values = storage_types,
     .required = true,
     .description = "a folder that is there, or one of a server"}};
static const struct parameter parameters_put[] = {PARAMETERS_STORAGE, PARAMETER_DELETE,
                                                  PARAMETER_DIGEST};
static const struct parameter parameters_node_list[] = {
    PARAMETER_NODE,
    {.name = "storage", .format = PARAMETER_FORMAT_ID, .description = "only this one"},
    {.name = "content", .description = "for clients that give it: all have guests' volumes"},
    {.name = "enabled",
     .type = PARAMETER_TYPE_BOOLEAN,
     .default_text = "0",
     .description = "only those that are not disabled"},
    {.name = "target",
     .format = PARAMETER_FORMAT_NODE,
     .description = "only those that this node has, too"},
    {.name = "format", .type = PARAMETER_TYPE_BOOLEAN, .description = "for clients that give it"}};
static const struct parameter parameters_node_storage[] = {PARAMETER_NODE, PARAMETER_STORAGE};

#define MAY_DEFINE_STORAGE                                                                         \
    .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_DATASTORE_ALLOCATE,                  \
    .access_path = "/storage"
#define MAY_READ_STORAGE                                                                           \
    .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_DATASTORE_AUDIT,                     \
    .access_path = "/storage/{storage}"

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/storage",
     .description = "definitions of storages that the caller may see",
     PARAMETERS(parameters_list),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = storages_list},
    {.verb = METHOD_VERB_POST,
     .path = "/storage",
     .description = "define a storage",
     PARAMETERS(parameters_post),
     MAY_DEFINE_STORAGE,
     .kind = METHOD_KIND_WORK,
     .returns = "object",
     .run = storage_post},
    {.verb = METHOD_VERB_GET,
     .path = "/storage/{storage}",
     .description = "one definition",
     PARAMETERS(parameters_storage),
     MAY_READ_STORAGE,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = storage_get},
    {.verb = METHOD_VERB_PUT,
     .path = "/storage/{storage}",
     .description = "change a definition",
     PARAMETERS(parameters_put),
     MAY_DEFINE_STORAGE,
     .kind = METHOD_KIND_WORK,
     .returns = "object",
     .run = storage_put},
    {.verb = METHOD_VERB_DELETE,
     .path = "/storage/{storage}",
     .description = "forget a definition; what is on the storage stays",
     PARAMETERS(parameters_storage),
     MAY_DEFINE_STORAGE,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = storage_delete},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/storage",
     .description = "how the node finds the storages that the caller may see",
     PARAMETERS(parameters_node_list),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .on_node = true,
     .returns = "array",
     .run = node_storages},
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/storage/{storage}/status",
     .description = "one of them",
     PARAMETERS(parameters_node_storage),
     MAY_READ_STORAGE,
     .kind = METHOD_KIND_READ,
     .on_node = true,
     .returns = "object",
     .run = node_storage_status},
};

const struct method_table endpoints_storage = {methods, ARRAY_SIZE(methods)};
