// SPDX-License-Identifier: Apache-2.0
// A service whose node is fenced gets a new node, and its guest's place moves with it in the same
// transaction. Locks that the fenced node left behind are removed, since whatever held them is
// gone.
#include "crm/core/recovery.h"

#include <assert.h>
#include <string.h>

#include "common/base/macros.h"
#include "crm/core/master_round.h"
#include "crm/core/placement.h"

// Locks that work on the fenced node may have left.
static const char *const recovery_locks[] = {"backup",          "mounted",    "migrate",
                                             "clone",           "rollback",   "snapshot",
                                             "snapshot-delete", "suspending", "suspended"};

static void recovery_unlock(struct master_round *round, struct item *item)
{
    const char *lock = item->slot->guest_lock;
    for (size_t i = 0; lock != NULL && i < ARRAY_SIZE(recovery_locks); i++) {
        if (strcmp(lock, recovery_locks[i]) == 0) {
            item->guest_unlock = true;
            struct event *event =
                master_round_event_of(round, EVENT_LEVEL_WARNING, "lock-removed", item->sid, NULL);
            master_round_text(round, event, "lock", lock);
            return;
        }
    }
}

static void recovery_tell_failure(struct master_round *round, const struct item *item)
{
    bool first = item->stored == NULL || item->stored->state != SVC_STATE_RECOVERY;
    bool again =
        round->classic || (round->passes == 0 && round->tick) || (first && round->passes <= 1);
    if (again) {
        struct event *event =
            master_round_event_of(round, EVENT_LEVEL_ERROR, "recover-failed", item->sid, NULL);
        master_round_text(round, event, "from", item->record->node);
    }
}

// The fenced node had moved the guest away, perhaps just before it died: it is, and may be running,
// where its definition says. INV-1: it is not taken from there; that node's own state decides what
// happens next.
static bool recovery_follows_guest(struct master_round *round, struct item *item)
{
    if (item->guest_node == NULL || strcmp(item->guest_node, item->record->node) == 0) {
        return false;
    }
    int place = master_round_node(round, item->guest_node);
    assert(place != NODE_NONE); // the round's table has every node that is named anywhere
    struct event *event =
        master_round_event_of(round, EVENT_LEVEL_NOTICE, "recover", item->sid, NULL);
    master_round_text(round, event, "from", item->record->node);
    master_round_text(round, event, "to", item->guest_node);
    master_round_text(round, event, "proof", round->nodes[item->node].fence_proof);
    master_round_text(round, event, "reason", "the guest had been moved there before");
    item_change_at(round, item, item_wanted(item), place);
    return true;
}

void recovery_step(struct master_round *round, struct item *item)
{
    assert(item->record->state == SVC_STATE_RECOVERY);
    if (recovery_follows_guest(round, item)) {
        return;
    }
    int node = placement_choose(round, item, PLACEMENT_PREFERENCE_BEST_SCORE);
    if (node == NODE_NONE) {
        recovery_tell_failure(round, item);
        if (item->request == REQUEST_STATE_DISABLED) {
            item_edit(round, item)->failed_nodes_count = 0;
            item_change_state(round, item, SVC_STATE_STOPPED);
        }
        return;
    }
    struct event *event =
        master_round_event_of(round, EVENT_LEVEL_NOTICE, "recover", item->sid, NULL);
    master_round_text(round, event, "from", item->record->node);
    master_round_text(round, event, "to", round->nodes[node].name);
    master_round_text(round, event, "proof", round->nodes[item->node].fence_proof);
    recovery_unlock(round, item);
    if (item->guest_node != NULL) {
        item->guest_node = round->nodes[node].name;
    }
    item_change_at(round, item, item_wanted(item), node);
}
