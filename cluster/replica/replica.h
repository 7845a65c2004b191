// SPDX-License-Identifier: Apache-2.0
// The replicated store as a pure state machine: no clock, file or socket. The shell around it
// (cluster/main.c) feeds it what Corosync delivers, what the disk has persisted and what clients
// ask, and carries out the effects it returns. How it works, and why it is right: docs/store.md.
//
// Delivery order within one configuration is the same on all its members (CPG, virtual synchrony).
// Whether a mutation is accepted (versions, leases, terms) is decided on delivery, against
// everything delivered before it, so all decide alike. Its effects become visible, are answered and
// notified when it is *committed*: members with a quorum of votes have acknowledged it; for durable
// mutations an acknowledgement says "persisted".
//
// Durable and volatile mutations are acknowledged apart, so that leases never wait for a disk. One
// transaction touches keys of one class only.
//
// Each quorate configuration is an *epoch*. It begins with a synchronisation: members exchange what
// they have, the most advanced history is adopted, and persisted, before mutations are accepted.
// Every message carries the session and the epoch it was sent in; a mutation of another one is
// dropped by all, which makes the late messages of a paused node harmless. Its sender knows that
// too and sends it again.
//
// A version is epoch << REPLICA_EPOCH_SHIFT | counter: it grows for ever, over restarts too. A
// lease's term is the version of its grant.
//
// What the shell owes the replica: deliveries and configurations in the order in which the group
// has them (see replica_configure); multicasts and batches in the order of the effects;
// replica_flush() after each turn of its loop that gave the replica anything; replica_tick() at
// least every 250 ms.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct replica;

enum {
    REPLICA_EPOCH_SHIFT = 40,
    REPLICA_MESSAGE_MAX = 256 * 1024, // of one multicast; larger things are sent in chunks
    REPLICA_MEMBERS_MAX = 64,
    REPLICA_TXN_MAX = 16 * 1024 * 1024, // of one transaction, keys and values together; else -E2BIG
    REPLICA_STORE_MAX = 256 * 1024 * 1024, // of all durable or all volatile rows, likewise
    // Of changes accepted and not acknowledged by enough members: more are refused with -EAGAIN.
    REPLICA_UNCOMMITTED_MAX = 64 * 1024 * 1024,
    REPLICA_WAITING_MAX = 4096, // requests without answer; more are refused: -EAGAIN, leases -EBUSY
};

// A durable row of the replica's own: its last epochs and the votes last in force. Read like any
// other, written by no client.
#define REPLICA_KEY_CHRONICLE "replica/chronicle"
// A row that stands beside the durable ones on each member's own disk, in each batch: how far they
// go into the order of their session (docs/store.md, "Which history"). Not read, not sent.
#define REPLICA_KEY_EXTENT "replica/extent"

struct replica_op {
    const char *key;
    const char *value; // NULL: delete
    size_t size_bytes;
    uint64_t expect; // STORE_ANY, STORE_ABSENT or a version (common/port/store.h)
};

enum replica_request_kind {
    REPLICA_REQUEST_TXN,
    // Free, released, or held by the owner already (then as renew). Of a lease about which nothing
    // is known it is refused until the lease time has passed, except for a node's own agent lease:
    // see replica_find_lease().
    REPLICA_REQUEST_LEASE_ACQUIRE,
    REPLICA_REQUEST_LEASE_RENEW,   // refused unless owner and term match
    REPLICA_REQUEST_LEASE_RELEASE, // likewise
    // Refused unless the lease still has the version seen (0: nothing is known of it); then granted
    // to `owner`. No clock is looked at: the caller answers for the lease time having passed, or
    // for not needing it to.
    REPLICA_REQUEST_LEASE_BREAK,
    REPLICA_REQUEST_MAX
};

struct replica_request {
    enum replica_request_kind kind;
    // Lease guard of a transaction (lease NULL: none), or the lease that is meant.
    const char *lease;
    const char *owner;
    uint64_t term;
    uint64_t version; // break: as in struct replica_lease
    // Transaction. Each expectation looks at the state before it; of several writes of one key the
    // last one counts.
    const struct replica_op *ops;
    size_t ops_count;
};

