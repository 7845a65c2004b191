// SPDX-License-Identifier: Apache-2.0
// Figures of what this node sees of the cluster, and of ha-execd itself.
#include "api/exec/metrics.h"

#include <string.h>

#include "api/exec/exec_totals.h"
#include "api/exec/metric_writer.h"
#include "api/task/task_list.h"
#include "cli/cluster_view.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/latency.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"

#define NAME(name) "ha_manager_" name

enum { EPOCH_SHIFT = 40 }; // of the store's versions (docs/store.md)

static void put_alone(struct strbuf *out, const char *name, const char *type, const char *help,
                      int64_t value)
{
    metric_begin(out, name, type, help);
    metric_put(out, name, NULL, value);
}

// One series for each state, 1 for the one it is in: so a state that is left shows as 0.
static void put_states(struct strbuf *out, const char *name, struct metric_label what,
                       const char *(*to_string)(int), int count, int current)
{
    for (int i = 0; i < count; i++) {
        metric_put(out, name, METRIC_LABELS(what, {"state", to_string(i)}), i == current ? 1 : 0);
    }
}

static const char *node_state_name(int state)
{
    return node_state_to_string((enum node_state)state);
}

static const char *lrm_state_name(int state)
{
    return lrm_state_to_string((enum lrm_state)state);
}

static const char *svc_state_name(int state)
{
    return svc_state_to_string((enum svc_state)state);
}

static int64_t int_of(const struct json *object, const char *key)
{
    int64_t value = 0;
    ignore_result(json_get_int_if(object, key, INT64_MIN, INT64_MAX, &value, NULL)); // 0
    return value;
}

static bool bool_of(const struct json *object, const char *key)
{
    const struct json *value = json_find(object, key);
    return value != NULL && value->type == JSON_TYPE_BOOL && value->boolean;
}

// ---- The cluster.

static void put_votes(struct strbuf *out, const struct json *status)
{
    const struct json *members = status != NULL ? json_find(status, "members") : NULL;
    if (members == NULL) {
        return;
    }
    metric_begin(out, NAME("node_votes"), "gauge", "Votes a node has.");
    for (size_t i = 0; i < members->count; i++) {
        metric_put(out, NAME("node_votes"),
                   METRIC_LABELS({"node", json_find_string(members->items[i], "node")}),
                   int_of(members->items[i], "votes"));
    }
}

static void put_cluster(struct strbuf *out, const struct metrics_source *source)
{
    const struct cluster_view *view = source->view;
    metric_begin(out, NAME("build_info"), "gauge", "The software of this node, always 1.");
    metric_put(out, NAME("build_info"),
               METRIC_LABELS({"version", source->version}, {"node", view->node}), 1);
    put_alone(out, NAME("quorate"), "gauge", "Whether this node is in the quorate part.",
              view->members.quorate ? 1 : 0);
    put_alone(out, NAME("quorum_forced"), "gauge",
              "Whether an operator told the cluster to expect fewer votes than there are.",
              view->members.forced ? 1 : 0);
    metric_begin(out, NAME("node_online"), "gauge", "Whether a node is in the quorate part.");
    for (size_t i = 0; i < view->members.count; i++) {
        const struct member *member = &view->members.members[i];
        metric_put(out, NAME("node_online"), METRIC_LABELS({"node", member->node}),
                   member->online ? 1 : 0);
    }
    put_votes(out, source->status);
    metric_begin(out, NAME("node_state"), "gauge", "State the manager has a node in.");
    map_each (e, &view->manager->nodes) {
        const struct manager_node *node = e->value;
        put_states(out, NAME("node_state"), (struct metric_label){"node", e->key}, node_state_name,
                   NODE_STATE_MAX, (int)node->state);
    }
    metric_begin(out, NAME("node_held_off"), "gauge",
                 "Whether a node that leaves too often gets no new services.");
    map_each (e, &view->manager->nodes) {
        const struct manager_node *node = e->value;
        metric_put(out, NAME("node_held_off"), METRIC_LABELS({"node", e->key}),
                   node->held_off_until_s > source->now_s ? 1 : 0);
    }
    metric_begin(out, NAME("master"), "gauge", "Which node is the master.");
    for (size_t i = 0; i < view->members.count; i++) {
        const char *node = view->members.members[i].node;
        metric_put(out, NAME("master"), METRIC_LABELS({"node", node}),
                   view->master != NULL && strcmp(view->master, node) == 0 ? 1 : 0);
    }
    if (view->has_master_timestamp) {
        put_alone(out, NAME("master_age_seconds"), "gauge",
                  "Since the last sign of life of the master's rounds.",
                  source->now_s - view->master_timestamp_s);
    }
    put_alone(out, NAME("disarmed"), "gauge", "Whether fencing is switched off, or going to be.",
              view->manager->disarm != DISARM_MODE_NONE ? 1 : 0);
}

