// SPDX-License-Identifier: Apache-2.0
// Whose history is adopted, and whether enough of those are present who would know a better one.
// Any member may decide; the lowest one that has told its state does it first, and the first
// decision delivered binds all.
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "cluster/replica/replica_internal.h"
#include "common/base/arena.h"
#include "common/base/planted.h"
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

static uint64_t epoch_in(const struct known_state *known, enum replica_stream stream)
{
    return known->state.streams[stream].version >> REPLICA_EPOCH_SHIFT;
}

// Whether witnesses with so many votes include one of every quorum that may have committed
// something, by the votes of now and by those of the last epoch that `best` knows of.
static bool witnesses_suffice(const struct replica *replica, const struct known_state *best,
                              uint32_t votes)
{
    return replica->expected_votes < votes + replica->quorum_votes &&
           best->state.expected < votes + best->state.quorum;
}

// Likewise by all votes that there are, where an operator says that fewer are expected: then two
// quorums need not have a member in common, now or before.
static bool force_leaves_witnesses(const struct replica *replica,
                                   const struct candidates *candidates,
                                   const struct known_state *best, enum replica_stream stream)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        bool is_blank = candidates->states[i]->state.streams[stream].version == 0;
        votes += is_blank ? 0 : candidates->members[i]->votes;
    }
    return !replica->forced || replica->all_votes < votes + best->state.quorum;
}

// Whether `other` may have acknowledged something of the sender (by its place among the members of
// the session) that `known`, of the highest epoch there is, lacks. A member of an earlier epoch has
// acknowledged nothing in this one. Extents of one session tell exactly; without them (an older
// format; two sessions of one epoch, by force) the longer history is taken to have more.
static bool history_lacks(const struct known_state *known, const struct known_state *other,
                          enum replica_stream stream, size_t sender)
{
    const struct message_position *has = &known->state.streams[stream];
    const struct message_position *told = &other->state.streams[stream];
    const struct message_extent *extent = &known->state.extent;
    const struct message_extent *others = &other->state.extent;
    bool is_equal = has->version == told->version && has->digest == told->digest;
    if (is_equal || epoch_in(other, stream) < epoch_in(known, stream)) {
        return false;
    }
    if (extent->session == 0 || extent->session != others->session) {
        return told->version > has->version;
    }
    return others->members[sender].acknowledged > extent->members[sender].delivered;
}

// Whether a member took part in the session in which this history was last changed. Without an
// extent any may have.
static bool took_part(const struct known_state *known, uint32_t id)
{
    const struct message_extent *extent = &known->state.extent;
    bool is_found = extent->session == 0;
    for (size_t i = 0; i < extent->members_count && !is_found; i++) {
        is_found = extent->members[i].id == id;
    }
    return is_found;
}

// The votes of those who took part in it and are not here.
static uint32_t votes_absent(const struct candidates *candidates, const struct known_state *known)
{
    const struct message_extent *extent = &known->state.extent;
    uint32_t votes = 0;
    size_t count = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        if (took_part(known, candidates->states[i]->sender)) {
            votes += candidates->members[i]->votes;
            count++;
        }
    }
    bool are_all_here = extent->session != 0 && count == extent->members_count;
    return are_all_here || known->state.expected < votes ? 0 : known->state.expected - votes;
}

// Whether this history has all that was committed in its epoch. What it lacks came first from some
// member; it was committed only if members with the threshold acknowledged it: of those who are
// here those who may have more of that member than this history, or do not know any more, and all
// who are absent.
static bool history_has_all(const struct candidates *candidates, enum replica_stream stream,
                            const struct known_state *known)
{
    const struct message_extent *extent = &known->state.extent;
    size_t senders = extent->session != 0 ? extent->members_count : 1;
    uint32_t absent = votes_absent(candidates, known);
    for (size_t sender = 0; sender < senders; sender++) {
        uint32_t votes = absent;
        bool is_lacking = false;
        for (size_t i = 0; i < candidates->count; i++) {
            const struct known_state *other = candidates->states[i];
            bool lacks = history_lacks(known, other, stream, sender);
            bool is_blank = other->state.streams[stream].version == 0;
            if (lacks || (is_blank && took_part(known, other->sender))) {
                votes += candidates->members[i]->votes;
            }
            is_lacking = is_lacking || lacks;
        }
        if (is_lacking && votes >= known->state.quorum) {
            return false;
        }
    }
    return true;
}

static uint64_t epoch_highest(const struct candidates *candidates, enum replica_stream stream)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        uint64_t epoch = epoch_in(candidates->states[i], stream);
        highest = epoch > highest ? epoch : highest;
    }
    return highest;
}

