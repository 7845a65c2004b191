// SPDX-License-Identifier: Apache-2.0
// Follows the steps: power, network, pauses, what was killed, and the excuses that grow out of it
// until all is well again.
#include "sim/swarm/swarm_truth.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/model/timing.h"

struct truth_node {
    bool is_member, is_on;
    bool no_in, no_out; // of its cable
    bool is_apart;      // on the side that a split named
    int64_t paused_until_us;
    int64_t alone_since_us;
    // Since all was well:
    bool was_isolated; // its lease may have ended
    bool was_paused;   // for longer than is tolerated
    bool lost_lrm, lost_watchdogd;
    bool was_held; // one of the two stayed away
};

struct swarm_truth {
    struct campaign_cluster cluster;
    struct timing timing;
    struct truth_node nodes[CAMPAIGN_NODES_MAX];
    size_t count;           // highest node that was named
    int64_t next_resume_us; // of a paused node; INT64_MAX: none is
    bool forced;
    bool had_majority, has_majority;                        // ever, now
    int64_t majority_lost_us, majority_us, majority_gap_us; // when it was lost, when it came back
    bool is_vague; // who hears whom cannot be told from the steps
    bool all_may_fence, all_may_reset;
    int64_t isolations; // faults of this kind since all was well
    int64_t steps;      // of any kind
    int64_t slow_ms;
    struct map faulty; // sid; values mean nothing
};

struct swarm_truth *swarm_truth_new(const struct campaign_cluster *cluster)
{
    struct swarm_truth *truth = alloc_zero(sizeof(*truth));
    truth->cluster = *cluster;
    truth->count = (size_t)cluster->nodes;
    truth->next_resume_us = INT64_MAX;
    timing_get(cluster->profile, &truth->timing);
    map_init(&truth->faulty, NULL);
    truth->all_may_fence = truth->all_may_reset = true; // until all was well for the first time
    for (size_t i = 0; i < CAMPAIGN_NODES_MAX; i++) {
        truth->nodes[i].is_member = i < truth->count; // they are switched on by and by
        truth->nodes[i].alone_since_us = INT64_MAX;
    }
    return truth;
}

void swarm_truth_free(struct swarm_truth *truth)
{
    if (truth != NULL) {
        map_done(&truth->faulty);
        free(truth);
    }
}

// --- who hears whom ------------------------------------------------------------------------------

static bool truth_is_there(const struct truth_node *node, int64_t now_us)
{
    return node->is_member && node->is_on && node->paused_until_us <= now_us;
}

static bool truth_is_connected(const struct truth_node *a, const struct truth_node *b)
{
    return a->is_apart == b->is_apart && !a->no_in && !a->no_out && !b->no_in && !b->no_out;
}

// How many members a node can form a ring with, itself included.
static size_t truth_count_heard(const struct swarm_truth *truth, size_t node, int64_t now_us)
{
    size_t count = 1;
    for (size_t i = 0; i < truth->count; i++) {
        bool is_heard = i != node && truth_is_there(&truth->nodes[i], now_us) &&
                        truth_is_connected(&truth->nodes[i], &truth->nodes[node]);
        count += is_heard ? 1 : 0;
    }
    return count;
}

static void truth_note_majority(struct swarm_truth *truth, int64_t now_us, bool has_majority)
{
    if (truth->has_majority && !has_majority) {
        truth->majority_lost_us = now_us;
    }
    if (!truth->has_majority && has_majority) {
        truth->majority_us = now_us;
        truth->majority_gap_us = truth->had_majority ? now_us - truth->majority_lost_us : INT64_MAX;
        truth->had_majority = true;
    }
    truth->has_majority = has_majority;
}

