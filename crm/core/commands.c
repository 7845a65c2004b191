// SPDX-License-Identifier: Apache-2.0
// Commands change records and requests only; what follows from them is decided by the steps of the
// same round. A command that cannot be carried out is answered with the reason and changes nothing.
#include "crm/core/commands.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/command.h"
#include "crm/core/affinity.h"
#include "crm/core/master_round.h"

// The words of a refusal, or NULL when the command was accepted.
typedef const char *(*command_handler)(struct master_round *round, const struct command *command);

static void commands_set(struct master_round *round, struct item *item,
                         const struct service_command *cmd)
{
    if (item->record->cmd.kind != SERVICE_COMMAND_NONE) {
        (void)master_round_event_of(round, EVENT_LEVEL_NOTICE, "command-replaced", item->sid, NULL);
    }
    item_edit(round, item)->cmd = *cmd;
}

static const char *commands_find_blocker(const struct master_round *round, const struct item *item,
                                         int target)
{
    const char *name = round->nodes[target].name;
    for (size_t i = 0; item->affinity != NULL && i < item->affinity->negatives_count; i++) {
        const struct service *other = item->affinity->negatives[i]->record;
        if (other == NULL || strcmp(other->node, name) != 0) {
            continue;
        }
        if (other->target == NULL || strcmp(other->target, name) == 0) {
            return item->affinity->negatives[i]->sid;
        }
    }
    return NULL;
}

bool commands_queue_move(struct master_round *round, struct item *item,
                         enum service_command_kind kind, int target, const char **ret_reason)
{
    const char *blocker = commands_find_blocker(round, item, target);
    const char *name = round->nodes[target].name;
    if (blocker != NULL) {
        *ret_reason = arena_printf(round->arena, "'%s' must not be with '%s', which is on '%s'",
                                   item->sid, blocker, name);
        return false;
    }
    struct service_command cmd = {.kind = kind, .target = name};
    commands_set(round, item, &cmd);
    for (size_t i = 0; item->affinity != NULL && i < item->affinity->positives_count; i++) {
        struct item *other = item->affinity->positives[i];
        if (other->record == NULL || strcmp(other->record->node, name) == 0 ||
            (other->record->target != NULL && strcmp(other->record->target, name) == 0)) {
            continue;
        }
        struct event *event =
            master_round_event_of(round, EVENT_LEVEL_INFO, "command-comigrate", other->sid, name);
        master_round_text(round, event, "with", item->sid);
        commands_set(round, other, &cmd);
    }
    return true;
}

static const char *commands_move(struct master_round *round, const struct command *command)
{
    struct item *item = master_round_item(round, command->sid);
    if (item == NULL || item->record == NULL) {
        return arena_printf(round->arena, "no service '%s'", command->sid);
    }
    int target = master_round_node(round, command->node);
    if (!master_round_is_online(round, target)) {
        return arena_printf(round->arena, "node '%s' is not online", command->node);
    }
    if (strcmp(item->record->node, command->node) == 0) {
        return NULL; // it is there
    }
    enum service_command_kind kind =
        command->kind == COMMAND_KIND_MIGRATE ? SERVICE_COMMAND_MIGRATE : SERVICE_COMMAND_RELOCATE;
    const char *reason = NULL;
    return commands_queue_move(round, item, kind, target, &reason) ? NULL : reason;
}

static const char *commands_stop(struct master_round *round, const struct command *command)
{
    struct item *item = master_round_item(round, command->sid);
    if (item == NULL || item->record == NULL) {
        return arena_printf(round->arena, "no service '%s'", command->sid);
    }
    struct service_command cmd = {.kind = SERVICE_COMMAND_STOP, .timeout_s = command->timeout_s};
    commands_set(round, item, &cmd);
    return NULL;
}

static const char *commands_maintenance_on(struct master_round *round,
                                           const struct command *command)
{
    if (round->disarm != DISARM_MODE_NONE) {
        return "disarmed";
    }
    int node = master_round_node(round, command->node);
    if (node != NODE_NONE && round->nodes[node].present) {
        if (round->nodes[node].state == NODE_STATE_ONLINE) {
            round->nodes[node].maintenance_requested = true;
            return NULL;
        }
        if (round->nodes[node].state == NODE_STATE_MAINTENANCE) {
            return NULL; // it is
        }
    }
    return arena_printf(round->arena, "node '%s' is not online", command->node);
}

static const char *commands_maintenance_off(struct master_round *round,
                                            const struct command *command)
{
    int node = master_round_node(round, command->node);
    if (node == NODE_NONE || !round->nodes[node].present) {
        return arena_printf(round->arena, "no node '%s'", command->node);
    }
    if (round->nodes[node].state != NODE_STATE_MAINTENANCE) {
        (void)master_round_event_of(round, EVENT_LEVEL_WARNING, "maintenance-not-active", NULL,
                                    command->node);
    }
    round->nodes[node].maintenance_requested = false;
    return NULL;
}

