// SPDX-License-Identifier: Apache-2.0
// The form of messages: header and one body for each kind.
#include "cluster/replica/message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cluster/replica/wire.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"

enum {
    MESSAGE_MAGIC = 0x52414848, // "HHAR"
    FLAG_LEASES_KNOWN = 1,
    FLAG_TRANSFER = 2, // shifted by the stream
    FLAG_DEVICE = 8,
    FLAG_UNSURE = 16,
    FLAGS_FORMAT_1 = 15,
    FLAGS_ALL = 31,
    FLAG_STATE_DEVICE = 1,
    FLAG_STATE_WHOLE = 2,
    FLAGS_STATE_ALL = 3,
    FORMAT_OF_STATE = 1, // for ever
    EXTENSION_MAX = 4096,
};

static void positions_format(const struct message_position *positions, struct strbuf *out)
{
    for (size_t i = 0; i < STREAM_MAX; i++) {
        wire_put_u64(out, positions[i].version);
        wire_put_u64(out, positions[i].digest);
    }
}

static void positions_parse(struct wire_reader *reader, struct message_position *ret_positions)
{
    for (size_t i = 0; i < STREAM_MAX; i++) {
        ret_positions[i].version = wire_get_u64(reader);
        ret_positions[i].digest = wire_get_u64(reader);
    }
}

static void extent_put(const struct message_extent *extent, struct strbuf *out)
{
    wire_put_u64(out, extent->session);
    wire_put_u16(out, (uint16_t)extent->members_count);
    for (size_t i = 0; i < extent->members_count; i++) {
        wire_put_u32(out, extent->members[i].id);
        wire_put_u64(out, extent->members[i].delivered);
        wire_put_u64(out, extent->members[i].acknowledged);
    }
}

static void extent_get(struct wire_reader *reader, struct message_extent *ret)
{
    ret->session = wire_get_u64(reader);
    ret->members_count = wire_get_u16(reader);
    if (ret->members_count > REPLICA_MEMBERS_MAX) {
        reader->failed = true;
        return;
    }
    for (size_t i = 0; i < ret->members_count; i++) {
        struct message_reach *reach = &ret->members[i];
        reach->id = wire_get_u32(reader);
        reach->delivered = wire_get_u64(reader);
        reach->acknowledged = wire_get_u64(reader);
        if (reach->acknowledged > reach->delivered || (i > 0 && reach->id <= reach[-1].id)) {
            reader->failed = true;
        }
    }
}

// What a later format has to add goes into the extension, behind what the formats before it have
// added, so that those can still read it.
static void state_format(const struct message_state *state, struct strbuf *out)
{
    unsigned flags = (state->device ? (unsigned)FLAG_STATE_DEVICE : 0U) |
                     (state->whole ? (unsigned)FLAG_STATE_WHOLE : 0U);
    wire_put_u8(out, state->formats.lowest);
    wire_put_u8(out, state->formats.highest);
    wire_put_u8(out, (uint8_t)flags);
    wire_put_u64(out, state->attempt);
    wire_put_u64(out, state->promised);
    wire_put_u32(out, state->quorum);
    wire_put_u32(out, state->expected);
    wire_put_u64(out, state->exclusive);
    positions_format(state->streams, out);
    struct strbuf extension = {0};
    if (state->formats.highest >= MESSAGE_FORMAT_EXTENT) {
        extent_put(&state->extent, &extension);
    }
    strbuf_append_bytes(&extension, state->extension_bytes > 0 ? state->extension : "",
                        state->extension_bytes);
    wire_put_bytes(out, strbuf_text(&extension), extension.size_bytes);
    strbuf_done(&extension);
}

static void state_parse(struct wire_reader *reader, struct message_state *ret)
{
    ret->formats.lowest = wire_get_u8(reader);
    ret->formats.highest = wire_get_u8(reader);
    unsigned flags = wire_get_u8(reader);
    ret->device = (flags & FLAG_STATE_DEVICE) != 0;
    ret->whole = (flags & FLAG_STATE_WHOLE) != 0;
    ret->attempt = wire_get_u64(reader);
    ret->promised = wire_get_u64(reader);
    ret->quorum = wire_get_u32(reader);
    ret->expected = wire_get_u32(reader);
    ret->exclusive = wire_get_u64(reader);
    positions_parse(reader, ret->streams);
    size_t size_bytes = 0;
    const void *bytes = wire_get_bytes(reader, &size_bytes);
    struct wire_reader extension = wire_reader_of(bytes, size_bytes);
    if (ret->formats.highest >= MESSAGE_FORMAT_EXTENT) {
        extent_get(&extension, &ret->extent);
    }
    ret->extension = extension.at;
    ret->extension_bytes = extension.left_bytes;
    if (extension.failed || size_bytes > EXTENSION_MAX || ret->formats.lowest == 0 ||
        ret->formats.lowest > ret->formats.highest || (flags & ~(unsigned)FLAGS_STATE_ALL) != 0) {
        reader->failed = true;
    }
}