static void truth_update(struct swarm_truth *truth, int64_t now_us)
{
    size_t members = 0;
    bool has_majority = false;
    truth->next_resume_us = INT64_MAX;
    for (size_t i = 0; i < truth->count; i++) {
        int64_t until_us = truth->nodes[i].paused_until_us;
        bool is_next = until_us > now_us && until_us < truth->next_resume_us;
        members += truth->nodes[i].is_member ? 1 : 0;
        truth->next_resume_us = is_next ? until_us : truth->next_resume_us;
    }
    for (size_t i = 0; i < truth->count; i++) {
        struct truth_node *node = &truth->nodes[i];
        bool is_alone =
            !truth_is_there(node, now_us) || 2 * truth_count_heard(truth, i, now_us) <= members;
        has_majority = has_majority || !is_alone;
        if (!is_alone) {
            node->alone_since_us = INT64_MAX;
        } else if (node->alone_since_us == INT64_MAX) {
            node->alone_since_us = now_us;
        }
        if (is_alone && node->is_member && !node->was_isolated) {
            node->was_isolated = true;
        }
    }
    truth_note_majority(truth, now_us, has_majority);
    // Nodes that are there may be unable to take part.
    size_t isolated = 0;
    for (size_t i = 0; i < truth->count; i++) {
        isolated += truth->nodes[i].is_member && truth->nodes[i].was_isolated ? 1 : 0;
    }
    has_majority = has_majority && 2 * (members - isolated) > members;
    // Without a majority anywhere nobody can renew anything.
    truth->all_may_fence = truth->all_may_fence || !has_majority;
    truth->all_may_reset =
        truth->all_may_reset || (!has_majority && truth->cluster.lease_loss_resets);
}

// --- steps ---------------------------------------------------------------------------------------

static struct truth_node *truth_node_named(struct swarm_truth *truth, const char *name)
{
    int64_t number = 0;
    if (strncmp(name, "node", 4) != 0 ||
        parse_int64(name + 4, 1, CAMPAIGN_NODES_MAX, &number) < 0) {
        return NULL;
    }
    truth->count = (size_t)number > truth->count ? (size_t)number : truth->count;
    return &truth->nodes[number - 1];
}

// Several ring changes in a row: whose renewals were lost in them cannot be told.
static void truth_count_isolation(struct swarm_truth *truth)
{
    truth->isolations++;
    if (truth->isolations > 1) {
        truth->all_may_fence = true;
        truth->all_may_reset = truth->all_may_reset || truth->cluster.lease_loss_resets;
    }
}

static void truth_isolate(struct swarm_truth *truth, struct truth_node *node)
{
    node->was_isolated = true;
    truth_count_isolation(truth);
}

static void truth_step_network(struct swarm_truth *truth, const struct campaign_step *step,
                               struct truth_node *node)
{
    if (campaign_step_is(step, "cut")) {
        truth_isolate(truth, node);
        node->no_in = node->no_in || step->count == 2 || strcmp(step->words[2], "in") == 0;
        node->no_out = node->no_out || step->count == 2 || strcmp(step->words[2], "out") == 0;
        // One way only: who hears whom is a matter of the ring, so that all may suffer.
        truth->all_may_fence = truth->all_may_fence || step->count == 3;
        truth->all_may_reset =
            truth->all_may_reset || (step->count == 3 && truth->cluster.lease_loss_resets);
    } else if (campaign_step_is(step, "mend")) {
        node->no_in = node->no_out = false;
    } else if (campaign_step_is(step, "split")) {
        for (size_t i = 0; i < truth->count; i++) {
            truth->nodes[i].is_apart = false;
        }
        for (size_t i = 1; i < step->count; i++) {
            truth_node_named(truth, step->words[i])->is_apart = true;
        }
        truth_count_isolation(truth);
    } else if (campaign_step_is(step, "heal")) {
        for (size_t i = 0; i < truth->count; i++) {
            struct truth_node *each = &truth->nodes[i];
            each->no_in = each->no_out = each->is_apart = false;
        }
    } else if (campaign_step_is(step, "loss")) {
        truth->all_may_fence = true;
        truth->all_may_reset = truth->all_may_reset || truth->cluster.lease_loss_resets;
    }
}

static void truth_step_pause(struct swarm_truth *truth, int64_t now_us, struct truth_node *node,
                             const char *seconds)
{
    int64_t ms = 0;
    if (!node->is_on || campaign_parse_seconds(seconds, INT32_MAX, &ms) < 0) {
        return;
    }
    node->paused_until_us = now_us + ms * 1000; // a second pause takes the place of the first
    truth_isolate(truth, node);
    // A hardware watchdog is not paused with its feeder. Two pauses in a row, or one beside another
    // fault, add up.
    int64_t hardware_ms = truth->timing.watchdog_ms - 2 * truth->timing.granularity_ms;
    int64_t tolerated_ms = timing_blackout_ms(&truth->timing) / 2;
    node->was_paused =
        node->was_paused || truth->isolations > 1 || ms >= tolerated_ms || ms >= hardware_ms;
}

