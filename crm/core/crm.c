// SPDX-License-Identifier: Apache-2.0
// The daemon's own state: may it act, does it hold the manager lease, is it master, is there
// nothing to do for long. What a master does in a round is in manager.c.
//
// INV-4: being master is holding the manager lease with a term; everything a round decides is
// written under that term in one transaction, which the store refuses once the term is over. INV-6:
// a command ends with the write that carries its effect. So a master that hangs, or wakes after its
// lease was taken, can do no harm, and no watchdog guards it, except in the replay of the
// reference's scenarios, where it does as the reference does.
#include "crm/core/crm.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/event.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "crm/core/fencing.h"
#include "crm/core/manager.h"
#include "crm/core/master_round.h"
#include "crm/core/transitions.h"

enum crm_phase {
    CRM_PHASE_BEGIN,   // a new round
    CRM_PHASE_LEASE,   // the answer about the manager lease is awaited
    CRM_PHASE_REREAD,  // newly master: the documents were read again
    CRM_PHASE_MANAGER, // the manager awaits answers
};

struct crm {
    char *node;
    struct timing timing;
    bool classic;
    int state; // enum crm_state
    enum crm_phase phase;
    struct manager manager;
    struct master_round *round; // of the calls of one round
    int64_t authority_until_ms;
    int64_t idle_rounds;
    int64_t idle_since_ms;
    bool idle;
    bool disarmed; // classic: no watchdog, since everything is disarmed
    bool told_unreadable;
    int64_t blind_since_ms; // a live master has read nothing since; INT64_MAX: it reads
    int64_t master_since_ms;
    int64_t yielded_until_ms; // leaves it to others until then
};

struct crm_call {
    struct crm *crm;
    const struct crm_input *input;
    struct crm_output *output;
};

struct crm *crm_new(const char *node, const struct timing *timing)
{
    struct crm *crm = alloc_zero(sizeof(*crm));
    crm->node = alloc_strdup(node);
    crm->timing = *timing;
    crm->classic = timing->profile == TIMING_PROFILE_CLASSIC;
    crm->state = CRM_STATE_STARTUP;
    crm->blind_since_ms = INT64_MAX;
    manager_init(&crm->manager, crm->node, &crm->timing);
    return crm;
}

void crm_free(struct crm *crm)
{
    if (crm == NULL) {
        return;
    }
    manager_done(&crm->manager);
    free(crm->node);
    free(crm);
}

enum crm_state crm_state_get(const struct crm *crm)
{
    return (enum crm_state)crm->state;
}

// An event that is true whatever becomes of the round's write.
static struct event *crm_tell(struct arena *arena, struct crm_output *output,
                              enum event_level level, const char *name)
{
    struct crm_output_event *entry = arena_new_of(arena, struct crm_output_event);
    entry->event = event_new(arena, level, name);
    pointer_list_add(arena, &output->events, entry);
    return entry->event;
}

static void crm_move(struct crm *crm, struct arena *arena, struct crm_output *output,
                     enum crm_state to)
{
    struct event *event = crm_tell(arena, output, EVENT_LEVEL_NOTICE, "daemon-state");
    (void)event_text(arena, event, "from", crm_state_to_string((enum crm_state)crm->state));
    (void)event_text(arena, event, "to", crm_state_to_string(to));
    transition_move(&transitions_crm, &crm->state, (int)to);
}

void crm_start(struct crm *crm, struct arena *arena, struct crm_output *output)
{
    crm_move(crm, arena, output, CRM_STATE_WAIT_FOR_QUORUM);
}

static void crm_act(const struct crm_call *call, struct crm_action action)
{
    struct crm_action *copy = arena_new_of(call->input->arena, struct crm_action);
    *copy = action;
    pointer_list_add(call->input->arena, &call->output->actions, copy);
}

static void crm_state_move(const struct crm_call *call, enum crm_state to)
{
    crm_move(call->crm, call->input->arena, call->output, to);
}

// ---- may it act

static bool crm_has_fenced_service(const struct crm_call *call)
{
    const struct crm_documents *documents = call->input->documents;
    if (documents->fence_count == 0) {
        return false;
    }
    map_each (entry, &documents->slots) {
        const struct crm_slot *slot = entry->value;
        if (slot->record != NULL && slot->record->state == SVC_STATE_FENCE &&
            strcmp(slot->record->node, call->crm->node) == 0) {
            return true;
        }
    }
    return false;
}

