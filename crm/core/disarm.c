// SPDX-License-Identifier: Apache-2.0
// Disarming waits until nothing is in transit, then takes all services out of the manager's hands
// (freeze: no LRM touches them; ignore: anybody may), and is done when every LRM has let go of its
// lease and watchdog.
#include "crm/core/disarm.h"

#include <assert.h>

#include "crm/core/manager.h"
#include "crm/core/master_round.h"
#include "crm/core/usage.h"

enum disarm_class {
    DISARM_CLASS_FREEZABLE,
    DISARM_CLASS_IN_TRANSIT,
    DISARM_CLASS_IN_DANGER, // a fenced or lost node's: not to be left half way
    DISARM_CLASS_LEFT_ALONE,
};

static enum disarm_class disarm_classify(const struct master_round *round, enum svc_state state)
{
    switch (state) {
    case SVC_STATE_REQUEST_START_BALANCE:
        // It moves as well. Classic replay freezes it all the same.
        return round->classic ? DISARM_CLASS_FREEZABLE : DISARM_CLASS_IN_TRANSIT;
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_STARTED:
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_STOPPED:
        return DISARM_CLASS_FREEZABLE;
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
        return DISARM_CLASS_IN_TRANSIT;
    case SVC_STATE_FENCE:
    case SVC_STATE_RECOVERY:
        return DISARM_CLASS_IN_DANGER;
    case SVC_STATE_FREEZE:
    case SVC_STATE_ERROR:
    case SVC_STATE_MAX:
        break;
    }
    return DISARM_CLASS_LEFT_ALONE;
}

static bool disarm_defer(struct master_round *round)
{
    for (size_t i = 0; i < round->items_count; i++) {
        struct item *item = &round->items[i];
        if (item->record == NULL) {
            continue;
        }
        enum disarm_class class = disarm_classify(round, item->record->state);
        if (class != DISARM_CLASS_IN_TRANSIT && class != DISARM_CLASS_IN_DANGER) {
            continue;
        }
        enum event_level level =
            class == DISARM_CLASS_IN_DANGER ? EVENT_LEVEL_WARNING : EVENT_LEVEL_INFO;
        if (round->classic || round->tick) {
            struct event *event = master_round_event_of(round, level, "disarm-deferred", item->sid,
                                                        item->record->node);
            master_round_text(round, event, "state", svc_state_to_string(item->record->state));
        }
        item->deferred = true;
        round->deferred = true;
    }
    return round->deferred;
}

// Drops what belongs to the present task, so that nothing of it is carried out later.
static void disarm_strip(struct service *record)
{
    record->target = NULL;
    record->timeout_s = SERVICE_TIMEOUT_NONE;
    record->cmd = (struct service_command){.kind = SERVICE_COMMAND_NONE};
    record->running = false;
    record->failed_nodes_count = 0;
}

static bool disarm_needs_strip(const struct service *record)
{
    return record->target != NULL || record->timeout_s != SERVICE_TIMEOUT_NONE ||
           record->cmd.kind != SERVICE_COMMAND_NONE || record->running ||
           record->failed_nodes_count > 0;
}

static void disarm_freeze(struct master_round *round, struct item *item)
{
    struct event *event = master_round_event_of(round, EVENT_LEVEL_INFO, "disarm-freeze", item->sid,
                                                item->record->node);
    master_round_text(round, event, "from", svc_state_to_string(item->record->state));
    struct service *record = item_edit(round, item);
    usage_remove(round->usage, item);
    disarm_strip(record);
    item->target = NODE_NONE;
    record->state = SVC_STATE_FREEZE;
    record->uid = master_round_uid(round);
    usage_add(round, item);
}

static void disarm_take(struct master_round *round, struct item *item)
{
    if (round->disarm == DISARM_MODE_IGNORE) {
        if (disarm_needs_strip(item->record)) {
            disarm_strip(item_edit(round, item));
            item->target = NODE_NONE;
        }
        return;
    }
    if (disarm_classify(round, item->record->state) == DISARM_CLASS_FREEZABLE) {
        disarm_freeze(round, item);
    }
}

static bool disarm_is_everywhere(const struct master_round *round)
{
    for (int i = 0; i < round->nodes_count; i++) {
        if (master_round_is_online(round, i) && round->nodes[i].mode != LRM_MODE_DISARM) {
            return false;
        }
    }
    return true;
}

bool disarm_process(struct master_round *round)
{
    assert(round->disarm != DISARM_MODE_NONE);
    if (disarm_defer(round)) {
        return false;
    }
    for (size_t i = 0; i < round->items_count; i++) {
        struct item *item = &round->items[i];
        if (item->record != NULL && !master_round_is_full(round, item)) {
            disarm_take(round, item);
        }
    }
    if (!round->disarmed && !round->truncated && disarm_is_everywhere(round)) {
        (void)master_round_event(round, EVENT_LEVEL_NOTICE, "disarm-done");
        round->disarmed = true;
    }
    round->manager->fully_disarmed = round->disarmed;
    return true;
}
