// SPDX-License-Identifier: Apache-2.0
// From a configuration to serving. Members tell what they have (STATE); one of them decides whose
// history is adopted (DECISION); a quorum promises, on disk, to take part in no earlier epoch
// (PROMISE); each takes over the history and writes it with the new epoch (READY); with a quorum of
// those the epoch is served. The session is left at points that are the same in the order of
// deliveries for all: a change of the group, or a STATE of one who is not in it.
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica_internal.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/event.h"

enum {
    STALL_MS_MIN = 2000,
    STALL_MS_MAX = 60000,
    UNBROKEN_PAUSE_MAX_MS = 3000, // without quorum, until expected votes are told anew
};

struct member *member_find(struct replica *replica, uint32_t id)
{
    for (size_t i = 0; i < replica->members_count; i++) {
        if (replica->members[i].id == id) {
            return &replica->members[i];
        }
    }
    return NULL;
}

// --- leaving and gathering -----------------------------------------------------------------------

static void session_leave(struct replica *replica)
{
    struct session *session = &replica->session;
    transfers_done(session);
    for (size_t i = 0; i < session->backlog_count; i++) {
        free(session->backlog[i].bytes);
    }
    free(session->backlog);
    for (size_t i = 0; i < replica->members_count; i++) {
        struct member *member = &replica->members[i];
        strbuf_done(&member->assembly.bytes);
        *member = (struct member){.id = member->id, .votes = member->votes};
    }
    *session = (struct session){.phase = SESSION_NONE};
}

// Forgets the states of this configuration: those who sent them have gone on to something else.
static void states_consume(struct replica *replica)
{
    for (size_t i = 0; i < REPLICA_MEMBERS_MAX; i++) {
        if (replica->states[i] != NULL && replica->states[i]->ring == replica->ring) {
            free(replica->states[i]);
            replica->states[i] = NULL;
        }
    }
}

static void state_keep(struct replica *replica, uint32_t sender, const struct message *message)
{
    struct known_state **place = NULL;
    for (size_t i = 0; i < REPLICA_MEMBERS_MAX; i++) {
        struct known_state *known = replica->states[i];
        if (known == NULL || member_find(replica, known->sender) == NULL) {
            place = &replica->states[i];
        } else if (known->sender == sender) {
            place = &replica->states[i];
            break;
        }
    }
    assert(place != NULL); // as many places as members
    free(*place);
    struct known_state *known = alloc_zero(sizeof(*known));
    known->sender = sender;
    known->boot_id = message->boot_id;
    known->ring = message->ring;
    known->state = message->state;
    *place = known;
}

static void state_send(struct replica *replica, const struct turn *turn)
{
    struct message message = {.kind = MESSAGE_STATE};
    struct message_state *state = &message.state;
    state->attempt = ++replica->attempt;
    state->promised = replica->promised;
    const struct chronicle_epoch last = chronicle_last(&replica->chronicle);
    state->formats = replica->formats;
    state->quorum = last.quorum;
    state->expected = last.expected;
    state->device = last.device;
    state->exclusive = replica->exclusive.session;
    state->whole = replica->wants_whole;
    extent_tell(&replica->extent, &state->extent);
    for (size_t i = 0; i < STREAM_MAX; i++) {
        state->streams[i] = log_position(&replica->logs[i]);
    }
    message_send(replica, turn, &message);
}

// Asks for a synchronisation that includes this member, unless it has asked and that is still on
// its way: what it has does not change before that is delivered. Else members that lag behind the
// order would keep each other starting anew.
static void state_send_once(struct replica *replica, const struct turn *turn)
{
    if (replica->attempt_delivered == replica->attempt) {
        state_send(replica, turn);
    }
}

static void gather_begin(struct replica *replica, const struct turn *turn)
{
    session_leave(replica);
    replica->session.phase = SESSION_GATHER;
    replica->session.gather_since_ms = turn->now_ms;
    replica->session.progress_ms = turn->now_ms;
}

void synchronisation_restart(struct replica *replica, const struct turn *turn)
{
    replica->session.abandoned = replica->session.phase > SESSION_GATHER;
    replica->session.progress_ms = turn->now_ms;
    state_send(replica, turn);
}

