// SPDX-License-Identifier: Apache-2.0
// Time, nodes and documents of a played cluster. The time jumps from one due thing to the next, as
// in the simulator, and the same input always plays the same.
#include "answers/played_cluster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answers/what_if.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/manager_status.h"
#include "common/model/options.h"
#include "common/model/store_keys.h"

enum {
    PLAYED_NOTICE_MS = 2,               // until a committed change has reached the others
    PLAYED_TICK_MS = 10 * 1000,         // the master looks at everything this often
    PLAYED_STALES = 3,                  // more than an LRM may be silent (crm/core/presence.c)
    PLAYED_SETTLE_MS = 4 * 3600 * 1000, // more is no end in sight
    PLAYED_ROUNDS_MAX = 200 * 1000,     // likewise
};

// What the CRM reads (crm/main.c) but the history, which no decision depends on.
static const char *const played_prefixes[] = {
    "manager/",           STORE_PREFIX_SERVICE,      STORE_PREFIX_RESOURCE,
    STORE_PREFIX_GUEST,   STORE_PREFIX_COMMAND,      STORE_PREFIX_LRM,
    STORE_PREFIX_RESULT,  STORE_PREFIX_NODE_VERSION, STORE_PREFIX_LOAD,
    STORE_PREFIX_STORAGE, STORE_PREFIX_LIVE_STORAGE, "config/"};

// ---- documents

const char *played_cluster_find(const struct played_cluster *cluster, const char *key)
{
    return sim_store_find(&cluster->store, key);
}

static bool played_starts_with(const char *key, const char *prefix)
{
    return strncmp(key, prefix, strlen(prefix)) == 0;
}

void played_cluster_notice(struct played_cluster *cluster, const char *key)
{
    // Signs of life and what is told to people bring no round.
    if (played_starts_with(key, STORE_KEY_LIVE_MASTER) ||
        played_starts_with(key, STORE_PREFIX_ANSWER) ||
        played_starts_with(key, STORE_PREFIX_HISTORY)) {
        return;
    }
    int64_t due_ms = cluster->now_ms + PLAYED_NOTICE_MS;
    cluster->changed_ms = cluster->now_ms;
    cluster->lrms_due_ms = cluster->lrms_due_ms < due_ms ? cluster->lrms_due_ms : due_ms;
    for (size_t i = 0; i < PLAYED_CRMS_MAX; i++) {
        if (cluster->crms[i] != NULL) {
            played_crm_wake(cluster->crms[i], due_ms);
        }
    }
}

void played_cluster_put(struct played_cluster *cluster, const char *key, const char *value)
{
    sim_store_put(&cluster->store, key, value);
    played_cluster_notice(cluster, key);
}

static int played_store_refresh(struct store *store, struct error *err)
{
    (void)store;
    (void)err; // never fails
    return 0;
}

static int played_store_read(struct store *store, const char *prefix, uint64_t since,
                             struct arena *arena, struct store_entries *ret, struct error *err)
{
    const struct played_cluster *cluster = (const struct played_cluster *)store;
    (void)err; // never fails
    sim_store_read(&cluster->store, prefix, since, cluster->store.version, arena, ret);
    return 0;
}

static int played_store_commit(struct store *store, const struct store_txn *txn,
                               uint64_t *ret_version, struct error *err)
{
    (void)store;
    (void)txn;
    (void)ret_version;
    return error_set(err, -EROFS, "this is only for reading");
}

struct store *played_cluster_store(struct played_cluster *cluster)
{
    static const struct store_ops ops = {played_store_refresh, played_store_read,
                                         played_store_commit};
    cluster->port.ops = &ops;
    return &cluster->port;
}

static int played_copy(struct played_cluster *cluster, const struct what_if_source *source,
                       struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(played_prefixes); i++) {
        struct store_entries entries;
        int r = store_read(source->store, played_prefixes[i], 0, cluster->scratch, &entries, err);
        if (r < 0) {
            return r;
        }
        for (size_t n = 0; n < entries.count; n++) {
            sim_store_put(&cluster->store, entries.entries[n].key, entries.entries[n].value);
        }
    }
    return 0;
}

// ---- nodes

bool played_cluster_is_quorate(const struct played_cluster *cluster)
{
    return cluster->forced || played_cluster_votes(cluster) >= cluster->expected_votes / 2 + 1;
}

int64_t played_cluster_votes(const struct played_cluster *cluster)
{
    int64_t votes = cluster->other_votes;
    map_each (e, &cluster->nodes) {
        const struct played_node *node = e->value;
        votes += node->is_seen ? node->votes : 0;
    }
    return votes;
}

