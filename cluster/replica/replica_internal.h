// SPDX-License-Identifier: Apache-2.0
// What the parts of the replica share: its state, and who does what.
//
//   replica.c          the inputs, and making effects
//   synchronisation.c  from a configuration to serving: states, decision, promises, adoption
//   decision.c         whose history is adopted
//   transfer.c         sending and receiving it
//   log.c              deliver, acknowledge, commit
//   requests.c         this node's requests, from the call to the answer
//   reading.c          the committed state
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/chronicle.h"
#include "cluster/replica/leases.h"
#include "cluster/replica/message.h"
#include "cluster/replica/replica.h"
#include "cluster/replica/table.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"

struct event;

// Of one call from the shell.
struct turn {
    int64_t now_ms;
    struct arena *arena;
    struct replica_effects *out;
};

// --- the log -------------------------------------------------------------------------------------

struct log_change {
    char *key;
    struct table_row *row; // NULL: deleted
};

// A mutation that was accepted on delivery and is not committed yet.
struct log_entry {
    uint64_t version;
    struct log_change *changes;
    size_t changes_count;
    char *lease; // or what it makes of a lease
    struct lease_record record;
    uint64_t sequence; // this node's request, 0: another's
};

struct log {
    struct table
        delivered; // all that was accepted; what decisions look at, what is persisted and sent
    struct table committed; // what readers see
    struct leases delivered_leases, committed_leases;
    uint64_t last_version; // of what was delivered
    // Ascending by version. Committed plus these gives delivered, unless `replaced`.
    struct log_entry *entries;
    size_t entries_count, entries_capacity;
    bool replaced;     // another history was adopted; it becomes visible as a whole
    struct map graves; // struct table_row: keys deleted after the horizon
};

// --- synchronisation -----------------------------------------------------------------------------

enum session_phase {
    SESSION_NONE,   // no quorum
    SESSION_GATHER, // waiting for states and a decision
    SESSION_JOINED, // a decision binds: waiting for promises and for the history, if it is not ours
    SESSION_ADOPTED, // waiting for a quorum to have it on disk
    SESSION_SERVING,
};

struct assembly {
    uint64_t sequence;
    uint32_t next_part; // 0: nothing is being put together
    struct strbuf bytes;
};

struct member {
    uint32_t id, votes;
    // In the session:
    bool participates;
    uint64_t boot_id;
    bool promised, ready;
    uint64_t acks[STREAM_MAX];
    struct assembly assembly;
};

struct known_state {
    uint32_t sender;
    uint64_t boot_id, ring;
    struct message_state state;
};

struct backlog_message {
    uint32_t sender;
    void *bytes;
    size_t size_bytes;
};

struct transfer {
    bool needed, complete; // receiving
    uint32_t next_part;    // to be received, or to be sent
    uint32_t parts;        // sending; 0: nothing to send
    struct strbuf bytes;
    struct table table; // what was received, read and checked
    struct leases leases;
};

struct session {
    enum session_phase phase;
    int64_t progress_ms; // when something last happened
    bool abandoned;      // another synchronisation was asked for: this one is not carried on here
    // Gathering:
    int64_t gather_since_ms;
    bool decision_sent, waiting_told;
    // From the decision on:
    uint64_t id, epoch;
    struct message_decision decision; // its participants are in `members`
    struct transfer receiving[STREAM_MAX], sending[STREAM_MAX];
    uint64_t counter;                // of versions
    uint64_t persisted_version;      // of this epoch
    uint64_t acked[STREAM_MAX];      // what was multicast
    struct backlog_message *backlog; // for when the history is complete
    size_t backlog_count, backlog_capacity, backlog_bytes;
};

enum batch_kind { BATCH_ENTRIES, BATCH_PROMISE, BATCH_ADOPTION };

struct batch {
    uint64_t number;
    enum batch_kind kind;
    uint64_t session;
    uint64_t last_version;
};

struct request;

struct replica {
    uint32_t self;
    uint64_t boot_id;
    int64_t lease_ms;

    struct log logs[STREAM_MAX];
    struct chronicle chronicle; // of the delivered durable rows
    uint64_t promised;          // the highest epoch promised
    int64_t leases_unknown_ms;  // since when an unheard-of lease must be assumed to be held
    uint64_t version, horizon;  // see replica_version(), replica_horizon()

    bool configured, undecided;
    uint64_t ring_of_group; // as the shell gave it
    uint64_t ring;          // a sum over all of the configuration: what messages carry
    struct member members[REPLICA_MEMBERS_MAX];
    size_t members_count;
    uint32_t quorum_votes, expected_votes;
    uint32_t threshold_votes; // what commits: a quorum that is also a majority of those present