static void decision_format(const struct message_decision *decision, struct strbuf *out)
{
    unsigned flags = decision->leases_known ? FLAG_LEASES_KNOWN : 0U;
    flags |= decision->device ? (unsigned)FLAG_DEVICE : 0U;
    flags |= decision->unsure ? (unsigned)FLAG_UNSURE : 0U;
    for (size_t i = 0; i < STREAM_MAX; i++) {
        flags |= decision->transfer[i] ? (unsigned)FLAG_TRANSFER << i : 0U;
    }
    assert(decision->participants_count <= REPLICA_MEMBERS_MAX);
    wire_put_u64(out, decision->epoch);
    wire_put_u8(out, (uint8_t)flags);
    for (size_t i = 0; i < STREAM_MAX; i++) {
        wire_put_u32(out, decision->donors[i]);
    }
    positions_format(decision->streams, out);
    wire_put_u16(out, (uint16_t)decision->participants_count);
    for (size_t i = 0; i < decision->participants_count; i++) {
        wire_put_u32(out, decision->participants[i].id);
        wire_put_u64(out, decision->participants[i].boot_id);
        wire_put_u64(out, decision->participants[i].attempt);
    }
}

static void participants_parse(struct wire_reader *reader, struct arena *arena,
                               struct message_decision *ret)
{
    ret->participants_count = wire_get_u16(reader);
    if (ret->participants_count > REPLICA_MEMBERS_MAX) {
        reader->failed = true;
        return;
    }
    struct message_participant *participants =
        arena_array_of(arena, struct message_participant, ret->participants_count);
    for (size_t i = 0; i < ret->participants_count; i++) {
        participants[i].id = wire_get_u32(reader);
        participants[i].boot_id = wire_get_u64(reader);
        participants[i].attempt = wire_get_u64(reader);
        if (i > 0 && participants[i].id <= participants[i - 1].id) {
            reader->failed = true;
        }
    }
    ret->participants = participants;
}

static void decision_parse(struct wire_reader *reader, struct arena *arena, uint8_t format,
                           struct message_decision *ret)
{
    unsigned allowed = format < MESSAGE_FORMAT_EXTENT ? FLAGS_FORMAT_1 : FLAGS_ALL;
    ret->epoch = wire_get_u64(reader);
    unsigned flags = wire_get_u8(reader);
    if ((flags & ~allowed) != 0) {
        reader->failed = true;
    }
    ret->leases_known = (flags & FLAG_LEASES_KNOWN) != 0;
    ret->device = (flags & FLAG_DEVICE) != 0;
    ret->unsure = (flags & FLAG_UNSURE) != 0;
    for (size_t i = 0; i < STREAM_MAX; i++) {
        ret->transfer[i] = (flags & ((unsigned)FLAG_TRANSFER << i)) != 0;
        ret->donors[i] = wire_get_u32(reader);
    }
    positions_parse(reader, ret->streams);
    participants_parse(reader, arena, ret);
}

static void part_format(const struct message *message, struct strbuf *out)
{
    const struct message_part *part = &message->part;
    assert(part->size_bytes <= MESSAGE_PART_MAX);
    if (message->kind == MESSAGE_SNAPSHOT) {
        wire_put_u8(out, (uint8_t)part->stream);
        wire_put_u8(out, part->recent ? 1 : 0);
    } else {
        wire_put_u64(out, part->sequence);
    }
    wire_put_u32(out, part->part);
    wire_put_u32(out, part->parts);
    wire_put_bytes(out, part->bytes, part->size_bytes);
}

static void part_parse(struct wire_reader *reader, enum message_kind kind, struct message_part *ret)
{
    if (kind == MESSAGE_SNAPSHOT) {
        uint8_t stream = wire_get_u8(reader);
        uint8_t recent = wire_get_u8(reader);
        reader->failed = reader->failed || stream >= STREAM_MAX || recent > 1;
        ret->recent = recent == 1;
        ret->stream = stream == STREAM_VOLATILE ? STREAM_VOLATILE : STREAM_DURABLE;
    } else {
        ret->sequence = wire_get_u64(reader);
    }
    ret->part = wire_get_u32(reader);
    ret->parts = wire_get_u32(reader);
    ret->bytes = wire_get_bytes(reader, &ret->size_bytes);
    if (ret->part >= ret->parts || ret->parts > MESSAGE_PARTS_MAX ||
        ret->size_bytes > MESSAGE_PART_MAX) {
        reader->failed = true;
    }
}