struct member_list played_cluster_members(const struct played_cluster *cluster, struct arena *arena)
{
    struct member_list list = {.quorate = played_cluster_is_quorate(cluster),
                               .epoch = cluster->epoch,
                               .forced = cluster->forced};
    list.members = arena_array_of(arena, struct member, cluster->nodes.count);
    map_each (e, &cluster->nodes) {
        const struct played_node *node = e->value;
        list.members[list.count++] = (struct member){
            .node = node->name, .online = list.quorate && node->is_seen, .present = node->is_seen};
    }
    return list;
}

static void played_add_nodes(struct played_cluster *cluster, const struct what_if_source *source)
{
    int64_t configured = 0;
    for (size_t i = 0; i < source->members.count; i++) {
        const struct member *member = &source->members.members[i];
        const int64_t *votes = map_find(&source->votes, member->node);
        struct played_node *node = arena_new_of(cluster->arena, struct played_node);
        node->name = arena_strdup(cluster->arena, member->node);
        node->votes = votes != NULL ? *votes : 1;
        node->lives = member->online;
        node->is_seen = member->online;
        configured += node->votes;
        map_put(&cluster->nodes, node->name, node);
        // Whoever is there holds its lease; of the others nobody knows since when they do not.
        uint64_t term;
        int64_t until_ms;
        const char *lease = arena_printf(cluster->scratch, LEASE_AGENT_FORMAT, node->name);
        ignore_result(sim_leases_acquire(&cluster->leases, lease, node->name, 0,
                                         cluster->timing.lease_ms, &term, &until_ms)); // it is free
    }
    cluster->expected_votes =
        source->expected_votes > 0 ? source->expected_votes : configured + source->other_votes;
}