struct replica_answer {
    int code; // 0; -EAGAIN version mismatch; -EPERM lease or term; -EBUSY lease is held; -EHOSTDOWN
              // no quorum; -ETIMEDOUT the configuration changed under it, the outcome is not known;
              // -EINVAL; -E2BIG; with each but -ETIMEDOUT it certainly has not taken effect and
              // never will
    uint64_t version;   // of the transaction or of the lease's last grant or renewal
    uint64_t term;      // lease requests
    const char *reason; // words when code is not 0
};

// What the shell must do, in order.
enum replica_effect_kind {
    REPLICA_EFFECT_MULTICAST, // bytes
    // Rows, in one disk transaction; then replica_persisted(batch). Some batches may be under way
    // at once, not many; what changes meanwhile is in the next one.
    REPLICA_EFFECT_PERSIST,
    REPLICA_EFFECT_ANSWER,    // request_id, answer
    REPLICA_EFFECT_NOTIFY,    // committed changes, in order; before the answer of who made them
    REPLICA_EFFECT_EVENT,     // event
    REPLICA_EFFECT_SET_ASIDE, // rows, epoch, last_version, aside: then replica_was_set_aside()
    REPLICA_EFFECT_MAX
};

struct replica_row {
    const char *key;
    const char *value; // NULL: deleted
    size_t size_bytes;
    uint64_t version;
};

struct event;

struct replica_effect {
    enum replica_effect_kind kind;
    const void *bytes;
    size_t size_bytes;
    uint64_t batch;                 // PERSIST
    bool replace_all;               // PERSIST: forget all rows first
    uint64_t epoch, last_version;   // PERSIST: to be stored with the rows
    const struct replica_row *rows; // PERSIST, NOTIFY
    size_t rows_count;
    uint64_t request_id;
    struct replica_answer answer;
    const struct event *event;
    struct event *aside; // SET_ASIDE: to be told, with the file's name added
};

// Effects and all they point to live in the arena that was given to the call, but for the rows of
// PERSIST, which live until the batch is told to be persisted, and those of SET_ASIDE, which live
// until the next input.
struct replica_effects {
    struct replica_effect *effects;
    size_t count;
    size_t capacity;
};

struct replica_member {
    uint32_t id; // Corosync node id
    uint32_t votes;
};

struct replica_configuration {
    // The ring of Corosync it stands on; equal on all its members. 0: the connection to the group
    // is lost, and what others still deliver of what this member has sent is not known.
    uint64_t ring;
    const struct replica_member *members; // ascending by id, self included
    size_t count;
    bool quorate;
    // With quorate false: the quorum of this ring is not known yet; what waits goes on waiting.
    bool undecided;
    // Votes that make a quorum; with quorate the members' votes and the device's are at least this.
    uint32_t quorum_votes;
    // An operator's word: fewer votes are expected than the configured nodes have. Then members
    // without a store begin no new one: somewhere there may be one that theirs would override.
    bool forced;
    // That the configured nodes have, expected or not; 0: as many as are expected.
    uint32_t all_votes;
    // What a quorum device adds to the members' votes now; 0: there is none, or it is with others.
    // It counts where the members alone are no quorum, and only if nobody else can have gone on
    // (docs/store.md, "A quorum device"): silence is what may pass between the last proof that the
    // former ring was whole and the word that this one has the quorum; wait is how long the quorum
    // must last before it is used.
    uint32_t device_votes;
    int64_t device_silence_ms, device_wait_ms;
    // Votes that all nodes together have, present or not, as expected at present (forced ones too),
    // but without those of a quorum device; 0: not known, 2 * quorum_votes - 1 is assumed.
    uint32_t expected_votes;
};

// `boot_id` differs for each start of the process. The lease time is how long a lease must have
// been silent, on this replica's clock, before it may be broken here.
struct replica *replica_new(uint32_t self, uint64_t boot_id, int64_t lease_ms) WARN_UNUSED;
void replica_free(struct replica *replica);

// Before the first input, for tests of rolling upgrades: this process speaks these formats, all of
// which have the form of the present one.
void replica_speak(struct replica *replica, uint8_t lowest_format, uint8_t highest_format);

// Before the first input: what the disk has. Rows in any order.
void replica_load(struct replica *replica, uint64_t epoch, uint64_t last_version,
                  const struct replica_row *rows, size_t rows_count);

// The inputs. `now_ms` is a clock that never goes back and counts suspended time.