void synchronisation_done(struct replica *replica)
{
    session_leave(replica);
    for (size_t i = 0; i < REPLICA_MEMBERS_MAX; i++) {
        free(replica->states[i]);
        replica->states[i] = NULL;
    }
}

// --- the configuration ---------------------------------------------------------------------------

static uint64_t configuration_digest(const struct replica_configuration *configuration,
                                     bool quorate)
{
    uint64_t digest = table_digest_add_number(0, configuration->ring);
    digest = table_digest_add_number(digest, configuration->quorum_votes);
    digest = table_digest_add_number(digest, configuration->expected_votes);
    digest = table_digest_add_number(digest, configuration->device_votes);
    digest = table_digest_add_number(digest, quorate ? 2 : configuration->undecided ? 1 : 0);
    for (size_t i = 0; i < configuration->count; i++) {
        digest = table_digest_add_number(digest, configuration->members[i].id);
        digest = table_digest_add_number(digest, configuration->members[i].votes);
    }
    return table_digest_end(digest);
}

static bool configuration_is_same_group(const struct replica *replica,
                                        const struct replica_configuration *configuration)
{
    if (configuration->ring != replica->ring_of_group ||
        configuration->count != replica->members_count) {
        return false;
    }
    for (size_t i = 0; i < configuration->count; i++) {
        if (configuration->members[i].id != replica->members[i].id) {
            return false;
        }
    }
    return true;
}

static void configuration_take(struct replica *replica,
                               const struct replica_configuration *configuration, uint64_t ring)
{
    uint32_t votes = 0;
    replica->members_count = configuration->count;
    for (size_t i = 0; i < configuration->count; i++) {
        const struct replica_member *member = &configuration->members[i];
        assert(i == 0 || member->id > configuration->members[i - 1].id);
        replica->members[i] = (struct member){.id = member->id, .votes = member->votes};
        votes += member->votes;
    }
    replica->mismatches_count = 0;
    replica->refusals = 0;
    replica->configured = true;
    replica->undecided = configuration->undecided;
    replica->ring_of_group = configuration->ring;
    replica->ring = ring;
    replica->quorum_votes = configuration->quorum_votes;
    replica->expected_votes = configuration->expected_votes;
    if (replica->expected_votes == 0 && configuration->quorum_votes > 0) {
        replica->expected_votes = 2 * configuration->quorum_votes - 1;
    }
    // Also a majority of those present: with a quorum of one vote (forced, or two nodes) a member
    // that was cut off and does not know it yet must not commit by itself.
    uint32_t majority = votes / 2 + 1;
    uint32_t quorum = configuration->quorum_votes;
    replica->forced = configuration->forced;
    replica->all_votes = configuration->all_votes > replica->expected_votes
                             ? configuration->all_votes
                             : replica->expected_votes;
    replica->device_votes = configuration->device_votes;
    replica->device_silence_ms = configuration->device_silence_ms;
    replica->device_wait_ms = configuration->device_wait_ms;
    replica->by_device = votes < quorum;
    if (replica->by_device) {
        quorum -= configuration->device_votes < quorum ? configuration->device_votes : quorum;
    }
    replica->threshold_votes = quorum > majority ? quorum : majority;
}

