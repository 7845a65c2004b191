// SPDX-License-Identifier: Apache-2.0
// Who must be fenced follows from the services' states. The agent lease of a node is granted to
// this master only when the node gave it back or has not renewed it for the lease time, and then
// the node has stopped its services or was reset (docs/timing.md). A power switch proves it by
// saying that the node is off (fence_plan.c). Outside of classic replay the intent is committed
// before any proof is sought, so that the node's own LRM, should it come back and take its lease
// after the master lost it, or be switched on again, knows that it is to stay away.
#include "crm/core/fencing.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/fence_config.h"
#include "common/model/store_keys.h"
#include "crm/core/fence_plan.h"
#include "crm/core/manager.h"
#include "crm/core/master_round.h"
#include "crm/core/node_state.h"

static const char *fencing_lease(const struct master_round *round, int node)
{
    return arena_printf(round->arena, LEASE_AGENT_FORMAT, round->nodes[node].name);
}

// Whether the service's intent to be fenced is what the store has, so that no LRM acts on an older
// order.
static bool fencing_is_committed(const struct master_round *round, const struct item *item)
{
    if (round->classic) {
        return true;
    }
    return item->stored != NULL && item->stored->state == SVC_STATE_FENCE &&
           strcmp(item->stored->node, item->record->node) == 0;
}

static bool fencing_is_alone(const struct master_round *round, int own)
{
    for (int i = 0; i < round->nodes_count; i++) {
        if (i != own && round->nodes[i].member_online) {
            return false;
        }
    }
    return own != NODE_NONE && round->nodes[own].member_online;
}

// INV-1: what is in `fence` here was given to nobody else, and nobody else could take it: it stays
// this node's.
static void fencing_keep(struct master_round *round, struct item *item)
{
    struct event *event =
        master_round_event_of(round, EVENT_LEVEL_NOTICE, "recover", item->sid, NULL);
    master_round_text(round, event, "from", item->record->node);
    master_round_text(round, event, "to", item->record->node);
    master_round_text(round, event, "proof", "kept");
    master_round_text(round, event, "reason", "no other node is online");
    item_change_state(round, item, SVC_STATE_RECOVERY);
    item_change_at(round, item, item_wanted(item), item->node);
}

void fencing_call_off_own(struct master_round *round)
{
    int own = master_round_node(round, round->own);
    if (round->classic || !fencing_is_alone(round, own)) {
        return;
    }
    if (round->nodes[own].state == NODE_STATE_FENCE) {
        node_state_move(round, own, NODE_STATE_UNKNOWN);
    }
    for (size_t i = 0; i < round->items_count; i++) {
        struct item *item = &round->items[i];
        if (item->record != NULL && item->node == own && item->record->state == SVC_STATE_FENCE) {
            fencing_keep(round, item);
        }
    }
}

static bool fencing_is_due(const struct master_round *round, const struct item *item)
{
    return item->record != NULL && item->record->state == SVC_STATE_FENCE &&
           item->node != NODE_NONE && (!round->deferred || item->deferred);
}

static void fencing_act(struct master_round *round, struct crm_action action)
{
    struct crm_action *copy = arena_new_of(round->arena, struct crm_action);
    *copy = action;
    pointer_list_add(round->arena, &round->output->actions, copy);
}

static bool fencing_is_proven(const struct round_node *node)
{
    return node->proof == FENCE_PROOF_LEASE || node->proof == FENCE_PROOF_DEVICE ||
           planted_is(PLANTED_PROOF_UNNEEDED);
}

// ---- power switches

void fencing_take_result(struct manager *manager, const struct crm_input *input,
                         struct crm_output *output, const struct fence_result *result)
{
    static const char *const words[] = {[FENCE_PLAN_NEWS_VOID] = "void",
                                        [FENCE_PLAN_NEWS_OFF] = "off",
                                        [FENCE_PLAN_NEWS_FAILED] = "failed"};
    enum fence_plan_news news = fence_plan_take(&manager->fence_plan, result);
    const struct fence_config *config = input->documents->fence;
    const struct fence_device *device =
        config != NULL ? map_find(&config->devices, result->device) : NULL;
    struct crm_output_event *entry = arena_new_of(input->arena, struct crm_output_event);
    entry->event = event_new(
        input->arena, news == FENCE_PLAN_NEWS_FAILED ? EVENT_LEVEL_WARNING : EVENT_LEVEL_NOTICE,
        "fence-device");
    (void)event_text(input->arena, entry->event, "node", result->node);
    (void)event_text(input->arena, entry->event, "device", result->device);
    event_int(entry->event, "level", device != NULL ? device->level : 0);
    (void)event_text(input->arena, entry->event, "result", words[news]);
    event_int(entry->event, "took_ms", result->took_ms);
    (void)event_text(input->arena, entry->event, "evidence", result->evidence);
    pointer_list_add(input->arena, &output->events, entry);
}

