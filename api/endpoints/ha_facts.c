// SPDX-License-Identifier: Apache-2.0
// What can be seen of HA beyond its status: leases, times, fence devices, the history.
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/cluster_view.h"
#include "cli/session.h"
#include "cli/timing_document.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/fence_trial.h"
#include "common/model/fence_config.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "common/port/history.h"
#include "common/port/store.h"

enum { HISTORY_LIMIT = 200 };

// ---- Leases.

static const struct json *lease_find(const struct json *leases, const char *name)
{
    for (size_t i = 0; leases != NULL && i < leases->count; i++) {
        const char *have = json_find_string(leases->items[i], "name");
        if (have != NULL && strcmp(have, name) == 0) {
            return leases->items[i];
        }
    }
    return NULL;
}

static struct json *lease_row(const struct call *call, const char *node, const struct json *lease)
{
    struct json *row = json_new_object(call->arena);
    const char *owner = lease != NULL ? json_find_string(lease, "owner") : NULL;
    bool unknown = lease != NULL && json_find(lease, "unknown") != NULL;
    int64_t silent_ms = 0;
    int64_t breakable_ms = 0;
    json_put_string(row, "node", node);
    json_put_string(row, "owner", owner);
    if (unknown) {
        json_put_string(row, "state", "unknown");
    } else {
        json_put_string(row, "state", owner != NULL ? "held" : "free");
    }
    if (lease != NULL && (unknown || owner != NULL)) {
        ignore_result(json_get_int_if(lease, "silent_ms", 0, INT64_MAX, &silent_ms, NULL));
        ignore_result(json_get_int_if(lease, "breakable_in_ms", 0, INT64_MAX, &breakable_ms, NULL));
        json_put_int(row, "silent_ms", silent_ms);
        json_put_int(row, "proof_in_ms", breakable_ms);
    }
    return row;
}

static void leases_list(struct call *call)
{
    const struct member_list *members = &call->host->view->members;
    struct json *list = json_new_array(call->arena);
    struct json *answer = NULL;
    struct error err = {0};
    if (endpoint_ask(call, "leases", &answer, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    const struct json *leases = json_find(answer, "leases");
    for (size_t i = 0; i < members->count; i++) {
        const char *node = members->members[i].node;
        const char *name = arena_printf(call->arena, LEASE_AGENT_FORMAT, node);
        json_append(list, lease_row(call, node, lease_find(leases, name)));
    }
    call_return(call, list);
}

// ---- Times.

static enum timing_profile timing_profile_now(const struct call *call)
{
    const char *const keys[] = {
        STORE_KEY_CLUSTER_PROFILE,
        arena_printf(call->arena, STORE_PREFIX_LIVE_PROFILE "%s", call->host->node)};
    enum timing_profile profile = TIMING_PROFILE_BALANCED;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        struct session_value value;
        if (session_read(call->arena, call->host->session, keys[i], &value, NULL) == 0 &&
            value.text != NULL && timing_profile_from_string(value.text, &profile) == 0) {
            break;
        }
    }
    return profile;
}

static void timing_get_document(struct call *call)
{
    struct timing timing;
    struct json *status = NULL;
    timing_get(timing_profile_now(call), &timing);
    bool measured = endpoint_ask(call, "status", &status, NULL) == 0;
    if (measured) {
        struct timing_facts facts;
        timing_document_facts(status, &facts);
        facts.nodes_count = (int64_t)call->host->view->members.count;
        timing_measure(&timing, &facts);
    }
    struct json *document = timing_document(call->arena, &timing);
    struct error why = {0};
    json_put_int(document, "safe", timing_check(&timing, &why) == 0 ? 1 : 0);
    json_put_int(document, "measured", measured ? 1 : 0);
    json_put_int(document, "tolerated_blackout_ms", timing_blackout_ms(&timing));
    call_return(call, document);
}

// ---- Fence devices.

static struct json *fence_row(const struct call *call, const struct fence_device *device)
{
    struct json *row = json_new_object(call->arena);
    struct fence_record record;
    bool known = false;
    json_put_string(row, "device", device->name);
    json_put_string(row, "agent", device->agent);
    json_put_string(row, "nodes", fence_nodes_format(call->arena, &device->nodes));
    json_put_int(row, "level", device->level);
    json_put_int(row, "delay", device->delay_s);
    json_put_int(row, "timeout", device->timeout_s);
    if (device->disabled) {
        json_put_int(row, "disable", 1);
    }
    if (fence_record_read(call->host->session->store, call->arena, device->name, &record, &known,
                          NULL) == 0 &&
        known) {
        struct json *test = json_new_object(call->arena);
        json_put_string(test, "by", record.by);
        json_put_int(test, "passed", record.passed ? 1 : 0);
        json_put_string(test, "reason", record.reason);
        json_put_int(test, "took_ms", record.took_ms);
        json_put_int(test, "timestamp", record.wall_s);
        json_put(row, "test", test);
    }
    return row;
}

static void fence_list(struct call *call)
{
    struct json *list = json_new_array(call->arena);
    struct fence_config *config = NULL;
    struct error err = {0};
    if (fence_config_read(call->host->session->store, call->arena, &config, NULL, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    map_each (e, &config->devices) {
        json_append(list, fence_row(call, e->value));
    }
    call_return(call, list);
}

// ---- The history.

static void history_list(struct call *call)
{
    struct store_entries entries;
    struct error err = {0};
    struct json *list = json_new_array(call->arena);
    int64_t limit = call_int(call, "limit", HISTORY_LIMIT);
    int64_t after = call_int(call, "after", 0);
    if (store_read(call->host->session->store, STORE_PREFIX_HISTORY, 0, call->arena, &entries,
                   &err) < 0) {
        call_fail(call, &err);
        return;
    }
    struct json **rows = arena_array_of(call->arena, struct json *, entries.count);
    size_t count = 0;
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        int64_t number = 0;
        if (entry->value != NULL &&
            history_show(call->arena, entry->key, entry->value, entry->size_bytes, &rows[count],
                         NULL) == 0 &&
            json_get_int(rows[count], "number", 0, INT64_MAX, &number, NULL) == 0 &&
            number > after) {
            count++;
        }
    }
    // After a number the oldest that follow it, so that nothing is passed over; else the newest.
    size_t shown = count < (size_t)limit ? count : (size_t)limit;
    size_t first = call_has(call, "after") ? 0 : count - shown;
    for (size_t i = first; i < first + shown; i++) {
        json_append(list, rows[i]);
    }
    call_return(call, list);
}

// ---- The rows.

static const struct parameter parameters_history[] = {
    {.name = "limit",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .minimum = 1,
     .has_maximum = true,
     .maximum = HISTORY_KEEP,
     .default_text = "200",
     .description = "how many entries at most"},
    {.name = "after",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .description = "only entries with a higher number, from the oldest on"}};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/history",
     .description = "what was decided and why, and who changed what; ascending",
     PARAMETERS(parameters_history),
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = history_list},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/leases",
     .description = "how long nodes have not been heard of, and when that is a proof",
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = leases_list},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/timing",
     .description = "the times the cluster works by, as measured on this node",
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = timing_get_document},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/fence",
     .description = "fence devices, and how they did in their last test",
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = fence_list},
};

const struct method_table endpoints_ha_facts = {methods, ARRAY_SIZE(methods)};
