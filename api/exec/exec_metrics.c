// SPDX-License-Identifier: Apache-2.0
// Gathers what /metrics shows.
#include <string.h>

#include "api/call/call.h"
#include "api/exec/exec_call.h"
#include "api/exec/exec_totals.h"
#include "api/exec/metrics.h"
#include "api/task/task_list.h"
#include "api/task/task_registry.h"
#include "cli/timing_document.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/latency_page.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "ha_config.h"

enum { ASK_MS = 250 };

void execd_count(struct execd *daemon)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct store_entries entries;
    if (store_read(daemon->view.session.store, STORE_PREFIX_HISTORY, daemon->totals->version, arena,
                   &entries, NULL) == 0) {
        exec_totals_read(daemon->totals, &entries);
    }
}

// What ha-clusterd says of itself, or NULL.
static struct json *status_ask(struct execd *daemon, struct arena *arena, int64_t *ret_took_ms)
{
    struct json *request = json_new_object(arena);
    struct json *status = NULL;
    int64_t before_ms = clock_now_ms(&daemon->clock);
    json_put_string(request, "op", "status");
    int r = cluster_client_call(daemon->client, arena, request, ASK_MS, &status, NULL);
    *ret_took_ms = clock_now_ms(&daemon->clock) - before_ms;
    return r == 0 ? status : NULL;
}

static char *metrics_make(const struct call_queue *queue, struct arena *arena)
{
    struct execd *daemon = queue->daemon;
    struct task_entries tasks;
    struct timing timing = daemon->setup.timing;
    struct metrics_source source = {
        .view = &daemon->view.cluster,
        .totals = daemon->totals,
        .tasks = &tasks,
        .timing = &timing,
        .version = HA_VERSION,
        .now_s = clock_wall_s(&daemon->clock),
        .calls_busy = call_queue_busy(queue),
    };
    struct latency_figures clusterd, crm, lrm;
    source.clusterd = latency_page_read("ha-clusterd", &clusterd) == 0 ? &clusterd : NULL;
    source.crm = latency_page_read("ha-crm", &crm) == 0 ? &crm : NULL;
    source.lrm = latency_page_read("ha-lrm", &lrm) == 0 ? &lrm : NULL;
    execd_count(daemon);
    task_registry_list(daemon->tasks, arena, &tasks);
    source.status = status_ask(daemon, arena, &source.answer_ms);
    if (source.status != NULL) {
        struct timing_facts facts;
        timing_document_facts(source.status, &facts);
        facts.nodes_count = (int64_t)daemon->view.cluster.members.count;
        timing_measure(&timing, &facts);
    }
    return metrics_text(arena, &source);
}

void call_queue_metrics(struct call_queue *queue, struct exec_connection *connection,
                        struct arena *arena, const struct exec_request *request)
{
    struct execd *daemon = queue->daemon;
    struct call call = {.arena = arena, .host = &daemon->host, .total = -1};
    enum identity_result result =
        execd_identify(daemon, arena, &request->credentials, METHOD_VERB_GET, &call.caller);
    if (result != IDENTITY_KNOWN) {
        call_queue_refuse(queue, connection, request->id, identity_reason(result));
        return;
    }
    struct json *answer = json_new_object(arena);
    json_put_int(answer, "id", request->id);
    if (call_need(&call, PRIVILEGE_SYS_AUDIT, "/")) {
        json_put_int(answer, "status", CALL_STATUS_OK);
        json_put_string(answer, "text", metrics_make(queue, arena));
    } else {
        json_put_int(answer, "status", call.status);
        json_put_string(answer, "message", call.message);
    }
    exec_connection_send(connection, answer);
}