static void crm_tell_unreadable(const struct crm_call *call, const char *reason)
{
    if (call->crm->told_unreadable && !call->crm->classic) {
        return;
    }
    call->crm->told_unreadable = true;
    struct event *event =
        crm_tell(call->input->arena, call->output, EVENT_LEVEL_ERROR, "manager-status-unreadable");
    (void)event_text(call->input->arena, event, "reason", reason);
}

static bool crm_is_readable(const struct crm_call *call)
{
    const struct crm_documents *documents = call->input->documents;
    if (!documents->readable) {
        crm_tell_unreadable(call, documents->reason);
        return false;
    }
    if (documents->status_unreadable) {
        crm_tell_unreadable(call, "the manager status is corrupt");
        return false;
    }
    call->crm->told_unreadable = false;
    return true;
}

static const struct manager_node *crm_stored_node(const struct crm_call *call, const char *node)
{
    return map_find(&call->input->documents->status->nodes, node);
}

// Nobody else is in the quorate part of the cluster: it is this node or none. Fencing of this node
// is called off then (fencing.c), since there is nobody to prove it and nobody else to run
// anything.
static bool crm_is_alone(const struct crm_call *call)
{
    const struct member_list *members = &call->input->members;
    for (size_t i = 0; i < members->count; i++) {
        if (members->members[i].online && strcmp(members->members[i].node, call->crm->node) != 0) {
            return false;
        }
    }
    return !call->crm->classic;
}

// This node's LRM does nothing that it is told, while that of another node does.
static bool crm_is_beside_silent(const struct crm_call *call)
{
    const struct crm *crm = call->crm;
    const struct crm_input *input = call->input;
    const struct presence *presence = &crm->manager.presence;
    if (!presence_is_silent(presence, &crm->timing, crm->node, input->now_ms)) {
        return false;
    }
    for (size_t i = 0; i < input->members.count; i++) {
        const struct member *member = &input->members.members[i];
        if (member->online &&
            !presence_is_silent(presence, &crm->timing, member->node, input->now_ms)) {
            return true;
        }
    }
    return false;
}

static bool crm_is_healthy(const struct crm_call *call)
{
    const struct crm_input *input = call->input;
    if (input->now_ms < call->crm->yielded_until_ms && call->crm->state != CRM_STATE_MASTER) {
        return false;
    }
    if (!input->member_ok || !input->members.quorate || !input->view_ok || !crm_is_readable(call)) {
        return false;
    }
    if (crm_is_alone(call)) {
        return true;
    }
    // A node that is to be fenced must not be the one that decides about it: as master it would end
    // each round early.
    const struct manager_node *own = crm_stored_node(call, call->crm->node);
    bool fenced = !call->crm->classic && own != NULL && own->state == NODE_STATE_FENCE;
    return !fenced && !crm_has_fenced_service(call);
}

// Without resources there is still something to do for a master: what an earlier one left.
static bool crm_has_leftovers(const struct crm_call *call)
{
    const struct crm_documents *documents = call->input->documents;
    const struct manager_status *status = documents->status;
    if (documents->commands_count > 0 || documents->records_count > 0 ||
        status->disarm != DISARM_MODE_NONE) {
        return true;
    }
    map_each (entry, &status->nodes) {
        const struct manager_node *node = entry->value;
        if (node->state == NODE_STATE_MAINTENANCE && !node->maintenance_requested) {
            return true;
        }
    }
    return false;
}

static bool crm_can_act(const struct crm_call *call)
{
    if (!crm_is_healthy(call)) {
        return false;
    }
    const struct crm_documents *documents = call->input->documents;
    if (documents->resources_count > 0) {
        return true;
    }
    const char *master = documents->status->master_node;
    bool other_works = false;
    if (master != NULL && strcmp(master, call->crm->node) != 0) {
        const struct manager_node *node = crm_stored_node(call, master);
        other_works = node != NULL && node->state == NODE_STATE_ONLINE;
    }
    return !other_works && crm_has_leftovers(call);
}

static bool crm_may_go_idle(const struct crm_call *call)
{
    const struct crm_documents *documents = call->input->documents;
    return crm_is_healthy(call) && documents->status->disarm == DISARM_MODE_NONE &&
           documents->resources_count == 0 && documents->records_count == 0;
}

