// SPDX-License-Identifier: Apache-2.0
// The LRMs of a played cluster. They do what the master's records say, at once and without failure,
// and report it as lrm/ does; only what the documents themselves forbid (a lock, a place that is
// elsewhere) fails. Nothing is decided here.
#include <stdlib.h>
#include <string.h>

#include "answers/played_cluster.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/node_load.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"

// One look of all LRMs at their orders.
struct played_look {
    struct played_cluster *cluster;
    struct arena *arena;
    struct map statuses; // node → struct lrm_status *: of those that work
    const struct manager_status *manager;
    bool mode_changed;
};

static const char *played_value(const struct played_cluster *cluster, struct arena *arena,
                                const char *prefix, const char *name)
{
    return played_cluster_find(cluster, arena_printf(arena, "%s%s", prefix, name));
}

static struct guest *played_guest(const struct played_cluster *cluster, struct arena *arena,
                                  const char *sid)
{
    const char *text = played_value(cluster, arena, STORE_PREFIX_GUEST, sid);
    struct guest *guest = NULL;
    bool good = text != NULL && guest_parse(arena, text, strlen(text), &guest, NULL) == 0;
    return good ? guest : NULL;
}

static struct lrm_result *played_result(const struct played_cluster *cluster, struct arena *arena,
                                        const char *node, const char *sid)
{
    const char *text = played_cluster_find(
        cluster, arena_printf(arena, "%s%s/%s", STORE_PREFIX_RESULT, node, sid));
    struct lrm_result *result = NULL;
    bool good = text != NULL && lrm_result_parse(arena, text, strlen(text), &result, NULL) == 0;
    return good ? result : NULL;
}

// ---- what runs

// A node's measured load goes with the guests that are on it.
static void played_load_change(struct played_cluster *cluster, struct arena *arena,
                               const char *node, const char *sid, bool here)
{
    const char *key = arena_printf(arena, "%s%s", STORE_PREFIX_LOAD, node);
    const char *text = played_cluster_find(cluster, key);
    const struct guest_load *guest = map_find(&cluster->guest_loads, sid);
    struct node_load *load = NULL;
    if (guest == NULL || text == NULL ||
        node_load_parse(arena, text, strlen(text), &load, NULL) < 0 || !load->measured ||
        map_has(&load->guests, sid) == here) {
        return;
    }
    load->cpu += here ? guest->cpu : -guest->cpu;
    load->mem += here ? guest->mem : -guest->mem;
    load->cpu = load->cpu > 0.0 ? load->cpu : 0.0;
    load->mem = load->mem > 0.0 ? load->mem : 0.0;
    if (here) {
        struct guest_load *copy = arena_new_of(arena, struct guest_load);
        *copy = *guest;
        map_put(&load->guests, sid, copy);
    } else {
        (void)map_remove(&load->guests, sid); // it is there
    }
    played_cluster_put(cluster, key, node_load_format(arena, load));
}

static void played_set_running(struct played_cluster *cluster, struct arena *arena,
                               const char *node, const char *sid, bool running)
{
    const struct played_run *before = map_find(&cluster->runs, sid);
    bool here = before != NULL && strcmp(before->node, node) == 0;
    if (running == here) {
        return;
    }
    played_load_change(cluster, arena, node, sid, running);
    if (!running) {
        (void)map_remove(&cluster->runs, sid); // it is there
        return;
    }
    struct played_run *run = alloc_zero(sizeof(*run));
    const struct map_entry *entry = &cluster->nodes.entries[map_lower_bound(&cluster->nodes, node)];
    run->node = entry->key;
    run->since_ms = cluster->now_ms;
    map_put(&cluster->runs, sid, run);
}

static bool played_record_runs(const struct played_cluster *cluster, struct arena *arena,
                               const struct service *record)
{
    switch (record->state) {
    case SVC_STATE_STARTED: {
        const struct lrm_result *result = played_result(cluster, arena, record->node, record->sid);
        return record->running ||
               (result != NULL && record->uid != NULL && strcmp(result->uid, record->uid) == 0 &&
                result->exit_code == LRM_CODE_SUCCESS);
    }
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
        return true;
    case SVC_STATE_FREEZE:
        return record->running;
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_REQUEST_START_BALANCE:
    case SVC_STATE_STOPPED:
    case SVC_STATE_FENCE:
    case SVC_STATE_RECOVERY:
    case SVC_STATE_ERROR:
    case SVC_STATE_MAX:
        break;
    }
    return false;
}

static void played_init_loads(struct played_cluster *cluster)
{
    struct store_entries entries;
    sim_store_read(&cluster->store, STORE_PREFIX_LOAD, 0, cluster->store.version, cluster->scratch,
                   &entries);
    for (size_t i = 0; i < entries.count; i++) {
        struct node_load *load = NULL;
        if (node_load_parse(cluster->scratch, entries.entries[i].value,
                            entries.entries[i].size_bytes, &load, NULL) < 0) {
            continue; // the scheduler does without it, too
        }
        map_each (e, &load->guests) {
            struct guest_load *copy = arena_new_of(cluster->arena, struct guest_load);
            *copy = *(const struct guest_load *)e->value;
            map_put(&cluster->guest_loads, e->key, copy);
        }
    }
}