static const char *commands_disarm(struct master_round *round, const struct command *command)
{
    if (round->disarm != DISARM_MODE_NONE) {
        return arena_printf(round->arena, "already %s", round->disarmed ? "disarmed" : "disarming");
    }
    struct event *event = master_round_event(round, EVENT_LEVEL_NOTICE, "disarm-begin");
    master_round_text(round, event, "mode", disarm_mode_to_string(command->disarm));
    round->disarm = command->disarm;
    round->disarmed = false;
    for (size_t i = 0; command->disarm == DISARM_MODE_IGNORE && i < round->items_count; i++) {
        if (round->items[i].record != NULL) {
            (void)master_round_event_of(round, EVENT_LEVEL_INFO, "disarm-suspend",
                                        round->items[i].sid, NULL);
        }
    }
    return NULL;
}

static const char *commands_arm(struct master_round *round, const struct command *command)
{
    (void)command;
    if (round->disarm == DISARM_MODE_NONE) {
        return "not disarmed";
    }
    (void)master_round_event(round, EVENT_LEVEL_NOTICE, "arm");
    for (size_t i = 0; round->disarm == DISARM_MODE_IGNORE && i < round->items_count; i++) {
        struct item *item = &round->items[i];
        if (item->record != NULL && !round->classic) {
            // What its LRM says of it counts only from here on.
            item_edit(round, item)->unguarded = true;
            item_edit(round, item)->uid = master_round_uid(round);
        }
        int place = master_round_node(round, item->guest_node);
        if (item->record == NULL || place == NODE_NONE || place == item->node) {
            continue;
        }
        struct event *event = master_round_event_of(round, EVENT_LEVEL_NOTICE, "service-node-fixed",
                                                    item->sid, item->guest_node);
        master_round_text(round, event, "from", item->record->node);
        item_edit(round, item)->node = round->nodes[place].name;
        item->node = place;
    }
    round->disarm = DISARM_MODE_NONE;
    round->disarmed = false;
    return NULL;
}

static const char *commands_handle(struct master_round *round, const struct crm_command *entry)
{
    static const command_handler handlers[COMMAND_KIND_MAX] = {
        [COMMAND_KIND_MIGRATE] = commands_move,
        [COMMAND_KIND_RELOCATE] = commands_move,
        [COMMAND_KIND_STOP] = commands_stop,
        [COMMAND_KIND_ENABLE_NODE_MAINTENANCE] = commands_maintenance_on,
        [COMMAND_KIND_DISABLE_NODE_MAINTENANCE] = commands_maintenance_off,
        [COMMAND_KIND_DISARM_HA] = commands_disarm,
        [COMMAND_KIND_ARM_HA] = commands_arm,
    };
    if (entry->command == NULL) {
        return entry->reason;
    }
    assert(entry->command->kind < COMMAND_KIND_MAX);
    return handlers[entry->command->kind](round, entry->command);
}

// Puts the last event in front of those that were told since: a command is told before what it
// leads to.
static void commands_tell_first(struct master_round *round, size_t position)
{
    struct pointer_list *events = &round->output->events;
    void *last = events->items[events->count - 1];
    for (size_t i = events->count - 1; i > position; i--) {
        events->items[i] = events->items[i - 1];
    }
    events->items[position] = last;
}

static void commands_take(struct master_round *round, const struct crm_command *entry)
{
    size_t position = round->output->events.count;
    const char *refusal = commands_handle(round, entry);
    struct event *event = refusal != NULL
                              ? master_round_event(round, EVENT_LEVEL_ERROR, "command-refused")
                              : master_round_event(round, EVENT_LEVEL_NOTICE, "command");
    master_round_text(round, event, "id", entry->id);
    master_round_text(round, event, "text", entry->text);
    master_round_text(round, event, "by", entry->command != NULL ? entry->command->by : NULL);
    master_round_text(round, event, "reason", refusal);
    commands_tell_first(round, position);
    struct crm_write_answer *answer = arena_new_of(round->arena, struct crm_write_answer);
    *answer =
        (struct crm_write_answer){.id = entry->id, .refused = refusal != NULL, .reason = refusal};
    pointer_list_add(round->arena, &round->answers, answer);
}

void commands_process(struct master_round *round)
{
    const struct crm_documents *documents = round->input->documents;
    for (size_t i = 0; i < documents->commands_count; i++) {
        commands_take(round, &documents->commands[i]);
    }
}
