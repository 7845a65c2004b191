// SPDX-License-Identifier: Apache-2.0
// Keeps the storages that this node should have mounted, tells the other nodes which of them it
// finds well: "live/storage/<node>" (storage_state.h), and answers for the claims of the volumes of
// what runs here (agents/volume_claim.h). A process beside the daemon, with a child for each look,
// since a storage on a dead server blocks whoever touches it, for ever.
//
// A storage that was well counts as lost only when it was not well for STORAGE_KEEPER_LOST_MS: no
// service is moved because a server was restarted. It is well again with the first good look.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"
#include "common/model/storage_state.h"

struct loop;
struct storage_keeper;

enum {
    STORAGE_KEEPER_LOOK_MS = 4000,  // from one look to the next
    STORAGE_KEEPER_STALL_MS = 8000, // a look that takes longer has found a storage stalled
    STORAGE_KEEPER_LOST_MS = 10000,
};

// The first process of a guest that runs here, or 0.
typedef pid_t (*storage_keeper_init_pid)(const char *sid);

// Starts the process, and starts it again some time after it has ended. `node` is borrowed.
struct storage_keeper *storage_keeper_new(struct loop *loop, const char *node,
                                          storage_keeper_init_pid init_pid) WARN_UNUSED;
void storage_keeper_free(struct storage_keeper *keeper);

// What is told of one storage, from look to look; pure.
struct storage_opinion {
    bool is_known;
    enum storage_condition told;
    int64_t bad_since_ms; // 0: the last look was good
};
// Takes a look's result into account; true when what is to be told changed with it.
bool storage_opinion_update(struct storage_opinion *opinion, enum storage_condition found,
                            int64_t now_ms) WARN_UNUSED;
