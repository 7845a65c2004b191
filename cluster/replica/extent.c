// SPDX-License-Identifier: Apache-2.0
// Counting what a history has taken in, and proving up to where it has no gap. On the disk it is
// the text "SESSION ID DELIVERED ACKNOWLEDGED …".
#include "cluster/replica/extent.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"

void extent_begin(struct extent *extent, uint64_t session, const uint32_t *ids, size_t count)
{
    *extent = (struct extent){.now = {.session = session, .members_count = count}};
    for (size_t i = 0; i < count; i++) {
        extent->now.members[i].id = ids[i];
    }
}

void extent_add(struct extent *extent, uint32_t id)
{
    for (size_t i = 0; i < extent->now.members_count; i++) {
        extent->now.members[i].delivered += extent->now.members[i].id == id ? 1 : 0;
    }
}

void extent_ack_sent(struct extent *extent)
{
    struct extent_waiting *waiting = &extent->waiting[EXTENT_WAITING_MAX - 1];
    extent->acks_sent++;
    if (extent->waiting_count < EXTENT_WAITING_MAX) {
        waiting = &extent->waiting[extent->waiting_count++];
        waiting->number = extent->acks_sent;
    }
    // Without room the last one stands for this one, too: then more is taken to have been
    // acknowledged than was, which is safe.
    for (size_t i = 0; i < extent->now.members_count; i++) {
        waiting->delivered[i] = extent->now.members[i].delivered;
    }
}

// An own message that was sent when so much had been taken in has come back in its turn: then
// nothing was missing in between. It may have been delivered to others as well; one that has not
// come back when the ring is gone was delivered to nobody.
void extent_ack_returned(struct extent *extent)
{
    extent->acks_returned++;
    if (extent->is_closed || extent->waiting_count == 0 ||
        extent->waiting[0].number > extent->acks_returned) {
        return;
    }
    for (size_t i = 0; i < extent->now.members_count; i++) {
        extent->now.members[i].acknowledged = extent->waiting[0].delivered[i];
    }
    extent->waiting_count--;
    memmove(&extent->waiting[0], &extent->waiting[1],
            extent->waiting_count * sizeof(extent->waiting[0]));
}

void extent_close(struct extent *extent, bool is_blind)
{
    if (extent->is_closed) {
        return;
    }
    extent->is_closed = true;
    for (size_t i = 0; i < extent->now.members_count; i++) {
        struct message_reach *reach = &extent->now.members[i];
        reach->acknowledged = is_blind ? reach->delivered : reach->acknowledged;
        extent->is_dirty = extent->is_dirty || extent->on_disk[i] > reach->acknowledged;
    }
}

void extent_tell(const struct extent *extent, struct message_extent *ret)
{
    *ret = extent->now;
    for (size_t i = 0; i < ret->members_count && !extent->is_closed; i++) {
        ret->members[i].acknowledged = ret->members[i].delivered;
    }
}

char *extent_format(struct extent *extent, struct arena *arena)
{
    struct message_extent told;
    struct strbuf text;
    extent_tell(extent, &told);
    if (told.session == 0) {
        return NULL;
    }
    strbuf_init(&text);
    strbuf_appendf(&text, "%" PRIu64, told.session);
    for (size_t i = 0; i < told.members_count; i++) {
        const struct message_reach *reach = &told.members[i];
        strbuf_appendf(&text, " %" PRIu32 " %" PRIu64 " %" PRIu64, reach->id, reach->delivered,
                       reach->acknowledged);
        extent->on_disk[i] = reach->acknowledged;
    }
    extent->is_dirty = false;
    char *result = arena_strdup(arena, strbuf_text(&text));
    strbuf_done(&text);
    return result;
}

static bool reach_parse(const char *const *words, struct message_reach *ret)
{
    uint64_t id = 0;
    if (parse_uint64(words[0], &id) < 0 || id > UINT32_MAX ||
        parse_uint64(words[1], &ret->delivered) < 0 ||
        parse_uint64(words[2], &ret->acknowledged) < 0) {
        return false;
    }
    ret->id = (uint32_t)id;
    return true;
}

void extent_load(struct extent *extent, struct arena *arena, const char *text)
{
    struct message_extent read = {0};
    struct parse_words fields = parse_fields(arena, text);
    *extent = (struct extent){.is_closed = true};
    bool is_good = fields.count > 0 && fields.count % 3 == 1 &&
                   fields.count / 3 <= REPLICA_MEMBERS_MAX &&
                   parse_uint64(fields.words[0], &read.session) == 0;
    for (size_t i = 1; i < fields.count && is_good; i += 3) {
        is_good = reach_parse(&fields.words[i], &read.members[read.members_count++]);
    }
    if (is_good) {
        extent->now = read;
    }
}
