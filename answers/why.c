// SPDX-License-Identifier: Apache-2.0
// The sentences, in the order in which people ask: what is wanted, what is, since when and by which
// decision, what is in the way, and where it could be.
#include "answers/why.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "answers/rule_words.h"
#include "answers/what_if.h"
#include "answers/why_facts.h"
#include "answers/why_obstacles.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/model/guest.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "crm/explain.h"

struct why {
    struct arena *arena;
    struct why_facts facts;
    struct json *words;
    struct json *document;
};

static void why_say(struct why *why, const char *text)
{
    json_append(why->words, json_new_string(why->arena, text));
}

// ---- what is wanted, and what is

static void why_say_wanted(struct why *why)
{
    const struct why_facts *facts = &why->facts;
    if (facts->resource == NULL) {
        why_say(why, "It is not under HA.");
        return;
    }
    switch (facts->resource->state) {
    case REQUEST_STATE_STARTED:
        why_say(why, "It is wanted to run.");
        return;
    case REQUEST_STATE_STOPPED:
        why_say(why, "It is wanted stopped: it is not started, and follows when its node fails.");
        return;
    case REQUEST_STATE_DISABLED:
        why_say(why, "It is disabled: it is stopped and stays where it is.");
        return;
    case REQUEST_STATE_IGNORED:
        why_say(why, "It is ignored: HA does nothing with it.");
        return;
    case REQUEST_STATE_MAX:
        break;
    }
}

static const char *why_state(const struct why_facts *facts)
{
    const struct service *record = facts->record;
    struct arena *arena = facts->arena;
    const char *node = record->node;
    switch (record->state) {
    case SVC_STATE_REQUEST_START:
        return arena_printf(arena, "The master is about to have it started on %s.", node);
    case SVC_STATE_REQUEST_START_BALANCE:
        return arena_printf(arena, "Before its start it is taken from %s to %s.", node,
                            record->target);
    case SVC_STATE_STARTED:
        return record->running ? arena_printf(arena, "It runs on %s.", node)
                               : arena_printf(arena,
                                              "%s is to run it, and has not confirmed that it "
                                              "runs.",
                                              node);
    case SVC_STATE_REQUEST_STOP:
        return arena_printf(arena, "It is being stopped on %s.", node);
    case SVC_STATE_STOPPED:
        return arena_printf(arena, "It is stopped, on %s.", node);
    case SVC_STATE_MIGRATE:
        return arena_printf(arena, "It is moving from %s to %s, running if it can.", node,
                            record->target);
    case SVC_STATE_RELOCATE:
        return arena_printf(arena, "It is stopped on %s, to be started on %s.", node,
                            record->target);
    case SVC_STATE_FREEZE:
        return arena_printf(arena, "It is frozen on %s: nothing of HA touches it now.", node);
    case SVC_STATE_FENCE:
        return arena_printf(arena,
                            "Its node %s is lost, and is waited for until it is proven that "
                            "nothing runs there.",
                            node);
    case SVC_STATE_RECOVERY:
        return arena_printf(arena, "%s is fenced, and another node is looked for.", node);
    case SVC_STATE_ERROR:
        return arena_printf(arena, "It is in error, on %s%s%s.", node,
                            record->error != NULL ? ": " : "",
                            record->error != NULL ? record->error : "");
    case SVC_STATE_MAX:
        break;
    }
    return "";
}

static void why_say_state(struct why *why)
{
    const struct why_facts *facts = &why->facts;
    if (facts->record != NULL) {
        why_say(why, why_state(facts));
    } else if (facts->guest == NULL) {
        why_say(why, "There is no such guest: it has no definition.");
    } else if (facts->resource != NULL) {
        why_say(why,
                arena_printf(why->arena, "The master does not look after it yet; its place is %s.",
                             facts->guest->node));
    } else {
        why_say(why, arena_printf(why->arena, "Its place is %s.", facts->guest->node));
    }
}

// ---- since when, and by which decision

