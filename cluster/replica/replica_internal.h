// SPDX-License-Identifier: Apache-2.0
// What the parts of the replica share: its state, and who does what.
//
//   replica.c          the inputs, and making effects
//   synchronisation.c  from a configuration to serving: states, decision, promises, adoption
//   decision.c         whose history is adopted
//   transfer.c         sending and receiving it
//   adoption.c         putting it in the place of one's own
//   log.c              deliver, acknowledge, commit
//   extent.c           how far a history goes into its session
//   exclusive.c        whether a quorum device may stand in for those who are missing
//   recent.c           the last changes, for those who missed only those
//   requests.c         this node's requests, from the call to the answer
//   reading.c          the committed state
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/chronicle.h"
#include "cluster/replica/extent.h"
#include "cluster/replica/leases.h"
#include "cluster/replica/message.h"
#include "cluster/replica/recent.h"
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
    size_t size_bytes;
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
    size_t entries_bytes; // what they take, about
    struct recent recent; // of what was delivered
    bool replaced;        // another history was adopted; it becomes visible as a whole
    struct map graves;    // struct table_row: keys deleted after the horizon
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

// A history as it is sent: the last changes, or all rows (and leases) as they were when the session
// began. Rows become bytes only as they go.
struct sending {
    bool recent;
    uint32_t next_part, parts; // parts 0: nothing to send
    struct table table;
    struct leases leases;
    size_t next_row;
    bool are_leases_in;
    struct strbuf bytes; // what was made and not sent
};

// A history as it comes in. Rows are made of bytes as they come; those that this replica has anyway
// are shared.
struct receiving {
    bool needed, complete;
    bool is_continuation; // of what this replica has: nothing of that is lost
    uint32_t next_part;
    bool is_count_read;
    size_t rows_left;
    struct strbuf bytes; // of a row that is not whole yet
    struct table table;
    struct leases leases;
    uint32_t next_recent; // part of the recent changes
    struct strbuf recent;
};

struct session {
    enum session_phase phase;
    int64_t progress_ms; // when something last happened
    bool abandoned;      // another synchronisation was asked for: this one is not carried on here
    // Gathering:
    int64_t gather_since_ms;
    bool decision_sent, waiting_told;
    bool refused; // the others go on in a format that is not spoken here
    // From the decision on:
    uint64_t id, epoch;
    uint8_t format;                   // of its messages
    struct message_decision decision; // its participants are in `members`
    struct receiving receiving[STREAM_MAX];
    struct sending sending[STREAM_MAX][2]; // recent changes, and all rows
    uint32_t threshold_votes;              // what commits in it
    bool aside_asked, aside_done;          // what is overridden is set aside before it is adopted
    uint64_t counter;                      // of versions
    uint64_t persisted_version;            // of this epoch
    uint64_t acked[STREAM_MAX];            // what was multicast
    struct backlog_message *backlog;       // for when the history is complete
    size_t backlog_count, backlog_capacity, backlog_bytes;
    uint64_t own_sent, own_delivered; // messages of this session
    size_t window_bytes;              // of own requests, sent and not delivered
    int64_t aside_retry_ms;
};

// Since when nobody else can have had the quorum.
struct exclusive {
    uint64_t session;      // served last, without a break since; 0: there was one
    uint64_t candidate;    // it will be that one, once the ring is proved to be whole
    int64_t awake_ms;      // of the last input
    int64_t proved_ms;     // when the ring was whole, at least
    int64_t pulse_sent_ms; // own message under way that will prove it; 0: none
    uint64_t pulse_number;
};

enum batch_kind { BATCH_ENTRIES, BATCH_PROMISE, BATCH_ADOPTION };

struct batch {
    uint64_t number;
    enum batch_kind kind;
    uint64_t session;
    uint64_t last_version;
    // What its effect points to: shared, so that no row is copied.
    struct log_change *changes;
    size_t changes_count;
    size_t size_bytes;
};

struct request;

struct replica {
    uint32_t self;
    uint64_t boot_id;
    int64_t lease_ms;
    struct message_formats formats;

    struct log logs[STREAM_MAX];
    struct chronicle chronicle; // of the delivered durable rows
    struct extent extent;       // of what was delivered
    uint64_t promised;          // the highest epoch promised
    int64_t leases_unknown_ms;  // since when an unheard-of lease must be assumed to be held
    uint64_t version, horizon;  // see replica_version(), replica_horizon()