static void put_lrms(struct strbuf *out, const struct metrics_source *source)
{
    metric_begin(out, NAME("lrm_state"), "gauge", "State of the local manager of a node.");
    map_each (e, &source->view->lrms) {
        const struct lrm_status *lrm = e->value;
        put_states(out, NAME("lrm_state"), (struct metric_label){"node", e->key}, lrm_state_name,
                   LRM_STATE_MAX, (int)lrm->state);
    }
    metric_begin(out, NAME("lrm_age_seconds"), "gauge",
                 "Since the last sign of life of the local manager of a node.");
    map_each (e, &source->view->lrms) {
        const struct lrm_status *lrm = e->value;
        metric_put(out, NAME("lrm_age_seconds"), METRIC_LABELS({"node", e->key}),
                   source->now_s - lrm->timestamp_s);
    }
}

// ---- Leases and times.

// The node whose lease this is; "manager" for the master's. NULL: another name.
static const char *lease_node(struct arena *arena, const char *name)
{
    size_t prefix = strlen(LEASE_AGENT_PREFIX);
    size_t suffix = strlen(LEASE_AGENT_SUFFIX);
    size_t length = strlen(name);
    if (strcmp(name, LEASE_MANAGER) == 0) {
        return NULL;
    }
    return strncmp(name, LEASE_AGENT_PREFIX, prefix) == 0 && length > prefix + suffix
               ? arena_memdup(arena, name + prefix, length - prefix - suffix)
               : NULL;
}

// `what`: the member of a lease; NULL: whether it is held.
static void put_leases(struct strbuf *out, struct arena *arena, const struct json *leases,
                       const char *metric, const char *help, const char *what)
{
    metric_begin(out, metric, "gauge", help);
    for (size_t i = 0; i < leases->count; i++) {
        const struct json *lease = leases->items[i];
        const char *name = json_find_string(lease, "name");
        const char *owner = json_find_string(lease, "owner");
        const char *node = name != NULL ? lease_node(arena, name) : NULL;
        const struct metric_label *labels =
            METRIC_LABELS({"lease", name}, {"node", node != NULL ? node : owner});
        if (what == NULL) {
            metric_put(out, metric, labels, owner != NULL ? 1 : 0);
        } else if (owner != NULL || bool_of(lease, "unknown")) {
            metric_put_ms(out, metric, labels, int_of(lease, what));
        }
    }
}