static void truth_step_daemon(struct swarm_truth *truth, struct truth_node *node,
                              const char *daemon, bool is_held)
{
    if (strcmp(daemon, "lrm") == 0 || strcmp(daemon, "watchdogd") == 0) {
        bool is_lrm = daemon[0] == 'l';
        // A second failure of the guards while the first is mended is not covered.
        node->was_held =
            node->was_held || is_held || (is_lrm ? node->lost_lrm : node->lost_watchdogd);
        node->lost_lrm = node->lost_lrm || is_lrm;
        node->lost_watchdogd = node->lost_watchdogd || !is_lrm;
    } else if (strcmp(daemon, "crm") != 0) {
        truth_isolate(truth, node);
        // An LRM that waits for its answer may be too late to stop the services by itself.
        node->was_held = node->was_held || is_held;
    }
}

static bool truth_step_guest(struct swarm_truth *truth, const struct campaign_step *step)
{
    static const char *const verbs[] = {"hang-guest", "start-fails", "kill-guest", "start-slow",
                                        "stop-slow"};
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (!campaign_step_is(step, verbs[i])) {
            continue;
        }
        int64_t ms = 0;
        map_put(&truth->faulty, step->words[1], truth);
        // What cannot be stopped ends with its node.
        truth->all_may_reset = truth->all_may_reset || i == 0;
        truth->all_may_fence = truth->all_may_fence || i == 0;
        if (i >= 3 && campaign_parse_seconds(step->words[2], INT32_MAX, &ms) == 0) {
            truth->slow_ms = ms > truth->slow_ms ? ms : truth->slow_ms;
        }
        return true;
    }
    return false;
}

static void truth_step_node(struct swarm_truth *truth, int64_t now_us,
                            const struct campaign_step *step, struct truth_node *node)
{
    if (campaign_step_is(step, "pause")) {
        truth_step_pause(truth, now_us, node, step->words[2]);
    } else if (campaign_step_is(step, "kill") || campaign_step_is(step, "hold")) {
        truth_step_daemon(truth, node, step->words[2], campaign_step_is(step, "hold"));
    } else if (campaign_step_is(step, "power-off") || campaign_step_is(step, "reboot") ||
               campaign_step_is(step, "disk-full") || campaign_step_is(step, "disk-slow") ||
               campaign_step_is(step, "blind-lrm") || campaign_step_is(step, "disk-lost")) {
        truth_isolate(truth, node);
        node->is_on = node->is_on && !campaign_step_is(step, "power-off");
    } else if (campaign_step_is(step, "node-leave") || campaign_step_is(step, "node-join") ||
               campaign_step_is(step, "node-reinstall")) {
        truth_isolate(truth, node);
        // One that joins counts when it has come.
        node->is_member = node->is_member && !campaign_step_is(step, "node-leave");
        truth->all_may_fence = true;
    } else if (campaign_step_is(step, "fence-device")) {
        truth->all_may_fence = true; // one that lies, or is late, hits whom it likes
        truth->all_may_reset = true;
    } else if (campaign_step_is(step, "expected")) {
        truth->forced = truth->all_may_fence = truth->all_may_reset = true;
    } else {
        truth_step_network(truth, step, node);
    }
}

void swarm_truth_note_step(struct swarm_truth *truth, int64_t true_us,
                           const struct campaign_step *step)
{
    static const char *const vague[] = {"loss",      "pause",      "hold",          "kill",
                                        "node-join", "node-leave", "node-reinstall"};
    truth->steps++;
    for (size_t i = 0; i < ARRAY_SIZE(vague); i++) {
        truth->is_vague = truth->is_vague || campaign_step_is(step, vague[i]);
    }
    truth->is_vague = truth->is_vague || (campaign_step_is(step, "cut") && step->count == 3);
    if (truth_step_guest(truth, step)) {
        return;
    }
    struct truth_node *node = step->count > 1 ? truth_node_named(truth, step->words[1]) : NULL;
    if (node == NULL) {
        truth_step_network(truth, step, NULL);
    } else {
        truth_step_node(truth, true_us, step, node);
    }
    truth_update(truth, true_us);
}

