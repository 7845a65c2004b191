// SPDX-License-Identifier: Apache-2.0
// From the whole to the particular: quorum, master, node, the service itself.
#include "answers/why_obstacles.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "answers/what_if.h"
#include "answers/why_facts.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"

static void say(struct json *words, const char *text)
{
    json_append(words, json_new_string(words->arena, text));
}

static bool is_online(const struct why_facts *facts, const char *node)
{
    const struct member_list *members = &facts->source->members;
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->members[i].node, node) == 0) {
            return members->members[i].online;
        }
    }
    return false;
}

// ---- the cluster

static void say_cluster(const struct why_facts *facts, struct json *words)
{
    int64_t stale_s = facts->source->timing.stale_ms / 1000;
    if (!facts->source->members.quorate) {
        say(words, "This part of the cluster has no quorum: nothing is decided, started or moved.");
    } else if (facts->manager->master_node == NULL) {
        say(words, "There is no master yet.");
    } else if (facts->master_seen_s > 0 && facts->wall_s - facts->master_seen_s > stale_s) {
        say(words, arena_printf(words->arena, "The master, %s, gave its last sign of life %s ago.",
                                facts->manager->master_node,
                                why_duration(words->arena, facts->wall_s - facts->master_seen_s)));
    }
    if (facts->manager->disarm != DISARM_MODE_NONE) {
        say(words, arena_printf(words->arena,
                                "HA is %s (mode %s): `ha-manager crm-command arm-ha` ends that.",
                                facts->manager->disarmed ? "disarmed" : "being disarmed",
                                disarm_mode_to_string(facts->manager->disarm)));
    }
    if (facts->command != NULL) {
        say(words,
            arena_printf(words->arena, "The command '%s' waits for the master.", facts->command));
    }
}

// ---- its node

// By the timing in force its lease ends then at the latest, which is a proof.
static void say_countdown(const struct why_facts *facts, struct json *words)
{
    const char *node = facts->record->node;
    int64_t worst_s = (timing_worst_failover_ms(&facts->source->timing) + 999) / 1000;
    int64_t silent_s = facts->lrm != NULL ? facts->wall_s - facts->lrm->timestamp_s : -1;
    if (silent_s < 0 || facts->lrm->timestamp_s <= 0) {
        return;
    }
    if (silent_s < worst_s) {
        say(words, arena_printf(words->arena,
                                "%s said something last %s ago; its services go elsewhere %" PRId64
                                " s after it fell silent, seldom later.",
                                node, why_duration(words->arena, silent_s), worst_s));
    } else {
        say(words, arena_printf(words->arena, "%s said something last %s ago.", node,
                                why_duration(words->arena, silent_s)));
    }
}

static void say_lrm(const struct why_facts *facts, struct json *words)
{
    const char *node = facts->record->node;
    const struct lrm_status *lrm = facts->lrm;
    if (lrm == NULL) {
        say(words, arena_printf(words->arena, "The LRM of %s has never said anything.", node));
        return;
    }
    if (facts->wall_s - lrm->timestamp_s > facts->source->timing.stale_ms / 1000) {
        say(words,
            arena_printf(words->arena, "The LRM of %s gave its last sign of life %s ago.", node,
                         why_duration(words->arena, facts->wall_s - lrm->timestamp_s)));
    }
    if (lrm->mode != LRM_MODE_ACTIVE) {
        say(words, arena_printf(words->arena, "The LRM of %s is in mode %s.", node,
                                lrm_mode_to_string(lrm->mode)));
    }
    if (lrm->state == LRM_STATE_LOST_AGENT_LOCK || lrm->state == LRM_STATE_STARTUP) {
        say(words, arena_printf(words->arena, "The LRM of %s is in state %s.", node,
                                lrm_state_to_string(lrm->state)));
    }
}

