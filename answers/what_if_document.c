// SPDX-License-Identifier: Apache-2.0
// Words and members of the answer.
#include "answers/what_if_document.h"

#include <inttypes.h>

#include "answers/what_if.h"
#include "common/base/arena.h"
#include "common/base/json.h"

static struct json *document_names(struct arena *arena, const char *const *names, size_t count)
{
    struct json *list = json_new_array(arena);
    for (size_t i = 0; i < count; i++) {
        json_append(list, json_new_string(arena, names[i]));
    }
    return list;
}

static const char *document_join(struct arena *arena, const char *const *names, size_t count)
{
    const char *text = "";
    for (size_t i = 0; i < count; i++) {
        const char *between = i == 0 ? "" : i + 1 == count ? " and " : ", ";
        text = arena_printf(arena, "%s%s%s", text, between, names[i]);
    }
    return text;
}

static struct json *document_question(struct arena *arena, const struct what_if_question *question)
{
    struct json *object = json_new_object(arena);
    json_put(object, "lose", document_names(arena, question->lost, question->lost_count));
    json_put(object, "maintenance",
             document_names(arena, question->maintenance, question->maintenance_count));
    json_put(object, "stop", document_names(arena, question->stopped, question->stopped_count));
    json_put_bool(object, "expected", question->forced);
    return object;
}

static struct json *document_quorum(struct arena *arena, const struct what_if_answer *answer)
{
    struct json *object = json_new_object(arena);
    json_put_int(object, "votes", answer->votes_before);
    json_put_int(object, "votes_left", answer->votes_after);
    json_put_int(object, "votes_needed", answer->votes_needed);
    json_put_bool(object, "kept", answer->is_quorate);
    json_put_bool(object, "forced", answer->forced);
    return object;
}

static struct json *document_seconds(struct arena *arena, int64_t ms)
{
    return json_new_double(arena, (double)(ms / 100) / 10.0);
}

// How long a planned move takes is not known here.
static struct json *document_service(struct arena *arena, const struct what_if_service *service,
                                     bool timed)
{
    struct json *row = json_new_object(arena);
    json_put_string(row, "sid", service->sid);
    json_put_string(row, "from", service->from);
    json_put_string(row, "to", service->to);
    json_put_string(row, "state", svc_state_to_string(service->state_after));
    json_put_string(row, "wanted", request_state_to_string(service->request));
    json_put_bool(row, "ran", service->ran);
    json_put_bool(row, "runs", service->runs);
    if (timed && service->after_ms >= 0) {
        json_put(row, "seconds", document_seconds(arena, service->after_ms));
    }
    json_put_string(row, "reason", service->reason);
    return row;
}

static struct json *document_node(struct arena *arena, const struct what_if_node *node)
{
    struct json *row = json_new_object(arena);
    json_put_string(row, "node", node->name);
    json_put_bool(row, "online", node->was_online);
    json_put_bool(row, "lost", node->is_lost);
    json_put_bool(row, "maintenance", node->is_in_maintenance);
    json_put_int(row, "services", (int64_t)node->services_before);
    json_put_int(row, "services_after", (int64_t)node->services_after);
    json_put_int(row, "memory", node->memory_before);
    json_put_int(row, "memory_after", node->memory_after);
    if (node->memory_max >= 0) {
        json_put_int(row, "memory_max", node->memory_max);
    }
    return row;
}

// ---- words

static void document_say(struct json *words, const char *text)
{
    json_append(words, json_new_string(words->arena, text));
}

static size_t document_nodes_left(const struct what_if_answer *answer)
{
    size_t left = 0;
    for (size_t i = 0; i < answer->nodes_count; i++) {
        left += answer->nodes[i].was_online && !answer->nodes[i].is_lost ? 1 : 0;
    }
    return left;
}

