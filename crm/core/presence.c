// SPDX-License-Identifier: Apache-2.0
// What follows from it is decided elsewhere: when a node is lost in master_round.c, where services
// may go in placement.c.
#include "crm/core/presence.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/planted.h"
#include "common/model/lrm_status.h"
#include "common/model/timing.h"
#include "crm/core/crm.h"

enum {
    PRESENCE_LEAVES_WITHIN_MS = 3600 * 1000,
    PRESENCE_FLAPS_FROM = 2, // so many leaves make a node one that flaps
    PRESENCE_HOLD_BASE_MS = 5 * 1000,
    PRESENCE_HOLD_MAX_MS = 600 * 1000,
    PRESENCE_OWN_LOSS_WITHIN_MS = 5 * 1000,
    PRESENCE_SILENT_STALE = 2, // a status that was not renewed for so many times its age is no sign
};

void presence_init(struct presence *presence, bool classic)
{
    *presence = (struct presence){.classic = classic};
    map_init(&presence->nodes, free);
}

void presence_done(struct presence *presence)
{
    map_done(&presence->nodes);
}

void presence_clear(struct presence *presence)
{
    map_clear(&presence->nodes);
}

struct presence_node *presence_find(const struct presence *presence, const char *node)
{
    return map_find(&presence->nodes, node);
}

static struct presence_node *presence_get(struct presence *presence, const char *node)
{
    struct presence_node *entry = map_find(&presence->nodes, node);
    if (entry == NULL) {
        entry = alloc_zero(sizeof(*entry));
        map_put(&presence->nodes, node, entry);
    }
    return entry;
}

void presence_note(struct presence *presence, const char *node, int64_t at_ms, bool online)
{
    struct presence_node *entry = presence_get(presence, node);
    entry->at_ms = at_ms;
    entry->online = online;
}

// ---- quorum

// The others seem to leave when this node is cut off, and it can take a moment until quorum is
// known to be lost: it was not they who left.
static void presence_forget_leaves(struct presence_node *node, int64_t now_ms)
{
    size_t wrong = 0;
    while (wrong < node->leaves_count &&
           now_ms - node->leaves_ms[wrong] < PRESENCE_OWN_LOSS_WITHIN_MS) {
        wrong++;
    }
    for (size_t i = wrong; i < node->leaves_count; i++) {
        node->leaves_ms[i - wrong] = node->leaves_ms[i];
    }
    node->leaves_count -= wrong;
    node->left = node->left && wrong == 0;
}

// A new ring can cost quorum for a moment; only a loss that lasts long enough for others to be
// missed without fault of theirs makes everybody wait.
static void presence_see_quorum(struct presence *presence, const struct crm_input *input,
                                const struct timing *timing)
{
    bool quorate = input->members.quorate;
    if (quorate && !presence->quorate) {
        bool real = !presence->was_quorate || input->now_ms - presence->lost_ms >= timing->token_ms;
        if (real) {
            presence->regained_ms = input->now_ms;
        }
        map_each (entry, &presence->nodes) {
            struct presence_node *node = entry->value;
            node->since_quorum = node->since_quorum && !real;
            // Who was missed while we were out did not leave by its own fault.
            node->inside = node->inside && !real;
        }
        presence->was_quorate = true;
    }
    if (!quorate && presence->quorate) {
        presence->lost_ms = input->now_ms;
        map_each (entry, &presence->nodes) {
            presence_forget_leaves(entry->value, input->now_ms);
        }
    }
    presence->quorate = quorate;
}

// ---- leaving and coming back

// A node that said before that it would go does not flap.
static bool presence_leaves_in_order(const struct crm_input *input, const char *node)
{
    const struct lrm_status *lrm = map_find(&input->documents->lrms, node);
    if (lrm == NULL) {
        return false;
    }
    switch (lrm->mode) {
    case LRM_MODE_MAINTENANCE:
    case LRM_MODE_RESTART:
    case LRM_MODE_SHUTDOWN:
        return true;
    case LRM_MODE_ACTIVE:
    case LRM_MODE_DISARM:
    case LRM_MODE_UNKNOWN:
    case LRM_MODE_MAX:
        break;
    }
    return false;
}

static void presence_leave(struct presence_node *node, int64_t now_ms)
{
    size_t kept = 0;
    while (kept < node->leaves_count && kept < PRESENCE_LEAVES_MAX - 1 &&
           now_ms - node->leaves_ms[kept] < PRESENCE_LEAVES_WITHIN_MS) {
        kept++;
    }
    for (size_t i = kept; i > 0; i--) {
        node->leaves_ms[i] = node->leaves_ms[i - 1];
    }
    node->leaves_ms[0] = now_ms;
    node->leaves_count = kept + 1;
    node->left = true;
}

