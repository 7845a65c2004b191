// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/answers/answer_documents.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"

void answer_documents_put(struct answer_documents *documents, const char *key, const char *value)
{
    fake_store_put(documents->store, key, value);
}

void answer_documents_init(struct answer_documents *documents, struct arena *arena,
                           enum timing_profile profile, size_t nodes)
{
    assert(nodes <= ANSWER_NODES_MAX);
    *documents = (struct answer_documents){.arena = arena, .store = fake_store_new()};
    struct what_if_source *source = &documents->source;
    const char *states = "";
    source->store = fake_store_port(documents->store);
    source->wall_ms = INT64_C(1000) * ANSWER_WALL_S;
    timing_get(profile, &source->timing);
    map_init_arena(&source->votes, arena);
    source->members = (struct member_list){
        .members = documents->members, .count = nodes, .quorate = true, .epoch = 1};
    for (size_t i = 0; i < nodes; i++) {
        const char *node = arena_printf(arena, "node%zu", i + 1);
        documents->members[i] = (struct member){.node = node, .online = true, .present = true};
        states = arena_printf(arena, "%s%s\"%s\":\"online\"", states, i > 0 ? "," : "", node);
        answer_documents_put(documents, arena_printf(arena, "live/lrm/%s", node),
                             arena_printf(arena,
                                          "{\"state\":\"active\",\"mode\":\"active\","
                                          "\"timestamp\":%d}",
                                          ANSWER_WALL_S - 1));
    }
    answer_documents_put(
        documents, "manager/status",
        arena_printf(arena, "{\"master_node\":\"node1\",\"term\":7,\"node_status\":{%s}}", states));
    answer_documents_put(
        documents, "live/master",
        arena_printf(arena, "{\"node\":\"node1\",\"timestamp\":%d}", ANSWER_WALL_S - 1));
}

void answer_documents_done(struct answer_documents *documents)
{
    fake_store_free(documents->store);
}

void answer_documents_leave(struct answer_documents *documents, const char *node)
{
    for (size_t i = 0; i < documents->source.members.count; i++) {
        struct member *member = &documents->members[i];
        bool gone = strcmp(member->node, node) == 0;
        member->online = member->online && !gone;
        member->present = member->present && !gone;
    }
}

static void documents_put_service(struct answer_documents *documents, const char *sid,
                                  const char *node, const char *config, const char *record,
                                  const char *state)
{
    struct arena *arena = documents->arena;
    const char *colon = strchr(sid, ':');
    assert(colon != NULL);
    answer_documents_put(
        documents, arena_printf(arena, "guest/%s", sid),
        arena_printf(arena, "{\"sid\":\"%s\",\"node\":\"%s\",\"config\":{%s}}", sid, node, config));
    answer_documents_put(
        documents, arena_printf(arena, "resource/%s", sid),
        arena_printf(arena, "%.*s: %s\n\tstate %s\n", (int)(colon - sid), sid, colon + 1, state));
    answer_documents_put(documents, arena_printf(arena, "service/%s", sid), record);
}

void answer_documents_add(struct answer_documents *documents, const char *sid, const char *node,
                          const char *config)
{
    const char *record = arena_printf(
        documents->arena, "{\"node\":\"%s\",\"state\":\"started\",\"uid\":\"u-%s\",\"running\":1}",
        node, sid);
    documents_put_service(documents, sid, node, config, record, "started");
}

void answer_documents_add_stopped(struct answer_documents *documents, const char *sid,
                                  const char *node)
{
    const char *record = arena_printf(
        documents->arena, "{\"node\":\"%s\",\"state\":\"stopped\",\"uid\":\"u-%s\"}", node, sid);
    documents_put_service(documents, sid, node, "", record, "stopped");
}

void answer_documents_tell(struct answer_documents *documents, int64_t ago_s, const char *event,
                           const char *fields)
{
    int64_t time_ms = INT64_C(1000) * (ANSWER_WALL_S - ago_s);
    answer_documents_put(
        documents, arena_printf(documents->arena, "history/%016" PRId64, time_ms * 1000),
        arena_printf(documents->arena,
                     "{\"time_ms\":%" PRId64 ",\"at\":\"node1/crm\",\"level\":\"notice\","
                     "\"event\":\"%s\",\"fields\":{%s}}",
                     time_ms, event, fields));
}