void replica_configure(struct replica *replica, int64_t now_ms,
                       const struct replica_configuration *configuration, struct arena *arena,
                       struct replica_effects *out)
{
    const struct turn turn = {now_ms, arena, out};
    assert(configuration->count <= REPLICA_MEMBERS_MAX);
    uint32_t votes = 0;
    for (size_t i = 0; i < configuration->count; i++) {
        votes += configuration->members[i].votes;
    }
    bool quorate = configuration->quorate && votes > 0 &&
                   (uint64_t)votes + configuration->device_votes >= configuration->quorum_votes;
    exclusive_wake(replica, now_ms);
    uint64_t ring = configuration_digest(configuration, quorate);
    if (replica->configured && ring == replica->ring) {
        return;
    }
    bool is_disorderly = replica->session.phase == SESSION_SERVING &&
                         configuration_is_same_group(replica, configuration);
    if (!configuration_is_same_group(replica, configuration)) {
        extent_close(&replica->extent, configuration->ring == 0);
    }
    if (replica->is_unbroken || replica->session.phase == SESSION_SERVING) {
        replica->unbroken_ms = now_ms;
    }
    replica->is_unbroken = quorate && replica->unbroken_ms > 0 &&
                           now_ms - replica->unbroken_ms < UNBROKEN_PAUSE_MAX_MS;
    session_leave(replica);
    states_consume(replica);
    configuration_take(replica, configuration, ring);
    exclusive_configure(replica, now_ms, quorate);
    assert(member_find(replica, replica->self) != NULL);
    if (is_disorderly) {
        // Others may leave the session a little later than this member and deliver what it will
        // not.
        requests_lose_sent(replica, &turn);
    }
    if (!quorate) {
        if (!configuration->undecided) {
            requests_refuse_all(replica, &turn);
        }
        return;
    }
    gather_begin(replica, &turn);
    state_send(replica, &turn);
}

// --- states and decision -------------------------------------------------------------------------

void state_deliver(struct replica *replica, const struct turn *turn, uint32_t sender,
                   const struct message *message)
{
    struct session *session = &replica->session;
    bool is_here = session->phase != SESSION_NONE && message->ring == replica->ring;
    if (is_here && session->phase >= SESSION_JOINED) {
        // Whoever sends a state is not, or no more, in the session; each member learns it at this
        // point.
        gather_begin(replica, turn);
        states_consume(replica);
        if (sender != replica->self) {
            state_send_once(replica, turn);
        }
    }
    if (sender == replica->self) {
        if (message->boot_id != replica->boot_id || message->state.attempt != replica->attempt) {
            return; // a newer one is on its way
        }
        replica->attempt_delivered = replica->attempt;
    }
    const struct message_formats *formats = &message->state.formats;
    if (is_here && (formats->lowest > replica->formats.highest ||
                    formats->highest < replica->formats.lowest)) {
        mismatch_tell(replica, turn, sender, *formats);
    }
    state_keep(replica, sender, message); // also one that is for a configuration still to come
    if (is_here) {
        decision_try(replica, turn);
    }
}

static bool decision_is_for_us(const struct replica *replica,
                               const struct message_decision *decision)
{
    for (size_t i = 0; i < decision->participants_count; i++) {
        const struct message_participant *participant = &decision->participants[i];
        if (participant->id == replica->self) {
            return participant->boot_id == replica->boot_id &&
                   participant->attempt == replica->attempt;
        }
    }
    return false;
}

static bool position_is_equal(const struct replica *replica, enum replica_stream stream,
                              const struct message_position *position)
{
    const struct message_position ours = log_position(&replica->logs[stream]);
    return position->version == ours.version && position->digest == ours.digest;
}

// Whether it can be carried out; what a sound member sends always can.
static bool decision_is_sound(struct replica *replica, const struct message_decision *decision)
{
    uint32_t votes = 0;
    bool has_donor[STREAM_MAX] = {[STREAM_VOLATILE] = decision->donors[STREAM_VOLATILE] == 0};
    for (size_t i = 0; i < decision->participants_count; i++) {
        uint32_t id = decision->participants[i].id;
        const struct member *member = member_find(replica, id);
        if (member == NULL) {
            return false;
        }
        votes += member->votes;
        for (size_t s = 0; s < STREAM_MAX; s++) {
            has_donor[s] = has_donor[s] || decision->donors[s] == id;
        }
    }
    for (size_t s = 0; s < STREAM_MAX; s++) {
        bool is_ours = decision->donors[s] == replica->self;
        if (!has_donor[s] || (is_ours && !position_is_equal(replica, (enum replica_stream)s,
                                                            &decision->streams[s]))) {
            return false;
        }
    }
    // Who has told that nobody else can have gone on, and cannot tell so any more, must tell that.
    const struct known_state *told =
        decision_find_state(replica, member_find(replica, replica->self));
    bool is_stale = told != NULL && told->state.exclusive != replica->exclusive.session;
    return decision->device == replica->by_device && !(replica->by_device && is_stale) &&
           votes >= replica->threshold_votes && decision->epoch > replica->promised &&
           decision->epoch < UINT64_C(1) << (64 - REPLICA_EPOCH_SHIFT - 1);
}