void message_format(const struct message *message, struct arena *arena, const void **ret_bytes,
                    size_t *ret_size_bytes)
{
    struct strbuf out;
    strbuf_init(&out);
    wire_put_u32(&out, MESSAGE_MAGIC);
    wire_put_u8(&out, message->kind == MESSAGE_STATE ? FORMAT_OF_STATE : message->format);
    wire_put_u8(&out, (uint8_t)message->kind);
    wire_put_u16(&out, 0);
    wire_put_u64(&out, message->boot_id);
    wire_put_u64(&out, message->ring);
    wire_put_u64(&out, message->epoch);
    switch (message->kind) {
    case MESSAGE_STATE:
        state_format(&message->state, &out);
        break;
    case MESSAGE_DECISION:
        decision_format(&message->decision, &out);
        break;
    case MESSAGE_PROMISE:
    case MESSAGE_READY:
        break;
    case MESSAGE_SNAPSHOT:
    case MESSAGE_MUTATION:
        part_format(message, &out);
        break;
    case MESSAGE_ACK:
        for (size_t i = 0; i < STREAM_MAX; i++) {
            wire_put_u64(&out, message->acks[i]);
        }
        break;
    case MESSAGE_KIND_MAX:
        assert(message->kind != MESSAGE_KIND_MAX);
        break;
    }
    assert(out.size_bytes <= REPLICA_MESSAGE_MAX);
    *ret_bytes = arena_memdup(arena, out.text, out.size_bytes);
    *ret_size_bytes = out.size_bytes;
    strbuf_done(&out);
}

static void body_parse(struct wire_reader *reader, struct arena *arena, struct message *ret)
{
    switch (ret->kind) {
    case MESSAGE_STATE:
        state_parse(reader, &ret->state);
        break;
    case MESSAGE_DECISION:
        decision_parse(reader, arena, ret->format, &ret->decision);
        break;
    case MESSAGE_PROMISE:
    case MESSAGE_READY:
        break;
    case MESSAGE_SNAPSHOT:
    case MESSAGE_MUTATION:
        part_parse(reader, ret->kind, &ret->part);
        break;
    case MESSAGE_ACK:
        for (size_t i = 0; i < STREAM_MAX; i++) {
            ret->acks[i] = wire_get_u64(reader);
        }
        break;
    case MESSAGE_KIND_MAX:
        reader->failed = true;
        break;
    }
}

static int header_parse(struct wire_reader *reader, uint8_t *ret_kind, struct message *ret)
{
    uint32_t magic = wire_get_u32(reader);
    ret->format = wire_get_u8(reader);
    *ret_kind = wire_get_u8(reader);
    uint16_t reserved = wire_get_u16(reader);
    ret->boot_id = wire_get_u64(reader);
    ret->ring = wire_get_u64(reader);
    ret->epoch = wire_get_u64(reader);
    bool is_good = !reader->failed && magic == MESSAGE_MAGIC && reserved == 0 && ret->format != 0 &&
                   *ret_kind != 0;
    return is_good ? 0 : -EBADMSG;
}

int message_parse_header(const void *bytes, size_t size_bytes, struct message *ret)
{
    struct wire_reader reader = wire_reader_of(bytes, size_bytes);
    struct message message = {0};
    uint8_t kind = 0;
    int rc = header_parse(&reader, &kind, &message);
    if (rc == 0) {
        message.kind = (enum message_kind)kind;
        *ret = message;
    }
    return rc;
}

int message_parse(const void *bytes, size_t size_bytes, const struct message_formats *formats,
                  struct arena *arena, struct message *ret)
{
    static const struct message_formats spoken = {MESSAGE_FORMAT_LOWEST, MESSAGE_FORMAT_HIGHEST};
    const struct message_formats *known = formats != NULL ? formats : &spoken;
    struct wire_reader reader = wire_reader_of(bytes, size_bytes);
    struct message message = {0};
    uint8_t kind = 0;
    int rc = header_parse(&reader, &kind, &message);
    if (rc < 0) {
        return rc;
    }
    bool is_spoken = kind == MESSAGE_STATE
                         ? message.format == FORMAT_OF_STATE
                         : message.format >= known->lowest && message.format <= known->highest;
    if (!is_spoken) {
        return -EPROTONOSUPPORT;
    }
    if (kind >= MESSAGE_KIND_MAX) {
        return -EBADMSG;
    }
    message.kind = (enum message_kind)kind;
    body_parse(&reader, arena, &message);
    if (!wire_is_complete(&reader)) {
        return -EBADMSG;
    }
    *ret = message;
    return 0;
}