static void document_say_quorum(struct json *words, const struct what_if_question *question,
                                const struct what_if_answer *answer)
{
    struct arena *arena = words->arena;
    if (question->lost_count == 0) {
        return;
    }
    const char *votes =
        arena_printf(arena, "%" PRId64 " of %" PRId64 " votes are left, %" PRId64 " are needed",
                     answer->votes_after, answer->votes_before, answer->votes_needed);
    if (answer->is_quorate) {
        document_say(words, arena_printf(arena, "The quorum stays: %s.", votes));
        return;
    }
    document_say(words, arena_printf(arena, "The quorum is lost: %s.", votes));
    if (document_nodes_left(answer) == 0) {
        document_say(words, "No node is left: nothing runs until nodes are back.");
        return;
    }
    document_say(words,
                 arena_printf(arena,
                              "Nothing moves then, and the nodes that are left stop their services "
                              "within %" PRId64 " s, when their authority ends.",
                              (answer->stop_ms + 999) / 1000));
    if (answer->votes_after <= 0) {
        return;
    }
    if (answer->forced) {
        document_say(words,
                     "What follows is what happens once an operator has given the quorum to those "
                     "that are left.");
    }
    document_say(
        words,
        arena_printf(
            arena,
            "`ha-cluster expected %" PRId64
            "` gives them the quorum: it is your word that %s %s off%s",
            answer->votes_after, document_join(arena, question->lost, question->lost_count),
            question->lost_count == 1 ? "is" : "are",
            answer->forced ? "." : "; then services are recovered (ask again with `expected`)."));
}

static void document_say_services(struct json *words, const struct what_if_answer *answer,
                                  bool timed)
{
    struct arena *arena = words->arena;
    size_t again = 0;
    size_t moved = 0;
    size_t down = 0;
    int64_t last_ms = 0;
    for (size_t i = 0; i < answer->services_count; i++) {
        const struct what_if_service *service = &answer->services[i];
        again += service->runs && service->after_ms >= 0 ? 1 : 0;
        moved += !service->ran && !service->runs && service->to != NULL ? 1 : 0;
        down += service->ran && !service->runs ? 1 : 0;
        last_ms = service->after_ms > last_ms ? service->after_ms : last_ms;
    }
    if (answer->services_count == 0) {
        document_say(words, arena_printf(arena, "No service is touched: all %zu stay as they are.",
                                         answer->services_total));
        return;
    }
    if (again > 0 && timed) {
        document_say(words,
                     arena_printf(arena,
                                  "%zu service%s then elsewhere or anew, the last after %.1f s "
                                  "(seldom up to %.1f s more) and the time that its start takes%s.",
                                  again, again == 1 ? " runs" : "s run",
                                  (double)(last_ms / 100) / 10.0,
                                  (double)(answer->late_ms / 100) / 10.0,
                                  answer->has_devices ? "; a fence device can be quicker" : ""));
    } else if (again > 0) {
        document_say(words, arena_printf(arena, "%zu service%s in order, and run%s on.", again,
                                         again == 1 ? " moves" : "s move", again == 1 ? "s" : ""));
    }
    if (moved > 0) {
        document_say(words, arena_printf(arena, "%zu that %s not run %s to another node.", moved,
                                         moved == 1 ? "does" : "do", moved == 1 ? "goes" : "go"));
    }
    if (down > 0) {
        document_say(words, arena_printf(arena, "%zu that %s now %s no more.", down,
                                         down == 1 ? "runs" : "run", down == 1 ? "runs" : "run"));
    }
}

struct json *what_if_document(struct arena *arena, const struct what_if_question *question,
                              const struct what_if_answer *answer)
{
    struct json *document = json_new_object(arena);
    struct json *services = json_new_array(arena);
    struct json *nodes = json_new_array(arena);
    struct json *words = json_new_array(arena);
    for (size_t i = 0; i < answer->services_count; i++) {
        json_append(services,
                    document_service(arena, &answer->services[i], question->lost_count > 0));
    }
    for (size_t i = 0; i < answer->nodes_count; i++) {
        json_append(nodes, document_node(arena, &answer->nodes[i]));
    }
    document_say_quorum(words, question, answer);
    document_say_services(words, answer, question->lost_count > 0);
    if (!answer->was_settled || !answer->is_settled) {
        document_say(words, "It does not come to rest: this is how it is after some hours.");
    }
    json_put(document, "question", document_question(arena, question));
    json_put(document, "words", words);
    json_put(document, "quorum", document_quorum(arena, answer));
    json_put(document, "bound", document_seconds(arena, answer->worst_ms));
    json_put_bool(document, "settled", answer->was_settled && answer->is_settled);
    json_put(document, "services", services);
    json_put(document, "nodes", nodes);
    return document;
}
