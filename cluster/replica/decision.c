// SPDX-License-Identifier: Apache-2.0
// Whose history is adopted, and whether enough of those are present who would know a better one.
// Any member may decide; the lowest one that has told its state does it first, and the first
// decision delivered binds all.
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "cluster/replica/replica_internal.h"
#include "common/base/arena.h"
#include "common/model/event.h"

enum {
    DECISION_STEP_MS = 500
}; // how long one waits for the silent, and for the one before it to decide

struct candidates {
    const struct member *members[REPLICA_MEMBERS_MAX];
    const struct known_state *states[REPLICA_MEMBERS_MAX];
    size_t count;
    uint32_t votes;
};

const struct known_state *decision_find_state(const struct replica *replica,
                                              const struct member *member)
{
    for (size_t i = 0; i < REPLICA_MEMBERS_MAX; i++) {
        const struct known_state *known = replica->states[i];
        if (known != NULL && known->sender == member->id && known->ring == replica->ring) {
            return known;
        }
    }
    return NULL;
}

static void candidates_collect(const struct replica *replica, struct candidates *ret)
{
    *ret = (struct candidates){0};
    for (size_t i = 0; i < replica->members_count; i++) {
        const struct member *member = &replica->members[i];
        const struct known_state *known = decision_find_state(replica, member);
        if (known != NULL) {
            ret->members[ret->count] = member;
            ret->states[ret->count++] = known;
            ret->votes += member->votes;
        }
    }
}

// Whether witnesses with so many votes include one of every quorum that may have committed
// something, by the votes of now and by those of the last epoch that `best` knows of.
static bool witnesses_suffice(const struct replica *replica, const struct known_state *best,
                              uint32_t votes)
{
    return replica->expected_votes < votes + replica->quorum_votes &&
           best->state.expected < votes + best->state.quorum;
}

static uint64_t epoch_in(const struct known_state *known, enum replica_stream stream)
{
    return known->state.streams[stream].version >> REPLICA_EPOCH_SHIFT;
}

// Whether so many have exactly what this one has that it includes all that was committed: one of
// those who acknowledged that is among them.
static bool position_is_witnessed(const struct replica *replica,
                                  const struct candidates *candidates, enum replica_stream stream,
                                  const struct known_state *known)
{
    const struct message_position *position = &known->state.streams[stream];
    uint32_t votes = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        const struct message_position *other = &candidates->states[i]->state.streams[stream];
        bool is_same = other->version == position->version && other->digest == position->digest;
        votes += is_same ? candidates->members[i]->votes : 0;
    }
    return witnesses_suffice(replica, known, votes);
}

// The most advanced in a stream; the lowest id of equals. NULL when nobody has anything. Within an
// epoch one that is witnessed goes before a longer one: a member that was cut off may have behind a
// gap what it sent itself, so that its history is longer without having all.
static const struct known_state *candidates_best(const struct replica *replica,
                                                 const struct candidates *candidates,
                                                 enum replica_stream stream)
{
    const struct known_state *best = NULL;
    bool best_is_witnessed = false;
    for (size_t i = 0; i < candidates->count; i++) {
        const struct known_state *known = candidates->states[i];
        uint64_t version = known->state.streams[stream].version;
        bool is_witnessed =
            version > 0 && position_is_witnessed(replica, candidates, stream, known);
        bool is_better = best == NULL || epoch_in(known, stream) > epoch_in(best, stream);
        if (!is_better && epoch_in(known, stream) == epoch_in(best, stream)) {
            bool is_longer = version > best->state.streams[stream].version;
            is_better = is_witnessed == best_is_witnessed ? is_longer : is_witnessed;
        }
        if (version > 0 && is_better) {
            best = known;
            best_is_witnessed = is_witnessed;
        }
    }
    return best;
}

static void waiting_tell(struct replica *replica, const struct turn *turn, const char *blank,
                         const char *reason)
{
    if (replica->session.waiting_told) {
        return;
    }
    replica->session.waiting_told = true;
    struct event *event = event_new(turn->arena, EVENT_LEVEL_ERROR, "store-waiting");
    event_text(turn->arena, event, "blank", blank);
    event_text(turn->arena, event, "reason", reason);
    effect_add_event(turn, event);
}