// One that is silent already is played so.
static void played_init_mutes(struct played_cluster *cluster)
{
    int64_t mute_s = 2 * cluster->timing.stale_ms / 1000;
    map_each (e, &cluster->nodes) {
        struct played_node *node = e->value;
        const char *value = played_value(cluster, cluster->scratch, STORE_PREFIX_LRM, e->key);
        struct lrm_status *status = NULL;
        bool known = value != NULL &&
                     lrm_status_parse(cluster->scratch, value, strlen(value), &status, NULL) == 0;
        node->is_mute = known && status->timestamp_s > 0 &&
                        cluster->wall_ms / 1000 - status->timestamp_s > mute_s;
    }
}

void played_lrms_sign(struct played_cluster *cluster)
{
    if (!played_cluster_is_quorate(cluster)) {
        return;
    }
    map_each (e, &cluster->nodes) {
        const struct played_node *node = e->value;
        const char *key = arena_printf(cluster->scratch, "%s%s", STORE_PREFIX_LRM, e->key);
        const char *value = played_cluster_find(cluster, key);
        struct lrm_status *status = NULL;
        if (!node->lives || node->is_mute || value == NULL ||
            lrm_status_parse(cluster->scratch, value, strlen(value), &status, NULL) < 0) {
            continue;
        }
        status->timestamp_s = (cluster->wall_ms + cluster->now_ms) / 1000;
        // No news to wait for: who wants to hear it does so in its next round.
        sim_store_put(&cluster->store, key, lrm_status_format(cluster->scratch, status));
    }
}

void played_lrms_init(struct played_cluster *cluster)
{
    struct store_entries entries;
    played_init_mutes(cluster);
    sim_store_read(&cluster->store, STORE_PREFIX_SERVICE, 0, cluster->store.version,
                   cluster->scratch, &entries);
    for (size_t i = 0; i < entries.count; i++) {
        const char *sid = entries.entries[i].key + strlen(STORE_PREFIX_SERVICE);
        struct service *record = NULL;
        const struct played_node *node = NULL;
        if (service_parse(cluster->scratch, sid, entries.entries[i].value,
                          entries.entries[i].size_bytes, &record, NULL) == 0) {
            node = map_find(&cluster->nodes, record->node);
        }
        if (node != NULL && node->lives && played_record_runs(cluster, cluster->scratch, record)) {
            played_set_running(cluster, cluster->scratch, record->node, sid, true);
        }
    }
    played_init_loads(cluster);
}

// ---- modes

// Maintenance beats disarming; an LRM that is about to end stays so (lrm/core/lrm_step.c).
static enum lrm_mode played_mode(const struct played_look *look, const char *node,
                                 enum lrm_mode mode)
{
    const struct manager_node *own = map_find(&look->manager->nodes, node);
    if (mode == LRM_MODE_RESTART || mode == LRM_MODE_SHUTDOWN) {
        return mode;
    }
    if (own != NULL && own->maintenance_requested) {
        return LRM_MODE_MAINTENANCE;
    }
    return look->manager->disarm != DISARM_MODE_NONE ? LRM_MODE_DISARM : LRM_MODE_ACTIVE;
}

static void played_write_status(struct played_look *look, const char *node,
                                const struct lrm_status *status)
{
    played_cluster_put(look->cluster, arena_printf(look->arena, "%s%s", STORE_PREFIX_LRM, node),
                       lrm_status_format(look->arena, status));
}

static void played_read_statuses(struct played_look *look)
{
    const char *text = played_cluster_find(look->cluster, STORE_KEY_MANAGER_STATUS);
    struct manager_status *manager = NULL;
    map_init_arena(&look->statuses, look->arena);
    if (text == NULL || manager_status_parse(look->arena, text, strlen(text), &manager, NULL) < 0) {
        return; // nobody has given orders yet
    }
    look->manager = manager;
    map_each (e, &look->cluster->nodes) {
        const struct played_node *node = e->value;
        const char *value = played_value(look->cluster, look->arena, STORE_PREFIX_LRM, e->key);
        struct lrm_status *status = NULL;
        if (!node->lives || node->is_mute || value == NULL ||
            lrm_status_parse(look->arena, value, strlen(value), &status, NULL) < 0) {
            continue; // there is no LRM that would do anything
        }
        map_put(&look->statuses, e->key, status);
        enum lrm_mode mode = played_mode(look, e->key, status->mode);
        if (mode != status->mode) {
            status->mode = mode;
            look->mode_changed = true;
            played_write_status(look, e->key, status);
        }
    }
}

// ---- orders

static enum lrm_code played_fail(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return LRM_CODE_ERROR;
}