void fencing_cancel_all(struct manager *manager, const struct crm_input *input,
                        struct crm_output *output)
{
    map_each (entry, &manager->fence_plan.attempts) {
        if (fence_plan_cancel(&manager->fence_plan, entry->key)) {
            struct crm_action *action = arena_new_of(input->arena, struct crm_action);
            *action = (struct crm_action){.kind = CRM_ACTION_FENCE_CANCEL,
                                          .node = arena_strdup(input->arena, entry->key)};
            pointer_list_add(input->arena, &output->actions, action);
        }
    }
}

void fencing_check_plans(struct master_round *round)
{
    struct fence_plan *plan = &round->manager->fence_plan;
    map_each (entry, &plan->attempts) {
        int node = master_round_node(round, entry->key);
        if (node == NODE_NONE || !round->nodes[node].fence_stored) {
            fence_plan_void(plan, entry->key);
        }
        // INV-2: what was said of a node that is there again is not believed. INV-10: and no late
        // order may hit it.
        if (node != NODE_NONE && round->nodes[node].member_online &&
            fence_plan_cancel(plan, entry->key)) {
            fencing_act(round, (struct crm_action){.kind = CRM_ACTION_FENCE_CANCEL,
                                                   .node = round->nodes[node].name});
        }
    }
}

static void fencing_prove(struct master_round *round, int node, const char *proof,
                          const char *evidence)
{
    struct round_node *entry = &round->nodes[node];
    entry->fence_proof = proof;
    entry->fence_evidence = evidence;
    if (!round->classic) {
        struct event *event = master_round_fact(round, EVENT_LEVEL_NOTICE, "fence-proof");
        master_round_text(round, event, "node", entry->name);
        master_round_text(round, event, "proof", proof);
        master_round_text(round, event, "evidence", evidence);
    }
}

// Orders what is to be ordered now. True when the node is known to be off.
static bool fencing_switch_off(struct master_round *round, int node)
{
    struct round_node *entry = &round->nodes[node];
    struct fence_plan *plan = &round->manager->fence_plan;
    if (!entry->has_device || entry->member_online) {
        return false;
    }
    struct pointer_list orders = {0};
    int64_t wake_ms;
    bool off = fence_plan_run(plan, round->input->documents->fence, entry->name,
                              round->input->now_ms, round->arena, &orders, &wake_ms);
    master_round_wake(round, wake_ms);
    for (size_t i = 0; i < orders.count; i++) {
        fencing_act(round, (struct crm_action){.kind = CRM_ACTION_FENCE_OFF,
                                               .node = entry->name,
                                               .device = orders.items[i]});
    }
    if (off) {
        entry->proof = FENCE_PROOF_DEVICE;
        fencing_prove(round, node, "device", fence_plan_evidence(plan, entry->name, round->arena));
    }
    return off;
}

// ---- leases

// Whether a proof may be sought now.
static bool fencing_may_ask(struct master_round *round, int node,
                            const struct node_set *uncommitted)
{
    const struct round_node *entry = &round->nodes[node];
    // This node's own LRM holds its lease under the same name: asking would renew it and prove
    // nothing.
    if (entry->proof != FENCE_PROOF_UNASKED || strcmp(entry->name, round->own) == 0) {
        return false;
    }
    bool committed = round->classic || (entry->fence_stored && !node_set_has(uncommitted, node));
    if (!committed) {
        // INV-2: the intent grows; what was ordered under the smaller one says nothing about it.
        fence_plan_void(&round->manager->fence_plan, entry->name);
    }
    if (round->truncated || !committed) {
        round->fence_soon = true;
        return false;
    }
    return true;
}

bool fencing_ask(struct master_round *round)
{
    struct node_set wanted = {{0}};
    struct node_set uncommitted = {{0}};
    for (size_t i = 0; i < round->items_count; i++) {
        const struct item *item = &round->items[i];
        if (fencing_is_due(round, item)) {
            node_set_add(&wanted, item->node);
            if (!fencing_is_committed(round, item)) {
                node_set_add(&uncommitted, item->node);
            }
        }
    }
    bool any = false;
    for (int i = 0; i < round->nodes_count; i++) {
        struct round_node *node = &round->nodes[i];
        bool fenced = node->present && node->state == NODE_STATE_FENCE;
        if ((fenced || node_set_has(&wanted, i)) && fencing_may_ask(round, i, &uncommitted) &&
            !fencing_switch_off(round, i)) {
            fencing_act(round, (struct crm_action){.kind = CRM_ACTION_LEASE_ACQUIRE,
                                                   .lease = fencing_lease(round, i)});
            node->proof = FENCE_PROOF_ASKED;
            any = true;
        }
    }
    return any;
}

