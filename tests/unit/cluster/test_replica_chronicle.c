// SPDX-License-Identifier: Apache-2.0
// The chronicle: its text, and which changes of one history are part of another.
#include <string.h>

#include "cluster/replica/chronicle.h"
#include "cluster/replica/replica.h"
#include "common/base/arena.h"
#include "tests/lib/fixture.h"

#define VERSION(epoch, counter) (((uint64_t)(epoch) << REPLICA_EPOCH_SHIFT) | (counter))

static void chronicle_reads_back_as_written(void **state)
{
    struct arena *arena = *state;
    struct chronicle chronicle = {0};
    chronicle_begin(&chronicle, &(struct chronicle_epoch){1, 11, 0, 2, 3, false, false}, 0);
    chronicle_begin(&chronicle, &(struct chronicle_epoch){3, UINT64_MAX, 0, 1, 2, true, true},
                    VERSION(1, 7));
    const char *text = chronicle_format(&chronicle, arena);
    assert_string_equal(text, "epochs 1 11 1099511627783 2 3 0 3 18446744073709551615 0 1 2 3");
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
        "epoch",
        "quorum 1 expected 1 epochs 1 2 3",
        "epochs 1 2",
        "epochs 1 2 3 4 5",
        "epochs 1 2 3 4 5 6 7",
        "epochs 1 2 3 4 5 0 more",
        "epochs 1 2 3 4 4294967296 0",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct chronicle read = {.epochs_count = 77};
        chronicle_parse(&read, arena, texts[i]);
        fixture_row(texts[i] != NULL ? texts[i] : "NULL",
                    read.epochs_count == 0 && chronicle_last(&read).epoch == 0);
    }
}