static void say_node(const struct why_facts *facts, struct json *words)
{
    const char *node = facts->record->node;
    if (!is_online(facts, node)) {
        say(words, arena_printf(words->arena, "Its node %s is not online (%s).", node,
                                facts->node != NULL ? node_state_to_string(facts->node->state)
                                                    : "unknown"));
        if (facts->record->unguarded) {
            say(words, "It may run there without the protection of a lease, so it is waited for "
                       "until the node is back.");
        } else {
            say_countdown(facts, words);
        }
        return;
    }
    if (facts->node != NULL && facts->node->state != NODE_STATE_ONLINE) {
        say(words, arena_printf(words->arena, "The state of its node %s is %s.", node,
                                node_state_to_string(facts->node->state)));
    }
    say_lrm(facts, words);
}

// ---- itself

static void say_result(const struct why_facts *facts, struct json *words)
{
    const struct lrm_result *result = facts->result;
    if (result == NULL) {
        if (facts->record->state == SVC_STATE_STARTED && !facts->record->running) {
            say(words, arena_printf(words->arena, "Its present task has not ended on %s.",
                                    facts->record->node));
        }
        return;
    }
    if (result->exit_code != LRM_CODE_SUCCESS) {
        say(words,
            arena_printf(words->arena, "Its last task on %s failed: %s%s%s.", facts->record->node,
                         result->reason != NULL ? result->reason : "no reason was given",
                         result->output != NULL ? "; it printed: " : "",
                         result->output != NULL ? result->output : ""));
    }
    if (result->health != NULL && strcmp(result->health, "good") != 0) {
        say(words, arena_printf(words->arena, "Its probe: %s.", result->health));
    }
}

static void say_tries(const struct why_facts *facts, struct json *words)
{
    const struct service *record = facts->record;
    const char *nodes = "";
    for (size_t i = 0; i < record->failed_nodes_count; i++) {
        nodes =
            arena_printf(words->arena, "%s%s%s", nodes, i > 0 ? ", " : "", record->failed_nodes[i]);
    }
    if (record->failed_nodes_count > 0) {
        int64_t max = facts->resource != NULL ? facts->resource->max_relocate : 0;
        say(words,
            arena_printf(words->arena,
                         "It failed on %s, %zu of %" PRId64 " times that max_relocate allows%s.",
                         nodes, record->failed_nodes_count, max + 1,
                         (int64_t)record->failed_nodes_count > max ? ": used up" : ""));
    }
    if (record->state != SVC_STATE_ERROR) {
        return;
    }
    int64_t left_s = record->retry_at_s - facts->wall_s;
    if (record->retry_at_s == 0) {
        say(words, "It is tried again once it was set to disabled and to started.");
    } else if (left_s > 0) {
        say(words, arena_printf(words->arena, "It is tried again in %s.",
                                why_duration(words->arena, left_s)));
    } else {
        say(words, "It is tried again as soon as its node works.");
    }
}

void why_obstacles_say(const struct why_facts *facts, struct json *words)
{
    const struct service *record = facts->record;
    bool wanted = facts->resource != NULL && facts->resource->state == REQUEST_STATE_STARTED;
    bool runs = record != NULL && record->state == SVC_STATE_STARTED && record->running;
    say_cluster(facts, words);
    if (record == NULL) {
        return;
    }
    if (wanted || !is_online(facts, record->node)) {
        say_node(facts, words);
    }
    if (record->halted_by != NULL) {
        say(words, arena_printf(words->arena, "It waits for storage '%s' on %s.", record->halted_by,
                                record->node));
    }
    if (wanted && !runs) {
        if (facts->guest == NULL) {
            say(words, "There is no such guest: it has no definition.");
        } else if (facts->guest->lock != NULL) {
            say(words, arena_printf(words->arena, "Its guest is locked: %s.", facts->guest->lock));
        } else if (strcmp(facts->guest->node, record->node) != 0) {
            say(words, arena_printf(words->arena, "Its guest's place is %s.", facts->guest->node));
        }
    }
    say_result(facts, words);
    say_tries(facts, words);
}