// Why it was moved: the nearest entry before that says so.
static const char *why_move_cause(const struct why_facts *facts, size_t first)
{
    static const char *const ends[] = {"recover", "service-added", "service-error"};
    for (size_t i = first; i < facts->history->count; i++) {
        const struct json *entry = facts->history->items[i];
        const char *name = why_event_name(entry);
        const char *by = why_event_field(entry, "by");
        if (strcmp(name, "command") == 0) {
            return arena_printf(facts->arena, "by the command '%s'%s%s",
                                why_event_field(entry, "text"), by != NULL ? " of " : "",
                                by != NULL ? by : "");
        }
        if (strcmp(name, "command-given") == 0) {
            return arena_printf(facts->arena, "by the command '%s' of %s",
                                why_event_field(entry, "command"), why_event_field(entry, "user"));
        }
        if (strcmp(name, "auto-rebalance") == 0) {
            return "to even out the load (auto-rebalance)";
        }
        if (strcmp(name, "service-failed") == 0) {
            return arena_printf(facts->arena, "since it failed on %s",
                                why_event_field(entry, "node"));
        }
        for (size_t n = 0; n < ARRAY_SIZE(ends); n++) {
            if (strcmp(name, ends[n]) == 0) {
                return NULL;
            }
        }
        if (i > first && strcmp(name, "service-state") == 0) {
            return NULL; // what lies behind another change of state is not this one's cause
        }
    }
    return NULL;
}

// How it came to the node: from the entry that brought it there.
static const char *why_arrival(const struct why_facts *facts, size_t at)
{
    const struct json *entry = facts->history->items[at];
    struct arena *arena = facts->arena;
    const char *from = why_event_field(entry, "from");
    if (from != NULL && strcmp(from, "recovery") == 0) {
        size_t recover = why_find_event(facts, at, "recover");
        const struct json *told =
            recover < facts->history->count ? facts->history->items[recover] : NULL;
        const char *proof = told != NULL ? why_event_field(told, "proof") : NULL;
        return told == NULL
                   ? "it was recovered"
                   : arena_printf(arena, "it was recovered from %s, by the proof '%s'",
                                  why_event_field(told, "from"), proof != NULL ? proof : "unknown");
    }
    if (from == NULL || strcmp(from, "request_start") == 0) {
        return "it was started where its guest was";
    }
    size_t begin = why_find_event(facts, at + 1, "service-state");
    if (begin == facts->history->count) {
        return "it was moved";
    }
    const struct json *move = facts->history->items[begin];
    const char *source = why_event_field(move, "node");
    // Told in the same round as the move, after the command and before the change of state.
    const char *cause = why_move_cause(facts, begin);
    if (cause == NULL) {
        cause = "since rules, the load or a maintenance made it the better place";
    }
    return arena_printf(arena, "it was moved (%s) from %s, %s", from,
                        source != NULL ? source : "another node", cause);
}

// The newest change of state that gave it its node, and the one that gave it its state.
static void why_say_since(struct why *why)
{
    const struct why_facts *facts = &why->facts;
    const char *node = facts->record->node;
    for (size_t i = why_find_event(facts, 0, "service-state"); i < facts->history->count;
         i = why_find_event(facts, i + 1, "service-state")) {
        const struct json *entry = facts->history->items[i];
        const char *to = why_event_field(entry, "to");
        const char *at = why_event_field(entry, "node");
        if (to == NULL || at == NULL || strcmp(at, node) != 0 ||
            why_event_field(entry, "target") != NULL) {
            continue;
        }
        int64_t age_s = why_event_age_s(facts, entry);
        why_say(why, arena_printf(why->arena, "It has been on %s for %s: %s.", node,
                                  why_duration(why->arena, age_s), why_arrival(facts, i)));
        json_put(why->document, "since", json_find(entry, "time"));
        return;
    }
    size_t added = why_find_event(facts, 0, "service-added");
    if (added < facts->history->count) {
        why_say(why,
                arena_printf(why->arena,
                             "It is on %s, where its guest was when it came under HA, %s "
                             "ago.",
                             node,
                             why_duration(why->arena,
                                          why_event_age_s(facts, facts->history->items[added]))));
    } else {
        why_say(why, arena_printf(why->arena, "How it came to %s is not in the history any more.",
                                  node));
    }
}

static void why_say_failures(struct why *why)
{
    const struct why_facts *facts = &why->facts;
    size_t count = 0;
    for (size_t i = why_find_event(facts, 0, "service-failed"); i < facts->history->count;
         i = why_find_event(facts, i + 1, "service-failed")) {
        count++;
    }
    if (count > 0) {
        why_say(why, arena_printf(why->arena, "In the history it failed %zu time%s.", count,
                                  count == 1 ? "" : "s"));
    }
}

// ---- places

static const char *why_place_words(struct why *why, const struct explained_node *node)
{
    const char *text =
        node->rank > 0 ? arena_printf(why->arena, "choice %zu", node->rank) : node->reason;
    if (node->has_priority && node->priority > 0) {
        text = arena_printf(why->arena, "%s; priority %" PRId64, text, node->priority);
    }
    if (node->together > 0) {
        text =
            arena_printf(why->arena, "%s; %zu that belong with it are there", text, node->together);
    }
    if (node->is_held) {
        text = arena_printf(why->arena, "%s; the node leaves too often and comes last", text);
    }
    return node->has_failed ? arena_printf(why->arena, "%s; it failed there", text) : text;
}