// Members are those whose daemon is in the group, with their nodes' votes. A change of members must
// be told where it stands in the order of deliveries, before any message that came after it; as
// undecided when the quorum of the new ring is not known yet. Quorum and votes may change at any
// time later. Telling the same again does nothing. When the connection to the group is lost: this
// node alone on ring 0, not quorate.
void replica_configure(struct replica *replica, int64_t now_ms,
                       const struct replica_configuration *configuration, struct arena *arena,
                       struct replica_effects *out);
// A message from a member (self included), in delivery order. Malformed bytes are ignored, with an
// event. The changes it brings are acknowledged and persisted with replica_flush().
void replica_deliver(struct replica *replica, int64_t now_ms, uint32_t sender, const void *bytes,
                     size_t size_bytes, struct arena *arena, struct replica_effects *out);
// The shell has carried out a PERSIST effect durably. Batches are persisted in order; telling the
// last is enough.
void replica_persisted(struct replica *replica, int64_t now_ms, uint64_t batch, struct arena *arena,
                       struct replica_effects *out);
// The shell has carried out a SET_ASIDE effect: the rows are on the disk, in a file of their own.
// Or it cannot now: then it is asked again later, and until then this member does not go on.
void replica_was_set_aside(struct replica *replica, int64_t now_ms, bool is_kept,
                           struct arena *arena, struct replica_effects *out);
// Each request is answered exactly once by an ANSWER effect with its id, in this call or later.
void replica_request(struct replica *replica, int64_t now_ms, uint64_t request_id,
                     const struct replica_request *request, struct arena *arena,
                     struct replica_effects *out);
// The end of one turn: what was delivered in it is acknowledged (volatile) and persisted (durable)
// as one batch.
void replica_flush(struct replica *replica, int64_t now_ms, struct arena *arena,
                   struct replica_effects *out);
// Time passes: members that do not answer are left behind, requests without outcome are answered
// after 30 s.
void replica_tick(struct replica *replica, int64_t now_ms, struct arena *arena,
                  struct replica_effects *out);

// Reading: the committed state.
enum replica_mode {
    REPLICA_MODE_NO_QUORUM, // reads are stale, mutations are refused at once
    REPLICA_MODE_SYNCING,   // mutations wait
    REPLICA_MODE_SERVING,
    REPLICA_MODE_MAX
};
enum replica_mode replica_mode(const struct replica *replica) WARN_UNUSED;
// Whose acknowledgements commit: so many votes of members.
uint32_t replica_threshold_votes(const struct replica *replica) WARN_UNUSED;
uint64_t replica_epoch(const struct replica *replica) WARN_UNUSED;
// All changes up to this version are committed, and some later ones may be (durable and volatile
// ones commit apart). This is what a reader gives as `since` next time.
uint64_t replica_version(const struct replica *replica) WARN_UNUSED;
// Deleted rows are remembered back to this version. A reader whose `since` is smaller must read
// all, with since 0: it may hold rows that do not exist any more, or never did in the history that
// was adopted.
uint64_t replica_horizon(const struct replica *replica) WARN_UNUSED;
// Rows below the prefix whose version is greater than `since`, ascending by key; with since > 0
// deleted ones too. They live until the next input.
void replica_read(const struct replica *replica, const char *prefix, uint64_t since,
                  struct arena *arena, const struct replica_row **ret_rows, size_t *ret_count);

struct replica_lease {
    const char *name;
    const char *owner; // NULL: released
    uint64_t term;
    uint64_t version;        // of the last grant or renewal: what a break must name
    int64_t silent_ms;       // since this replica delivered that, on its own clock
    int64_t breakable_in_ms; // 0: now
};
// False when nothing is known of the lease. Then, after a start of the whole cluster, someone
// outside may still hold it: breakable_in_ms says how long until it may be taken (docs/store.md),
// else it is 0. Its own node may take an agent lease at once all the same; one whose holder's acts
// are all guarded by its term may be taken with a break of version 0. The name is the caller's, the
// owner lives until the next input.
bool replica_find_lease(const struct replica *replica, int64_t now_ms, const char *name,
                        struct replica_lease *ret);
// A sum over the committed durable rows, kept up to date: equal on all nodes at the same point of
// the order.
uint64_t replica_checksum(const struct replica *replica) WARN_UNUSED;
// SHA-256 over the committed rows, keys, values and versions, for comparing replicas; hex, in the
// arena.
char *replica_digest(const struct replica *replica, bool durable_only,
                     struct arena *arena) WARN_UNUSED;