static const char *fencing_evidence(const struct master_round *round,
                                    const struct lease_grant *grant)
{
    const char *how = "its lease was held by nobody";
    switch (grant->origin) {
    case LEASE_ORIGIN_NONE:
    case LEASE_ORIGIN_FORGOTTEN: // never said of another node's
        break;
    case LEASE_ORIGIN_RELEASED:
        how = "it gave its lease back";
        break;
    case LEASE_ORIGIN_EXPIRED:
        how = "it was silent for the lease time";
        break;
    case LEASE_ORIGIN_INHERITED:
        how = "the master before had taken its lease";
        break;
    }
    return arena_printf(round->arena, "%s (term %llu)", how, (unsigned long long)grant->term);
}

static void fencing_take_answer(struct master_round *round, int node,
                                const struct crm_lease_answer *answer)
{
    struct round_node *entry = &round->nodes[node];
    bool granted = answer->answer == LEASE_ACQUIRED || answer->answer == LEASE_RENEWED;
    if (answer->answer == LEASE_BUSY) {
        master_round_wake(round, answer->grant.retry_at_ms);
    }
    if (!granted) {
        return;
    }
    entry->proof = FENCE_PROOF_LEASE;
    entry->proof_is_new = answer->answer == LEASE_ACQUIRED;
    entry->proof_term = answer->grant.term;
    fencing_prove(round, node, answer->grant.origin == LEASE_ORIGIN_RELEASED ? "released" : "lease",
                  fencing_evidence(round, &answer->grant));
}

void fencing_take_answers(struct master_round *round)
{
    const struct crm_input *input = round->input;
    for (int i = 0; i < round->nodes_count; i++) {
        if (round->nodes[i].proof != FENCE_PROOF_ASKED) {
            continue;
        }
        round->nodes[i].proof = FENCE_PROOF_DENIED;
        const char *lease = fencing_lease(round, i);
        for (size_t k = 0; k < input->answers_count; k++) {
            if (strcmp(input->answers[k].lease, lease) == 0) {
                fencing_take_answer(round, i, &input->answers[k]);
            }
        }
    }
}

static struct event *fencing_tell(struct master_round *round, enum event_level level,
                                  const char *name, int node)
{
    return master_round_event_of(round, level, name, NULL, round->nodes[node].name);
}

// True when the node's services cannot run there any more.
static bool fencing_fence(struct master_round *round, int node)
{
    struct round_node *entry = &round->nodes[node];
    entry->fence_tried = true;
    if (entry->state != NODE_STATE_FENCE) {
        node_state_move(round, node, NODE_STATE_FENCE);
        (void)fencing_tell(round, EVENT_LEVEL_WARNING, "fence-begin", node);
    }
    if (!fencing_is_proven(entry)) {
        return false;
    }
    if (entry->proof_is_new) {
        struct event *event = master_round_event(round, EVENT_LEVEL_NOTICE, "lock-acquired");
        master_round_text(round, event, "lock", fencing_lease(round, node));
        entry->proof_is_new = false;
    }
    struct event *event = fencing_tell(round, EVENT_LEVEL_NOTICE, "fence-confirmed", node);
    master_round_text(round, event, "proof", entry->fence_proof);
    master_round_text(round, event, "evidence", entry->fence_evidence);
    if (entry->proof == FENCE_PROOF_LEASE) {
        event_int(event, "term", (int64_t)entry->proof_term);
    }
    node_state_move(round, node, NODE_STATE_UNKNOWN);
    if (!round->classic) {
        // With the services' records moved on and committed the lease has done its work, or is not
        // needed any more. The node may have it back.
        fencing_act(round, (struct crm_action){.kind = CRM_ACTION_LEASE_RELEASE,
                                               .lease = fencing_lease(round, node),
                                               .after_write = true});
    }
    return true;
}

static void fencing_recover(struct master_round *round, struct item *item)
{
    // INV-2: no record leaves `fence` without the proof for the very node it was on.
    assert(fencing_is_proven(&round->nodes[item->node]));
    assert(fencing_is_committed(round, item));
    item_change_state(round, item, SVC_STATE_RECOVERY);
    round->repeat = true;
}

void fencing_apply(struct master_round *round)
{
    struct node_set fenced = {{0}};
    for (int i = 0; i < round->nodes_count; i++) {
        round->nodes[i].fence_tried = false;
    }
    for (size_t i = 0; i < round->items_count; i++) {
        struct item *item = &round->items[i];
        if (!fencing_is_due(round, item)) {
            continue;
        }
        if (!round->nodes[item->node].fence_tried && fencing_fence(round, item->node)) {
            node_set_add(&fenced, item->node);
        }
        if (!node_set_has(&fenced, item->node)) {
            continue;
        }
        if (fencing_is_committed(round, item)) {
            fencing_recover(round, item);
        } else {
            round->fence_soon = true;
        }
    }
    for (int i = 0; i < round->nodes_count; i++) {
        struct round_node *node = &round->nodes[i];
        if (node->present && node->state == NODE_STATE_FENCE && !node->fence_tried) {
            if (round->classic || round->tick) {
                (void)fencing_tell(round, EVENT_LEVEL_NOTICE, "fence-no-service", i);
            }
            if (fencing_fence(round, i)) {
                round->repeat = true;
            }
        }
    }
}