// A member without a history is no witness: it may be new, and it may have lost its disk and with
// it what it once acknowledged. When all members are there, there is nobody left to wait for.
static bool durable_is_complete(struct replica *replica, const struct turn *turn,
                                const struct candidates *candidates, const struct known_state *best)
{
    struct strbuf blank;
    strbuf_init(&blank);
    uint32_t votes = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        const struct known_state *known = candidates->states[i];
        if (known->state.streams[STREAM_DURABLE].version == 0) {
            strbuf_appendf(&blank, "%s%" PRIu32, blank.size_bytes > 0 ? " " : "", known->sender);
        } else {
            votes += candidates->members[i]->votes;
        }
    }
    bool is_complete = blank.size_bytes == 0 || candidates->votes >= replica->expected_votes ||
                       witnesses_suffice(replica, best, votes);
    if (!is_complete) {
        waiting_tell(replica, turn, strbuf_text(&blank),
                     "members without a store count for nothing here, and the others may not have "
                     "all that was committed: bring back one more member, or remove those that are "
                     "gone");
    }
    strbuf_done(&blank);
    return is_complete;
}

static bool device_suffices(struct replica *replica, const struct turn *turn,
                            const struct candidates *candidates, const struct known_state *best)
{
    bool suffices = exclusive_may_decide(replica, candidates->states, candidates->members,
                                         candidates->count, best);
    if (!suffices) {
        waiting_tell(
            replica, turn, NULL,
            "the quorum device has given its vote, but the missing members may have gone "
            "on without this one meanwhile: bring one back, or say that they did not, with "
            "'ha-cluster expected'");
    }
    return suffices;
}

static bool leases_are_complete(const struct replica *replica, const struct candidates *candidates,
                                const struct known_state *best)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->states[i]->state.streams[STREAM_VOLATILE].version > 0) {
            votes += candidates->members[i]->votes;
        }
    }
    return best != NULL && witnesses_suffice(replica, best, votes);
}

static void decision_choose(struct message_decision *decision, const struct candidates *candidates,
                            enum replica_stream stream, const struct known_state *best)
{
    if (best != NULL) {
        decision->donors[stream] = best->sender;
        decision->streams[stream] = best->state.streams[stream];
    }
    for (size_t i = 0; i < candidates->count; i++) {
        const struct message_position *position = &candidates->states[i]->state.streams[stream];
        if (best != NULL && (position->version != decision->streams[stream].version ||
                             position->digest != decision->streams[stream].digest)) {
            decision->transfer[stream] = true;
        }
    }
}

static void decision_send(struct replica *replica, const struct turn *turn,
                          const struct candidates *candidates, uint8_t format)
{
    const struct known_state *durable = candidates_best(replica, candidates, STREAM_DURABLE);
    const struct known_state *in_memory = candidates_best(replica, candidates, STREAM_VOLATILE);
    if (durable == NULL && replica->forced) {
        waiting_tell(replica, turn, NULL,
                     "no member here has a store, and a new one would override the real one: bring "
                     "back a member that has it, or all");
        return;
    }
    if (durable == NULL) {
        durable = candidates->states[0]; // empty everywhere: a new store, when all say so
    }
    if (!durable_is_complete(replica, turn, candidates, durable) ||
        !device_suffices(replica, turn, candidates, durable)) {
        return;
    }
    struct message message = {.kind = MESSAGE_DECISION, .format = format};
    struct message_decision *decision = &message.decision;
    decision->device = replica->by_device;
    decision->leases_known = leases_are_complete(replica, candidates, in_memory);
    decision_choose(decision, candidates, STREAM_DURABLE, durable);
    decision_choose(decision, candidates, STREAM_VOLATILE, in_memory);
    struct message_participant participants[REPLICA_MEMBERS_MAX];
    for (size_t i = 0; i < candidates->count; i++) {
        const struct known_state *known = candidates->states[i];
        uint64_t epoch = known->state.streams[STREAM_DURABLE].version >> REPLICA_EPOCH_SHIFT;
        epoch = epoch > known->state.promised ? epoch : known->state.promised;
        decision->epoch = epoch >= decision->epoch ? epoch + 1 : decision->epoch;
        participants[i] = (struct message_participant){
            .id = known->sender, .boot_id = known->boot_id, .attempt = known->state.attempt};
    }
    decision->participants = participants;
    decision->participants_count = candidates->count;
    replica->session.decision_sent = true;
    message_send(replica, turn, &message);
}

