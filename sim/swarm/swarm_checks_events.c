// SPDX-License-Identifier: Apache-2.0
// What events and commits may not say: acts outside quorum, commands twice, placements against
// strict rules, acts on what is to be left alone, fencing of the healthy, too many tries.
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/event.h"
#include "common/model/rules.h"
#include "common/model/rules_compile.h"
#include "sim/swarm/swarm_checks_internal.h"

static bool event_is(const struct event *event, const char *name)
{
    return strcmp(event->name, name) == 0;
}

static int64_t event_number(const struct event *event, const char *key)
{
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct event_field *field = &event->fields[i];
        if (strcmp(field->key, key) == 0 && field->type == EVENT_FIELD_INT) {
            return field->integer;
        }
    }
    return 0;
}

// "node2/lrm" to the place of node2.
static size_t check_event_node(const struct swarm_checks *checks, const char *at)
{
    char name[64] = "";
    size_t length = strcspn(at, "/");
    memcpy(name, at, length < sizeof(name) ? length : 0);
    return check_node_find(checks, name);
}

// --- INV-8, INV-9: where the cluster puts a service ----------------------------------------------

static bool check_is_there(const struct swarm_checks *checks, const char *sid, const char *node)
{
    const struct swarm_record *record = swarm_records_find(checks->records, sid);
    size_t place = check_node_find(checks, node);
    const struct check_guest *guest = map_find(&checks->guests, sid);
    return record != NULL && record->service != NULL &&
           record->service->state == SVC_STATE_STARTED &&
           strcmp(record->service->node, node) == 0 && place != SIZE_MAX && guest != NULL &&
           guest->runs[place];
}

// "migrate ct:100 node2": where an operator sends a service is not the cluster's choice.
static void check_note_order(struct swarm_checks *checks, const struct event *event)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    if (event_is(event, "command-comigrate")) {
        const char *sid = event_find(event, "sid");
        map_put(&checks->orders, arena_printf(arena, "%s %s", sid, event_find(event, "node")),
                checks);
    }
    const char *text = event_find(event, "text");
    const char *order = text != NULL ? strchr(text, ' ') : NULL;
    if (event_is(event, "command") && order != NULL && strchr(order + 1, ' ') != NULL) {
        map_put(&checks->orders, order + 1, checks);
    }
}

static bool check_was_ordered(const struct swarm_checks *checks, const char *sid, const char *node)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    return map_has(&checks->orders, arena_printf(arena, "%s %s", sid, node));
}

// By what was committed, too: that it has ended is told by nobody when the answer to that write was
// lost.
static bool check_is_in_maintenance(const struct swarm_checks *checks, int64_t true_us,
                                    const char *name, size_t node)
{
    const struct manager_status *status = swarm_records_status(checks->records);
    const struct manager_node *stored = status != NULL ? map_find(&status->nodes, name) : NULL;
    return checks->nodes[node].maintenance_since_us < true_us - CHECK_COMMIT_US &&
           (stored == NULL || stored->state == NODE_STATE_MAINTENANCE);
}

static void check_place(struct swarm_checks *checks, int64_t true_us, const char *sid,
                        const char *node)
{
    int64_t since_us = 0;
    const struct affinity *affinity = swarm_records_affinity(checks->records, &since_us);
    size_t place = check_node_find(checks, node);
    if (place != SIZE_MAX && check_is_in_maintenance(checks, true_us, node, place)) {
        check_violate(checks, true_us, "INV-9: %s is put on %s, which is in maintenance", sid,
                      node);
    }
    // Rules that have just changed may not have been read yet by who decided.
    if (affinity == NULL || since_us > true_us - CHECK_COMMIT_US) {
        return;
    }
    const struct affinity_entry *entry = affinity_find(affinity, sid);
    if (entry == NULL) {
        return;
    }
    if (entry->has_nodes && !map_has(&entry->nodes, node)) {
        check_violate(checks, true_us, "INV-8: %s is put on %s, which its strict rule excludes",
                      sid, node);
    }
    map_each (e, &entry->negative) {
        if (check_is_there(checks, e->key, node)) {
            check_violate(checks, true_us, "INV-8: %s is put on %s beside %s, which must be apart",
                          sid, node, e->key);
        }
    }
}

static void check_placement(struct swarm_checks *checks, int64_t true_us, const struct event *event)
{
    static const char *const names[] = {"move", "rebalance-on-start", "auto-rebalance", "recover"};
    const char *proof = event_find(event, "proof");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *to = i == 3 ? "to" : "node";
        const char *node = event_find(event, to);
        const char *from = event_find(event, "from");
        // It stays where it is when nobody else is left.
        bool stays = from != NULL && node != NULL && strcmp(from, node) == 0;
        bool is_kept = proof != NULL && strcmp(proof, "kept") == 0;
        const char *sid = event_find(event, "sid");
        if (event_is(event, names[i]) && node != NULL && !stays && !is_kept &&
            !(i == 0 && check_was_ordered(checks, sid, node))) {
            check_place(checks, true_us, sid, node);
        }
    }
}