static enum lrm_code played_move(struct played_look *look, const struct service *record,
                                 const struct guest *guest, bool running, const char **ret_reason)
{
    struct played_cluster *cluster = look->cluster;
    if (record->state == SVC_STATE_REQUEST_START_BALANCE && running) {
        return LRM_CODE_IGNORED;
    }
    if (guest->lock != NULL) {
        return played_fail(ret_reason, "the guest is locked");
    }
    struct guest moved = *guest;
    moved.node = record->target;
    moved.arrival = NULL;
    played_set_running(cluster, look->arena, record->node, record->sid, false);
    played_cluster_put(cluster, arena_printf(look->arena, "%s%s", STORE_PREFIX_GUEST, record->sid),
                       guest_format(look->arena, &moved));
    return LRM_CODE_SUCCESS;
}

static bool played_is_move(enum svc_state state)
{
    return state == SVC_STATE_MIGRATE || state == SVC_STATE_RELOCATE ||
           state == SVC_STATE_REQUEST_START_BALANCE;
}

// As lrm/execution.c, without the machine.
static enum lrm_code played_execute(struct played_look *look, const struct service *record,
                                    const char **ret_reason)
{
    struct played_cluster *cluster = look->cluster;
    const struct guest *guest = played_guest(cluster, look->arena, record->sid);
    const struct played_run *run = map_find(&cluster->runs, record->sid);
    bool running = run != NULL && strcmp(run->node, record->node) == 0;
    if (guest == NULL) {
        *ret_reason = "there is no such guest";
        return LRM_CODE_UNKNOWN_SERVICE;
    }
    if (strcmp(guest->node, record->node) != 0) {
        bool arrived = played_is_move(record->state) && record->target != NULL &&
                       strcmp(guest->node, record->target) == 0;
        *ret_reason = arrived ? NULL : "its place is another node";
        return arrived ? LRM_CODE_SUCCESS : LRM_CODE_WRONG_NODE;
    }
    if (record->state == SVC_STATE_STARTED) {
        if (!running && guest->lock != NULL) {
            return played_fail(ret_reason, "the guest is locked");
        }
        played_set_running(cluster, look->arena, record->node, record->sid, true);
        return LRM_CODE_SUCCESS;
    }
    if (record->state == SVC_STATE_REQUEST_STOP) {
        if (running && guest->lock != NULL) {
            return played_fail(ret_reason, "the guest is locked");
        }
        played_set_running(cluster, look->arena, record->node, record->sid, false);
        return LRM_CODE_SUCCESS;
    }
    return record->target != NULL ? played_move(look, record, guest, running, ret_reason)
                                  : LRM_CODE_FAILED_TO_RUN;
}

// States in which the master waits for an answer.
static bool played_has_order(const struct service *record)
{
    return record->state == SVC_STATE_STARTED || record->state == SVC_STATE_REQUEST_STOP ||
           played_is_move(record->state);
}

static void played_carry_out(struct played_look *look, const struct service *record)
{
    struct lrm_status *status = map_find(&look->statuses, record->node);
    bool leaves = status != NULL &&
                  (status->mode == LRM_MODE_RESTART || status->mode == LRM_MODE_SHUTDOWN) &&
                  record->state == SVC_STATE_STARTED;
    if (status == NULL || record->uid == NULL || !played_has_order(record) || leaves ||
        status->mode == LRM_MODE_DISARM) {
        return;
    }
    const struct lrm_result *before =
        played_result(look->cluster, look->arena, record->node, record->sid);
    if (before != NULL && strcmp(before->uid, record->uid) == 0) {
        return; // done
    }
    struct lrm_result result = {.uid = record->uid, .sid = record->sid, .state = record->state};
    result.exit_code = played_execute(look, record, &result.reason);
    if (status->state == LRM_STATE_WAIT_FOR_AGENT_LOCK) {
        status->state = LRM_STATE_ACTIVE; // it took its lease for that
        played_write_status(look, record->node, status);
    }
    const char *key =
        arena_printf(look->arena, "%s%s/%s", STORE_PREFIX_RESULT, record->node, record->sid);
    played_cluster_put(look->cluster, key, lrm_result_format(look->arena, &result));
}

void played_lrms_run(struct played_cluster *cluster)
{
    struct played_look look = {.cluster = cluster, .arena = cluster->scratch};
    struct store_entries entries;
    played_read_statuses(&look);
    if (!played_cluster_is_quorate(cluster)) {
        return; // no lease, no work
    }
    uint64_t since = look.mode_changed ? 0 : cluster->lrms_since;
    sim_store_read(&cluster->store, STORE_PREFIX_SERVICE, since, cluster->store.version,
                   cluster->scratch, &entries);
    cluster->lrms_since = cluster->store.version;
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        const char *sid = entry->key + strlen(STORE_PREFIX_SERVICE);
        struct service *record = NULL;
        if (entry->value != NULL && service_parse(cluster->scratch, sid, entry->value,
                                                  entry->size_bytes, &record, NULL) == 0) {
            played_carry_out(&look, record);
        }
    }
}
