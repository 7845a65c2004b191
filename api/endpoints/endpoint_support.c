// SPDX-License-Identifier: Apache-2.0
// Between calls and the functions that tools use.
#include "api/endpoints/endpoint_support.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/call/call.h"
#include "cli/cluster_view.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/cluster_client.h"
#include "common/model/event.h"
#include "common/model/node_figures.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"

// A node says something at least every minute (node_meter.c).
enum { FIGURES_STALE_S = 150 };
// A call must not keep the others waiting for a daemon that hangs.
enum { ASK_MS = 250 };

static const char *endpoint_list_text(struct arena *arena, const struct json *list)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < list->count; i++) {
        strbuf_appendf(&text, "%s%s", i > 0 ? "," : "", list->items[i]->string);
    }
    return arena_strdup(arena, strbuf_text(&text));
}

const char *endpoint_text(const struct call *call, const char *name)
{
    if (!call_has(call, name)) {
        return NULL;
    }
    const struct json *value = json_find(call->parameters, name);
    switch (value->type) {
    case JSON_TYPE_STRING:
        return value->string;
    case JSON_TYPE_BOOL:
        return value->boolean ? "1" : "0";
    case JSON_TYPE_INT:
        return arena_printf(call->arena, "%" PRId64, value->integer);
    case JSON_TYPE_DOUBLE:
        return json_to_text(call->arena, value);
    case JSON_TYPE_ARRAY:
        return endpoint_list_text(call->arena, value);
    case JSON_TYPE_NULL:
    case JSON_TYPE_OBJECT:
    case JSON_TYPE_MAX:
        break;
    }
    return NULL;
}

void endpoint_texts(const struct call *call, const char *const *names, struct map *ret)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        const char *text = endpoint_text(call, names[i]);
        if (text != NULL) {
            map_put(ret, names[i], arena_strdup(call->arena, text));
        }
    }
}

const char *endpoint_summary(const struct call *call, const struct map *set, const char *unset)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    map_each (e, set) {
        strbuf_appendf(&text, "%s%s=%s", text.size_bytes > 0 ? " " : "", e->key,
                       (const char *)e->value);
    }
    if (unset != NULL) {
        strbuf_appendf(&text, "%sdelete=%s", text.size_bytes > 0 ? " " : "", unset);
    }
    return text.size_bytes > 0 ? arena_strdup(call->arena, strbuf_text(&text)) : NULL;
}

void endpoint_tell(const struct call *call, struct event *event, const char *what,
                   const char *settings)
{
    event_text(call->arena, event, "what", what);
    event_text(call->arena, event, "settings", settings);
    call_tell(call, event);
}

bool endpoint_is_node(const struct call *call, const char *node)
{
    const struct member_list *members = &call->host->view->members;
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->members[i].node, node) == 0) {
            return true;
        }
    }
    return false;
}

bool endpoint_is_online(const struct call *call, const char *node)
{
    const struct member_list *members = &call->host->view->members;
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->members[i].node, node) == 0) {
            return members->members[i].online;
        }
    }
    return false;
}

int64_t endpoint_now_s(const struct call *call)
{
    return clock_wall_s(call->host->clock);
}

// NULL when the node is away, or has said nothing for long.
static struct node_figures *figures_parse(const struct call *call, const char *node,
                                          const char *text, size_t size_bytes)
{
    struct node_figures *figures = NULL;
    bool good = endpoint_is_online(call, node) &&
                node_figures_parse(call->arena, text, size_bytes, &figures, NULL) == 0 &&
                endpoint_now_s(call) - figures->at_s <= FIGURES_STALE_S;
    return good ? figures : NULL;
}

void endpoint_figures(const struct call *call, struct map *ret)
{
    struct store_entries entries;
    map_init_arena(ret, call->arena);
    if (store_read(call->host->session->store, STORE_PREFIX_LIVE_NODE, 0, call->arena, &entries,
                   NULL) < 0) {
        return; // they are shown without figures
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        const char *node = entry->key + strlen(STORE_PREFIX_LIVE_NODE);
        struct node_figures *figures =
            entry->value != NULL ? figures_parse(call, node, entry->value, entry->size_bytes)
                                 : NULL;
        if (figures != NULL) {
            map_put(ret, node, figures);
        }
    }
}

const struct node_figures *endpoint_figures_of(const struct call *call, const char *node)
{
    struct session_value value;
    const char *key = arena_printf(call->arena, STORE_PREFIX_LIVE_NODE "%s", node);
    bool found = session_read(call->arena, call->host->session, key, &value, NULL) == 0;
    return found && value.text != NULL ? figures_parse(call, node, value.text, value.size_bytes)
                                       : NULL;
}

// A member of what the node says of its API.
static const char *endpoint_api(const struct call *call, const char *node, const char *member)
{
    struct session_value value;
    struct json *json = NULL;
    const char *key = arena_printf(call->arena, STORE_PREFIX_LIVE_API "%s", node);
    if (session_read(call->arena, call->host->session, key, &value, NULL) < 0 ||
        value.text == NULL ||
        json_parse(call->arena, value.text, value.size_bytes, &json, NULL) < 0) {
        return NULL;
    }
    return json_find_string(json, member);
}

const char *endpoint_fingerprint(const struct call *call, const char *node)
{
    return endpoint_api(call, node, "fingerprint");
}

const char *endpoint_address(const struct call *call, const char *node)
{
    return endpoint_api(call, node, "address");
}

int endpoint_ask(const struct call *call, const char *op, struct json **ret, struct error *err)
{
    struct json *request = json_new_object(call->arena);
    if (call->host->session->client == NULL) {
        return error_set(err, -ENOTCONN, "no connection to ha-clusterd");
    }
    json_put_string(request, "op", op);
    return cluster_client_call(call->host->session->client, call->arena, request, ASK_MS, ret, err);
}