// --- INV-9: what is to be left alone -------------------------------------------------------------

static void check_left_alone(struct swarm_checks *checks, int64_t true_us, const char *at,
                             const struct event *event)
{
    const char *sid = event_find(event, "sid");
    bool acts =
        event_is(event, "start") || event_is(event, "stop") || event_is(event, "move-begin");
    bool fences = event_is(event, "fence-begin") || event_is(event, "recover");
    size_t node = check_event_node(checks, at);
    if ((!acts && !fences) || node == SIZE_MAX ||
        swarm_truth_alone_since_us(checks->truth, true_us, node) < INT64_MAX ||
        swarm_truth_may_fence(checks->truth, node)) {
        return; // one that was cut off may not know
    }
    const struct swarm_record *record =
        sid != NULL ? swarm_records_find(checks->records, sid) : NULL;
    if (acts && record != NULL && record->ignored_since_us < true_us - CHECK_KNOWN_US) {
        check_violate(checks, true_us, "INV-9: %s says '%s' of %s, which is ignored", at,
                      event->name, sid);
    }
    const struct manager_status *status = swarm_records_status(checks->records);
    bool is_armed = status != NULL && status->disarm == DISARM_MODE_NONE;
    if (checks->disarmed_since_us < true_us - CHECK_KNOWN_US && !is_armed) {
        check_violate(checks, true_us, "INV-9: %s says '%s' while the cluster is disarmed", at,
                      event->name);
    }
}

static void check_note_state(struct swarm_checks *checks, int64_t true_us,
                             const struct event *event)
{
    const char *to = event_find(event, "to");
    const char *node = event_find(event, "node");
    if (event_is(event, "disarm-done")) {
        checks->disarmed_since_us = true_us;
    } else if (event_is(event, "arm")) {
        checks->disarmed_since_us = INT64_MAX;
    } else if (event_is(event, "node-state") && to != NULL && node != NULL) {
        size_t place = check_node_find(checks, node);
        bool is_maintenance = strcmp(to, "maintenance") == 0;
        if (place != SIZE_MAX) {
            checks->nodes[place].maintenance_since_us = is_maintenance ? true_us : INT64_MAX;
        }
    }
}

// --- INV-2, 6, 10, 11 ----------------------------------------------------------------------------

// What a device proves must be so, unless it lies. Leases are looked at when they are granted.
static void check_proof(struct swarm_checks *checks, int64_t true_us, const struct event *event)
{
    const char *name = event_find(event, "node");
    const char *proof = event_find(event, "proof");
    if (!event_is(event, "fence-proof") || name == NULL || proof == NULL) {
        return;
    }
    size_t node = check_node_find(checks, name);
    // It may have come back meanwhile: then it reads what is intended with it first
    // (docs/invariants.md).
    if (strcmp(proof, "device") == 0 && node != SIZE_MAX && !checks->nodes[node].has_liar &&
        swarm_world_is_on(checks->world, node) &&
        checks->nodes[node].on_since_us <= checks->nodes[node].condemned_us) {
        check_violate(checks, true_us,
                      "INV-2: %s is on, and its power switch is said to prove "
                      "that it is off",
                      name);
    }
}

static void check_once(struct swarm_checks *checks, int64_t true_us, const struct event *event)
{
    const char *id = event_find(event, "id");
    if (!event_is(event, "command") || id == NULL || swarm_truth_is_forced(checks->truth)) {
        return;
    }
    if (map_has(&checks->commands, id)) {
        check_violate(checks, true_us, "INV-6: the command %s (%s) took effect twice", id,
                      event_find(event, "text"));
    }
    map_put(&checks->commands, id, checks);
}

static void check_fence(struct swarm_checks *checks, int64_t true_us, const struct event *event)
{
    const char *name = event_find(event, "node");
    size_t node =
        name != NULL && event_is(event, "fence-begin") ? check_node_find(checks, name) : SIZE_MAX;
    if (node != SIZE_MAX) {
        checks->nodes[node].condemned_us = true_us;
    }
    if (node != SIZE_MAX && !swarm_truth_may_fence(checks->truth, node)) {
        check_violate(checks, true_us, "INV-10: %s is to be fenced though nothing is wrong with it",
                      name);
    }
    if (node != SIZE_MAX && swarm_truth_is_awaited(checks->truth, true_us, node)) {
        check_violate(
            checks, true_us,
            "INV-10: %s is to be fenced, and has not had the time to come after the outage", name);
    }
}

static void check_tries(struct swarm_checks *checks, int64_t true_us, const struct event *event)
{
    const char *sid = event_find(event, "sid");
    const struct swarm_record *record =
        sid != NULL ? swarm_records_find(checks->records, sid) : NULL;
    if (!event_is(event, "start-retry") || record == NULL || record->resource == NULL) {
        return;
    }
    int64_t n = event_number(event, "n");
    bool is_known = record->resource_since_us < true_us - CHECK_KNOWN_US;
    int64_t max = is_known ? record->resource->max_restart : event_number(event, "max_restart");
    if (n > max) {
        check_violate(checks, true_us,
                      "INV-11: %s is restarted for the %" PRId64 ". time, allowed are %" PRId64,
                      sid, n, max);
    }
}