static void put_status(struct strbuf *out, struct arena *arena, const struct metrics_source *source)
{
    const struct json *status = source->status;
    put_alone(out, NAME("clusterd_up"), "gauge", "Whether ha-clusterd of this node answers.",
              status != NULL ? 1 : 0);
    if (status == NULL) {
        return;
    }
    metric_begin(out, NAME("clusterd_answer_seconds"), "gauge",
                 "How long it took for its status just now.");
    metric_put_ms(out, NAME("clusterd_answer_seconds"), NULL, source->answer_ms);
    int64_t version = int_of(status, "store_version");
    put_alone(out, NAME("store_epoch"), "gauge", "Epoch of the store's version on this node.",
              version >> EPOCH_SHIFT);
    put_alone(out, NAME("store_writes"), "gauge",
              "Transactions of this epoch in the store of this node.",
              version & ((INT64_C(1) << EPOCH_SHIFT) - 1));
    put_alone(out, NAME("membership_epoch"), "gauge",
              "Grows with every change of the quorate configuration.", int_of(status, "epoch"));
    put_alone(out, NAME("store_trouble"), "gauge",
              "Whether the disk below the store of this node is slow or full, or has failed.",
              json_find_string(status, "store_trouble") != NULL ? 1 : 0);
    const struct json *watchdog = json_find(status, "watchdog");
    if (watchdog != NULL) {
        put_alone(out, NAME("watchdog_running"), "gauge", "Whether ha-watchdogd runs here.",
                  bool_of(watchdog, "running") ? 1 : 0);
    }
    const struct json *leases = json_find(status, "leases");
    if (leases != NULL && leases->type == JSON_TYPE_ARRAY) {
        put_leases(out, arena, leases, NAME("lease_held"), "Whether a lease is held.", NULL);
        put_leases(out, arena, leases, NAME("lease_silent_seconds"),
                   "Since this node heard of the renewal of a lease.", "silent_ms");
        put_leases(out, arena, leases, NAME("lease_proof_in_seconds"),
                   "When the silence of the holder of a lease is a proof; 0: it is.",
                   "breakable_in_ms");
    }
}

static void put_link_latency(struct strbuf *out, const struct json *status)
{
    const struct json *links = status != NULL ? json_find(status, "links") : NULL;
    int64_t slowest_us = 0;
    if (links == NULL || links->type != JSON_TYPE_ARRAY) {
        return;
    }
    for (size_t i = 0; i < links->count; i++) {
        int64_t latency_us = int_of(links->items[i], "latency_us");
        slowest_us = latency_us > slowest_us ? latency_us : slowest_us;
    }
    put_alone(out, NAME("link_latency_microseconds"), "gauge",
              "The slowest round trip to another node.", slowest_us);
}

static void put_timing(struct strbuf *out, const struct metrics_source *source)
{
    const struct timing *timing = source->timing;
    const struct {
        const char *name, *help;
        int64_t value_ms;
    } rows[] = {
        {NAME("timing_lease_margin_seconds"), "By how much leases are longer than they must be.",
         timing->lease_ms - timing_lease_needed_ms(timing)},
        {NAME("timing_authority_margin_seconds"),
         "By how much a holder's authority is longer than it must be.",
         timing->authority_ms - timing_authority_needed_ms(timing)},
        {NAME("timing_worst_failover_seconds"),
         "The longest time until services of a dead node may start elsewhere, by leases.",
         timing_worst_failover_ms(timing)},
        {NAME("timing_tolerated_blackout_seconds"),
         "The silence of the network that a healthy node survives.", timing_blackout_ms(timing)},
        {NAME("timing_lease_seconds"), "How long a lease is in force.", timing->lease_ms},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        metric_begin(out, rows[i].name, "gauge", rows[i].help);
        metric_put_ms(out, rows[i].name, NULL, rows[i].value_ms);
    }
    put_alone(out, NAME("timing_safe"), "gauge", "Whether the times keep the rules.",
              timing_check(timing, NULL) == 0 ? 1 : 0);
}

// ---- Services.

static int64_t service_runs(const struct service *service)
{
    return service->state == SVC_STATE_STARTED && service->running ? 1 : 0;
}

static int64_t service_failed_nodes(const struct service *service)
{
    return (int64_t)service->failed_nodes_count;
}

static int64_t service_attempts(const struct service *service)
{
    return service->attempts;
}

