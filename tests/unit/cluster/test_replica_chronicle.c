// SPDX-License-Identifier: Apache-2.0
// The chronicle: its text, and which changes of one history are part of another.
#include <string.h>

#include "cluster/replica/chronicle.h"
#include "cluster/replica/replica.h"
#include "common/base/arena.h"
#include "tests/lib/fixture.h"

#define VERSION(epoch, counter) ((UINT64_C(epoch) << REPLICA_EPOCH_SHIFT) | (counter))

static void chronicle_reads_back_as_written(void **state)
{
    struct arena *arena = *state;
    struct chronicle chronicle = {.quorum = 2, .expected = 3};
    chronicle_begin(&chronicle, 1, 11, 0);
    chronicle_begin(&chronicle, 3, UINT64_MAX, VERSION(1, 7));
    const char *text = chronicle_format(&chronicle, arena);
    assert_string_equal(text,
                        "quorum 2 expected 3 epochs 1 11 1099511627783 3 18446744073709551615 0");
    struct chronicle read;
    chronicle_parse(&read, arena, text);
    assert_string_equal(chronicle_format(&read, arena), text);
}

static void unreadable_chronicle_is_empty(void **state)
{
    struct arena *arena = *state;
    const char *const texts[] = {
        NULL,
        "",
        "quorum",
        "quorum 1 expected x epochs",
        "quorum 1 expected 1",
        "quorum 1 expected 1 epochs 1 2",
        "quorum 1 expected 1 epochs 1 2 3 4",
        "quorum 1 expected 1 epochs 1 2 3 more",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct chronicle read = {.quorum = 77};
        chronicle_parse(&read, arena, texts[i]);
        fixture_row(texts[i] != NULL ? texts[i] : "NULL",
                    read.quorum == 0 && read.epochs_count == 0);
    }
}

static void old_epochs_are_forgotten(void **state)
{
    struct arena *arena = *state;
    struct chronicle chronicle = {.quorum = 1, .expected = 1};
    for (uint64_t epoch = 1; epoch <= CHRONICLE_EPOCHS_MAX + 3; epoch++) {
        chronicle_begin(&chronicle, epoch, epoch, VERSION(1, epoch));
    }
    assert_int_equal(chronicle.epochs_count, CHRONICLE_EPOCHS_MAX);
    assert_int_equal(chronicle.epochs[0].epoch, 4);
    struct chronicle read;
    chronicle_parse(&read, arena, chronicle_format(&chronicle, arena));
    assert_int_equal(read.epochs_count, CHRONICLE_EPOCHS_MAX);
}

static void changes_are_covered_by_a_history_that_went_on_from_them(void **state)
{
    (void)state;
    // Theirs: epochs 5 (up to 9), 6, and its own 7. Mine: 5, 6 (which ended otherwise), another 7.
    const struct chronicle theirs = {
        .epochs = {{5, 50, VERSION(5, 9)}, {6, 60, VERSION(6, 3)}, {7, 70, 0}}, .epochs_count = 3};
    const struct chronicle mine = {.epochs = {{4, 40, VERSION(4, 2)},
                                              {5, 50, VERSION(5, 9)},
                                              {6, 60, VERSION(6, 5)},
                                              {7, 71, 0}},
                                   .epochs_count = 4};
    const struct {
        const char *name;
        uint64_t version;
        bool is_covered;
    } rows[] = {
        {"forgotten by both", VERSION(3, 1), true},
        {"forgotten by them", VERSION(4, 2), true},
        {"common epoch", VERSION(5, 9), true},
        {"common part of an epoch", VERSION(6, 3), true},
        {"tail they do not have", VERSION(6, 4), false},
        {"another epoch of the same number", VERSION(7, 1), false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fixture_row(rows[i].name, chronicle_covers(&theirs, VERSION(7, 8), &mine,
                                                   rows[i].version) == rows[i].is_covered);
    }
    assert_true(chronicle_covers(&theirs, VERSION(7, 8), &theirs, VERSION(7, 8)));
    assert_false(chronicle_covers(&theirs, VERSION(7, 8), &theirs, VERSION(7, 9)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(chronicle_reads_back_as_written),
        fixture_test(unreadable_chronicle_is_empty),
        fixture_test(old_epochs_are_forgotten),
        fixture_test(changes_are_covered_by_a_history_that_went_on_from_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
