// SPDX-License-Identifier: Apache-2.0
// Known ways to be wrong, for the suite `planted`: each is one question in the code,
// `planted_is(PLANTED_X)`, that is answered "no" by the compiler, so that nothing of it is left in
// a program (tests/tidy looks). Only a build with -Dplanted_bugs=true has them, and there the one
// that ha-simulator was asked for is on (--planted NAME). docs/testing.md, "Planted bugs".
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

// The name on the command line, and what is wrong then.
#define PLANTED_BUGS(BUG)                                                                          \
    BUG(DEADLINE_FROM_NOW, "deadline-from-now",                                                    \
        "the LRM counts its authority from when it acts, not from the renewal")                    \
    BUG(AUTHORITY_FROM_ANSWER, "authority-from-answer",                                            \
        "authority is counted from the answer, not from before the renewal was sent")              \
    BUG(RENEWAL_ALONE, "renewal-alone",                                                            \
        "a renewal that only its sender has delivered counts as committed")                        \
    BUG(COMMIT_ALONE, "commit-alone",                                                              \
        "a write that only its sender has on its disk counts as committed")                        \
    BUG(ACK_BEFORE_PERSIST, "ack-before-persist",                                                  \
        "writes are acknowledged before they are on the disk")                                     \
    BUG(SHORT_HISTORY, "short-history", "the shortest history is adopted, not the longest")        \
    BUG(PROMISE_IGNORED, "promise-ignored",                                                        \
        "a new epoch may have the number of one begun elsewhere")                                  \
    BUG(BREAK_EARLY, "break-early", "a lease is broken after half of its time")                    \
    BUG(LEASES_FORGOTTEN, "leases-forgotten",                                                      \
        "leases that nobody remembers count as free at once")                                      \
    BUG(TERM_UNCHECKED, "term-unchecked",                                                          \
        "guarded writes are taken whatever they were decided on, in whatever term")                \
    BUG(EXPECTED_UNGUARDED, "expected-unguarded", "expected votes are lowered without a look")     \
    BUG(EXPIRY_FORGIVEN, "expiry-forgiven", "a deadline that has passed is put off")               \
    BUG(DEAD_CLIENT_FORGOTTEN, "dead-client-forgotten",                                            \
        "the deadline of a client that vanished is dropped")                                       \
    BUG(STOP_UNPROVEN, "stop-unproven",                                                            \
        "goodbye is said before everything is proven to have ended")                               \
    BUG(RESTARTS_UNCOUNTED, "restarts-uncounted", "failed starts are repeated for ever")           \
    BUG(PROOF_UNNEEDED, "proof-unneeded", "services are recovered without a proof")                \
    BUG(DEVICE_BELIEVED, "device-believed", "a device that failed counts as one that said off")    \
    BUG(FAILURES_FORGOTTEN, "failures-forgotten",                                                  \
        "only the last node on which a service has failed is remembered")                          \
    BUG(COMMAND_KEPT, "command-kept", "a command stays in the queue after its effect")             \
    BUG(BLIND_MASTER, "blind-master", "a master that cannot read the store keeps its lease")       \
    BUG(NOTE_UNREAD, "note-unread", "a new ha-lrm takes what the one before it noted for empty")   \
    BUG(DOUBT_SKIPPED, "doubt-skipped", "a node that stood still goes on being quorate")           \
    BUG(GRACE_SKIPPED, "grace-skipped", "after an outage of all nobody is waited for")             \
    BUG(STRAYS_KEPT, "strays-kept", "what runs here and belongs to another node is left alone")    \
    BUG(UNGUARDED_IGNORED, "unguarded-ignored",                                                    \
        "the free lease of an LRM that never took it is a proof")                                  \
    BUG(WRITE_ASSUMED, "write-assumed", "a master's write that failed counts as done")             \
    BUG(RULE_IGNORED, "rule-ignored",                                                              \
        "recovery puts services on nodes that a strict rule excludes")                             \
    BUG(LEASE_STORM, "lease-storm",                                                                \
        "a lease that the store cannot give now is asked for again at once")                       \
    BUG(MAINTENANCE_IGNORED, "maintenance-ignored", "nodes in maintenance are given services")

enum planted {
#define PLANTED_ENUM(name, word, text) PLANTED_##name,
    PLANTED_BUGS(PLANTED_ENUM)
#undef PLANTED_ENUM
        PLANTED_MAX
};

#ifdef HA_PLANTED_BUGS
bool planted_is(enum planted bug) WARN_UNUSED;
// From now on; -EINVAL: there is none of that name.
int planted_choose(const char *name) WARN_UNUSED;
const char *planted_name(enum planted bug) WARN_UNUSED;
const char *planted_text(enum planted bug) WARN_UNUSED;
#else
// A macro, since an inline function stays in programs that are not optimised.
#define planted_is(bug) ((void)sizeof(bug), false)
#endif
