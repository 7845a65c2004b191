// SPDX-License-Identifier: Apache-2.0
// The cluster is let come to rest first, as it would anyway; then what the question says happens to
// it, and it comes to rest again. The answer is the difference.
#include "answers/what_if.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answers/played_cluster.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/command.h"
#include "common/model/fence_config.h"
#include "common/model/guest.h"
#include "common/model/node_load.h"
#include "common/model/store_keys.h"
#include "crm/explain.h"

static const int64_t MIB = 1024 * 1024;
static const int64_t MEMORY_DEFAULT_MIB = 512; // as the schedulers count (crm/live_stats.c)

// A service as it was when the cluster had come to rest.
struct what_if_state {
    const char *sid;
    const struct service *record;    // NULL: the master does not know it
    const struct resource *resource; // NULL: not configured
    const char *runs_on;             // NULL: it does not run
    int64_t since_ms;
    int64_t memory;
};

struct what_if_states {
    struct what_if_state *states; // ascending by sid
    size_t count;
};

// ---- looking

static int64_t what_if_memory(const struct played_cluster *cluster, struct arena *arena,
                              const char *sid)
{
    const char *text =
        played_cluster_find(cluster, arena_printf(arena, "%s%s", STORE_PREFIX_GUEST, sid));
    struct guest *guest = NULL;
    int64_t mib = MEMORY_DEFAULT_MIB;
    if (text != NULL && guest_parse(arena, text, strlen(text), &guest, NULL) == 0) {
        const char *memory = map_find(&guest->config, "memory");
        if (memory != NULL && parse_int64(memory, 0, INT32_MAX, &mib) < 0) {
            mib = MEMORY_DEFAULT_MIB;
        }
    }
    return mib * MIB;
}

static struct what_if_states what_if_look(const struct played_cluster *cluster, struct arena *arena)
{
    struct store_entries entries;
    sim_store_read(&cluster->store, STORE_PREFIX_SERVICE, 0, cluster->store.version, arena,
                   &entries);
    struct what_if_states all = {.states =
                                     arena_array_of(arena, struct what_if_state, entries.count)};
    for (size_t i = 0; i < entries.count; i++) {
        const char *sid = entries.entries[i].key + strlen(STORE_PREFIX_SERVICE);
        struct what_if_state *state = &all.states[all.count];
        struct service *record = NULL;
        struct resource *resource = NULL;
        if (service_parse(arena, sid, entries.entries[i].value, entries.entries[i].size_bytes,
                          &record, NULL) < 0) {
            continue; // the master leaves it alone
        }
        const char *text =
            played_cluster_find(cluster, arena_printf(arena, "%s%s", STORE_PREFIX_RESOURCE, sid));
        if (text != NULL && resource_parse(arena, text, &resource, NULL) == 0) {
            state->resource = resource;
        }
        const struct played_run *run = map_find(&cluster->runs, sid);
        state->sid = sid;
        state->record = record;
        state->runs_on = run != NULL ? arena_strdup(arena, run->node) : NULL;
        state->since_ms = run != NULL ? run->since_ms : 0;
        state->memory = what_if_memory(cluster, arena, sid);
        all.count++;
    }
    return all;
}