static void put_services(struct strbuf *out, const struct cluster_view *view)
{
    static const struct {
        const char *name, *help;
        int64_t (*value)(const struct service *service);
    } rows[] = {
        {NAME("service_running"), "Whether its node has confirmed that a service runs.",
         service_runs},
        {NAME("service_failed_nodes"), "On how many nodes in a row a service could not be started.",
         service_failed_nodes},
        {NAME("service_failed_attempts"), "How often a service came into error since it ran last.",
         service_attempts},
    };
    int64_t counts[SVC_STATE_MAX] = {0};
    metric_begin(out, NAME("service_state"), "gauge", "State of a service.");
    map_each (e, &view->services) {
        const struct service *service = e->value;
        counts[service->state]++;
        put_states(out, NAME("service_state"), (struct metric_label){"sid", e->key}, svc_state_name,
                   SVC_STATE_MAX, (int)service->state);
    }
    metric_begin(out, NAME("service_node"), "gauge", "On which node a service is, always 1.");
    map_each (e, &view->services) {
        const struct service *service = e->value;
        metric_put(out, NAME("service_node"),
                   METRIC_LABELS({"sid", e->key}, {"node", service->node}), 1);
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        metric_begin(out, rows[i].name, "gauge", rows[i].help);
        map_each (e, &view->services) {
            metric_put(out, rows[i].name, METRIC_LABELS({"sid", e->key}), rows[i].value(e->value));
        }
    }
    metric_begin(out, NAME("services"), "gauge", "How many services are in a state.");
    for (int i = 0; i < SVC_STATE_MAX; i++) {
        metric_put(out, NAME("services"), METRIC_LABELS({"state", svc_state_name(i)}), counts[i]);
    }
    put_alone(out, NAME("resources"), "gauge", "How many services are under HA.",
              (int64_t)view->resources.count);
}

// ---- What was counted.

static void put_service_totals(struct strbuf *out, const struct exec_totals *totals)
{
    static const struct {
        const char *name, *help;
        size_t offset; // of an int64_t
    } rows[] = {
        {NAME("service_starts_total"), "Confirmed starts: anew, after a move, after a recovery.",
         offsetof(struct service_totals, starts)},
        {NAME("service_failures_total"), "How often a node could not keep a service running.",
         offsetof(struct service_totals, failures)},
        {NAME("service_errors_total"), "How often a service came into error.",
         offsetof(struct service_totals, errors)},
        {NAME("service_recoveries_total"), "Recoveries from nodes that were fenced.",
         offsetof(struct service_totals, recoveries)},
        {NAME("service_moves_total"), "Moves that were begun, by an order or to even out load.",
         offsetof(struct service_totals, moves)},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        metric_begin(out, rows[i].name, "counter", rows[i].help);
        map_each (e, &totals->services) {
            int64_t value;
            memcpy(&value, (const char *)e->value + rows[i].offset, sizeof(value));
            metric_put(out, rows[i].name, METRIC_LABELS({"sid", e->key}), value);
        }
    }
}

static void put_totals(struct strbuf *out, const struct exec_totals *totals)
{
    put_service_totals(out, totals);
    metric_begin(out, NAME("failover_seconds"), "histogram",
                 "From the moment a node was missed until a service of it ran again.");
    metric_put_histogram(out, NAME("failover_seconds"), NULL, &totals->failover);
    metric_begin(out, NAME("fences_total"), "counter",
                 "Nodes that were proven to run nothing any more, by proof.");
    map_each (e, &totals->fences) {
        metric_put(out, NAME("fences_total"), METRIC_LABELS({"proof", e->key}),
                   *(const int64_t *)e->value);
    }
    metric_begin(out, NAME("events_total"), "counter", "Entries of the history, by level.");
    for (int i = 0; i < TOTALS_LEVELS; i++) {
        metric_put(out, NAME("events_total"),
                   METRIC_LABELS({"level", event_level_to_string((enum event_level)i)}),
                   totals->events[i]);
    }
}