// Whether there has been nothing to do for so long that the lease is given back.
static bool crm_goes_idle(const struct crm_call *call)
{
    struct crm *crm = call->crm;
    if (!crm_may_go_idle(call)) {
        crm->idle = false;
        crm->idle_rounds = 0;
        return false;
    }
    if (!crm->idle) {
        crm->idle = true;
        crm->idle_since_ms = call->input->now_ms;
    }
    crm->idle_rounds++;
    if (crm->classic) {
        return crm->idle_rounds > crm->timing.crm_idle_rounds;
    }
    // Rounds follow events, so they are no measure of time.
    int64_t idle_ms = call->input->now_ms - crm->idle_since_ms;
    return idle_ms > crm->timing.crm_idle_rounds * crm->timing.master_round_ms;
}

// ---- becoming and ceasing to be master

static void crm_ask_lease(const struct crm_call *call)
{
    crm_act(call, (struct crm_action){.kind = CRM_ACTION_LEASE_ACQUIRE, .lease = LEASE_MANAGER});
    call->crm->phase = CRM_PHASE_LEASE;
    call->output->again = true;
}

static void crm_close_watchdog(const struct crm_call *call)
{
    if (call->crm->classic) {
        crm_act(call, (struct crm_action){.kind = CRM_ACTION_WATCHDOG_DISARM});
    }
}

static void crm_wait(const struct crm_call *call, int64_t at_ms)
{
    if (at_ms < call->output->next_wake_ms) {
        call->output->next_wake_ms = at_ms;
    }
}

static void crm_cease(struct crm *crm)
{
    crm->idle = false;
    crm->idle_rounds = 0;
    crm->disarmed = false;
    crm->blind_since_ms = INT64_MAX;
}

static void crm_lose(const struct crm_call *call)
{
    crm_state_move(call, CRM_STATE_LOST_MANAGER_LOCK);
    crm_cease(call->crm);
    crm_close_watchdog(call);
    fencing_cancel_all(&call->crm->manager, call->input, call->output);
    if (call->input->shutdown) {
        call->output->exit = true;
        return;
    }
    crm_state_move(call, CRM_STATE_WAIT_FOR_QUORUM);
}

static void crm_arm(const struct crm_call *call)
{
    struct crm *crm = call->crm;
    if (!crm->classic) {
        return;
    }
    const struct manager_status *status = call->input->documents->status;
    bool stored = status->disarm != DISARM_MODE_NONE && status->disarmed;
    if (!crm->disarmed && stored) {
        crm->disarmed = true;
        (void)crm_tell(call->input->arena, call->output, EVENT_LEVEL_INFO, "crm-disarmed");
    }
    if (crm->disarmed) {
        if (stored) { // also when the answer to that write was lost, and nothing came after it
            crm_close_watchdog(call);
        }
        return;
    }
    int64_t deadline_ms = call->input->now_ms + crm->timing.authority_ms;
    crm_act(call, (struct crm_action){.kind = CRM_ACTION_WATCHDOG_ARM, .deadline_ms = deadline_ms});
}

static void crm_take(const struct crm_call *call, const struct crm_lease_answer *answer)
{
    struct crm *crm = call->crm;
    struct arena *arena = call->input->arena;
    if (answer->answer == LEASE_ACQUIRED) {
        struct event *event = crm_tell(arena, call->output, EVENT_LEVEL_NOTICE, "lock-acquired");
        (void)event_text(arena, event, "lock", LEASE_MANAGER);
    }
    crm->authority_until_ms = answer->grant.authority_until_ms;
    crm_arm(call);
    bool again = crm->state == CRM_STATE_MASTER;
    if (!again) {
        crm_state_move(call, CRM_STATE_MASTER);
        crm->master_since_ms = call->input->now_ms;
    }
    // INV-4: a new grant is a new term. Nobody was master in between when this one still was, but
    // it may have been away for long, so its counters start anew.
    if (!again || (!crm->classic && answer->answer == LEASE_ACQUIRED)) {
        manager_reset(&crm->manager, answer->grant.term);
    }
    crm->manager.term = answer->grant.term;
}

// ---- a master's work

static void crm_exit_master(const struct crm_call *call)
{
    crm_close_watchdog(call);
    (void)crm_tell(call->input->arena, call->output, EVENT_LEVEL_INFO, "crm-lock-release");
    crm_act(call, (struct crm_action){.kind = CRM_ACTION_LEASE_RELEASE, .lease = LEASE_MANAGER});
    call->output->exit = true;
}