static void why_say_places(struct why *why, const struct explanation *explanation)
{
    const char *node = why->facts.record->node;
    const char *order = "";
    for (size_t rank = 1; rank <= explanation->count; rank++) {
        for (size_t i = 0; i < explanation->count; i++) {
            if (explanation->nodes[i].rank == rank) {
                order = arena_printf(why->arena, "%s%s%s", order, rank > 1 ? ", " : "",
                                     explanation->nodes[i].name);
            }
        }
    }
    if (*order == '\0') {
        why_say(why, "No node can have it as things are.");
    } else {
        why_say(why,
                arena_printf(why->arena,
                             "If its place were chosen now, the order would be: %s (by %s).", order,
                             explanation->mode == SCHEDULER_MODE_BASIC    ? "the number of services"
                             : explanation->mode == SCHEDULER_MODE_STATIC ? "sizes"
                                                                          : "measured load"));
    }
    if (why->facts.record->state == SVC_STATE_STARTED && explanation->place != NULL &&
        strcmp(explanation->place, node) != 0) {
        why_say(why, arena_printf(why->arena, "It would rather be on %s.", explanation->place));
    }
}

// What its own node has not, for want of which it does not run, or cannot be started again.
static void why_say_storage(struct why *why, const struct explanation *explanation)
{
    const char *node = why->facts.record->node;
    for (size_t i = 0; i < explanation->count; i++) {
        const struct explained_node *place = &explanation->nodes[i];
        if (place->lacks != NULL && strcmp(place->name, node) == 0) {
            why_say(why, arena_printf(why->arena, "Its storage '%s' is not there on %s.",
                                      place->lacks, node));
        }
    }
}

static void why_add_places(struct why *why)
{
    const struct what_if_source *source = why->facts.source;
    struct crm_explain *explain CLEANUP(crm_explain_freep) =
        crm_explain_new(source->store, &source->members, &source->timing, why->facts.wall_s);
    struct explanation explanation;
    struct json *places = json_new_array(why->arena);
    if (why->facts.record == NULL ||
        !crm_explain_service(explain, why->arena, why->facts.sid, &explanation)) {
        return;
    }
    for (size_t i = 0; i < explanation.count; i++) {
        const struct explained_node *node = &explanation.nodes[i];
        struct json *row = json_new_object(why->arena);
        json_put_string(row, "node", node->name);
        json_put_int(row, "rank", (int64_t)node->rank);
        json_put_string(row, "words", why_place_words(why, node));
        json_append(places, row);
    }
    json_put(why->document, "places", places);
    why_say_storage(why, &explanation);
    why_say_places(why, &explanation);
}

// The nodes that rules are checked against: those the manager knows.
static void why_add_rules(struct why *why)
{
    struct map nodes;
    map_init_arena(&nodes, why->arena);
    map_each (e, &why->facts.manager->nodes) {
        map_put(&nodes, e->key, NULL);
    }
    struct json *rules = rule_words(why->arena, why->facts.rules, &nodes, why->facts.sid);
    for (size_t i = 0; i < rules->count; i++) {
        const char *words = json_find_string(rules->items[i], "words");
        why_say(why, arena_printf(why->arena, "R%s.", words + 1));
    }
    json_put(why->document, "rules", rules);
}

int why_ask(struct arena *arena, const struct what_if_source *source, const char *sid,
            struct json **ret, struct error *err)
{
    struct why why = {.arena = arena};
    int r = why_facts_read(arena, source, sid, &why.facts, err);
    if (r < 0) {
        return r;
    }
    const struct service *record = why.facts.record;
    why.words = json_new_array(arena);
    why.document = json_new_object(arena);
    why_say_wanted(&why);
    why_say_state(&why);
    if (record != NULL) {
        why_say_since(&why);
        why_say_failures(&why);
        json_put_string(why.document, "node", record->node);
        json_put_string(why.document, "state", svc_state_to_string(record->state));
        json_put_bool(why.document, "runs", record->state == SVC_STATE_STARTED && record->running);
    }
    why_obstacles_say(&why.facts, why.words);
    why_add_rules(&why);
    why_add_places(&why);
    json_put_string(why.document, "sid", why.facts.sid);
    if (why.facts.resource != NULL) {
        json_put_string(why.document, "wanted", request_state_to_string(why.facts.resource->state));
    }
    json_put(why.document, "words", why.words);
    json_put(why.document, "history", why.facts.history);
    *ret = why.document;
    return 0;
}