void swarm_truth_note_power(struct swarm_truth *truth, int64_t true_us, size_t node, bool is_on)
{
    truth->nodes[node].is_on = is_on;
    truth->nodes[node].is_member = truth->nodes[node].is_member || is_on;
    truth->nodes[node].paused_until_us = 0;
    truth_update(truth, true_us);
}

void swarm_truth_note_mended(struct swarm_truth *truth, int64_t true_us)
{
    for (size_t i = 0; i < truth->count; i++) {
        struct truth_node *node = &truth->nodes[i];
        node->no_in = node->no_out = node->is_apart = false;
        node->paused_until_us = 0;
    }
    truth_update(truth, true_us);
}

void swarm_truth_note_settled(struct swarm_truth *truth)
{
    for (size_t i = 0; i < truth->count; i++) {
        struct truth_node *node = &truth->nodes[i];
        node->was_paused = node->was_held = false;
        // A power switch whose order was called back in time for all but itself: nobody has
        // noticed.
        node->was_isolated = !node->is_on;
        node->lost_lrm = node->lost_watchdogd = false;
    }
    truth->forced = truth->all_may_fence = truth->all_may_reset = truth->is_vague = false;
    truth->isolations = truth->steps = 0;
    truth->slow_ms = 0;
    map_clear(&truth->faulty);
}

// --- what is excused -----------------------------------------------------------------------------

bool swarm_truth_may_reset(const struct swarm_truth *truth, size_t node)
{
    const struct truth_node *each = &truth->nodes[node];
    bool is_unguarded =
        each->was_held || (each->lost_lrm && each->lost_watchdogd) ||
        ((each->lost_lrm || each->lost_watchdogd) && (each->was_isolated || truth->all_may_fence));
    return truth->all_may_reset || each->was_paused || is_unguarded ||
           (each->was_isolated && truth->cluster.lease_loss_resets);
}

bool swarm_truth_may_fence(const struct swarm_truth *truth, size_t node)
{
    return truth->all_may_fence || truth->nodes[node].was_isolated ||
           swarm_truth_may_reset(truth, node);
}

bool swarm_truth_is_single_loss(const struct swarm_truth *truth, size_t node)
{
    bool others_are_well = !truth->all_may_fence && !truth->all_may_reset &&
                           truth->isolations == 1 && truth->steps == 1;
    for (size_t i = 0; i < truth->count && others_are_well; i++) {
        const struct truth_node *each = &truth->nodes[i];
        others_are_well = i == node || !each->is_member ||
                          (each->is_on && !each->was_isolated && !each->lost_lrm);
    }
    return others_are_well;
}

int64_t swarm_truth_alone_since_us(struct swarm_truth *truth, int64_t true_us, size_t node)
{
    if (true_us >= truth->next_resume_us) {
        truth_update(truth, true_us);
    }
    return truth->nodes[node].alone_since_us;
}

bool swarm_truth_is_awaited(struct swarm_truth *truth, int64_t true_us, size_t node)
{
    // Too short an absence of the majority need not be noticed by all. Clocks are off by a little.
    int64_t noticed_ms = 2 * timing_detection_ms(&truth->timing) + truth->timing.token_ms;
    int64_t grace_us = (truth->timing.startup_grace_ms * 99 / 100) * 1000;
    int64_t alone_us = swarm_truth_alone_since_us(truth, true_us, node);
    return truth->has_majority && !truth->is_vague && !truth->forced &&
           truth->majority_gap_us > noticed_ms * 1000 && alone_us < truth->majority_us &&
           true_us < truth->majority_us + grace_us;
}

bool swarm_truth_is_forced(const struct swarm_truth *truth)
{
    return truth->forced;
}

bool swarm_truth_guest_is_faulty(const struct swarm_truth *truth, const char *sid)
{
    return map_has(&truth->faulty, sid);
}

int64_t swarm_truth_slow_ms(const struct swarm_truth *truth)
{
    return truth->slow_ms;
}
