// SPDX-License-Identifier: Apache-2.0
// /cluster/ha/rules: which nodes services may run on, and which belong together or apart.
#include <errno.h>
#include <string.h>

#include "api/call/call.h"
#include "api/call/parameters.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/cluster_view.h"
#include "cli/rule_edit.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"

static const char *const rule_types[] = {"node-affinity", "resource-affinity", NULL};
static const char *const rule_affinities[] = {"positive", "negative", NULL};
static const char *const rule_keys[] = {"resources", "nodes",   "strict", "affinity",
                                        "comment",   "disable", NULL};

// ---- Showing.

static struct json *rule_row(const struct call *call, const struct rule_book *book,
                             const struct rule *rule)
{
    struct json *row = rule_book_row(call->arena, book, rule);
    if (rule->type == RULE_TYPE_NODE_AFFINITY) {
        json_put_int(row, "strict", rule->strict ? 1 : 0);
    }
    return row;
}

static void rules_list(struct call *call)
{
    const struct cluster_view *view = call->host->view;
    struct json *list = json_new_array(call->arena);
    struct rule_book book;
    struct error err = {0};
    int r = rule_book_read(call->arena, call->host->session, view, &book, &err);
    struct rule **rules = r == 0 ? rule_set_in_order(call->arena, &book.set) : NULL;
    for (size_t i = 0; r >= 0 && i < book.set.rules.count; i++) {
        r = rule_book_wants(call->arena, view, rules[i], call_string(call, "type", NULL),
                            call_string(call, "resource", NULL), &err);
        if (r > 0) {
            json_append(list, rule_row(call, &book, rules[i]));
        }
    }
    if (r < 0) {
        call_fail(call, &err);
        return;
    }
    call_return(call, list);
}

static void rule_get(struct call *call)
{
    struct rule_book book;
    struct error err = {0};
    const char *id = call_string(call, "rule", "");
    if (rule_book_read(call->arena, call->host->session, call->host->view, &book, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    const struct rule *rule = map_find(&book.set.rules, id);
    if (rule == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "no such ha rule '%s'", id);
        return;
    }
    call_return(call, rule_row(call, &book, rule));
}

// ---- Changing.

static void rule_tell(const struct call *call, const char *id, const char *what,
                      const char *settings)
{
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "rule-changed");
    event_text(call->arena, event, "rule", id);
    endpoint_tell(call, event, what, settings);
}

// All services that are named must be under HA.
static bool rule_check_resources(struct call *call)
{
    const struct json *list = call_list(call, "resources");
    struct strbuf unmanaged CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const char *typed = list->items[i]->string;
        const char *sid = typed;
        if (cluster_view_resolve(call->arena, call->host->view, typed, &sid, NULL) < 0 ||
            !map_has(&call->host->view->resources, sid)) {
            strbuf_appendf(&unmanaged, "%s%s", unmanaged.size_bytes > 0 ? ", " : "", sid);
        }
    }
    if (unmanaged.size_bytes > 0) {
        call_refuse(call, CALL_STATUS_FAILED, "cannot use unmanaged resource(s) %s.",
                    strbuf_text(&unmanaged));
        return false;
    }
    return true;
}

// What a rule of its type cannot do without, named as any other parameter that is missing.
static bool rule_check_needed(struct call *call)
{
    const char *type = call_string(call, "type", "");
    const char *needed = strcmp(type, "node-affinity") == 0 ? "nodes" : "affinity";
    if (!call_has(call, needed)) {
        call_fault(call, needed, "%s", PARAMETER_WORDS_MISSING);
        return false;
    }
    return true;
}

static void rule_fill(struct call *call, struct rule_request *request)
{
    rule_request_init(call->arena, request);
    endpoint_texts(call, rule_keys, &request->set);
    request->type = call_string(call, "type", NULL);
    request->insist = true; // what becomes of other rules is shown with them
}

// 400 with the reasons, when the rule cannot be kept; else 500.
static void rule_refuse(struct call *call, const char *id, const struct rule_request *request,
                        const struct error *err)
{
    struct strbuf reasons CLEANUP(strbuf_done) = {0};
    if (request->problems == NULL) {
        call_fail(call, err);
        return;
    }
    for (size_t i = 0; i < request->problems->count; i++) {
        strbuf_appendf(&reasons, "%s%s", i > 0 ? "; " : "", request->problems->reasons[i]);
    }
    call_refuse(call, CALL_STATUS_BAD, "Rule '%s' is invalid.", id);
    call->errors = json_new_object(call->arena);
    json_put_string(call->errors, "resources", strbuf_text(&reasons));
}