// The states that the decision looked at; fewer when not all of them are known here.
static size_t decision_states(const struct replica *replica,
                              const struct message_decision *decision,
                              const struct message_state **ret_states)
{
    size_t count = 0;
    for (size_t i = 0; i < decision->participants_count; i++) {
        const struct message_participant *participant = &decision->participants[i];
        for (size_t n = 0; n < REPLICA_MEMBERS_MAX; n++) {
            const struct known_state *known = replica->states[n];
            if (known != NULL && known->sender == participant->id &&
                known->boot_id == participant->boot_id &&
                known->state.attempt == participant->attempt) {
                ret_states[count++] = &known->state;
                break;
            }
        }
    }
    return count;
}

// Whether the donor has taken in all that was delivered here of this member's own: two histories
// that are equal need not be the same, when two members have written the same.
static bool donor_has_ours(struct replica *replica, enum replica_stream stream)
{
    const struct message_decision *decision = &replica->session.decision;
    const struct message_extent *ours = &replica->extent.now;
    const struct member *donor = member_find(replica, decision->donors[stream]);
    if (donor == NULL || donor->id == replica->self) {
        return true;
    }
    const struct known_state *known = decision_find_state(replica, donor);
    uint64_t session = known != NULL ? known->state.extent.session : 0;
    if (ours->session == 0 || (known != NULL && session == 0)) {
        return true; // an older format does not tell
    }
    if (session != ours->session) {
        return false;
    }
    for (size_t i = 0; i < ours->members_count; i++) {
        if (ours->members[i].id == replica->self) {
            return known->state.extent.members[i].delivered >= ours->members[i].delivered;
        }
    }
    return true;
}

static void decision_accept(struct replica *replica, const struct turn *turn,
                            const struct message *message, uint64_t id)
{
    const struct message_decision *decision = &message->decision;
    struct session *session = &replica->session;
    session->phase = SESSION_JOINED;
    session->progress_ms = turn->now_ms;
    session->id = id;
    session->format = message->format;
    session->epoch = decision->epoch;
    session->threshold_votes = replica->threshold_votes;
    session->decision = *decision;
    session->decision.participants = NULL;
    for (size_t i = 0; i < decision->participants_count; i++) {
        struct member *member = member_find(replica, decision->participants[i].id);
        member->participates = true;
        member->boot_id = decision->participants[i].boot_id;
    }
    for (size_t s = 0; s < STREAM_MAX; s++) {
        enum replica_stream stream = (enum replica_stream)s;
        session->receiving[s].needed =
            decision->donors[s] != 0 && !position_is_equal(replica, stream, &decision->streams[s]);
        if (!donor_has_ours(replica, stream)) {
            requests_lose_delivered(replica, turn, stream);
        }
    }
    requests_take_back(replica);
    replica->promised = decision->epoch;
    batch_write(replica, turn, BATCH_PROMISE);
    const struct message_state *states[REPLICA_MEMBERS_MAX];
    transfer_begin(replica, turn, states, decision_states(replica, decision, states));
}

void decision_deliver(struct replica *replica, const struct turn *turn,
                      const struct message *message, const void *bytes, size_t size_bytes)
{
    // Of several decisions the first one delivered binds all.
    if (replica->session.phase != SESSION_GATHER || message->ring != replica->ring) {
        return;
    }
    const struct message_decision *decision = &message->decision;
    if (decision_is_for_us(replica, decision) && decision_is_sound(replica, decision)) {
        decision_accept(replica, turn, message,
                        table_digest_end(table_digest_add(0, bytes, size_bytes)));
        states_consume(replica);
    } else {
        states_consume(replica);
        // The others are about to go on without this member; a new state brings it in.
        gather_begin(replica, turn);
        state_send_once(replica, turn);
    }
}

