// SPDX-License-Identifier: Apache-2.0
// Who was in the quorate part of the cluster, and when, on this CRM's own clock. Every CRM keeps
// this, master or not, so that a new master need not start counting (INV-14). Internal to crm/core.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct crm_input;
struct timing;

enum { PRESENCE_LEAVES_MAX = 16 }; // that are remembered of a node

struct presence_node {
    int64_t at_ms;     // seen last; of an absent one: when it was missed first
    bool online;       // in the last round
    bool since_quorum; // seen since this node's part is quorate
    bool inside;       // in the quorate part, as last known while this node was in it
    bool left;         // and then no more
    int64_t leaves_ms[PRESENCE_LEAVES_MAX]; // when it left, newest first
    size_t leaves_count;
    int64_t held_until_ms; // it flaps: no new services before that; 0: not so
    bool listened;         // it was there when its LRM was listened to last
    int64_t said_s;        // the time in what its LRM said last
    int64_t heard_ms;      // when that was news, or could not have been heard
};

struct presence {
    bool classic;     // only who was seen when
    struct map nodes; // name → struct presence_node *
    bool quorate;
    bool was_quorate;    // ever
    int64_t lost_ms;     // when quorum was lost
    int64_t regained_ms; // when it came back after a real loss, or was first seen
    int64_t listened_ms; // when LRMs were listened to last
};

void presence_init(struct presence *presence, bool classic);
void presence_done(struct presence *presence);
void presence_clear(struct presence *presence);
// NULL: never seen or missed.
struct presence_node *presence_find(const struct presence *presence, const char *node) WARN_UNUSED;
void presence_note(struct presence *presence, const char *node, int64_t at_ms, bool online);
// Takes a round's membership in.
void presence_see(struct presence *presence, const struct crm_input *input,
                  const struct timing *timing);
// Whether the node has not come (back) since quorum was regained, and has time for it until
// *ret_until_ms.
bool presence_is_awaited(const struct presence *presence, const struct crm_input *input,
                         const struct timing *timing, const char *node,
                         int64_t *ret_until_ms) WARN_UNUSED;
// Whether the node is there, and its LRM, which was heard before, has said nothing for so long that
// it must be unable to: it is gone, or cannot read what it is to do (lrm/core/lrm_step.c).
bool presence_is_silent(const struct presence *presence, const struct timing *timing,
                        const char *node, int64_t now_ms) WARN_UNUSED;
// Until when the node gets no new services since it flaps; 0: it may have them.
int64_t presence_held_until_ms(const struct presence *presence, const char *node,
                               int64_t now_ms) WARN_UNUSED;