static void crm_follow_disarm(const struct crm_call *call)
{
    struct crm *crm = call->crm;
    if (!crm->classic) {
        return;
    }
    if (crm->manager.fully_disarmed && !crm->disarmed) {
        (void)crm_tell(call->input->arena, call->output, EVENT_LEVEL_INFO, "crm-disarmed");
        crm_act(call, (struct crm_action){.kind = CRM_ACTION_WATCHDOG_DISARM, .after_write = true});
        crm->disarmed = true;
    } else if (!crm->manager.fully_disarmed && crm->disarmed) {
        (void)crm_tell(call->input->arena, call->output, EVENT_LEVEL_INFO, "crm-rearmed");
        crm->disarmed = false; // armed with the next renewal
    }
}

static void crm_manage(const struct crm_call *call)
{
    struct crm *crm = call->crm;
    enum manager_outcome outcome =
        manager_run(&crm->manager, call->input, call->output, &crm->round);
    if (outcome == MANAGER_OUTCOME_ASK) {
        crm->phase = CRM_PHASE_MANAGER;
        call->output->again = true;
        return;
    }
    crm_follow_disarm(call);
}

// It holds the lease and sees nothing: the cluster has no more of it than of a dead one, whose
// lease would be free after L. So after L it gives its own back, for one that can read; it asks
// again only when it can itself (crm_is_healthy()), so that nodes of which none can do not take
// turns.
static void crm_yield_blind(const struct crm_call *call)
{
    struct crm *crm = call->crm;
    int64_t now_ms = call->input->now_ms;
    if (crm->blind_since_ms == INT64_MAX) {
        crm->blind_since_ms = now_ms;
    }
    int64_t blind_ms = now_ms - crm->blind_since_ms;
    if (crm->classic || planted_is(PLANTED_BLIND_MASTER)) {
        return;
    }
    if (blind_ms < crm->timing.lease_ms) {
        crm_wait(call, crm->blind_since_ms + crm->timing.lease_ms);
        return;
    }
    struct event *event =
        crm_tell(call->input->arena, call->output, EVENT_LEVEL_WARNING, "master-yields");
    (void)event_int(event, "blind_ms", blind_ms);
    fencing_cancel_all(&crm->manager, call->input, call->output);
    crm_act(call, (struct crm_action){.kind = CRM_ACTION_LEASE_RELEASE, .lease = LEASE_MANAGER});
    crm_cease(crm);
    crm_state_move(call, CRM_STATE_WAIT_FOR_QUORUM);
}

// A master asks for no proof of its own node's end, so that nobody would recover what that node has
// (INV-15). It leaves the lease to another, and asks again if none took it.
static bool crm_yield_silent(const struct crm_call *call)
{
    struct crm *crm = call->crm;
    int64_t now_ms = call->input->now_ms;
    if (crm->classic || now_ms - crm->master_since_ms < crm->timing.lease_ms ||
        !crm_is_beside_silent(call)) {
        return false;
    }
    (void)crm_tell(call->input->arena, call->output, EVENT_LEVEL_WARNING, "master-yields");
    fencing_cancel_all(&crm->manager, call->input, call->output);
    crm_act(call, (struct crm_action){.kind = CRM_ACTION_LEASE_RELEASE, .lease = LEASE_MANAGER});
    crm_cease(crm);
    crm->yielded_until_ms = now_ms + crm->timing.lease_ms;
    crm_wait(call, crm->yielded_until_ms);
    crm_state_move(call, CRM_STATE_WAIT_FOR_QUORUM);
    return true;
}

static void crm_work(const struct crm_call *call)
{
    struct crm *crm = call->crm;
    const struct crm_input *input = call->input;
    assert(crm->state == CRM_STATE_MASTER);
    crm_wait(call, input->now_ms + (crm->timing.renew_ms < crm->timing.master_round_ms
                                        ? crm->timing.renew_ms
                                        : crm->timing.master_round_ms));
    if (input->shutdown) {
        crm_exit_master(call);
        return;
    }
    if (!input->view_ok || !input->member_ok) {
        (void)crm_tell(input->arena, call->output, EVENT_LEVEL_NOTICE, "view-not-current");
        crm_yield_blind(call);
        return;
    }
    if (!crm_is_readable(call)) {
        crm_yield_blind(call);
        return;
    }
    crm->blind_since_ms = INT64_MAX;
    if (!crm_yield_silent(call)) {
        crm_manage(call);
    }
}

// ---- the calls of a round