void decision_refuse(struct replica *replica, const struct turn *turn, const struct message *header,
                     uint32_t sender)
{
    if (replica->session.phase == SESSION_GATHER && header->ring == replica->ring) {
        states_consume(replica);
        gather_begin(replica, turn);
        // The decision may have been made before this member's state was heard, once by each of the
        // others: it asks again, but not for ever.
        bool was_heard = replica->attempt_delivered == replica->attempt;
        replica->refusals += was_heard ? 1 : 0;
        if (replica->refusals <= replica->members_count) {
            state_send_once(replica, turn);
            return;
        }
        replica->session.refused = true;
        mismatch_tell(replica, turn, sender,
                      (struct message_formats){header->format, header->format});
    }
}

// --- promises, adoption, serving -----------------------------------------------------------------

static uint32_t votes_count(const struct replica *replica, bool ready)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < replica->members_count; i++) {
        const struct member *member = &replica->members[i];
        votes += (ready ? member->ready : member->promised) ? member->votes : 0;
    }
    return votes;
}

static void serving_begin(struct replica *replica, const struct turn *turn)
{
    struct session *session = &replica->session;
    session->phase = SESSION_SERVING;
    replica->stall_ms = STALL_MS_MIN;
    replica->wants_whole = false;
    struct event *event = event_new(turn->arena, EVENT_LEVEL_NOTICE, "store-serving");
    event_int(event, "epoch", (int64_t)session->epoch);
    event_int(event, "votes", votes_count(replica, true));
    event_int(event, "members", (int64_t)replica->members_count);
    event_text(turn->arena, event, "leases", session->decision.leases_known ? "known" : "unknown");
    event_text(turn->arena, event, "device", session->decision.device ? "counts" : NULL);
    effect_add_event(turn, event);
    exclusive_serve(replica, turn);
    log_commit_all(replica, turn);
    requests_answer_refused(replica, turn);
    requests_send(replica, turn);
}

static void serving_try(struct replica *replica, const struct turn *turn)
{
    // The adopted history is on the disks of a quorum: no later epoch can be without it (INV-7).
    if (replica->session.phase == SESSION_ADOPTED && !replica->session.abandoned &&
        votes_count(replica, true) >= replica->session.threshold_votes) {
        serving_begin(replica, turn);
    }
}

static uint32_t participants_votes(const struct replica *replica)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < replica->members_count; i++) {
        votes += replica->members[i].participates ? replica->members[i].votes : 0;
    }
    return votes;
}

static void extent_adopt(struct replica *replica)
{
    uint32_t ids[REPLICA_MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < replica->members_count; i++) {
        if (replica->members[i].participates) {
            ids[count++] = replica->members[i].id;
        }
    }
    extent_begin(&replica->extent, replica->session.id, ids, count);
}

// The epoch's first change is that it began: from here on this history is ahead of all that had no
// part in it.
static void durable_adopt(struct replica *replica, const struct turn *turn)
{
    struct session *session = &replica->session;
    struct log *log = &replica->logs[STREAM_DURABLE];
    if (session->receiving[STREAM_DURABLE].needed) {
        adoption_take(replica, turn, STREAM_DURABLE);
    }
    uint64_t version = session->epoch << REPLICA_EPOCH_SHIFT;
    const struct chronicle_epoch begun = {
        .epoch = session->epoch,
        .session = session->id,
        .quorum = session->threshold_votes,
        .expected =
            session->decision.device ? participants_votes(replica) : replica->expected_votes,
        .device = session->decision.device,
        .unsure = session->decision.unsure,
    };
    chronicle_begin(&replica->chronicle, &begun, log->last_version);
    log_write_own(replica, REPLICA_KEY_CHRONICLE,
                  chronicle_format(&replica->chronicle, turn->arena), version);
    extent_adopt(replica);
    batch_write(replica, turn, BATCH_ADOPTION);
}

