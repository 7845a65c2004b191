// SPDX-License-Identifier: Apache-2.0
// The forms in which replicas talk: each message and request reads back as written, and bytes that
// are not one are refused wherever they are cut or changed.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/leases.h"
#include "cluster/replica/message.h"
#include "cluster/replica/mutation.h"
#include "cluster/replica/table.h"
#include "cluster/replica/wire.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/port/store.h"
#include "tests/lib/fixture.h"

static const struct message_participant participants[] = {{1, 11, 3}, {2, UINT64_MAX, 4}};

static const struct message messages[] = {
    {.kind = MESSAGE_STATE,
     .format = 1,
     .boot_id = UINT64_MAX,
     .ring = 7,
     .epoch = 8,
     .state = {.formats = {1, 1},
               .device = true,
               .attempt = 9,
               .promised = 10,
               .quorum = 2,
               .expected = 3,
               .exclusive = 88,
               .streams = {{UINT64_C(10) << 40 | 5, 77}, {0, 0}},
               .extension = "later",
               .extension_bytes = 5}},
    {.kind = MESSAGE_DECISION,
     .format = 1,
     .boot_id = 1,
     .decision = {.epoch = 11,
                  .leases_known = true,
                  .donors = {2, 0},
                  .transfer = {true, false},
                  .streams = {{12, 13}, {0, 0}},
                  .participants = participants,
                  .participants_count = 2}},
    {.kind = MESSAGE_DECISION, .format = 1, .decision = {.transfer = {false, true}}},
    {.kind = MESSAGE_PROMISE, .format = 1, .boot_id = 1, .ring = 2, .epoch = 3},
    {.kind = MESSAGE_READY, .format = 1, .boot_id = 1, .ring = 2, .epoch = 3},
    {.kind = MESSAGE_SNAPSHOT,
     .format = 1,
     .part = {.stream = STREAM_VOLATILE, .part = 1, .parts = 2, .bytes = "abc", .size_bytes = 3}},
    {.kind = MESSAGE_SNAPSHOT,
     .format = 1,
     .part = {.stream = STREAM_DURABLE, .parts = 1, .bytes = ""}},
    {.kind = MESSAGE_MUTATION,
     .format = 1,
     .part = {.sequence = 5, .part = 0, .parts = 1, .bytes = "\0x", .size_bytes = 2}},
    {.kind = MESSAGE_ACK, .format = 1, .acks = {UINT64_C(1) << 60, 4}},
    // Format 2:
    {.kind = MESSAGE_STATE,
     .format = 1,
     .state = {.formats = {1, 2},
               .attempt = 9,
               .extent = {.session = 5, .members = {{1, 8, 7}, {2, 9, 9}}, .members_count = 2},
               .extension = "later",
               .extension_bytes = 5}},
    {.kind = MESSAGE_DECISION, .format = 2, .decision = {.unsure = true}},
};

struct bytes {
    const void *data;
    size_t size_bytes;
};

static struct bytes formatted(struct arena *arena, const struct message *message)
{
    struct bytes bytes;
    message_format(message, arena, &bytes.data, &bytes.size_bytes);
    return bytes;
}

static void message_reads_back_as_written(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        struct bytes bytes = formatted(arena, &messages[i]);
        struct message read;
        assert_int_equal(message_parse(bytes.data, bytes.size_bytes, NULL, arena, &read), 0);
        assert_int_equal(read.kind, messages[i].kind);
        assert_int_equal(read.boot_id, messages[i].boot_id);
        assert_int_equal(read.ring, messages[i].ring);
        assert_int_equal(read.epoch, messages[i].epoch);
        assert_int_equal(read.format, messages[i].format);
        assert_int_equal(read.state.attempt, messages[i].state.attempt);
        assert_int_equal(read.state.exclusive, messages[i].state.exclusive);
        assert_int_equal(read.state.device, messages[i].state.device);
        assert_memory_equal(&read.state.formats, &messages[i].state.formats,
                            sizeof(read.state.formats));
        assert_memory_equal(&read.state.streams, &messages[i].state.streams,
                            sizeof(read.state.streams));
        assert_memory_equal(&read.acks, &messages[i].acks, sizeof(read.acks));
        assert_memory_equal(&read.state.extent, &messages[i].state.extent,
                            sizeof(read.state.extent));
        assert_int_equal(read.decision.unsure, messages[i].decision.unsure);
        struct bytes again = formatted(arena, &read);
        assert_int_equal(again.size_bytes, bytes.size_bytes);
        assert_memory_equal(again.data, bytes.data, bytes.size_bytes);
    }
}

