// SPDX-License-Identifier: Apache-2.0
// When the next try is due is kept in memory only, with the own clock: a new master waits anew. The
// record has the time for people.
#include "crm/core/error_state.h"

#include <assert.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "crm/core/manager.h"
#include "crm/core/master_round.h"

static void error_arm(struct master_round *round, struct item *item)
{
    struct manager_retry *retry = map_find(&round->manager->retries, item->sid);
    if (retry == NULL) {
        retry = alloc_zero(sizeof(*retry));
        map_put(&round->manager->retries, item->sid, retry);
    }
    retry->interval_s = item->retry_interval_s;
    retry->at_ms = round->input->now_ms + item->retry_interval_s * 1000;
    item_edit(round, item)->retry_at_s = round->input->wall_s + item->retry_interval_s;
    master_round_wake(round, retry->at_ms);
}

static void error_disarm(struct master_round *round, struct item *item)
{
    (void)map_remove(&round->manager->retries, item->sid); // it may not be there
    if (item->record->retry_at_s != 0) {
        item_edit(round, item)->retry_at_s = 0;
    }
}

void error_state_forget(struct master_round *round, struct item *item)
{
    if (item->record->attempts > 0) {
        item_edit(round, item)->attempts = 0;
    }
    error_disarm(round, item);
}

static void error_clear_reason(struct master_round *round, struct item *item)
{
    struct service *record = item_edit(round, item);
    record->failed_nodes_count = 0;
    record->error = NULL;
    record->output = NULL;
}

void error_state_enter(struct master_round *round, struct item *item,
                       const struct lrm_result *result)
{
    item_change_state(round, item, SVC_STATE_ERROR);
    struct service *record = item_edit(round, item);
    record->error = arena_strdup(round->arena, result->reason);
    record->output = arena_strdup(round->arena, result->output);
    if (round->classic) {
        return;
    }
    record->attempts++;
    struct event *event =
        master_round_event_of(round, EVENT_LEVEL_ERROR, "service-error", item->sid, record->node);
    master_round_text(round, event, "reason", record->error);
    event_int(event, "attempts", record->attempts);
    if (item->retry_interval_s > 0) {
        event_int(event, "retry_s", item->retry_interval_s);
        error_arm(round, item);
    }
}

// Its node must be there and work: nobody else can say what is left of it.
static bool error_can_try(const struct master_round *round, const struct item *item)
{
    return round->disarm == DISARM_MODE_NONE && master_round_is_online(round, item->node) &&
           round->nodes[item->node].mode == LRM_MODE_ACTIVE;
}

// INV-2: nothing is started by this. The LRM of its node proves first that nothing of it runs
// there, as for any stop, and only what is stopped is started again. Until that LRM has answered, a
// free lease of the node proves nothing: it may have been given back while the service was left
// alone.
static void error_try_again(struct master_round *round, struct item *item)
{
    const struct manager_retry *retry = map_find(&round->manager->retries, item->sid);
    bool known = retry != NULL && retry->interval_s == item->retry_interval_s &&
                 item->record->retry_at_s != 0;
    if (!known) {
        error_arm(round, item);
        return;
    }
    if (round->input->now_ms < retry->at_ms) {
        master_round_wake(round, retry->at_ms);
        return;
    }
    if (!error_can_try(round, item)) {
        return; // a change of the node or its LRM brings the next round
    }
    struct event *event = master_round_event_of(round, EVENT_LEVEL_NOTICE, "error-retry", item->sid,
                                                item->record->node);
    master_round_text(round, event, "reason", item->record->error);
    event_int(event, "attempts", item->record->attempts);
    error_clear_reason(round, item);
    error_disarm(round, item);
    item_change_state(round, item, SVC_STATE_REQUEST_STOP);
    item_edit(round, item)->unguarded = true;
}

void error_state_step(struct master_round *round, struct item *item)
{
    assert(item->record->state == SVC_STATE_ERROR);
    if (item->request == REQUEST_STATE_DISABLED) {
        error_clear_reason(round, item);
        error_state_forget(round, item);
        item_change_state(round, item, SVC_STATE_STOPPED);
    } else if (!round->classic && item->retry_interval_s > 0) {
        error_try_again(round, item);
    } else {
        error_disarm(round, item);
    }
}
