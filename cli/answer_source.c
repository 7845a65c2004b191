// SPDX-License-Identifier: Apache-2.0
// One question to ha-clusterd.
#include "cli/answer_source.h"

#include <string.h>

#include "cli/cluster_call.h"
#include "cli/session.h"
#include "cli/timing_document.h"
#include "common/base/arena.h"
#include "common/base/json.h"

static bool source_is_online(const struct member_list *members, const char *node)
{
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->members[i].node, node) == 0) {
            return members->members[i].online;
        }
    }
    return false;
}

static void source_take_votes(struct arena *arena, const struct json *status,
                              struct what_if_source *source)
{
    const struct json *members = json_find(status, "members");
    int64_t online = 0;
    int64_t total = 0;
    for (size_t i = 0; members != NULL && i < members->count; i++) {
        const char *node = json_find_string(members->items[i], "node");
        int64_t *votes = arena_new_of(arena, int64_t);
        if (node == NULL ||
            json_get_int_if(members->items[i], "votes", 0, INT32_MAX, votes, NULL)) {
            continue;
        }
        map_put(&source->votes, node, votes);
        online += source_is_online(&source->members, node) ? *votes : 0;
    }
    // A standalone node has no such counts.
    ignore_result(
        json_get_int_if(status, "expected_votes", 0, INT32_MAX, &source->expected_votes, NULL));
    ignore_result(json_get_int_if(status, "total_votes", 0, INT32_MAX, &total, NULL));
    source->other_votes = total > online ? total - online : 0;
}

void answer_source_read(struct arena *arena, const struct session *session,
                        const struct member_list *members, int64_t wall_ms,
                        struct what_if_source *ret)
{
    struct what_if_source source = {
        .store = session->store, .members = *members, .wall_ms = wall_ms};
    struct json *status = NULL;
    map_init_arena(&source.votes, arena);
    timing_get(timing_document_profile(arena, session), &source.timing);
    if (session->client != NULL &&
        ha_cluster_call(arena, session->client, "status", NULL, &status, NULL) == 0) {
        struct timing_facts facts;
        timing_document_facts(status, &facts);
        facts.nodes_count = (int64_t)members->count;
        timing_measure(&source.timing, &facts);
        source_take_votes(arena, status, &source);
    }
    *ret = source;
}