static void decision_reads_back_with_its_participants(void **state)
{
    struct arena *arena = *state;
    struct bytes bytes = formatted(arena, &messages[1]);
    struct message read;
    assert_int_equal(message_parse(bytes.data, bytes.size_bytes, NULL, arena, &read), 0);
    assert_true(read.decision.leases_known);
    assert_true(read.decision.transfer[STREAM_DURABLE]);
    assert_false(read.decision.transfer[STREAM_VOLATILE]);
    assert_int_equal(read.decision.donors[STREAM_DURABLE], 2);
    assert_int_equal(read.decision.participants_count, 2);
    assert_int_equal(read.decision.participants[1].boot_id, UINT64_MAX);
    assert_int_equal(read.decision.participants[1].attempt, 4);
}

static void message_cut_or_lengthened_is_refused(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
        struct bytes bytes = formatted(arena, &messages[i]);
        struct message read = {.epoch = 42};
        for (size_t size_bytes = 0; size_bytes < bytes.size_bytes; size_bytes++) {
            char *cut = alloc_memdup(bytes.data, size_bytes); // so that reading beyond is seen
            assert_int_equal(message_parse(cut, size_bytes, NULL, arena, &read), -EBADMSG);
            free(cut);
        }
        char *longer = arena_memdup(arena, bytes.data, bytes.size_bytes);
        assert_int_equal(message_parse(longer, bytes.size_bytes + 1, NULL, arena, &read), -EBADMSG);
        assert_int_equal(read.epoch, 42);
    }
}