static void put_latency(struct strbuf *out, const char *name, const struct metric_label *label,
                        const struct latency *latency)
{
    struct metric_histogram histogram = {.bounds_us = latency_bounds_us,
                                         .bounds_count = LATENCY_BOUNDS_COUNT,
                                         .sum_us = (int64_t)latency->sum_us};
    for (size_t i = 0; i <= LATENCY_BOUNDS_COUNT; i++) {
        histogram.counts[i] = (int64_t)latency->counts[i];
        histogram.count += histogram.counts[i];
    }
    metric_put_histogram(out, name, label, &histogram);
}

static void put_rounds(struct strbuf *out, const struct metrics_source *source)
{
    const struct {
        const char *daemon;
        const struct latency_figures *figures;
    } rows[] = {{"ha-crm", source->crm}, {"ha-lrm", source->lrm}};
    metric_begin(out, NAME("round_seconds"), "histogram",
                 "How long the rounds of a daemon of this node took.");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].figures != NULL) {
            put_latency(out, NAME("round_seconds"),
                        &(struct metric_label){"daemon", rows[i].daemon},
                        &rows[i].figures->kinds[LATENCY_KIND_ROUND]);
        }
    }
}

static void put_store(struct strbuf *out, const struct latency_figures *figures)
{
    static const struct {
        enum latency_kind kind;
        const char *name, *help;
    } rows[] = {
        {LATENCY_KIND_COMMIT, NAME("store_commit_seconds"),
         "From a transaction of this node until it took effect in the cluster."},
        {LATENCY_KIND_LEASE, NAME("lease_renewal_seconds"),
         "From a request of this node for a lease until it was granted or renewed."},
        {LATENCY_KIND_DISK, NAME("store_disk_seconds"),
         "How long the disk of this node took for a batch of writes."},
    };
    if (figures == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        metric_begin(out, rows[i].name, "histogram", rows[i].help);
        put_latency(out, rows[i].name, NULL, &figures->kinds[rows[i].kind]);
    }
    put_alone(out, NAME("store_disk_bytes_total"), "counter",
              "What the store of this node has given to its disk.",
              (int64_t)figures->kinds[LATENCY_KIND_DISK].size_bytes);
}

static void put_api(struct strbuf *out, const struct metrics_source *source)
{
    static const char *const codes[TOTALS_CODES] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
    static const char *const ends[] = {"running", "ok", "failed"};
    int64_t tasks[ARRAY_SIZE(ends)] = {0};
    metric_begin(out, NAME("api_calls_total"), "counter", "Calls answered, by status.");
    for (int i = 0; i < TOTALS_CODES; i++) {
        metric_put(out, NAME("api_calls_total"), METRIC_LABELS({"code", codes[i]}),
                   source->totals->codes[i]);
    }
    metric_begin(out, NAME("api_call_seconds"), "histogram", "How long calls took in ha-execd.");
    metric_put_histogram(out, NAME("api_call_seconds"), NULL, &source->totals->calls);
    put_alone(out, NAME("api_calls_busy"), "gauge", "Calls in children, or waiting for one.",
              (int64_t)source->calls_busy);
    for (size_t i = 0; i < source->tasks->count; i++) {
        const char *status = source->tasks->entries[i].status;
        tasks[status == NULL ? 0 : strcmp(status, "OK") == 0 ? 1 : 2]++;
    }
    metric_begin(out, NAME("tasks"), "gauge", "Tasks in the list of this node, by their end.");
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        metric_put(out, NAME("tasks"), METRIC_LABELS({"status", ends[i]}), tasks[i]);
    }
}

char *metrics_text(struct arena *arena, const struct metrics_source *source)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    put_cluster(&out, source);
    put_lrms(&out, source);
    put_status(&out, arena, source);
    put_link_latency(&out, source->status);
    put_timing(&out, source);
    put_services(&out, source->view);
    put_totals(&out, source->totals);
    put_rounds(&out, source);
    put_store(&out, source->clusterd);
    put_api(&out, source);
    return arena_strdup(arena, strbuf_text(&out));
}
