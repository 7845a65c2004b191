// SPDX-License-Identifier: Apache-2.0
// The core's input from a store that is only read.
#include "crm/explain.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/options.h"
#include "common/port/event_sink.h"
#include "common/port/membership.h"
#include "common/port/stats.h"
#include "common/port/store.h"
#include "crm/core/crm.h"
#include "crm/documents.h"
#include "crm/live_stats.h"

struct crm_explain {
    struct documents *documents;
    struct live_stats *stats;
    const struct member_list *members;
    const struct timing *timing;
    int64_t wall_s;
};

// What cannot be read is the daemons' complaint.
static void explain_ignore(struct event_sink *sink, const struct event *event)
{
    (void)sink;
    (void)event;
}

struct crm_explain *crm_explain_new(struct store *store, const struct member_list *members,
                                    const struct timing *timing, int64_t wall_s)
{
    static const struct event_sink_ops ops = {.emit = explain_ignore};
    struct event_sink sink = {.ops = &ops};
    struct crm_explain *explain = alloc_zero(sizeof(*explain));
    explain->documents = documents_new();
    explain->stats = live_stats_new(store);
    explain->members = members;
    explain->timing = timing;
    explain->wall_s = wall_s;
    documents_update(explain->documents, store, &sink);
    return explain;
}

void crm_explain_free(struct crm_explain *explain)
{
    if (explain == NULL) {
        return;
    }
    documents_free(explain->documents);
    live_stats_free(explain->stats);
    free(explain);
}

void crm_explain_freep(struct crm_explain **explain)
{
    crm_explain_free(*explain);
}

// As a round reads them (crm/round.c).
static void explain_read_stats(struct crm_explain *explain, struct stats_view *view,
                               struct crm_input *input)
{
    struct stats *stats = live_stats_port(explain->stats);
    switch (input->documents->options->scheduler) {
    case SCHEDULER_MODE_STATIC:
        if (stats->ops->get_static(stats, input->arena, view, NULL) == 0) {
            input->static_stats = view;
        }
        break;
    case SCHEDULER_MODE_DYNAMIC:
        if (stats->ops->get_dynamic(stats, input->arena, view, NULL) == 0) {
            input->dynamic_stats = view;
        }
        break;
    case SCHEDULER_MODE_BASIC:
    case SCHEDULER_MODE_MAX:
        break;
    }
}

bool crm_explain_service(struct crm_explain *explain, struct arena *arena, const char *sid,
                         struct explanation *ret)
{
    struct stats_view view;
    struct crm_input input = {.arena = arena,
                              .wall_s = explain->wall_s,
                              .view_ok = true,
                              .member_ok = true,
                              .members = *explain->members,
                              .documents = documents_view(explain->documents),
                              .seed = ""};
    if (!input.documents->readable) {
        return false;
    }
    explain_read_stats(explain, &view, &input);
    return explanation_make(&input, explain->timing, sid, ret);
}