static void old_epochs_are_forgotten(void **state)
{
    struct arena *arena = *state;
    struct chronicle chronicle = {0};
    for (uint64_t epoch = 1; epoch <= CHRONICLE_EPOCHS_MAX + 3; epoch++) {
        chronicle_begin(&chronicle, &(struct chronicle_epoch){.epoch = epoch, .session = epoch},
                        VERSION(1, epoch));
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
    const struct chronicle theirs = {.epochs = {{5, 50, VERSION(5, 9), 2, 3, false, false},
                                                {6, 60, VERSION(6, 3), 2, 3, false, false},
                                                {7, 70, 0, 2, 3, false, false}},
                                     .epochs_count = 3};
    const struct chronicle mine = {.epochs = {{4, 40, VERSION(4, 2), 2, 3, false, false},
                                              {5, 50, VERSION(5, 9), 2, 3, false, false},
                                              {6, 60, VERSION(6, 5), 2, 3, false, false},
                                              {7, 71, 0, 2, 3, false, false}},
                                   .epochs_count = 4};
    const struct {
        const char *name;
        uint64_t version;
        bool is_covered;
    } rows[] = {
        {"forgotten by both", VERSION(3, 1), true},
        {"they never had it", VERSION(4, 2), false},
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

// What is lost by adopting theirs: nothing, what nobody can have confirmed, or more.
static void loss_tells_what_may_have_been_confirmed(void **state)
{
    (void)state;
    const struct chronicle_epoch common = {5, 50, 0, 2, 3, false, false};
    const struct {
        const char *name;
        struct chronicle_epoch mine[2], theirs[2]; // after the common one; epoch 0: none
        uint64_t my_last, their_last;
        enum chronicle_loss loss;
    } rows[] = {
        {"the same", {{0}}, {{0}}, VERSION(5, 7), VERSION(5, 7), CHRONICLE_LOSS_NONE},
        {"they went on",
         {{0}},
         {{6, 60, 0, 2, 3, false, false}},
         VERSION(5, 7),
         VERSION(6, 2),
         CHRONICLE_LOSS_NONE},
        {"a tail, and a quorum went on",
         {{0}},
         {{6, 60, 0, 2, 3, false, false}},
         VERSION(5, 8),
         VERSION(6, 2),
         CHRONICLE_LOSS_TAIL},
        {"a tail, in the same epoch",
         {{0}},
         {{0}},
         VERSION(5, 8),
         VERSION(5, 7),
         CHRONICLE_LOSS_TAIL},
        {"a tail, and a forced one went on",
         {{0}},
         {{6, 60, 0, 1, 1, false, false}},
         VERSION(5, 8),
         VERSION(6, 2),
         CHRONICLE_LOSS_CONFIRMED},
        {"no more than they have, and a forced one went on",
         {{0}},
         {{6, 60, 0, 1, 1, false, false}},
         VERSION(5, 7),
         VERSION(6, 2),
         CHRONICLE_LOSS_UNKNOWN},
        {"no more than they have, and some who did not know all went on",
         {{0}},
         {{6, 60, 0, 2, 3, false, true}},
         VERSION(5, 7),
         VERSION(6, 2),
         CHRONICLE_LOSS_UNKNOWN},
        {"a tail, and one of fewer nodes went on",
         {{0}},
         {{6, 60, 0, 2, 2, false, false}},
         VERSION(5, 8),
         VERSION(6, 2),
         CHRONICLE_LOSS_TAIL},
        {"an epoch of its own",
         {{6, 61, 0, 1, 1, false, false}},
         {{6, 60, 0, 2, 3, false, false}},
         VERSION(6, 1),
         VERSION(6, 2),
         CHRONICLE_LOSS_CONFIRMED},
        {"an epoch of its own, in which nothing was written",
         {{6, 61, 0, 1, 1, false, false}},
         {{6, 60, 0, 2, 3, false, false}},
         VERSION(6, 0),
         VERSION(6, 2),
         CHRONICLE_LOSS_NONE},
        {"they never were one with this one",
         {{0}},
         {{0}},
         VERSION(5, 7),
         0,
         CHRONICLE_LOSS_CONFIRMED},
        {"the second one of its own was empty",
         {{6, 61, VERSION(6, 3), 1, 1, false, false}, {7, 71, 0, 1, 1, false, false}},
         {{8, 80, 0, 2, 3, false, false}},
         VERSION(7, 0),
         VERSION(8, 1),
         CHRONICLE_LOSS_CONFIRMED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct chronicle mine = {0};
        struct chronicle theirs = {0};
        chronicle_begin(&mine, &common, 0);
        if (rows[i].their_last > 0) {
            chronicle_begin(&theirs, &common, 0);
        }
        for (size_t n = 0; n < 2 && rows[i].mine[n].epoch > 0; n++) {
            chronicle_begin(&mine, &rows[i].mine[n],
                            n > 0 ? rows[i].mine[n - 1].last_version : VERSION(5, 7));
        }
        for (size_t n = 0; n < 2 && rows[i].theirs[n].epoch > 0; n++) {
            chronicle_begin(&theirs, &rows[i].theirs[n], VERSION(5, 7));
        }
        fixture_row(rows[i].name, chronicle_compare(&mine, rows[i].my_last, &theirs,
                                                    rows[i].their_last) == rows[i].loss);
    }
}

// So long ago that it cannot be told any more: a member that was off for so many epochs.
static void forgotten_epochs_are_taken_to_be_contained(void **state)
{
    (void)state;
    struct chronicle mine = {0};
    struct chronicle theirs = {0};
    chronicle_begin(&mine, &(struct chronicle_epoch){.epoch = 1, .session = 1}, 0);
    for (uint64_t epoch = 1; epoch <= CHRONICLE_EPOCHS_MAX + 1; epoch++) {
        chronicle_begin(&theirs, &(struct chronicle_epoch){.epoch = epoch, .session = epoch},
                        VERSION(1, epoch));
    }
    uint64_t last = VERSION(CHRONICLE_EPOCHS_MAX + 1, 1);
    assert_true(chronicle_covers(&theirs, last, &mine, VERSION(1, 5)));
    assert_int_equal(chronicle_compare(&mine, VERSION(1, 5), &theirs, last), CHRONICLE_LOSS_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(chronicle_reads_back_as_written),
        fixture_test(unreadable_chronicle_is_empty),
        fixture_test(old_epochs_are_forgotten),
        fixture_test(forgotten_epochs_are_taken_to_be_contained),
        fixture_test(loss_tells_what_may_have_been_confirmed),
        fixture_test(changes_are_covered_by_a_history_that_went_on_from_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
