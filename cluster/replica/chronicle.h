// SPDX-License-Identifier: Apache-2.0
// What the history of the durable rows tells of itself: its epochs, and the votes last in force.
// Kept as the row REPLICA_KEY_CHRONICLE, written by each adoption as the first change of its epoch,
// so that it is persisted, sent and compared like all else. From it follows which of a replica's
// changes are not in another history, and who could have committed something in the last epoch.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;

enum { CHRONICLE_EPOCHS_MAX = 128 };

struct chronicle_epoch {
    uint64_t epoch;
    uint64_t session;      // that began it; two epochs of one number differ here
    uint64_t last_version; // of its last change; 0: it is the present one
    // What was committed in it was acknowledged by this many of so many votes.
    uint32_t quorum, expected;
    bool device; // a quorum device's votes made up for members that were missing
    bool unsure; // those who began it may not have known all that was confirmed before
};

struct chronicle {
    struct chronicle_epoch epochs[CHRONICLE_EPOCHS_MAX]; // the last ones, ascending
    size_t epochs_count;
};

// NULL or an unreadable text makes an empty chronicle: it is advice, not truth.
void chronicle_parse(struct chronicle *chronicle, struct arena *arena, const char *text);
char *chronicle_format(const struct chronicle *chronicle, struct arena *arena) WARN_UNUSED;

// Another epoch begins, on a history whose last change was `last_version`. Of `epoch` all but its
// last version is taken.
void chronicle_begin(struct chronicle *chronicle, const struct chronicle_epoch *epoch,
                     uint64_t last_version);
// The present epoch; all zero when there was none.
struct chronicle_epoch chronicle_last(const struct chronicle *chronicle) WARN_UNUSED;
// Whether the change with this version, made in the history of `mine`, is part of the history of
// `theirs`, which ends with `their_last_version`. Changes of epochs that have been forgotten, here
// or there, are taken to be.
bool chronicle_covers(const struct chronicle *theirs, uint64_t their_last_version,
                      const struct chronicle *mine, uint64_t version) WARN_UNUSED;

// What of `mine`, up to `my_last_version`, is not in a history with the chronicle `theirs`.
enum chronicle_loss {
    CHRONICLE_LOSS_NONE = 1,
    // The end of a common epoch: nobody can have confirmed it, since whoever went on without it had
    // a member in common with all who could have.
    CHRONICLE_LOSS_TAIL,
    // Their end of a common epoch is no earlier than ours, but it need not be the same one: too few
    // went on with theirs to know.
    CHRONICLE_LOSS_UNKNOWN,
    // Changes that may have been confirmed and shown: an epoch of its own, or the end of a common
    // one after which too few went on to know. Only a quorum that was forced brings that about.
    CHRONICLE_LOSS_CONFIRMED,
};
enum chronicle_loss chronicle_compare(const struct chronicle *mine, uint64_t my_last_version,
                                      const struct chronicle *theirs,
                                      uint64_t their_last_version) WARN_UNUSED;
