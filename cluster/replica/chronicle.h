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

enum { CHRONICLE_EPOCHS_MAX = 32 };

struct chronicle_epoch {
    uint64_t epoch;
    uint64_t session;      // that began it; two epochs of one number differ here
    uint64_t last_version; // of its last change; 0: it is the present one
};

struct chronicle {
    uint32_t quorum, expected;                           // votes, as the last epoch began
    struct chronicle_epoch epochs[CHRONICLE_EPOCHS_MAX]; // the last ones, ascending
    size_t epochs_count;
};

// NULL or an unreadable text makes an empty chronicle: it is advice, not truth.
void chronicle_parse(struct chronicle *chronicle, struct arena *arena, const char *text);
char *chronicle_format(const struct chronicle *chronicle, struct arena *arena) WARN_UNUSED;

// Another epoch begins, on a history whose last change was `last_version`. The votes are the
// caller's to set.
void chronicle_begin(struct chronicle *chronicle, uint64_t epoch, uint64_t session,
                     uint64_t last_version);
// Whether the change with this version, made in the history of `mine`, is part of the history of
// `theirs`, which ends with `their_last_version`. Changes of forgotten epochs are taken to be.
bool chronicle_covers(const struct chronicle *theirs, uint64_t their_last_version,
                      const struct chronicle *mine, uint64_t version) WARN_UNUSED;