// The history to be adopted: of those of the highest epoch that have all that was committed the
// longest one, the lowest id of equals. When that cannot be told of any, the longest. NULL when
// nobody has anything.
static const struct known_state *candidates_best(const struct candidates *candidates,
                                                 enum replica_stream stream, bool *ret_has_all)
{
    const struct known_state *best = NULL;
    uint64_t epoch = epoch_highest(candidates, stream);
    *ret_has_all = false;
    for (size_t i = 0; i < candidates->count; i++) {
        const struct known_state *known = candidates->states[i];
        uint64_t version = known->state.streams[stream].version;
        if (version == 0 || epoch_in(known, stream) < epoch) {
            continue;
        }
        bool has_all = history_has_all(candidates, stream, known);
        bool is_longer = best == NULL || version > best->state.streams[stream].version;
        if (planted_is(PLANTED_SHORT_HISTORY)) {
            has_all = true;
            is_longer = !is_longer;
        }
        if (has_all == *ret_has_all ? is_longer : has_all) {
            best = known;
            *ret_has_all = has_all;
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
// it what it once acknowledged.
static bool blanks_are_outvoted(const struct replica *replica, const struct candidates *candidates,
                                const struct known_state *best, struct strbuf *blank)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        const struct known_state *known = candidates->states[i];
        if (known->state.streams[STREAM_DURABLE].version == 0) {
            strbuf_appendf(blank, "%s%" PRIu32, blank->size_bytes > 0 ? " " : "", known->sender);
        } else {
            votes += candidates->members[i]->votes;
        }
    }
    return blank->size_bytes == 0 || witnesses_suffice(replica, best, votes);
}

// Whether those who are here know all that was committed. If they may not, they wait for more; when
// all members are there, there is nobody left to wait for.
static bool durable_is_complete(struct replica *replica, const struct turn *turn,
                                const struct candidates *candidates, const struct known_state *best,
                                bool has_all, bool *ret_unsure)
{
    struct strbuf blank;
    strbuf_init(&blank);
    bool are_outvoted = blanks_are_outvoted(replica, candidates, best, &blank);
    bool is_complete = (are_outvoted && has_all) || candidates->votes >= replica->expected_votes;
    *ret_unsure = !(are_outvoted && has_all) ||
                  !force_leaves_witnesses(replica, candidates, best, STREAM_DURABLE);
    if (!is_complete && !are_outvoted) {
        waiting_tell(replica, turn, strbuf_text(&blank),
                     "members without a store count for nothing here, and the others may not have "
                     "all that was committed: bring back one more member, or remove those that are "
                     "gone");
    } else if (!is_complete) {
        // They were cut off and lost power before they could note what they had not acknowledged.
        waiting_tell(replica, turn, NULL,
                     "the members here have different ends of one history, and which of them was "
                     "committed only one more member can tell: bring one back, or say that none "
                     "will come, with 'ha-cluster expected'");
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

// Whether those who are here are exactly those of one last session, remember it, have promised
// nothing since, and were not without quorum: then they know of grants what they knew in it,
// however few they are. Once the quorum was lost, others may have had it, and lost it again.
static bool session_goes_on(const struct replica *replica, const struct candidates *candidates)
{
    const struct message_extent *first = &candidates->states[0]->state.extent;
    bool goes_on =
        replica->is_unbroken && first->session != 0 && first->members_count == candidates->count;
    for (size_t i = 0; i < candidates->count && goes_on; i++) {
        const struct known_state *known = candidates->states[i];
        goes_on = known->state.extent.session == first->session &&
                  known->sender == first->members[i].id &&
                  epoch_in(known, STREAM_VOLATILE) == known->state.promised;
    }
    return goes_on;
}

// With a quorum device fewer members than otherwise may have granted leases in an epoch that began
// later: then those who remember an earlier one are no witnesses.
static bool leases_are_complete(const struct replica *replica, const struct candidates *candidates,
                                const struct known_state *best, const struct known_state *durable)
{
    uint32_t votes = 0;
    bool has_device = replica->device_silence_ms > 0 || durable->state.device;
    if (best == NULL ||
        (has_device && epoch_in(best, STREAM_VOLATILE) < epoch_in(durable, STREAM_DURABLE))) {
        return false;
    }
    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->states[i]->state.streams[STREAM_VOLATILE].version > 0) {
            votes += candidates->members[i]->votes;
        }
    }
    return witnesses_suffice(replica, best, votes) &&
           (force_leaves_witnesses(replica, candidates, best, STREAM_VOLATILE) ||
            session_goes_on(replica, candidates));
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
    bool has_all = false;
    bool leases_have_all = false;
    const struct known_state *durable = candidates_best(candidates, STREAM_DURABLE, &has_all);
    const struct known_state *in_memory =
        candidates_best(candidates, STREAM_VOLATILE, &leases_have_all);
    if (durable == NULL && replica->forced) {
        waiting_tell(replica, turn, NULL,
                     "no member here has a store, and a new one would override the real one: bring "
                     "back a member that has it, or all");
        return;
    }
    bool is_new = durable == NULL;
    bool unsure = false;
    if (is_new) {
        durable = candidates->states[0]; // empty everywhere: a new store, when all say so
    }
    if (!durable_is_complete(replica, turn, candidates, durable, has_all || is_new, &unsure) ||
        !device_suffices(replica, turn, candidates, durable)) {
        return;
    }
    struct message message = {.kind = MESSAGE_DECISION, .format = format};
    struct message_decision *decision = &message.decision;
    decision->device = replica->by_device;
    decision->unsure = unsure && !is_new && format >= MESSAGE_FORMAT_EXTENT;
    decision->leases_known =
        leases_have_all && leases_are_complete(replica, candidates, in_memory, durable);
    decision_choose(decision, candidates, STREAM_DURABLE, durable);
    decision_choose(decision, candidates, STREAM_VOLATILE, in_memory);
    struct message_participant participants[REPLICA_MEMBERS_MAX];
    for (size_t i = 0; i < candidates->count; i++) {
        const struct known_state *known = candidates->states[i];
        uint64_t epoch = known->state.streams[STREAM_DURABLE].version >> REPLICA_EPOCH_SHIFT;
        if (!planted_is(PLANTED_PROMISE_IGNORED)) {
            epoch = epoch > known->state.promised ? epoch : known->state.promised;
        }
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
