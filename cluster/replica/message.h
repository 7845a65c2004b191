// SPDX-License-Identifier: Apache-2.0
// What replicas multicast to each other (docs/store.md, "Messages"). Here are form and bounds only;
// what a message means and whether it is believed is decided by who delivers it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/replica.h"
#include "common/base/macros.h"

struct arena;

enum message_kind {
    MESSAGE_STATE = 1, // what I have; asks for a synchronisation that includes it
    MESSAGE_DECISION,  // whose history is adopted, by whom, in which epoch
    MESSAGE_PROMISE,   // the epoch is on my disk: I take part in no earlier one any more
    MESSAGE_SNAPSHOT,  // a part of a history
    MESSAGE_READY,     // the history and the epoch are on my disk
    MESSAGE_MUTATION,  // a part of a transaction or lease request
    MESSAGE_ACK,       // what I have persisted and delivered
    MESSAGE_KIND_MAX
};

// Durable and volatile changes are two streams of one order; each is acknowledged and committed on
// its own.
enum replica_stream { STREAM_DURABLE, STREAM_VOLATILE, STREAM_MAX };

enum {
    // The forms that this version of the program speaks. All members of a session use one, which
    // the decision names. Header and STATE have the same form in all of them.
    // 2: states tell extents, by which the history to be adopted is chosen.
    MESSAGE_FORMAT_LOWEST = 1,
    MESSAGE_FORMAT_HIGHEST = 2,
    MESSAGE_FORMAT_EXTENT = 2,                                      // who speaks it tells them
    MESSAGE_PART_MAX = REPLICA_MESSAGE_MAX - 128,                   // bytes of a part
    MESSAGE_PARTS_MAX = 2 * (REPLICA_STORE_MAX / MESSAGE_PART_MAX), // a snapshot has some overhead
};

// How far a stream of a member goes, and a sum over its content.
struct message_position {
    uint64_t version; // of the last delivered change; 0: no history on the disk, or in the memory
    uint64_t digest;
};

// How many messages of a session's member a history has taken in, and how many of these had been
// when its owner may have acknowledged something last.
struct message_reach {
    uint32_t id;
    uint64_t delivered, acknowledged;
};

// How far a history goes into the session in which it was last changed (extent.h).
struct message_extent {
    uint64_t session;                                  // 0: not known
    struct message_reach members[REPLICA_MEMBERS_MAX]; // ascending by id
    size_t members_count;
};

struct message_formats {
    uint8_t lowest, highest;
};

struct message_state {
    struct message_formats formats; // that its sender speaks
    bool device;                    // its last epoch counted on a quorum device
    bool whole;                     // it wants no catching up by recent changes
    uint64_t attempt;               // counts the states that this process has sent
    uint64_t promised;              // the highest epoch it has promised
    uint32_t quorum, expected;      // votes, as they were in the last epoch it adopted
    // The session that it served last, if nobody else can have had the quorum since; else 0.
    uint64_t exclusive;
    struct message_position streams[STREAM_MAX];
    struct message_extent extent; // from MESSAGE_FORMAT_EXTENT on
    const void *extension;        // what later formats add; kept, not understood
    size_t extension_bytes;
};

struct message_participant {
    uint32_t id;
    uint64_t boot_id;
    uint64_t attempt; // the state that was looked at
};

struct message_decision {
    uint64_t epoch;
    bool leases_known; // false: grants may have been lost with the memory of their witnesses
    bool device;       // a quorum device's votes count in place of members that are missing
    // It could not be told whether the durable history has all that was confirmed: who gives up
    // another one sets it aside. From MESSAGE_FORMAT_EXTENT on.
    bool unsure;
    uint32_t donors[STREAM_MAX]; // whose history is adopted; volatile: 0 when nobody has one
    bool transfer[STREAM_MAX];   // someone needs it
    struct message_position streams[STREAM_MAX];    // the donors'
    const struct message_participant *participants; // ascending by id
    size_t participants_count;
};

struct message_part {
    enum replica_stream stream; // snapshot
    bool recent;                // snapshot: the last changes only
    uint64_t sequence;          // mutation: the sender's number of the request
    uint32_t part, parts;       // 0 … parts − 1
    const void *bytes;
    size_t size_bytes;
};

struct message {
    enum message_kind kind;
    uint8_t format;   // STATE: not looked at
    uint64_t boot_id; // of the sender
    uint64_t ring;    // states and decisions: the configuration; all others: the session
    uint64_t epoch;
    struct message_state state;
    struct message_decision decision;
    struct message_part part;  // snapshot, mutation
    uint64_t acks[STREAM_MAX]; // up to and including
};

// In the arena. A well-formed message is never longer than REPLICA_MESSAGE_MAX.
void message_format(const struct message *message, struct arena *arena, const void **ret_bytes,
                    size_t *ret_size_bytes);
// 0; -EPROTONOSUPPORT: not one of these formats (NULL: of those that the program speaks); -EBADMSG.
// Texts and lists are in the arena, the bytes of a part point into `bytes`. A message that is read
// has exactly one form: formatting it gives the same bytes.
int message_parse(const void *bytes, size_t size_bytes, const struct message_formats *formats,
                  struct arena *arena, struct message *ret) WARN_UNUSED;
// Only kind, format, boot_id, ring and epoch: they stand in the same places in all formats, and the
// kind may be one that is not known here. -EBADMSG.
int message_parse_header(const void *bytes, size_t size_bytes, struct message *ret) WARN_UNUSED;