static void check_forget_retries(struct swarm_checks *checks)
{
    map_each (e, &checks->guests) {
        struct check_guest *guest = e->value;
        guest->retries = 0;
    }
}

// The policy is for each node: one that dies leaves the next one all its tries.
static void check_count_retry(struct swarm_checks *checks, struct check_guest *guest,
                              const char *at)
{
    size_t node = check_event_node(checks, at);
    guest->retries = node == guest->retries_on ? guest->retries + 1 : 1;
    guest->retries_on = node;
}

// INV-11 once more, by counting: what is repeated and moved on without end.
static void check_rows(struct swarm_checks *checks, int64_t true_us, const char *at,
                       const struct event *event)
{
    const char *sid = event_find(event, "sid");
    const char *to = event_find(event, "to");
    if (event_is(event, "lease-lost") || event_is(event, "daemon-state")) {
        check_forget_retries(checks); // an LRM that begins anew, or has stopped everything
    }
    struct check_guest *guest = sid != NULL ? map_find(&checks->guests, sid) : NULL;
    const struct swarm_record *record =
        sid != NULL ? swarm_records_find(checks->records, sid) : NULL;
    if (guest == NULL || record == NULL || record->resource == NULL) {
        return;
    }
    bool is_known = record->resource_since_us < true_us - CHECK_KNOWN_US;
    if (event_is(event, "start-retry")) {
        check_count_retry(checks, guest, at);
    }
    guest->failures += event_is(event, "service-failed") ? 1 : 0;
    if (is_known && guest->retries > record->resource->max_restart) {
        check_violate(checks, true_us,
                      "INV-11: %s was restarted %" PRId64 " times in a row, allowed are %" PRId64,
                      sid, guest->retries, record->resource->max_restart);
    }
    if (is_known && guest->failures > record->resource->max_relocate) {
        check_violate(checks, true_us,
                      "INV-11: %s was moved on %" PRId64 " times in a row, allowed are %" PRId64,
                      sid, guest->failures, record->resource->max_relocate);
    }
    bool ends = event_is(event, "started") || event_is(event, "start-gave-up");
    guest->retries = ends || !is_known ? 0 : guest->retries;
    bool settles = event_is(event, "started") ||
                   (event_is(event, "service-state") && to != NULL && strcmp(to, "started") != 0 &&
                    strcmp(to, "relocate") != 0 && strcmp(to, "migrate") != 0);
    guest->failures = settles || !is_known ? 0 : guest->failures;
}

void check_event(struct swarm_checks *checks, int64_t true_us, const char *at,
                 const struct event *event)
{
    check_fence(checks, true_us, event);
    check_left_alone(checks, true_us, at, event);
    check_placement(checks, true_us, event);
    check_proof(checks, true_us, event);
    check_note_order(checks, event);
    check_once(checks, true_us, event);
    check_tries(checks, true_us, event);
    check_rows(checks, true_us, at, event);
    check_note_state(checks, true_us, event);
}

// --- commits -------------------------------------------------------------------------------------

// INV-11: a service has failed on no more nodes than it may be tried on.
static void check_relocations(struct swarm_checks *checks, int64_t true_us)
{
    for (size_t i = 0; i < swarm_records_count(checks->records); i++) {
        const char *sid = swarm_records_sid(checks->records, i);
        const struct swarm_record *record = swarm_records_find(checks->records, sid);
        if (record->service == NULL || record->resource == NULL ||
            record->service_since_us != true_us ||
            record->resource_since_us > true_us - CHECK_KNOWN_US) {
            continue;
        }
        if ((int64_t)record->service->failed_nodes_count > record->resource->max_relocate + 1) {
            check_violate(checks, true_us,
                          "INV-11: %s failed %zu times and was moved on, allowed are %" PRId64, sid,
                          record->service->failed_nodes_count, record->resource->max_relocate);
        }
    }
}

void check_commit(struct swarm_checks *checks, int64_t true_us, size_t node)
{
    struct error err = {0};
    int64_t alone_us = swarm_truth_alone_since_us(checks->truth, true_us, node);
    int64_t noticed_us = timing_detection_ms(&checks->timing) * CHECK_US + CHECK_COMMIT_US;
    bool is_forced = swarm_truth_is_forced(checks->truth);
    bool is_late =
        true_us < checks->nodes[node].stood_until_us; // it hears what was answered before
    if (alone_us < true_us - noticed_us && !is_forced && !is_late) {
        check_violate(checks, true_us,
                      "INV-3: %s answered a write, and has been cut off from the majority since "
                      "%" PRId64 " ms",
                      swarm_world_node_name(checks->world, node), alone_us / CHECK_US);
    }
    if (!is_forced && swarm_world_is_serving(checks->world, node) &&
        swarm_records_look(checks->records, true_us, checks->world, node, &err) < 0) {
        check_violate(checks, true_us, "%s", err.text);
    }
    check_relocations(checks, true_us);
}