bool played_names_have(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

// The present master, and who follows when that one is lost: what slaves know of who was there when
// counts from before (INV-14), so it begins now.
static void played_add_crms(struct played_cluster *cluster, const struct what_if_question *question)
{
    const char *text = played_cluster_find(cluster, STORE_KEY_MANAGER_STATUS);
    struct manager_status *status = NULL;
    const struct played_node *master = NULL;
    const struct played_node *next = NULL;
    if (text != NULL &&
        manager_status_parse(cluster->scratch, text, strlen(text), &status, NULL) == 0 &&
        status->master_node != NULL) {
        master = map_find(&cluster->nodes, status->master_node);
    }
    cluster->leases.terms_given = status != NULL ? status->term : 0;
    if (master != NULL && !master->lives) {
        master = NULL;
    }
    map_each (e, &cluster->nodes) {
        const struct played_node *node = e->value;
        bool stays = !played_names_have(question->lost, question->lost_count, node->name);
        if (node->lives && stays && next == NULL) {
            next = node;
        }
        master = master == NULL && node->lives ? node : master;
    }
    size_t count = 0;
    if (master != NULL) {
        cluster->crms[count++] = played_crm_new(cluster, master);
    }
    if (next != NULL && next != master) {
        cluster->crms[count++] = played_crm_new(cluster, next);
    }
}

int played_cluster_new(const struct what_if_source *source, const struct what_if_question *question,
                       struct played_cluster **ret, struct error *err)
{
    struct played_cluster *cluster CLEANUP(played_cluster_freep) = alloc_zero(sizeof(*cluster));
    cluster->arena = arena_new();
    cluster->scratch = arena_new();
    cluster->timing = source->timing;
    cluster->wall_ms = source->wall_ms;
    cluster->other_votes = source->other_votes;
    cluster->epoch = source->members.epoch;
    cluster->forced = source->members.forced && source->members.quorate;
    cluster->unseen_due_ms = INT64_MAX;
    sim_store_init(&cluster->store);
    sim_leases_init(&cluster->leases);
    map_init_arena(&cluster->nodes, cluster->arena);
    map_init(&cluster->runs, free);
    map_init_arena(&cluster->guest_loads, cluster->arena);
    int r = played_copy(cluster, source, err);
    if (r < 0) {
        return r;
    }
    played_add_nodes(cluster, source);
    played_lrms_init(cluster);
    played_add_crms(cluster, question);
    *ret = steal_ptr(cluster);
    return 0;
}

void played_cluster_free(struct played_cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    for (size_t i = 0; i < PLAYED_CRMS_MAX; i++) {
        played_crm_free(cluster->crms[i]);
    }
    sim_store_done(&cluster->store);
    sim_leases_done(&cluster->leases);
    map_done(&cluster->runs);
    arena_free(cluster->arena);
    arena_free(cluster->scratch);
    free(cluster);
}

void played_cluster_freep(struct played_cluster **cluster)
{
    played_cluster_free(*cluster);
}

static void played_end_runs(struct played_cluster *cluster, const char *node)
{
    for (size_t i = cluster->runs.count; i > 0; i--) {
        const struct map_entry *entry = &cluster->runs.entries[i - 1];
        const struct played_run *run = entry->value;
        if (strcmp(run->node, node) == 0) {
            const char *sid = arena_strdup(cluster->scratch, entry->key);
            (void)map_remove(&cluster->runs, sid); // it is there
        }
    }
}

void played_cluster_lose(struct played_cluster *cluster, const char *name)
{
    struct played_node *node = map_find(&cluster->nodes, name);
    // INV-16: the worst moment is right after a renewal that was delivered.
    const char *lease = arena_printf(cluster->scratch, LEASE_AGENT_FORMAT, name);
    uint64_t term;
    int64_t until_ms;
    ignore_result(sim_leases_acquire(&cluster->leases, lease, name, cluster->now_ms,
                                     cluster->timing.lease_ms, &term, &until_ms)); // it is its own
    node->lives = false;
    played_end_runs(cluster, name);
    for (size_t i = 0; i < PLAYED_CRMS_MAX; i++) {
        if (cluster->crms[i] != NULL && played_crm_node(cluster->crms[i]) == node) {
            played_crm_free(cluster->crms[i]);
            cluster->crms[i] = NULL;
        }
    }
    cluster->unseen_due_ms = cluster->now_ms + timing_detection_ms(&cluster->timing);
    cluster->changed_ms = cluster->now_ms;
}

// ---- time

static void played_notice_lost(struct played_cluster *cluster)
{
    map_each (e, &cluster->nodes) {
        struct played_node *node = e->value;
        node->is_seen = node->lives;
    }
    cluster->unseen_due_ms = INT64_MAX;
    cluster->epoch++;
    cluster->changed_ms = cluster->now_ms;
    for (size_t i = 0; i < PLAYED_CRMS_MAX; i++) {
        if (cluster->crms[i] != NULL) {
            played_crm_wake(cluster->crms[i], cluster->now_ms);
        }
    }
}

static int64_t played_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t played_next_ms(const struct played_cluster *cluster)
{
    int64_t next_ms = played_earlier(cluster->lrms_due_ms, cluster->unseen_due_ms);
    next_ms = played_earlier(next_ms, cluster->signs_due_ms);
    for (size_t i = 0; i < PLAYED_CRMS_MAX; i++) {
        if (cluster->crms[i] != NULL) {
            next_ms = played_earlier(next_ms, played_crm_due_ms(cluster->crms[i]));
        }
    }
    return next_ms > cluster->now_ms ? next_ms : cluster->now_ms;
}

static void played_instant(struct played_cluster *cluster)
{
    arena_clear(cluster->scratch);
    if (cluster->unseen_due_ms <= cluster->now_ms) {
        played_notice_lost(cluster);
    }
    for (size_t i = 0; i < PLAYED_CRMS_MAX; i++) {
        if (cluster->crms[i] != NULL && played_crm_due_ms(cluster->crms[i]) <= cluster->now_ms) {
            played_crm_run(cluster->crms[i]);
            cluster->rounds++;
        }
    }
    if (cluster->signs_due_ms <= cluster->now_ms) {
        cluster->signs_due_ms = cluster->now_ms + cluster->timing.stale_ms / 3;
        played_lrms_sign(cluster);
    }
    if (cluster->lrms_due_ms <= cluster->now_ms) {
        cluster->lrms_due_ms = INT64_MAX;
        played_lrms_run(cluster);
    }
}

// How long nothing must have changed until nothing will: the longest that the master waits for
// nodes and their LRMs by the timing in force, and what balancing is asked to wait for.
static int64_t played_quiet_ms(struct played_cluster *cluster)
{
    const struct timing *timing = &cluster->timing;
    struct options options;
    const char *text = played_cluster_find(cluster, STORE_KEY_DATACENTER);
    options_init(&options);
    if (text != NULL && options_parse(cluster->scratch, text, &options, NULL) < 0) {
        options_init(&options);
    }
    int64_t ticks = 2 + (options.auto_rebalance ? options.auto_rebalance_hold_rounds + 1 : 0);
    return timing->startup_grace_ms + PLAYED_STALES * timing->stale_ms +
           timing_worst_failover_ms(timing) + ticks * PLAYED_TICK_MS;
}

bool played_cluster_settle(struct played_cluster *cluster)
{
    int64_t begin_ms = cluster->now_ms;
    uint64_t begin_rounds = cluster->rounds;
    int64_t quiet_ms = played_quiet_ms(cluster);
    cluster->changed_ms = begin_ms;
    while (cluster->now_ms - cluster->changed_ms < quiet_ms) {
        if (cluster->now_ms - begin_ms > PLAYED_SETTLE_MS ||
            cluster->rounds - begin_rounds > PLAYED_ROUNDS_MAX) {
            return false;
        }
        int64_t next_ms = played_next_ms(cluster);
        cluster->now_ms = played_earlier(next_ms, cluster->changed_ms + quiet_ms);
        played_instant(cluster);
    }
    return true;
}