    uint64_t attempt, attempt_delivered; // of the states sent
    int64_t stall_ms;                    // patience, grows with each vain attempt
    struct known_state *states[REPLICA_MEMBERS_MAX];
    struct session session;

    struct map dirty; // durable keys that were changed and are not in a batch yet
    uint64_t batch_number;
    struct batch *batches; // given to the shell and not persisted yet
    size_t batches_count, batches_capacity;

    struct request **requests; // ascending by sequence
    size_t requests_count, requests_capacity, requests_bytes;
    uint64_t sequence;
};

// --- replica.c -----------------------------------------------------------------------------------

struct replica_effect *effect_add(const struct turn *turn,
                                  enum replica_effect_kind kind) WARN_UNUSED;
void effect_add_event(const struct turn *turn, const struct event *event);
// Fills in who sends; for all but states and decisions also session and epoch.
void message_send(struct replica *replica, const struct turn *turn, struct message *message);
// What was changed since the last batch, or all, with epoch and version as they are now.
void batch_write(struct replica *replica, const struct turn *turn, enum batch_kind kind,
                 bool replace_all);
void acks_send(struct replica *replica, const struct turn *turn);
void message_ignored(const struct turn *turn, uint32_t sender, size_t size_bytes,
                     const char *reason);

// --- synchronisation.c ---------------------------------------------------------------------------

struct member *member_find(struct replica *replica, uint32_t id) WARN_UNUSED;
void state_deliver(struct replica *replica, const struct turn *turn, uint32_t sender,
                   const struct message *message);
void decision_deliver(struct replica *replica, const struct turn *turn,
                      const struct message *message, const void *bytes, size_t size_bytes);
void promise_deliver(struct replica *replica, const struct turn *turn, struct member *member);
void ready_deliver(struct replica *replica, const struct turn *turn, struct member *member);
// A history is complete: adopt it if nothing else is missing.
void adoption_try(struct replica *replica, const struct turn *turn);
void synchronisation_tick(struct replica *replica, const struct turn *turn);
void synchronisation_done(struct replica *replica);
// Asks for another synchronisation: what was agreed cannot be carried out here.
void synchronisation_restart(struct replica *replica, const struct turn *turn);

// --- decision.c ----------------------------------------------------------------------------------

// The state that a member sent in this configuration, or NULL.
const struct known_state *decision_find_state(const struct replica *replica,
                                              const struct member *member) WARN_UNUSED;
// Multicasts a decision when it is this member's turn to.
void decision_try(struct replica *replica, const struct turn *turn);

// --- transfer.c ----------------------------------------------------------------------------------

void transfer_begin(struct replica *replica, const struct turn *turn);
void transfer_deliver(struct replica *replica, const struct turn *turn, const struct member *member,
                      const struct message_part *part);
// Puts what was received in the place of what was delivered.
void transfer_adopt(struct replica *replica, const struct turn *turn, enum replica_stream stream);
void transfer_done(struct transfer *transfer);

// --- log.c ---------------------------------------------------------------------------------------

void log_init(struct log *log);
void log_done(struct log *log);
void log_forget_entries(struct log *log);
// Writes one durable row of the replica's own into the delivered rows.
void log_write_own(struct replica *replica, const char *key, const char *value, uint64_t version);
void mutation_deliver(struct replica *replica, const struct turn *turn, uint32_t sender,
                      struct member *member, const struct message_part *part);
void ack_deliver(struct replica *replica, const struct turn *turn, struct member *member,
                 const uint64_t *acks);
// All that is delivered becomes committed.
void log_commit_all(struct replica *replica, const struct turn *turn);

// --- requests.c ----------------------------------------------------------------------------------

// An own message was delivered in its session: accepted (code 0, with version and term), or refused
// because of what stands in `cause` up to now.
void request_accepted(struct replica *replica, uint64_t sequence);
void request_refused(struct replica *replica, uint64_t sequence, int code, const char *reason,
                     enum replica_stream cause);
void request_committed(struct replica *replica, const struct turn *turn, uint64_t sequence,
                       uint64_t version, uint64_t term);
// What was sent and not delivered is queued again. Only when this member's own state, sent after
// it, has been delivered.
void requests_take_back(struct replica *replica);
// Answers the refused ones whose cause is committed.
void requests_answer_refused(struct replica *replica, const struct turn *turn);
// The history of the stream was replaced: what became of delivered requests is not known.
void requests_lose_delivered(struct replica *replica, const struct turn *turn,
                             enum replica_stream stream);
// The session was left out of order: what became of sent requests is not known.
void requests_lose_sent(struct replica *replica, const struct turn *turn);
void requests_refuse_all(struct replica *replica, const struct turn *turn);
void requests_send(struct replica *replica, const struct turn *turn);
void requests_tick(struct replica *replica, const struct turn *turn);
void requests_done(struct replica *replica);
