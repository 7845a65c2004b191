// SPDX-License-Identifier: Apache-2.0
// What can be seen of HA beyond its status: leases, times, fence devices.
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
#include "common/port/store.h"

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

static void timing_get_document(struct call *call)
{
    struct timing timing;
    struct json *status = NULL;
    timing_get(timing_document_profile(call->arena, call->host->session), &timing);
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

// ---- The rows.

static const struct method methods[] = {
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