void mismatch_tell(struct replica *replica, const struct turn *turn, uint32_t node,
                   struct message_formats formats)
{
    for (size_t i = 0; i < replica->mismatches_count; i++) {
        if (replica->mismatches[i] == node) {
            return;
        }
    }
    if (replica->mismatches_count < REPLICA_MEMBERS_MAX) {
        replica->mismatches[replica->mismatches_count++] = node;
    }
    bool is_older = formats.highest < replica->formats.lowest;
    struct event *event = event_new(turn->arena, EVENT_LEVEL_ERROR, "format-mismatch");
    event_int(event, "node_id", node);
    event_text(turn->arena, event, "formats",
               arena_printf(turn->arena, "%u-%u", formats.lowest, formats.highest));
    event_text(
        turn->arena, event, "own_formats",
        arena_printf(turn->arena, "%u-%u", replica->formats.lowest, replica->formats.highest));
    event_text(turn->arena, event, "remedy",
               is_older ? "install a newer version of ha-manager on that node"
                        : "install a newer version of ha-manager on this node");
    effect_add_event(turn, event);
}

static bool speaks(const struct known_state *known, unsigned format)
{
    return format >= known->state.formats.lowest && format <= known->state.formats.highest;
}

// Leaves those who have a format in common, and tells which: the one with the most votes behind it;
// of several with the same members the highest. Of equal ones the lower, whose members were there
// before.
static uint8_t candidates_agree(const struct candidates *all, struct candidates *ret)
{
    uint8_t chosen = 0;
    *ret = (struct candidates){0};
    for (unsigned format = 1; format <= UINT8_MAX; format++) {
        struct candidates agreed = {0};
        for (size_t i = 0; i < all->count; i++) {
            if (speaks(all->states[i], format)) {
                agreed.members[agreed.count] = all->members[i];
                agreed.states[agreed.count++] = all->states[i];
                agreed.votes += all->members[i]->votes;
            }
        }
        bool is_same = agreed.count == ret->count &&
                       memcmp(agreed.members, ret->members, sizeof(agreed.members)) == 0;
        if (agreed.count > 0 && (agreed.votes > ret->votes || is_same)) {
            *ret = agreed;
            chosen = (uint8_t)format;
        }
    }
    return chosen;
}

void decision_try(struct replica *replica, const struct turn *turn)
{
    struct session *session = &replica->session;
    if (session->phase != SESSION_GATHER || session->decision_sent || session->refused) {
        return;
    }
    struct candidates all;
    struct candidates candidates;
    candidates_collect(replica, &all);
    uint8_t format = candidates_agree(&all, &candidates);
    if (exclusive_must_wait(replica, turn->now_ms)) {
        return;
    }
    size_t rank = 0;
    while (rank < candidates.count && candidates.states[rank]->sender != replica->self) {
        rank++;
    }
    if (rank == candidates.count || candidates.votes < replica->threshold_votes) {
        return;
    }
    // All have told: the first decides at once. Else the silent are given some time. Each next one
    // steps in a while later, in case the one before it has stopped.
    bool is_complete = all.count == replica->members_count;
    int64_t wait_ms = DECISION_STEP_MS * ((int64_t)rank + (is_complete ? 0 : 1));
    if (turn->now_ms - session->gather_since_ms >= wait_ms) {
        decision_send(replica, turn, &candidates, format);
    }
}