static void rule_post(struct call *call)
{
    struct rule_request request;
    struct error err = {0};
    const char *id = call_string(call, "rule", "");
    if (!rule_check_needed(call) || !rule_check_resources(call)) {
        return;
    }
    rule_fill(call, &request);
    int r = rule_add(call->arena, call->host->session, call->host->view, id, &request, &err);
    if (r == -EEXIST) {
        call_refuse(call, CALL_STATUS_FAILED, "HA rule '%s' already defined", id);
    } else if (r < 0) {
        rule_refuse(call, id, &request, &err);
    } else {
        rule_tell(call, id, "added", endpoint_summary(call, &request.set, NULL));
    }
}

static void rule_put(struct call *call)
{
    struct rule_request request;
    struct error err = {0};
    const char *id = call_string(call, "rule", "");
    if (!rule_check_resources(call)) {
        return;
    }
    rule_fill(call, &request);
    request.unset = endpoint_text(call, "delete");
    request.digest = call_string(call, "digest", NULL);
    int r = rule_change(call->arena, call->host->session, call->host->view, id, &request, &err);
    if (r == -ENOENT && strstr(err.text, "does not exist") != NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "no such ha rule '%s'", id);
    } else if (r == -ESTALE) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "detected modified configuration - file changed by other user? Try again.");
    } else if (r < 0) {
        rule_refuse(call, id, &request, &err);
    } else {
        rule_tell(call, id, "changed", endpoint_summary(call, &request.set, request.unset));
    }
}

static void rule_delete(struct call *call)
{
    struct error err = {0};
    const char *id = call_string(call, "rule", "");
    struct rule_book book;
    int r = rule_book_read(call->arena, call->host->session, call->host->view, &book, &err);
    if (r == 0) {
        r = rule_remove(call->arena, call->host->session, call->host->view, id, true, &err);
    }
    if (r < 0) {
        call_fail(call, &err);
    } else if (map_has(&book.set.rules, id)) {
        rule_tell(call, id, "removed", NULL);
    }
}

// ---- The rows.

#define PARAMETER_RULE                                                                             \
    {                                                                                              \
        .name = "rule", .format = PARAMETER_FORMAT_ID, .required = true,                           \
        .description = "name of the rule"                                                          \
    }
#define PARAMETERS_RULE(need)                                                                      \
    {.name = "type", .values = rule_types, .required = (need), .description = "kind of rule"},     \
        PARAMETER_RULE,                                                                            \
        {.name = "resources",                                                                      \
         .type = PARAMETER_TYPE_LIST,                                                              \
         .format = PARAMETER_FORMAT_SID,                                                           \
         .required = (need),                                                                       \
         .description = "services that it is about"},                                              \
        {.name = "nodes",                                                                          \
         .format = PARAMETER_FORMAT_NODE_LIST,                                                     \
         .description = "node-affinity: where they run, <node>[:<priority>],…"},                   \
        {.name = "strict",                                                                         \
         .type = PARAMETER_TYPE_BOOLEAN,                                                           \
         .default_text = "0",                                                                      \
         .description = "node-affinity: nowhere else, ever"},                                      \
        {.name = "affinity",                                                                       \
         .values = rule_affinities,                                                                \
         .description = "resource-affinity: all on one node, or each on another"},                 \
        {.name = "disable",                                                                        \
         .type = PARAMETER_TYPE_BOOLEAN,                                                           \
         .default_text = "0",                                                                      \
         .description = "it is not in force"},                                                     \
        PARAMETER_COMMENT

static const struct parameter parameters_list[] = {
    {.name = "type", .values = rule_types, .description = "only rules of this kind"},
    {.name = "resource",
     .format = PARAMETER_FORMAT_SID,
     .description = "only rules that name this service"}};
static const struct parameter parameters_rule[] = {PARAMETER_RULE};
static const struct parameter parameters_post[] = {PARAMETERS_RULE(true)};
static const struct parameter parameters_put[] = {PARAMETERS_RULE(false), PARAMETER_DELETE,
                                                  PARAMETER_DIGEST};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/rules",
     .description = "the rules, with what is wrong with each",
     PARAMETERS(parameters_list),
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = rules_list},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/ha/rules",
     .description = "make a rule",
     PARAMETERS(parameters_post),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = rule_post},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/rules/{rule}",
     .description = "one rule",
     PARAMETERS(parameters_rule),
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = rule_get},
    {.verb = METHOD_VERB_PUT,
     .path = "/cluster/ha/rules/{rule}",
     .description = "change a rule",
     PARAMETERS(parameters_put),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = rule_put},
    {.verb = METHOD_VERB_DELETE,
     .path = "/cluster/ha/rules/{rule}",
     .description = "remove a rule; one that is not there is as removed",
     PARAMETERS(parameters_rule),
     MAY_CHANGE_HA,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = rule_delete},
};

const struct method_table endpoints_rules = {methods, ARRAY_SIZE(methods)};