static void message_with_a_wrong_byte_is_refused(void **state)
{
    struct arena *arena = *state;
    const struct {
        const char *name;
        size_t message, offset;
        unsigned char byte;
        int code;
    } rows[] = {
        {"magic", 0, 0, 0, -EBADMSG},
        {"format of a state", 0, 4, 2, -EPROTONOSUPPORT},
        {"format", 1, 4, 3, -EPROTONOSUPPORT},
        {"no format", 1, 4, 0, -EBADMSG},
        {"kind 0", 0, 5, 0, -EBADMSG},
        {"kind too high", 1, 5, MESSAGE_KIND_MAX, -EBADMSG},
        {"reserved", 0, 6, 1, -EBADMSG},
        {"no lowest format", 0, 32, 0, -EBADMSG},
        {"lowest format above the highest", 0, 32, 2, -EBADMSG},
        {"flags of a state", 0, 34, 4, -EBADMSG},
        {"flags", 1, 40, 16, -EBADMSG},
        {"participants", 1, 81, 65, -EBADMSG},
        {"order of participants", 1, 83, 2, -EBADMSG},
        {"stream", 5, 32, 2, -EBADMSG},
        {"recent", 5, 33, 2, -EBADMSG},
        {"part", 5, 34, 2, -EBADMSG},
        {"parts", 5, 40, 1, -EBADMSG},
        {"size", 5, 42, 4, -EBADMSG},
        {"members of an extent", 9, 111, 65, -EBADMSG},
        {"order of an extent", 9, 133, 1, -EBADMSG},
        {"more acknowledged than delivered", 9, 125, 9, -EBADMSG},
        {"a flag of format 2 in format 1", 2, 40, 16, -EBADMSG},
        {"flags of format 2", 10, 40, 32, -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bytes bytes = formatted(arena, &messages[rows[i].message]);
        char *changed = arena_memdup(arena, bytes.data, bytes.size_bytes);
        struct message read;
        assert_true(rows[i].offset < bytes.size_bytes);
        changed[rows[i].offset] = (char)rows[i].byte;
        fixture_row(rows[i].name,
                    message_parse(changed, bytes.size_bytes, NULL, arena, &read) == rows[i].code);
    }
}

// The formats as they went out into the world. Who changes these bytes makes another format.
static void formats_have_the_bytes_they_had(void **state)
{
    struct arena *arena = *state;
    const struct {
        size_t message;
        const char *hex;
    } rows[] = {
        {0, "4848415201010000ffffffffffffffff07000000000000000800000000000000010101090000"
            "00000000000a000000000000000200000003000000580000000000000005000000000a00004d"
            "0000000000000000000000000000000000000000000000050000006c61746572"},
        {1, "48484152010200000100000000000000000000000000000000000000000000000b0000000000"
            "00000302000000000000000c000000000000000d000000000000000000000000000000000000"
            "00000000000200010000000b00000000000000030000000000000002000000ffffffffffffff"
            "ff0400000000000000"},
        {2, "4848415201020000000000000000000000000000000000000000000000000000000000000000"
            "0000040000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000"},
        {3, "4848415201030000010000000000000002000000000000000300000000000000"},
        {4, "4848415201050000010000000000000002000000000000000300000000000000"},
        {5, "4848415201040000000000000000000000000000000000000000000000000000010001000000"
            "0200000003000000616263"},
        {6, "4848415201040000000000000000000000000000000000000000000000000000000000000000"
            "0100000000000000"},
        {7, "4848415201060000000000000000000000000000000000000000000000000000050000000000"
            "00000000000001000000020000000078"},
        {8, "4848415201070000000000000000000000000000000000000000000000000000000000000000"
            "00100400000000000000"},
        {9, "4848415201010000000000000000000000000000000000000000000000000000010200090000"
            "0000000000000000000000000000000000000000000000000000000000000000000000000000"
            "0000000000000000000000000000000000000000000000370000000500000000000000020001"
            "0000000800000000000000070000000000000002000000090000000000000009000000000000"
            "006c61746572"},
        {10, "4848415202020000000000000000000000000000000000000000000000000000000000000000"
             "0000100000000000000000000000000000000000000000000000000000000000000000000000"
             "00000000000000"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bytes bytes = formatted(arena, &messages[rows[i].message]);
        struct strbuf hex CLEANUP(strbuf_done) = {0};
        for (size_t n = 0; n < bytes.size_bytes; n++) {
            strbuf_appendf(&hex, "%02x", ((const unsigned char *)bytes.data)[n]);
        }
        assert_string_equal(strbuf_text(&hex), rows[i].hex);
    }
    struct strbuf request CLEANUP(strbuf_done) = {0};
    struct strbuf hex CLEANUP(strbuf_done) = {0};
    const struct replica_op ops[] = {{"a", "v", 1, STORE_ABSENT}, {"b", NULL, 0, STORE_ANY}};
    mutation_format(&(struct replica_request){.kind = REPLICA_REQUEST_TXN,
                                              .lease = "l",
                                              .owner = "o",
                                              .term = 3,
                                              .ops = ops,
                                              .ops_count = 2},
                    &request);
    for (size_t n = 0; n < request.size_bytes; n++) {
        strbuf_appendf(&hex, "%02x", (unsigned char)request.text[n]);
    }
    assert_string_equal(
        strbuf_text(&hex),
        "0001006c01006f03000000000000000000000000000000020000000101006100000000000000"
        "00010000007602010062ffffffffffffffff");
}

// A later version's state is read, whatever that adds to it, and so is the header of all it sends.
static void state_and_headers_of_later_formats_are_read(void **state)
{
    struct arena *arena = *state;
    struct message later = messages[0];
    struct message read;
    later.state.formats = (struct message_formats){7, 9};
    later.state.extension = "what nobody knows yet";
    later.state.extension_bytes = strlen(later.state.extension);
    struct bytes bytes = formatted(arena, &later);
    assert_int_equal(message_parse(bytes.data, bytes.size_bytes, NULL, arena, &read), 0);
    assert_int_equal(read.state.formats.lowest, 7);
    assert_int_equal(read.state.formats.highest, 9);
    assert_memory_equal(formatted(arena, &read).data, bytes.data, bytes.size_bytes);
    later = messages[1];
    later.format = 9;
    bytes = formatted(arena, &later);
    assert_int_equal(message_parse(bytes.data, bytes.size_bytes, NULL, arena, &read),
                     -EPROTONOSUPPORT);
    assert_int_equal(message_parse_header(bytes.data, bytes.size_bytes, &read), 0);
    assert_int_equal(read.kind, MESSAGE_DECISION);
    assert_int_equal(read.format, 9);
    assert_int_equal(message_parse_header(bytes.data, 31, &read), -EBADMSG);
}

static void request_reads_back_as_written(void **state)
{
    struct arena *arena = *state;
    const struct replica_op ops[] = {
        {"a", "value", 5, STORE_ABSENT}, {"b", NULL, 0, STORE_ANY}, {"c", "", 0, 77}};
    const struct replica_request requests[] = {
        {.kind = REPLICA_REQUEST_TXN, .ops = ops, .ops_count = 3},
        {.kind = REPLICA_REQUEST_TXN,
         .lease = "l",
         .owner = "o",
         .term = 8,
         .ops = ops,
         .ops_count = 1},
        {.kind = REPLICA_REQUEST_LEASE_BREAK, .lease = "l", .owner = "o", .version = 9},
    };
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        struct strbuf bytes CLEANUP(strbuf_done) = {0};
        struct strbuf again CLEANUP(strbuf_done) = {0};
        struct replica_request read;
        mutation_format(&requests[i], &bytes);
        assert_int_equal(mutation_parse(bytes.text, bytes.size_bytes, arena, &read), 0);
        assert_int_equal(read.ops_count, requests[i].ops_count);
        assert_int_equal(mutation_stream(&read), i == 2 ? STREAM_VOLATILE : STREAM_DURABLE);
        mutation_format(&read, &again);
        assert_int_equal(again.size_bytes, bytes.size_bytes);
        assert_memory_equal(again.text, bytes.text, bytes.size_bytes);
        for (size_t size_bytes = 0; size_bytes < bytes.size_bytes; size_bytes++) {
            char *cut = alloc_memdup(bytes.text, size_bytes);
            assert_int_equal(mutation_parse(cut, size_bytes, arena, &read), -EBADMSG);
            free(cut);
        }
    }
}

static void request_with_a_forged_count_reserves_nothing(void **state)
{
    struct arena *arena = *state;
    struct strbuf bytes CLEANUP(strbuf_done) = {0};
    struct replica_request read;
    wire_put_u8(&bytes, REPLICA_REQUEST_TXN);
    wire_put_text(&bytes, NULL);
    wire_put_text(&bytes, NULL);
    wire_put_u64(&bytes, 0);
    wire_put_u64(&bytes, 0);
    wire_put_u32(&bytes, UINT32_MAX);
    assert_int_equal(mutation_parse(bytes.text, bytes.size_bytes, arena, &read), -EBADMSG);
}

static void history_reads_back_with_the_same_sum(void **state)
{
    struct arena *arena = *state;
    struct table table;
    struct table copy;
    struct leases leases;
    struct leases leases_copy_;
    struct strbuf bytes CLEANUP(strbuf_done) = {0};
    table_init(&table);
    table_init(&copy);
    leases_init(&leases);
    leases_init(&leases_copy_);
    table_put(&table, "b", table_row_new("b", "2", 1, 5));
    table_put(&table, "a", table_row_new("a", "1", 1, 4));
    table_put(&table, "gone", table_row_new("gone", "1", 1, 6));
    table_remove(&table, "gone");
    leases_put(&leases, "held", &(struct lease_record){"me", 3, 7, 99});
    leases_put(&leases, "released", &(struct lease_record){NULL, 3, 8, 99});
    table_format(&table, &bytes);
    leases_format(&leases, &bytes);
    struct wire_reader reader = wire_reader_of(bytes.text, bytes.size_bytes);
    assert_int_equal(table_parse(&reader, arena, &copy), 0);
    assert_int_equal(leases_parse(&reader, arena, &leases_copy_), 0);
    assert_true(wire_is_complete(&reader));
    assert_int_equal(copy.digest, table.digest);
    assert_int_equal(copy.size_bytes, table.size_bytes);
    assert_int_equal(leases_copy_.digest, leases.digest);
    assert_null(leases_find(&leases_copy_, "released")->owner);
    assert_int_equal(leases_find(&leases_copy_, "held")->version, 7);
    table_done(&table);
    table_done(&copy);
    leases_done(&leases);
    leases_done(&leases_copy_);
}

static void sum_differs_for_each_difference(void **state)
{
    (void)state;
    const struct {
        const char *name, *key, *value;
        uint64_t version;
    } rows[] = {
        {"same", "ab", "c", 1}, {"value", "ab", "d", 1},  {"version", "ab", "c", 2},
        {"key", "aB", "c", 1},  {"border", "a", "bc", 1}, {"empty", "ab", "", 1},
    };
    uint64_t sums[ARRAY_SIZE(rows)];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct table_row *row =
            table_row_new(rows[i].key, rows[i].value, strlen(rows[i].value), rows[i].version);
        sums[i] = row->digest;
        for (size_t n = 0; n < i; n++) {
            fixture_row(rows[i].name, sums[n] != sums[i]);
        }
        table_row_free(row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(message_reads_back_as_written),
        fixture_test(decision_reads_back_with_its_participants),
        fixture_test(message_cut_or_lengthened_is_refused),
        fixture_test(message_with_a_wrong_byte_is_refused),
        fixture_test(formats_have_the_bytes_they_had),
        fixture_test(state_and_headers_of_later_formats_are_read),
        fixture_test(request_reads_back_as_written),
        fixture_test(request_with_a_forged_count_reserves_nothing),
        fixture_test(history_reads_back_with_the_same_sum),
        fixture_test(sum_differs_for_each_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