static const struct what_if_state *what_if_find(const struct what_if_states *all, const char *sid)
{
    size_t low = 0;
    size_t high = all->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(all->states[middle].sid, sid);
        if (order == 0) {
            return &all->states[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

// ---- the question

static int what_if_check(const struct played_cluster *cluster, const char *const *names,
                         size_t count, const char *what, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct played_node *node = map_find(&cluster->nodes, names[i]);
        if (node == NULL) {
            return error_set(err, -ENOENT, "no node '%s' in this cluster", names[i]);
        }
        if (!node->lives) {
            return error_set(err, -EINVAL, "node '%s' is not online, so it cannot be %s", names[i],
                             what);
        }
    }
    return 0;
}

static void what_if_maintain(struct played_cluster *cluster, struct arena *arena, const char *node)
{
    const char *id = arena_printf(arena, "what-if-%s", node);
    const struct command command = {
        .id = id, .kind = COMMAND_KIND_ENABLE_NODE_MAINTENANCE, .node = node};
    played_cluster_put(cluster, arena_printf(arena, "%s%s", STORE_PREFIX_COMMAND, id),
                       command_format(arena, &command));
}

static int what_if_stop(struct played_cluster *cluster, struct arena *arena, const char *sid,
                        struct error *err)
{
    const char *key = arena_printf(arena, "%s%s", STORE_PREFIX_RESOURCE, sid);
    const char *text = played_cluster_find(cluster, key);
    struct resource *resource = NULL;
    struct strbuf out CLEANUP(strbuf_done) = {0};
    if (text == NULL) {
        return error_set(err, -ENOENT, "no resource '%s' is under HA", sid);
    }
    int r = resource_parse(arena, text, &resource, err);
    if (r == 0) {
        r = resource_set(arena, resource, "state", "stopped", err);
    }
    if (r == 0) {
        resource_format(resource, &out);
        played_cluster_put(cluster, key, strbuf_text(&out));
    }
    return r;
}

static int what_if_begin(struct played_cluster *cluster, struct arena *arena,
                         const struct what_if_question *question, struct error *err)
{
    for (size_t i = 0; i < question->stopped_count; i++) {
        int r = what_if_stop(cluster, arena, question->stopped[i], err);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < question->maintenance_count; i++) {
        what_if_maintain(cluster, arena, question->maintenance[i]);
    }
    for (size_t i = 0; i < question->lost_count; i++) {
        played_cluster_lose(cluster, question->lost[i]);
    }
    return 0;
}

// ---- the answer

// What one comparison works with.
struct what_if_work {
    struct arena *arena;
    struct played_cluster *cluster;
    const struct what_if_question *question;
    struct what_if_states before, after;
    int64_t begin_ms;
    struct crm_explain *explain; // NULL: not needed yet
    struct member_list members;
    struct what_if_answer *answer;
};

static bool what_if_is_lost(const struct what_if_work *work, const char *node)
{
    return node != NULL &&
           played_names_have(work->question->lost, work->question->lost_count, node);
}

// Why no node takes it: what each of those that are left has against it.
static const char *what_if_explain(struct what_if_work *work, const char *sid)
{
    struct explanation explanation;
    const char *text = NULL;
    if (work->explain == NULL) {
        work->members = played_cluster_members(work->cluster, work->arena);
        work->explain = crm_explain_new(played_cluster_store(work->cluster), &work->members,
                                        &work->cluster->timing, 0);
    }
    if (!crm_explain_service(work->explain, work->arena, sid, &explanation)) {
        return "the manager does not look after it";
    }
    for (size_t i = 0; i < explanation.count; i++) {
        const struct explained_node *node = &explanation.nodes[i];
        if (node->reason != NULL && !what_if_is_lost(work, node->name)) {
            text = arena_printf(work->arena, "%s%s%s: %s", text != NULL ? text : "",
                                text != NULL ? "; " : "", node->name, node->reason);
        }
    }
    return text != NULL ? text : "no node is left";
}

static const char *what_if_why_not(struct what_if_work *work, const struct what_if_state *state)
{
    const struct service *record = state->record;
    const char *node = record->node;
    switch (record->state) {
    case SVC_STATE_FENCE:
        return record->unguarded ? "it may run there without the protection of a lease, so it is "
                                   "waited for until the node is back"
                                 : "its node is not proven to have stopped it";
    case SVC_STATE_RECOVERY:
        return what_if_explain(work, state->sid);
    case SVC_STATE_ERROR:
        return record->error != NULL
                   ? arena_printf(work->arena, "it is in error: %s", record->error)
                   : "it is in error until an operator disables it";
    case SVC_STATE_FREEZE:
        return "it is frozen: nothing of HA changes now";
    case SVC_STATE_STOPPED:
    case SVC_STATE_REQUEST_STOP:
        if (record->halted_by != NULL) {
            return arena_printf(work->arena, "it waits for storage '%s'", record->halted_by);
        }
        return "it is not wanted to run";
    case SVC_STATE_STARTED:
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_REQUEST_START_BALANCE:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
    case SVC_STATE_MAX:
        break;
    }
    if (what_if_is_lost(work, node)) {
        return record->unguarded ? "it may run there without the protection of a lease, so it is "
                                   "waited for until the node is back"
                                 : "its node is not given up: see `ha-manager status`";
    }
    return arena_printf(work->arena, "its LRM on %s has not started it", node);
}

static bool what_if_wants_to_run(const struct what_if_state *state)
{
    return state->resource != NULL && state->resource->state == REQUEST_STATE_STARTED;
}

static bool what_if_is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

// Without a quorum: who is left keeps what it has for as long as its authority lasts.
static void what_if_add_stopped(struct what_if_work *work, const struct what_if_state *before)
{
    struct what_if_answer *answer = work->answer;
    if (before->runs_on == NULL) {
        return;
    }
    bool lost = what_if_is_lost(work, before->runs_on);
    answer->services[answer->services_count++] = (struct what_if_service){
        .sid = before->sid,
        .from = before->runs_on,
        .state_before = before->record->state,
        .state_after = before->record->state,
        .request = before->resource != NULL ? before->resource->state : REQUEST_STATE_DISABLED,
        .ran = true,
        .after_ms = -1,
        .reason = lost ? "no quorum is left: nobody may recover it"
                       : "no quorum is left: its node stops it when its authority ends"};
}

static void what_if_add(struct what_if_work *work, const struct what_if_state *before,
                        const struct what_if_state *after)
{
    struct what_if_answer *answer = work->answer;
    const char *from = before->runs_on != NULL ? before->runs_on : before->record->node;
    const char *to = after->runs_on != NULL ? after->runs_on : after->record->node;
    bool runs = after->runs_on != NULL;
    bool moved = strcmp(from, to) != 0 || !what_if_is_same(before->runs_on, after->runs_on);
    // One that starts anew, perhaps where it was.
    bool again = runs && after->since_ms >= work->begin_ms;
    if (!moved && !again && before->record->state == after->record->state &&
        !what_if_is_lost(work, from)) {
        return;
    }
    bool wanted = what_if_wants_to_run(after);
    // Where its record points to means nothing while nobody can have it there.
    bool nowhere = !runs && (what_if_is_lost(work, to) || after->record->state == SVC_STATE_FENCE ||
                             after->record->state == SVC_STATE_RECOVERY);
    answer->services[answer->services_count++] = (struct what_if_service){
        .sid = before->sid,
        .from = from,
        .to = nowhere ? NULL : to,
        .state_before = before->record->state,
        .state_after = after->record->state,
        .request = after->resource != NULL ? after->resource->state : REQUEST_STATE_DISABLED,
        .ran = before->runs_on != NULL,
        .runs = runs,
        .after_ms = again ? after->since_ms - work->begin_ms : -1,
        .reason = runs || (!wanted && !nowhere) ? NULL : what_if_why_not(work, after)};
}

static void what_if_compare(struct what_if_work *work)
{
    struct what_if_answer *answer = work->answer;
    bool acts = answer->is_quorate || answer->forced;
    answer->services = arena_array_of(work->arena, struct what_if_service, work->before.count);
    answer->services_total = work->before.count;
    for (size_t i = 0; i < work->before.count; i++) {
        const struct what_if_state *before = &work->before.states[i];
        const struct what_if_state *after = what_if_find(&work->after, before->sid);
        if (!acts) {
            what_if_add_stopped(work, before);
        } else if (after != NULL) {
            what_if_add(work, before, after);
        }
    }
}

static int64_t what_if_node_memory(const struct what_if_work *work, const char *node)
{
    const char *text = played_cluster_find(
        work->cluster, arena_printf(work->arena, "%s%s", STORE_PREFIX_LOAD, node));
    struct node_load *load = NULL;
    bool known = text != NULL && node_load_parse(work->arena, text, strlen(text), &load, NULL) == 0;
    return known && load->maxmem > 0.0 ? (int64_t)load->maxmem : -1;
}

static void what_if_count(const struct what_if_states *all, const char *node, size_t *ret_count,
                          int64_t *ret_memory)
{
    *ret_count = 0;
    *ret_memory = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (all->states[i].runs_on != NULL && strcmp(all->states[i].runs_on, node) == 0) {
            (*ret_count)++;
            *ret_memory += all->states[i].memory;
        }
    }
}

static void what_if_count_nodes(struct what_if_work *work, const struct what_if_source *source)
{
    struct what_if_answer *answer = work->answer;
    const struct what_if_question *question = work->question;
    const struct what_if_states none = {0};
    bool acts = answer->is_quorate || answer->forced;
    answer->nodes = arena_array_of(work->arena, struct what_if_node, source->members.count);
    for (size_t i = 0; i < source->members.count; i++) {
        struct what_if_node *node = &answer->nodes[answer->nodes_count++];
        node->name = source->members.members[i].node;
        node->was_online = source->members.members[i].online;
        node->is_lost = what_if_is_lost(work, node->name);
        node->is_in_maintenance =
            played_names_have(question->maintenance, question->maintenance_count, node->name);
        node->memory_max = what_if_node_memory(work, node->name);
        what_if_count(&work->before, node->name, &node->services_before, &node->memory_before);
        what_if_count(acts ? &work->after : &none, node->name, &node->services_after,
                      &node->memory_after);
    }
}

static bool what_if_has_devices(const struct played_cluster *cluster, struct arena *arena)
{
    const char *text = played_cluster_find(cluster, STORE_KEY_FENCE);
    struct fence_config *config = NULL;
    return text != NULL && fence_config_parse(arena, text, &config, NULL) == 0 &&
           config->devices.count > 0;
}

static int what_if_play(struct what_if_work *work, struct error *err)
{
    struct played_cluster *cluster = work->cluster;
    struct what_if_answer *answer = work->answer;
    const struct what_if_question *question = work->question;
    answer->was_settled = played_cluster_settle(cluster);
    work->before = what_if_look(cluster, work->arena);
    work->begin_ms = cluster->now_ms;
    int r = what_if_begin(cluster, work->arena, question, err);
    if (r < 0) {
        return r;
    }
    int64_t votes = played_cluster_votes(cluster);
    for (size_t i = 0; i < question->lost_count; i++) {
        const struct played_node *node = map_find(&cluster->nodes, question->lost[i]);
        votes -= node->votes;
    }
    answer->votes_after = votes;
    answer->is_quorate = cluster->forced ? votes > 0 : votes >= answer->votes_needed;
    answer->forced = !answer->is_quorate && question->forced && votes > 0;
    cluster->forced = cluster->forced || answer->forced;
    answer->is_settled = played_cluster_settle(cluster);
    work->after = what_if_look(cluster, work->arena);
    return 0;
}

// A node that is named twice is lost once.
static const char *const *what_if_unique(struct arena *arena, const char *const *names,
                                         size_t *count)
{
    const char **unique = arena_array_of(arena, const char *, *count);
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (!played_names_have(unique, kept, names[i])) {
            unique[kept++] = names[i];
        }
    }
    *count = kept;
    return unique;
}

