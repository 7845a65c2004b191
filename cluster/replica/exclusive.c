// SPDX-License-Identifier: Apache-2.0
// Whether a quorum device's votes may stand in for members that are missing. A device remembers
// nothing, so they count only where nobody else can have gone on meanwhile: at a member that has
// had the quorum, provably and without a break, since it served together with those who are missing
// now. docs/store.md, "A quorum device", has the argument and the times.
#include <assert.h>
#include <inttypes.h>

#include "cluster/replica/replica_internal.h"
#include "common/base/arena.h"
#include "common/model/event.h"

enum {
    PULSE_MS = 250,
    GAPS_IN_SILENCE = 3, // a process that stood still for a third of the silence has missed things
};

static void exclusive_lose(struct replica *replica)
{
    replica->exclusive.session = 0;
    replica->exclusive.candidate = 0;
}

// A message of our own came back at `sent_ms` or later: then the ring turned, with all that were on
// it.
static void ring_proved(struct replica *replica, int64_t sent_ms)
{
    struct exclusive *exclusive = &replica->exclusive;
    if (exclusive->session == 0) {
        exclusive->session = exclusive->candidate;
    } else if (sent_ms - exclusive->proved_ms > replica->device_silence_ms) {
        exclusive_lose(replica);
    }
    exclusive->proved_ms = sent_ms;
}

void exclusive_wake(struct replica *replica, int64_t now_ms)
{
    struct exclusive *exclusive = &replica->exclusive;
    if (now_ms - exclusive->awake_ms > replica->device_silence_ms / GAPS_IN_SILENCE) {
        exclusive_lose(replica);
    }
    exclusive->awake_ms = now_ms;
}

void exclusive_serve(struct replica *replica, const struct turn *turn)
{
    struct exclusive *exclusive = &replica->exclusive;
    *exclusive = (struct exclusive){
        .candidate = replica->device_votes > 0 ? replica->session.id : 0,
        .awake_ms = turn->now_ms,
    };
}

void exclusive_heard_self(struct replica *replica)
{
    struct exclusive *exclusive = &replica->exclusive;
    replica->session.own_delivered++;
    if (replica->session.phase == SESSION_SERVING && exclusive->pulse_sent_ms > 0 &&
        replica->session.own_delivered >= exclusive->pulse_number) {
        ring_proved(replica, exclusive->pulse_sent_ms);
        exclusive->pulse_sent_ms = 0;
    }
}

void exclusive_tick(struct replica *replica, const struct turn *turn)
{
    struct exclusive *exclusive = &replica->exclusive;
    bool is_due = replica->session.phase == SESSION_SERVING && exclusive->candidate != 0 &&
                  exclusive->pulse_sent_ms == 0 && turn->now_ms - exclusive->proved_ms >= PULSE_MS;
    if (!is_due) {
        return;
    }
    struct message message = {.kind = MESSAGE_ACK}; // once more: it changes nothing
    for (size_t i = 0; i < STREAM_MAX; i++) {
        message.acks[i] = replica->session.acked[i];
    }
    message_send(replica, turn, &message);
    exclusive->pulse_sent_ms = turn->now_ms;
    exclusive->pulse_number = replica->session.own_sent;
}

void exclusive_configure(struct replica *replica, int64_t now_ms, bool quorate)
{
    bool is_lost = !quorate && !replica->undecided;
    bool is_late = now_ms - replica->exclusive.proved_ms > replica->device_silence_ms;
    if (is_lost || is_late || replica->device_silence_ms == 0) {
        exclusive_lose(replica);
    }
    replica->configured_ms = now_ms;
}

// What was committed last was so by `quorum` of `expected` votes: whether candidates with so many
// know all of it.
static bool know_all(const struct known_state *best, uint32_t votes)
{
    return (uint64_t)votes + best->state.quorum > best->state.expected;
}

static uint64_t epoch_of(const struct known_state *known)
{
    return known->state.streams[STREAM_DURABLE].version >> REPLICA_EPOCH_SHIFT;
}

bool exclusive_may_decide(const struct replica *replica, const struct known_state *const *states,
                          const struct member *const *members, size_t count,
                          const struct known_state *best)
{
    uint32_t votes = 0;
    bool has_witness = best->state.device; // nobody but those who had the device can have gone on
    if (!replica->by_device) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (epoch_of(states[i]) == epoch_of(best)) {
            votes += members[i]->votes;
            has_witness = has_witness || states[i]->state.exclusive != 0;
        }
    }
    return has_witness && know_all(best, votes);
}

bool exclusive_must_wait(const struct replica *replica, int64_t now_ms)
{
    return replica->by_device && now_ms - replica->configured_ms < replica->device_wait_ms;
}
