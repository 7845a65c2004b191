// SPDX-License-Identifier: Apache-2.0
// /cluster/ha/what-if and /cluster/ha/resources/{sid}/why: the answers of answers/, which are those
// of ha-manager too.
#include <errno.h>

#include "answers/what_if.h"
#include "answers/what_if_document.h"
#include "answers/why.h"
#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/answer_source.h"
#include "cli/cluster_view.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"

static void answers_source(const struct call *call, struct what_if_source *ret)
{
    answer_source_read(call->arena, call->host->session, &call->host->view->members,
                       endpoint_now_s(call) * 1000, ret);
}

static const char *const *answers_list(const struct call *call, const char *name, size_t *ret_count)
{
    const struct json *list = call_list(call, name);
    size_t count = list != NULL ? list->count : 0;
    const char **words = arena_array_of(call->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        words[i] = list->items[i]->string;
    }
    *ret_count = count;
    return words;
}

static bool answers_are_nodes(struct call *call, const char *name, const char *const *nodes,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!endpoint_is_node(call, nodes[i])) {
            call_fault(call, name, "no such node '%s'", nodes[i]);
            return false;
        }
    }
    return true;
}

static void what_if_get(struct call *call)
{
    struct what_if_question question = {.forced = call_bool(call, "expected", false)};
    struct what_if_source source;
    struct what_if_answer answer;
    struct error err = {0};
    question.lost = answers_list(call, "lose", &question.lost_count);
    question.maintenance = answers_list(call, "maintenance", &question.maintenance_count);
    const char *const *typed = answers_list(call, "stop", &question.stopped_count);
    const char **sids = arena_array_of(call->arena, const char *, question.stopped_count);
    question.stopped = sids;
    if (!answers_are_nodes(call, "lose", question.lost, question.lost_count) ||
        !answers_are_nodes(call, "maintenance", question.maintenance, question.maintenance_count)) {
        return;
    }
    for (size_t i = 0; i < question.stopped_count; i++) {
        if (cluster_view_resolve(call->arena, call->host->view, typed[i], &sids[i], &err) < 0) {
            call_fault(call, "stop", "%s", err.text);
            return;
        }
    }
    answers_source(call, &source);
    if (what_if_ask(call->arena, &source, &question, &answer, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    call_return(call, what_if_document(call->arena, &question, &answer));
}

static void why_get(struct call *call)
{
    struct what_if_source source;
    struct json *document = NULL;
    const char *sid = NULL;
    struct error err = {0};
    int r = cluster_view_resolve(call->arena, call->host->view, call_string(call, "sid", ""), &sid,
                                 &err);
    if (r == 0) {
        answers_source(call, &source);
        r = why_ask(call->arena, &source, sid, &document, &err);
    }
    if (r < 0) {
        call_fail(call, &err);
        return;
    }
    call_return(call, document);
}

// ---- The rows.

static const struct parameter parameters_what_if[] = {
    {.name = "lose",
     .type = PARAMETER_TYPE_LIST,
     .format = PARAMETER_FORMAT_NODE,
     .description = "these nodes fall silent, at the same moment"},
    {.name = "maintenance",
     .type = PARAMETER_TYPE_LIST,
     .format = PARAMETER_FORMAT_NODE,
     .description = "these nodes are taken out for maintenance"},
    {.name = "stop",
     .type = PARAMETER_TYPE_LIST,
     .format = PARAMETER_FORMAT_SID,
     .description = "these services are set to stopped"},
    {.name = "expected",
     .type = PARAMETER_TYPE_BOOLEAN,
     .default_text = "0",
     .description = "without a quorum: an operator gives it to the rest (expected votes)"}};
static const struct parameter parameters_why[] = {PARAMETER_SID};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/what-if",
     .description =
         "what becomes of the services if nodes are lost, or taken out: the master's own "
         "decisions, played on a copy; nothing is changed",
     PARAMETERS(parameters_what_if),
     MAY_READ_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "object",
     .run = what_if_get},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/resources/{sid}/why",
     .description = "why a service runs where it does, or does not run, in sentences and facts",
     PARAMETERS(parameters_why),
     MAY_READ_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "object",
     .run = why_get},
};

const struct method_table endpoints_ha_answers = {methods, ARRAY_SIZE(methods)};