static int what_if_fill(struct what_if_work *work, const struct what_if_source *source,
                        struct error *err)
{
    struct what_if_answer *answer = work->answer;
    const struct what_if_question *question = work->question;
    int r = what_if_check(work->cluster, question->lost, question->lost_count, "lost", err);
    if (r == 0) {
        r = what_if_check(work->cluster, question->maintenance, question->maintenance_count,
                          "taken out for maintenance", err);
    }
    if (r < 0) {
        return r;
    }
    answer->votes_before = played_cluster_votes(work->cluster);
    answer->votes_needed = work->cluster->expected_votes / 2 + 1;
    answer->was_quorate = true;
    answer->worst_ms = timing_worst_failover_ms(&source->timing);
    answer->late_ms = timing_detection_ms(&source->timing);
    answer->stop_ms = source->timing.authority_ms;
    answer->has_devices = what_if_has_devices(work->cluster, work->arena);
    r = what_if_play(work, err);
    if (r == 0) {
        what_if_compare(work);
        what_if_count_nodes(work, source);
    }
    return r;
}

int what_if_ask(struct arena *arena, const struct what_if_source *source,
                const struct what_if_question *question, struct what_if_answer *ret,
                struct error *err)
{
    struct played_cluster *cluster CLEANUP(played_cluster_freep) = NULL;
    struct what_if_question asked = *question;
    struct what_if_answer answer = {0};
    if (source->timing.profile == TIMING_PROFILE_CLASSIC) {
        return error_set(err, -EINVAL, "the classic times are for replays only");
    }
    if (!source->members.quorate) {
        return error_set(err, -EHOSTDOWN,
                         "there is no quorum here now: nothing is decided, so nothing can be "
                         "foreseen");
    }
    asked.lost = what_if_unique(arena, question->lost, &asked.lost_count);
    int r = played_cluster_new(source, &asked, &cluster, err);
    if (r < 0) {
        return r;
    }
    struct what_if_work work = {
        .arena = arena, .cluster = cluster, .question = &asked, .answer = &answer};
    r = what_if_fill(&work, source, err);
    crm_explain_free(work.explain);
    if (r == 0) {
        *ret = answer;
    }
    return r;
}