static void crm_begin(const struct crm_call *call)
{
    struct crm *crm = call->crm;
    crm->round = NULL;
    if (!crm->classic && call->input->member_ok) {
        manager_see(&crm->manager, call->input);
    }
    manager_take_results(&crm->manager, call->input, call->output);
    if (crm->state != CRM_STATE_MASTER) {
        // INV-10: nobody would call them back when their node returns.
        fencing_cancel_all(&crm->manager, call->input, call->output);
    }
    switch ((enum crm_state)crm->state) {
    case CRM_STATE_WAIT_FOR_QUORUM:
    case CRM_STATE_SLAVE:
        if (crm_can_act(call)) {
            crm_ask_lease(call);
            return;
        }
        if (crm->state == CRM_STATE_SLAVE) {
            crm_state_move(call, CRM_STATE_WAIT_FOR_QUORUM);
        }
        call->output->exit = call->input->shutdown;
        return;
    case CRM_STATE_MASTER:
        crm_ask_lease(call);
        return;
    case CRM_STATE_STARTUP:
    case CRM_STATE_LOST_MANAGER_LOCK:
    case CRM_STATE_MAX:
        break;
    }
    // crm_start() was called, and a lost lease never outlives its round.
    assert(crm->state == CRM_STATE_MASTER);
}

static const struct crm_lease_answer *crm_find_answer(const struct crm_input *input,
                                                      const char *lease)
{
    for (size_t i = 0; i < input->answers_count; i++) {
        if (strcmp(input->answers[i].lease, lease) == 0) {
            return &input->answers[i];
        }
    }
    return NULL;
}

static void crm_refused(const struct crm_call *call, const struct crm_lease_answer *answer)
{
    struct crm *crm = call->crm;
    if (answer != NULL && answer->answer == LEASE_BUSY) {
        crm_wait(call, answer->grant.retry_at_ms);
    }
    if (crm->state == CRM_STATE_MASTER) {
        // The lease service is away for a moment: nobody else can be master before the authority
        // has ended.
        bool silent = answer != NULL && answer->answer == -ENOTCONN;
        if (crm->classic || !silent || call->input->now_ms >= crm->authority_until_ms) {
            crm_lose(call);
        }
        return;
    }
    if (crm->state == CRM_STATE_WAIT_FOR_QUORUM) {
        crm_state_move(call, CRM_STATE_SLAVE);
    }
    call->output->exit = call->input->shutdown;
}

static void crm_answered(const struct crm_call *call)
{
    struct crm *crm = call->crm;
    const struct crm_lease_answer *answer = crm_find_answer(call->input, LEASE_MANAGER);
    bool granted =
        answer != NULL && (answer->answer == LEASE_ACQUIRED || answer->answer == LEASE_RENEWED);
    if (!granted) {
        crm_refused(call, answer);
        return;
    }
    bool was_master = crm->state == CRM_STATE_MASTER;
    crm_take(call, answer);
    if (!was_master || (!crm->classic && answer->answer == LEASE_ACQUIRED)) {
        // What the master before wrote until its term ended must be seen.
        crm->phase = CRM_PHASE_REREAD;
        call->output->again = true;
        call->output->reread = true;
        return;
    }
    if (crm_goes_idle(call)) {
        (void)crm_tell(call->input->arena, call->output, EVENT_LEVEL_INFO, "crm-idle");
        crm_act(call,
                (struct crm_action){.kind = CRM_ACTION_LEASE_RELEASE, .lease = LEASE_MANAGER});
        crm_close_watchdog(call);
        crm_cease(crm);
        crm_state_move(call, CRM_STATE_WAIT_FOR_QUORUM);
        return;
    }
    crm_work(call);
}

void crm_step(struct crm *crm, const struct crm_input *input, struct crm_output *output)
{
    struct crm_call call = {.crm = crm, .input = input, .output = output};
    output->next_wake_ms = INT64_MAX;
    enum crm_phase phase = crm->phase;
    crm->phase = CRM_PHASE_BEGIN;
    switch (phase) {
    case CRM_PHASE_BEGIN:
        crm_begin(&call);
        break;
    case CRM_PHASE_LEASE:
        crm_answered(&call);
        break;
    case CRM_PHASE_REREAD:
        crm_work(&call);
        break;
    case CRM_PHASE_MANAGER:
        crm_manage(&call);
        break;
    }
    if (output->again) {
        return;
    }
    assert(!output->write.wanted ||
           crm->state == CRM_STATE_MASTER); // INV-4: nobody but the master writes
    crm_wait(&call, input->now_ms + crm->timing.idle_wait_ms);
}
