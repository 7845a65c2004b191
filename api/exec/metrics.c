// SPDX-License-Identifier: Apache-2.0
// Figures of what this node sees of the cluster.
#include "api/exec/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "api/call/call.h"
#include "cli/cluster_view.h"
#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/port/clock.h"

static void metric_head(struct strbuf *out, const char *name, const char *type, const char *help)
{
    strbuf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void label_append(struct strbuf *out, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\\' || *c == '"') {
            strbuf_append_char(out, '\\');
        }
        strbuf_append_char(out, *c == '\n' ? ' ' : *c);
    }
}

static void metric_line(struct strbuf *out, const char *name, const char *key, const char *value,
                        const char *key2, const char *value2, int64_t number)
{
    strbuf_appendf(out, "%s{%s=\"", name, key);
    label_append(out, value);
    if (key2 != NULL) {
        strbuf_appendf(out, "\",%s=\"", key2);
        label_append(out, value2);
    }
    strbuf_appendf(out, "\"} %" PRId64 "\n", number);
}

static void cluster_write(struct strbuf *out, const struct cluster_view *view)
{
    metric_head(out, "ha_quorate", "gauge", "Whether this node is in the quorate part.");
    strbuf_appendf(out, "ha_quorate %d\n", view->members.quorate ? 1 : 0);
    metric_head(out, "ha_node_online", "gauge", "Whether a node is in the quorate part.");
    for (size_t i = 0; i < view->members.count; i++) {
        metric_line(out, "ha_node_online", "node", view->members.members[i].node, NULL, NULL,
                    view->members.members[i].online ? 1 : 0);
    }
    metric_head(out, "ha_node_state", "gauge", "The manager's state of a node.");
    map_each (e, &view->manager->nodes) {
        const struct manager_node *node = e->value;
        metric_line(out, "ha_node_state", "node", e->key, "state",
                    node_state_to_string(node->state), 1);
    }
    if (view->master != NULL) {
        metric_head(out, "ha_master", "gauge", "Which node is the master.");
        metric_line(out, "ha_master", "node", view->master, NULL, NULL, 1);
    }
}

static void signs_write(struct strbuf *out, const struct cluster_view *view, int64_t now_s)
{
    metric_head(out, "ha_lrm_state", "gauge", "State of the local manager of a node.");
    map_each (e, &view->lrms) {
        const struct lrm_status *lrm = e->value;
        metric_line(out, "ha_lrm_state", "node", e->key, "state", lrm_state_to_string(lrm->state),
                    1);
    }
    metric_head(out, "ha_lrm_age_seconds", "gauge", "Since the last sign of life of a node.");
    map_each (e, &view->lrms) {
        const struct lrm_status *lrm = e->value;
        metric_line(out, "ha_lrm_age_seconds", "node", e->key, NULL, NULL,
                    now_s - lrm->timestamp_s);
    }
    if (view->has_master_timestamp) {
        metric_head(out, "ha_master_age_seconds", "gauge", "Since the master's last sign of life.");
        strbuf_appendf(out, "ha_master_age_seconds %" PRId64 "\n",
                       now_s - view->master_timestamp_s);
    }
}

static void services_write(struct strbuf *out, const struct cluster_view *view)
{
    int64_t counts[SVC_STATE_MAX] = {0};
    metric_head(out, "ha_service_state", "gauge", "State and node of a service.");
    map_each (e, &view->services) {
        const struct service *service = e->value;
        counts[service->state]++;
        metric_line(out, "ha_service_state", "sid", e->key, "state",
                    svc_state_to_string(service->state), 1);
    }
    metric_head(out, "ha_services", "gauge", "How many services are in a state.");
    for (int i = 0; i < SVC_STATE_MAX; i++) {
        metric_line(out, "ha_services", "state", svc_state_to_string((enum svc_state)i), NULL, NULL,
                    counts[i]);
    }
    metric_head(out, "ha_resources", "gauge", "How many services are under HA.");
    strbuf_appendf(out, "ha_resources %zu\n", view->resources.count);
}

char *metrics_text(struct arena *arena, const struct call_host *host)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    cluster_write(&out, host->view);
    signs_write(&out, host->view, clock_wall_s(host->clock));
    services_write(&out, host->view);
    return arena_strdup(arena, strbuf_text(&out));
}