static void presence_come_back(struct presence_node *node, int64_t now_ms)
{
    int64_t hold_ms = PRESENCE_HOLD_BASE_MS;
    size_t count = 0;
    while (count < node->leaves_count &&
           now_ms - node->leaves_ms[count] < PRESENCE_LEAVES_WITHIN_MS) {
        count++;
        hold_ms = hold_ms < PRESENCE_HOLD_MAX_MS ? hold_ms * 2 : hold_ms;
    }
    node->left = false;
    if (count >= PRESENCE_FLAPS_FROM) {
        node->held_until_ms =
            now_ms + (hold_ms < PRESENCE_HOLD_MAX_MS ? hold_ms : PRESENCE_HOLD_MAX_MS);
    }
}

static void presence_see_flapping(struct presence_node *node, const struct crm_input *input,
                                  const struct member *member)
{
    if (member->online) {
        if (node->left) {
            presence_come_back(node, input->now_ms);
        }
        node->inside = true;
    } else if (node->inside) {
        node->inside = false;
        if (!presence_leaves_in_order(input, member->node)) {
            presence_leave(node, input->now_ms);
        }
    }
}

static void presence_see_member(struct presence *presence, const struct crm_input *input,
                                const struct member *member)
{
    struct presence_node *node = presence_find(presence, member->node);
    if (member->online) {
        presence_note(presence, member->node, input->now_ms, true);
    } else if (!presence->classic && (node == NULL ? input->members.quorate : node->online)) {
        // Rounds follow events, so the last round that saw the node can be long ago. It counts as
        // seen until the first one that misses it.
        presence_note(presence, member->node, input->now_ms, false);
    }
    if (presence->classic || !input->members.quorate) {
        return;
    }
    node = presence_get(presence, member->node);
    node->since_quorum = node->since_quorum || member->online;
    presence_see_flapping(node, input, member);
}

// ---- signs of life of the LRMs

static void presence_listen_to(struct presence *presence, const struct crm_input *input,
                               const struct member *member, bool deaf)
{
    struct presence_node *node = presence_get(presence, member->node);
    const struct lrm_status *lrm = map_find(&input->documents->lrms, member->node);
    int64_t said_s = lrm != NULL ? lrm->timestamp_s : 0;
    if (deaf || !member->online || !node->listened || said_s != node->said_s) {
        node->heard_ms = input->now_ms;
    }
    node->listened = member->online;
    node->said_s = said_s;
}

// INV-10: what could not be heard here was not left unsaid: without quorum, with a view that is old
// or unreadable, or after this daemon stood still.
static void presence_listen(struct presence *presence, const struct crm_input *input,
                            const struct timing *timing)
{
    bool deaf = !input->members.quorate || !input->view_ok || !input->documents->readable ||
                input->now_ms - presence->listened_ms > timing->stale_ms;
    presence->listened_ms = input->now_ms;
    for (size_t i = 0; i < input->members.count; i++) {
        presence_listen_to(presence, input, &input->members.members[i], deaf);
    }
}

void presence_see(struct presence *presence, const struct crm_input *input,
                  const struct timing *timing)
{
    if (!presence->classic) {
        presence_see_quorum(presence, input, timing);
    }
    for (size_t i = 0; i < input->members.count; i++) {
        presence_see_member(presence, input, &input->members.members[i]);
    }
    if (!presence->classic) {
        presence_listen(presence, input, timing);
    }
}

// ---- what follows

bool presence_is_awaited(const struct presence *presence, const struct crm_input *input,
                         const struct timing *timing, const char *node, int64_t *ret_until_ms)
{
    const struct presence_node *entry = presence_find(presence, node);
    *ret_until_ms = presence->regained_ms + timing->startup_grace_ms;
    bool seen = entry != NULL && entry->since_quorum;
    return !planted_is(PLANTED_GRACE_SKIPPED) && !seen && !input->members.forced &&
           input->now_ms < *ret_until_ms;
}

bool presence_is_silent(const struct presence *presence, const struct timing *timing,
                        const char *node, int64_t now_ms)
{
    const struct presence_node *entry = presence_find(presence, node);
    return !presence->classic && entry != NULL && entry->listened && entry->said_s > 0 &&
           now_ms - entry->heard_ms >= PRESENCE_SILENT_STALE * timing->stale_ms;
}

int64_t presence_held_until_ms(const struct presence *presence, const char *node, int64_t now_ms)
{
    const struct presence_node *entry = presence_find(presence, node);
    return entry != NULL && entry->held_until_ms > now_ms ? entry->held_until_ms : 0;
}