static void volatile_adopt(struct replica *replica, const struct turn *turn)
{
    struct session *session = &replica->session;
    struct log *log = &replica->logs[STREAM_VOLATILE];
    bool is_new = session->receiving[STREAM_VOLATILE].needed;
    if (is_new) {
        adoption_take(replica, turn, STREAM_VOLATILE);
    }
    if (!session->decision.leases_known) {
        // A grant that nobody here remembers may be in force. No renewal can be committed any more
        // in an earlier epoch, since a quorum has promised not to take part: a lease time from now
        // all of them have ended (INV-2).
        leases_clear(&log->delivered_leases);
        log_forget_entries(log);
        log->replaced = true;
        requests_lose_delivered(replica, turn, STREAM_VOLATILE);
        struct message_position position = log_position(log);
        recent_reset(&log->recent, &position);
    }
    if ((is_new || !session->decision.leases_known) && !planted_is(PLANTED_LEASES_FORGOTTEN)) {
        replica->leases_unknown_ms = turn->now_ms;
    }
    log_move(log, session->epoch << REPLICA_EPOCH_SHIFT);
}

void adoption_try(struct replica *replica, const struct turn *turn)
{
    struct session *session = &replica->session;
    if (session->phase != SESSION_JOINED || session->abandoned ||
        votes_count(replica, false) < replica->session.threshold_votes) {
        return;
    }
    for (size_t i = 0; i < STREAM_MAX; i++) {
        if (session->receiving[i].needed && !session->receiving[i].complete) {
            return;
        }
    }
    if (adoption_waits(replica, turn)) {
        return;
    }
    durable_adopt(replica, turn);
    volatile_adopt(replica, turn);
    session->phase = SESSION_ADOPTED;
    serving_try(replica, turn);
}

void promise_deliver(struct replica *replica, const struct turn *turn, struct member *member)
{
    member->promised = true;
    adoption_try(replica, turn);
}

void ready_deliver(struct replica *replica, const struct turn *turn, struct member *member)
{
    member->ready = true;
    serving_try(replica, turn);
}

// --- time ----------------------------------------------------------------------------------------

static void stall_tell(struct replica *replica, const struct turn *turn)
{
    struct strbuf missing;
    strbuf_init(&missing);
    for (size_t i = 0; i < replica->members_count; i++) {
        const struct member *member = &replica->members[i];
        bool has_answered = replica->session.phase == SESSION_GATHER
                                ? decision_find_state(replica, member) != NULL
                                : member->ready;
        if (!has_answered) {
            strbuf_appendf(&missing, "%s%" PRIu32, missing.size_bytes > 0 ? " " : "", member->id);
        }
    }
    if (missing.size_bytes > 0) {
        struct event *event = event_new(turn->arena, EVENT_LEVEL_WARNING, "store-waiting");
        event_text(turn->arena, event, "missing", strbuf_text(&missing));
        event_text(turn->arena, event, "reason", "members do not answer");
        effect_add_event(turn, event);
    }
    strbuf_done(&missing);
}

void synchronisation_tick(struct replica *replica, const struct turn *turn)
{
    struct session *session = &replica->session;
    if (session->phase == SESSION_NONE || session->phase == SESSION_SERVING) {
        return;
    }
    if (session->phase == SESSION_GATHER) {
        decision_try(replica, turn);
    }
    if (session->phase == SESSION_JOINED && session->aside_retry_ms > 0) {
        adoption_try(replica, turn); // the disk could not take what is set aside
    }
    if (session->refused || session->aside_asked || turn->now_ms < session->aside_retry_ms) {
        return; // nothing that another synchronisation would change
    }
    bool is_blocked = replica->by_device && session->waiting_told;
    if (exclusive_must_wait(replica, turn->now_ms) || is_blocked) {
        session->progress_ms = turn->now_ms;
    }
    bool disk_is_busy = replica->batches_count > 0;
    if (!disk_is_busy && turn->now_ms - session->progress_ms >= replica->stall_ms) {
        // Someone who was counted on has gone silent. Patience grows, so that a slow one is not
        // overrun for ever.
        stall_tell(replica, turn);
        replica->stall_ms =
            2 * replica->stall_ms < STALL_MS_MAX ? 2 * replica->stall_ms : STALL_MS_MAX;
        synchronisation_restart(replica, turn);
    }
}
