// SPDX-License-Identifier: Apache-2.0
// Guests, power and authority in true time: INV-1, 2, 4, 5 and 10. What events and commits say is
// in swarm_checks_events.c, the end of a round in swarm_checks_settled.c.
#include "sim/swarm/swarm_checks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "sim/swarm/swarm_checks_internal.h"

void check_violate(struct swarm_checks *checks, int64_t true_us, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    if (checks->is_violated) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    checks->is_violated = true;
    (void)error_set(&checks->violation, -EBADMSG, "%s (at %" PRId64 ".%06d s)", text,
                    true_us / 1000000, (int)(true_us % 1000000));
    if (checks->world != NULL) {
        swarm_world_stop(checks->world);
    }
}

size_t check_node_find(const struct swarm_checks *checks, const char *name)
{
    size_t count = checks->world != NULL ? swarm_world_nodes(checks->world) : 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(swarm_world_node_name(checks->world, i), name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

// --- guests --------------------------------------------------------------------------------------

static bool check_runs_truly(const struct swarm_checks *checks, const struct check_guest *guest,
                             size_t node)
{
    return guest->runs[node] && !swarm_world_is_paused(checks->world, node);
}

// INV-1. A node that stands still does not run anything; what it does when it goes on is looked at
// a moment later, since its watchdog needs an instant (docs/timing.md, "Not covered").
static void check_double(struct swarm_checks *checks, int64_t true_us, const char *sid,
                         const struct check_guest *guest)
{
    size_t first = SIZE_MAX;
    if (guest->running < 2 || checks->world == NULL) {
        return;
    }
    size_t count = swarm_world_nodes(checks->world);
    for (size_t i = 0; i < count; i++) {
        // One whose power switch lied runs on by right, until it hears of it.
        if (!check_runs_truly(checks, guest, i) || checks->nodes[i].has_liar) {
            continue;
        }
        if (first != SIZE_MAX) {
            check_violate(checks, true_us, "INV-1: %s runs on %s and on %s", sid,
                          swarm_world_node_name(checks->world, first),
                          swarm_world_node_name(checks->world, i));
            return;
        }
        first = i;
    }
}

static int64_t check_silent_us(const struct swarm_checks *checks, const struct check_node *node)
{
    const struct timing *timing = &checks->timing;
    int64_t held_ms = 2 * timing->watchdog_ms + timing->granularity_ms;
    int64_t slow_us = held_ms * CHECK_US * 1000 / (1000 - TIMING_RHO_PER_MILLE);
    return node->authority_until_us + slow_us + timing->reset_ms * CHECK_US;
}

static void check_plan(struct swarm_checks *checks)
{
    int64_t next_us = INT64_MAX;
    size_t count = checks->world != NULL ? swarm_world_nodes(checks->world) : 0;
    for (size_t i = 0; i < count; i++) {
        const struct check_node *node = &checks->nodes[i];
        int64_t at_us = check_silent_us(checks, node);
        if (node->running > 0 && node->term != 0 && at_us < next_us) {
            next_us = at_us;
        }
    }
    checks->silent_at_us = next_us;
}

static void on_guest(void *userdata, int64_t true_us, size_t node, const char *sid, bool runs)
{
    struct swarm_checks *checks = userdata;
    struct check_guest *guest = map_find(&checks->guests, sid);
    if (guest == NULL) {
        guest = alloc_zero(sizeof(*guest));
        map_put(&checks->guests, sid, guest);
    }
    if (guest->runs[node] != runs) {
        guest->runs[node] = runs;
        guest->running = runs ? guest->running + 1 : guest->running - 1;
        checks->nodes[node].running += runs ? 1 : 0;
        checks->nodes[node].running -= runs ? 0 : 1;
        check_plan(checks);
    }
    if (checks->has_next && checks->next.guest != NULL) {
        checks->next.guest(checks->next.userdata, true_us, node, sid, runs);
    }
    check_double(checks, true_us, sid, guest);
}

// INV-5: what the cluster has put there and is to look after. A record that names another node
// makes a stray of it, which is INV-1's matter once it is started there.
static bool check_is_guarded(const struct swarm_checks *checks, size_t node, const char *sid)
{
    const struct swarm_record *record = swarm_records_find(checks->records, sid);
    const struct manager_status *status = swarm_records_status(checks->records);
    if (status != NULL && status->disarm != DISARM_MODE_NONE) {
        return false; // services are left to themselves
    }
    if (record == NULL || record->service == NULL || record->resource == NULL ||
        record->service->unguarded || record->ignored_since_us < INT64_MAX) {
        return false;
    }
    enum svc_state state = record->service->state;
    return strcmp(record->service->node, swarm_world_node_name(checks->world, node)) == 0 &&
           state != SVC_STATE_FREEZE && state != SVC_STATE_ERROR;
}

static void check_silence_of(struct swarm_checks *checks, int64_t true_us, size_t node)
{
    map_each (e, &checks->guests) {
        if (check_runs_truly(checks, e->value, node) && check_is_guarded(checks, node, e->key)) {
            check_violate(checks, true_us,
                          "INV-5: %s still runs on %s, whose authority ended at %" PRId64 " ms",
                          e->key, swarm_world_node_name(checks->world, node),
                          checks->nodes[node].authority_until_us / CHECK_US);
        }
    }
}

static void check_silence(struct swarm_checks *checks, int64_t true_us)
{
    size_t count = swarm_world_nodes(checks->world);
    for (size_t i = 0; i < count; i++) {
        struct check_node *node = &checks->nodes[i];
        // Its watchdog needs an instant after a pause.
        bool has_woken = node->woken_us == 0 || node->woken_us + CHECK_GRACE_US <= true_us;
        if (has_woken && node->running > 0 && node->term != 0 &&
            check_silent_us(checks, node) < true_us && !swarm_world_is_paused(checks->world, i) &&
            !swarm_truth_is_forced(checks->truth)) {
            check_silence_of(checks, true_us, i);
        }
    }
    // Looked at again, should what runs there be excused now and not later.
    check_plan(checks);
    if (checks->silent_at_us <= true_us) {
        checks->silent_at_us = true_us + CHECK_GRACE_US;
    }
}

// --- power and authority -------------------------------------------------------------------------

static void on_power(void *userdata, int64_t true_us, size_t node, bool is_on, const char *why)
{
    struct swarm_checks *checks = userdata;
    bool by_watchdog = !is_on && why != NULL && strcmp(why, "watchdog") == 0;
    bool by_device = !is_on && why != NULL && strcmp(why, "device") == 0;
    if (checks->has_next && checks->next.power != NULL) {
        checks->next.power(checks->next.userdata, true_us, node, is_on, why);
    }
    if (checks->world == NULL) {
        return; // the first boot
    }
    const char *name = swarm_world_node_name(checks->world, node);
    if (by_watchdog && !swarm_truth_may_reset(checks->truth, node)) {
        check_violate(checks, true_us, "INV-10: %s was reset by its watchdog without need", name);
    }
    if (by_device && !swarm_truth_may_fence(checks->truth, node)) {
        check_violate(checks, true_us, "INV-10: %s was switched off though it was well", name);
    }
    swarm_truth_note_power(checks->truth, true_us, node, is_on);
    checks->nodes[node].on_since_us = is_on ? true_us : checks->nodes[node].on_since_us;
    if (is_on || why == NULL || strcmp(why, "campaign") != 0) {
        check_recovery_cancel(checks);
    }
    if (!is_on) {
        checks->nodes[node].authority_until_us = true_us; // nothing is left that could use it
        checks->nodes[node].has_given_back = true;
        checks->nodes[node].was_paused = false;
    }
}

// INV-14: who holds the manager's lease and can read nothing makes room for one that can, after the
// lease time; twice that, since it may have been late to notice.
static void check_blind(struct swarm_checks *checks, int64_t true_us, size_t node)
{
    int64_t since_us = checks->nodes[node].blind_since_us;
    int64_t bound_us = (2 * checks->timing.lease_ms + checks->timing.renew_ms) * CHECK_US;
    if (since_us < true_us - bound_us) {
        check_violate(checks, true_us,
                      "INV-14: %s keeps the manager's lease, and can read nothing since %" PRId64
                      " ms",
                      swarm_world_node_name(checks->world, node), since_us / CHECK_US);
    }
}

// INV-4 for the manager's lease, INV-2 for a node's: what its LRM may still believe ends before
// anybody else holds its lease, and the reverse.
static void check_authority(struct swarm_checks *checks, int64_t true_us, size_t node,
                            const char *lease, uint64_t term, int64_t until_us)
{
    if (strcmp(lease, LEASE_MANAGER) == 0) {
        if (term == 0) {
            return;
        }
        if (checks->has_manager && term == checks->manager_term && node != checks->manager_node &&
            !swarm_truth_is_forced(checks->truth)) {
            check_violate(checks, true_us,
                          "INV-4: %s and %s both hold the manager's lease in term %" PRIu64,
                          swarm_world_node_name(checks->world, checks->manager_node),
                          swarm_world_node_name(checks->world, node), term);
        }
        check_blind(checks, true_us, node);
        checks->has_manager = true;
        checks->manager_term = term;
        checks->manager_node = node;
        return;
    }
    size_t prefix = strlen(LEASE_AGENT_PREFIX);
    char owner[64] = "";
    if (strncmp(lease, LEASE_AGENT_PREFIX, prefix) != 0) {
        return;
    }
    (void)snprintf(owner, sizeof(owner), "%.*s", (int)strcspn(lease + prefix, "_"), lease + prefix);
    size_t own = check_node_find(checks, owner);
    if (own == SIZE_MAX) {
        return;
    }
    struct check_node *of = &checks->nodes[own];
    bool is_forced = swarm_truth_is_forced(checks->truth);
    if (node == own) {
        // One taken by a master of before proves nothing any more: what it writes is refused
        // (INV-4), and leases that were forgotten meanwhile go to their nodes at once.
        bool is_taken = of->taken_until_us > true_us && of->taken_in_term == checks->manager_term;
        if (until_us > true_us && is_taken && term != of->term && !is_forced) {
            check_violate(checks, true_us, "INV-2: %s has its lease while %s still holds it", owner,
                          swarm_world_node_name(checks->world, of->taken_by));
        }
        of->term = term != 0 ? term : of->term;
        of->authority_until_us = until_us;
        of->has_given_back = term == 0;
        check_plan(checks);
        return;
    }
    if (until_us > true_us && of->authority_until_us > true_us && of->term != 0 && !is_forced) {
        check_violate(checks, true_us,
                      "INV-2: %s holds the lease of %s, whose authority goes on for %" PRId64 " ms",
                      swarm_world_node_name(checks->world, node), owner,
                      (of->authority_until_us - true_us) / CHECK_US);
    }
    // The rule of docs/timing.md itself: by now its watchdog would have made sure.
    int64_t silent_us = check_silent_us(checks, of);
    if (until_us > true_us && of->term != 0 && !of->has_given_back && silent_us > true_us &&
        !is_forced) {
        check_violate(
            checks, true_us,
            "INV-2: %s holds the lease of %s, whose watchdog could be %" PRId64 " ms later",
            swarm_world_node_name(checks->world, node), owner, (silent_us - true_us) / CHECK_US);
    }
    of->taken_until_us = until_us;
    of->taken_by = node;
    of->taken_in_term = checks->manager_term;
}

static void on_authority(void *userdata, int64_t true_us, size_t node, const char *lease,
                         uint64_t term, int64_t until_us)
{
    struct swarm_checks *checks = userdata;
    if (checks->has_next && checks->next.authority != NULL) {
        checks->next.authority(checks->next.userdata, true_us, node, lease, term, until_us);
    }
    if (checks->world != NULL) {
        check_authority(checks, true_us, node, lease, term, until_us);
    }
}

// INV-14 needs daemons that rest: two that answer each other as fast as they can take the processor
// from those that bring the quorum back, which here costs nothing.
static void on_asked(void *userdata, int64_t true_us, size_t node, const char *lease)
{
    struct swarm_checks *checks = userdata;
    char key[CHECK_ASKS_KEY_MAX];
    (void)snprintf(key, sizeof(key), "%zu %s", node, lease);
    struct check_asks *asks = map_find(&checks->asks, key);
    if (asks == NULL) {
        asks = alloc_zero(sizeof(*asks));
        map_put(&checks->asks, key, asks);
    }
    if (true_us - asks->since_us >= CHECK_ASKS_US) {
        *asks = (struct check_asks){.since_us = true_us};
    }
    if (++asks->count > CHECK_ASKS_MAX) {
        check_violate(checks, true_us, "INV-14: node%zu asks for '%s' more than %d times in %d ms",
                      node + 1, lease, CHECK_ASKS_MAX, CHECK_ASKS_US / CHECK_US);
    }
}

// --- the rest of the stream ----------------------------------------------------------------------

static void on_event(void *userdata, int64_t true_us, const char *at, const struct event *event)
{
    struct swarm_checks *checks = userdata;
    if (checks->has_next && checks->next.event != NULL) {
        checks->next.event(checks->next.userdata, true_us, at, event);
    }
    check_event(checks, true_us, at, event);
}

static void on_committed(void *userdata, int64_t true_us, size_t node, int code, uint64_t version)
{
    struct swarm_checks *checks = userdata;
    if (checks->has_next && checks->next.committed != NULL) {
        checks->next.committed(checks->next.userdata, true_us, node, code, version);
    }
    if (code == 0 && checks->world != NULL) {
        check_commit(checks, true_us, node);
    }
}

// Paused nodes that go on: their double runs count after a moment.
static void check_pauses(struct swarm_checks *checks, int64_t true_us)
{
    size_t count = swarm_world_nodes(checks->world);
    for (size_t i = 0; i < count; i++) {
        bool is_paused = swarm_world_is_paused(checks->world, i);
        if (checks->nodes[i].was_paused && !is_paused) {
            checks->nodes[i].woken_us = true_us;
            checks->resumed_at_us = true_us + CHECK_GRACE_US;
        }
        checks->nodes[i].was_paused = is_paused;
    }
}

// INV-3: a node that stood still says that it is quorate only when it has heard from the others.
static void check_doubt(struct swarm_checks *checks, int64_t true_us)
{
    int64_t noticed_us = timing_detection_ms(&checks->timing) * CHECK_US;
    size_t count = swarm_world_nodes(checks->world);
    for (size_t i = 0; i < count; i++) {
        int64_t alone_us = swarm_truth_alone_since_us(checks->truth, true_us, i);
        const struct check_node *node = &checks->nodes[i];
        bool has_woken = node->woken_us > true_us - 2 * CHECK_GRACE_US &&
                         node->woken_us <= true_us - CHECK_GRACE_US &&
                         node->woken_us - node->asleep_us > noticed_us &&
                         node->held_until_us < true_us; // else it says nothing at all
        if (has_woken && alone_us < true_us - noticed_us &&
            !swarm_world_is_paused(checks->world, i) && !swarm_truth_is_forced(checks->truth) &&
            swarm_world_is_quorate(checks->world, i)) {
            check_violate(
                checks, true_us,
                "INV-3: %s says that it is quorate, and has been cut off from the majority "
                "since %" PRId64 " ms",
                swarm_world_node_name(checks->world, i), alone_us / CHECK_US);
        }
    }
}

static void on_after(void *userdata, int64_t true_us)
{
    struct swarm_checks *checks = userdata;
    if (checks->has_next && checks->next.after != NULL) {
        checks->next.after(checks->next.userdata, true_us);
    }
    if (checks->world == NULL) {
        return;
    }
    check_pauses(checks, true_us);
    if (true_us >= checks->resumed_at_us) {
        checks->resumed_at_us = INT64_MAX;
        check_doubt(checks, true_us);
        map_each (e, &checks->guests) {
            check_double(checks, true_us, e->key, e->value);
        }
    }
    if (true_us > checks->silent_at_us) {
        check_silence(checks, true_us);
    }
    check_recovery(checks, true_us);
}

// --- as an object --------------------------------------------------------------------------------

struct swarm_checks *swarm_checks_new(const struct campaign_cluster *cluster)
{
    struct swarm_checks *checks = alloc_zero(sizeof(*checks));
    checks->cluster = *cluster;
    timing_get(cluster->profile, &checks->timing);
    checks->truth = swarm_truth_new(cluster);
    checks->records = swarm_records_new();
    map_init(&checks->guests, free);
    map_init(&checks->commands, NULL);
    map_init(&checks->errors, NULL);
    map_init(&checks->orders, NULL);
    map_init(&checks->lost, NULL);
    map_init(&checks->asks, free);
    checks->recover_by_us = INT64_MAX;
    checks->silent_at_us = checks->resumed_at_us = checks->disarmed_since_us = INT64_MAX;
    for (size_t i = 0; i < CAMPAIGN_NODES_MAX; i++) {
        checks->nodes[i].maintenance_since_us = checks->nodes[i].blind_since_us = INT64_MAX;
    }
    for (int64_t i = 0; i < cluster->services; i++) {
        char sid[32];
        (void)snprintf(sid, sizeof(sid), "ct:%" PRId64, CAMPAIGN_FIRST_ID + i);
        swarm_records_add_sid(checks->records, sid);
    }
    return checks;
}

void swarm_checks_free(struct swarm_checks *checks)
{
    if (checks != NULL) {
        swarm_truth_free(checks->truth);
        swarm_records_free(checks->records);
        map_done(&checks->guests);
        map_done(&checks->commands);
        map_done(&checks->errors);
        map_done(&checks->orders);
        map_done(&checks->lost);
        map_done(&checks->asks);
        free(checks);
    }
}

struct swarm_observer swarm_checks_observer(struct swarm_checks *checks,
                                            const struct swarm_observer *next)
{
    checks->has_next = next != NULL;
    if (next != NULL) {
        checks->next = *next;
    }
    return (struct swarm_observer){.event = on_event,
                                   .guest = on_guest,
                                   .power = on_power,
                                   .committed = on_committed,
                                   .authority = on_authority,
                                   .asked = on_asked,
                                   .after = on_after,
                                   .userdata = checks};
}

void swarm_checks_set_world(struct swarm_checks *checks, struct swarm_world *world)
{
    checks->world = world;
}

// The last word is for how long; what stands still hears old answers and looks at its watch when it
// goes on.
static void check_note_stop(struct check_node *node, const struct campaign_step *step,
                            int64_t now_us)
{
    int64_t ms = 0;
    ignore_result(
        campaign_parse_seconds(step->words[step->count - 1], INT32_MAX, &ms)); // it is one
    int64_t until_us = now_us + ms * CHECK_US + CHECK_COMMIT_US;
    node->stood_until_us = until_us > node->stood_until_us ? until_us : node->stood_until_us;
    node->blind_since_us = node->blind_since_us < INT64_MAX ? now_us : INT64_MAX;
    if (campaign_step_is(step, "hold")) {
        node->held_until_us = until_us > node->held_until_us ? until_us : node->held_until_us;
    }
    if (campaign_step_is(step, "pause")) { // nothing may happen at all before it goes on
        node->asleep_us = node->was_paused ? node->asleep_us : now_us;
        node->was_paused = true;
    }
}

static void check_note_node(struct swarm_checks *checks, const struct campaign_step *step)
{
    size_t place = step->count > 1 ? check_node_find(checks, step->words[1]) : SIZE_MAX;
    if (place == SIZE_MAX) {
        return;
    }
    struct check_node *node = &checks->nodes[place];
    int64_t now_us = swarm_world_now_us(checks->world);
    if (campaign_step_is(step, "pause") || campaign_step_is(step, "hold")) {
        check_note_stop(node, step, now_us);
    } else if (campaign_step_is(step, "blind")) {
        bool is_on = strcmp(step->words[2], "on") == 0;
        bool was_on = node->blind_since_us < INT64_MAX;
        node->blind_since_us = !is_on ? INT64_MAX : was_on ? node->blind_since_us : now_us;
    } else if (campaign_step_is(step, "fence-device")) {
        node->has_liar = node->has_liar || strcmp(step->words[2], "lies") == 0;
    }
}

void swarm_checks_note_step(struct swarm_checks *checks, const struct campaign_step *step)
{
    check_recovery_cancel(checks);
    check_note_node(checks, step);
    if (campaign_step_is(step, "add")) {
        swarm_records_add_sid(checks->records, step->words[1]);
    }
    swarm_truth_note_step(checks->truth, swarm_world_now_us(checks->world), step);
    if (campaign_step_is(step, "power-off")) {
        size_t node = check_node_find(checks, step->words[1]);
        if (node != SIZE_MAX && swarm_world_is_on(checks->world, node)) {
            check_recovery_begin(checks, swarm_world_now_us(checks->world), node);
        }
    }
    if (swarm_truth_is_forced(checks->truth) && !checks->was_forced) {
        swarm_records_forget(checks->records);
    }
    checks->was_forced = swarm_truth_is_forced(checks->truth);
}

const char *swarm_checks_violation(const struct swarm_checks *checks)
{
    return checks->is_violated ? checks->violation.text : NULL;
}