    bool configured, undecided;
    uint64_t ring_of_group; // as the shell gave it
    uint64_t ring;          // a sum over all of the configuration: what messages carry
    struct member members[REPLICA_MEMBERS_MAX];
    size_t members_count;
    uint32_t quorum_votes, expected_votes;
    bool forced;
    uint32_t all_votes; // of the configured nodes, also those that nobody expects
    // Since it served last it was not without quorum for longer than a change of the configuration
    // takes: nobody was asked to force it anew.
    bool is_unbroken;
    int64_t unbroken_ms; // when that was so last; 0: never
    uint32_t device_votes;
    int64_t device_silence_ms, device_wait_ms, configured_ms;
    bool by_device; // the members alone are no quorum
    struct exclusive exclusive;
    uint32_t threshold_votes; // what commits: a quorum that is also a majority of those present

    uint32_t mismatches[REPLICA_MEMBERS_MAX]; // members about whose formats it was told
    size_t mismatches_count;
    size_t refusals; // in this configuration

    uint64_t attempt, attempt_delivered; // of the states sent
    int64_t stall_ms;                    // patience, grows with each vain attempt
    struct known_state *states[REPLICA_MEMBERS_MAX];
    struct session session;

    bool wants_whole; // recent changes did not help: all rows, please

    struct map dirty; // durable keys that were changed and are not in a batch yet
    bool dirty_all;   // too many to tell: all rows
    uint64_t batch_number;
    struct batch *batches; // given to the shell and not persisted yet
    size_t batches_count, batches_capacity, batches_bytes;

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
// A durable key is to be in the next batch.
void dirty_note(struct replica *replica, const char *key);
// What was changed since the last batch, with epoch and version as they are now.
void batch_write(struct replica *replica, const struct turn *turn, enum batch_kind kind);
// Delivers what was kept for when the history is complete, once it is.
void backlog_try(struct replica *replica, const struct turn *turn);
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
// A decision in a format that is not spoken here: the others go on, this member cannot.
void decision_refuse(struct replica *replica, const struct turn *turn, const struct message *header,
                     uint32_t sender);
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
// Tells once that a member and this one have no format in common.
void mismatch_tell(struct replica *replica, const struct turn *turn, uint32_t node,
                   struct message_formats formats);
// Multicasts a decision when it is this member's turn to.
void decision_try(struct replica *replica, const struct turn *turn);

// --- transfer.c ----------------------------------------------------------------------------------

// As donor, to the participants that had these states.
void transfer_begin(struct replica *replica, const struct turn *turn,
                    const struct message_state *const *participants, size_t count);
void transfer_deliver(struct replica *replica, const struct turn *turn, const struct member *member,
                      const struct message_part *part);
void transfers_done(struct session *session);

// --- exclusive.c ---------------------------------------------------------------------------------

// At each input; when serving begins; for each own message of the session that is delivered; as
// time passes; with each configuration, before it is taken.
void exclusive_wake(struct replica *replica, int64_t now_ms);
void exclusive_serve(struct replica *replica, const struct turn *turn);
void exclusive_heard_self(struct replica *replica);
void exclusive_tick(struct replica *replica, const struct turn *turn);
void exclusive_configure(struct replica *replica, int64_t now_ms, bool quorate);
// Whether these candidates may go on, if a device makes up for the missing.
bool exclusive_may_decide(const struct replica *replica, const struct known_state *const *states,
                          const struct member *const *members, size_t count,
                          const struct known_state *best) WARN_UNUSED;
bool exclusive_must_wait(const struct replica *replica, int64_t now_ms) WARN_UNUSED;

// --- adoption.c ----------------------------------------------------------------------------------

// Whether rows that may have been confirmed must be set aside first; asks the shell to.
bool adoption_waits(struct replica *replica, const struct turn *turn);
// Puts what was received in the place of what was delivered.
void adoption_take(struct replica *replica, const struct turn *turn, enum replica_stream stream);

// --- log.c ---------------------------------------------------------------------------------------

void log_init(struct log *log);
void log_done(struct log *log);
void log_forget_entries(struct log *log);
// Up to where it goes, and a sum over what it has.
struct message_position log_position(const struct log *log) WARN_UNUSED;
// The last version moves on without a change.
void log_move(struct log *log, uint64_t version);
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
// Refused for want of room: there is nothing to see in the state.
void request_refused_now(struct replica *replica, const struct turn *turn, uint64_t sequence,
                         int code, const char *reason);
// A part of an own request has come back from the ring.
void request_part_delivered(struct replica *replica, size_t size_bytes);
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
