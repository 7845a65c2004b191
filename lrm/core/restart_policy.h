// SPDX-License-Identifier: Apache-2.0
// How often a failed start is repeated on this node before the master is told, and how long each
// repetition waits. Also when the check of a service comes due again: a guest that ended by itself
// is restarted at once, one that keeps ending is restarted ever more slowly, so that it cannot keep
// the node busy.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

// How often a service is looked after without any news of it, and the longest pause between two
// starts.
enum { RESTART_CHECK_MS = 10 * 1000, RESTART_TIMES_MAX = 32 };

struct restart_policy {
    struct map traces; // sid → struct restart_trace *
};

struct restart_trace {
    int64_t tries;       // failed starts in a row, not yet reported
    int64_t last_run_ms; // when the last job's result came
    bool last_run_fine;  // it was a check or start that found or left the guest running
    bool alive;          // runs since alive_since_ms, as far as is known
    int64_t alive_since_ms;
    int64_t short_lives;    // in a row, that ended by themselves in less than RESTART_CHECK_MS
    int64_t not_before_ms;  // the next start waits for this
    bool exited;            // ended by itself since its last job was given out
    int64_t failed_runs;    // workers in a row that could not be run, or died without a word
    int64_t rerun_at_ms;    // the next worker waits for this
    int64_t probe_failures; // in a row
    // When it was restarted last, in turn; a service's limit is no larger.
    int64_t restarts_ms[RESTART_TIMES_MAX];
    size_t restarts_count;
};

enum restart_verdict {
    RESTART_VERDICT_REPORT = 1,  // tell the master
    RESTART_VERDICT_RETRY = 2,   // say nothing, the job comes due again
    RESTART_VERDICT_GIVE_UP = 3, // tell the master that all tries failed
};

void restart_policy_init(struct restart_policy *policy);
void restart_policy_done(struct restart_policy *policy);
// A job for `started` ended with the code. `ret_tries`: failed starts so far, this one included.
enum restart_verdict restart_policy_judge(struct restart_policy *policy, const char *sid,
                                          int64_t exit_code, int64_t max_restart, int64_t now_ms,
                                          int64_t *ret_tries) WARN_UNUSED;
// A job for the service ended. `fine`: it was one for `started`, and the guest runs.
void restart_policy_note_run(struct restart_policy *policy, const char *sid, int64_t now_ms,
                             bool fine);
void restart_policy_note_exit(struct restart_policy *policy, const char *sid, int64_t now_ms);
// What the service's probe said.
void restart_policy_note_probe(struct restart_policy *policy, const char *sid, bool good);
// It ran and did not work, and was restarted.
void restart_policy_note_restart(struct restart_policy *policy, const char *sid, int64_t now_ms);
// How often it was restarted, ended ones included, within the time.
int64_t restart_policy_count(const struct restart_policy *policy, const char *sid,
                             int64_t window_ms, int64_t now_ms) WARN_UNUSED;
// Begins to count anew.
void restart_policy_forget_restarts(struct restart_policy *policy, const char *sid);
// A job for the service is being given out: what ended before it, it will see.
void restart_policy_note_spawn(struct restart_policy *policy, const char *sid);
// A worker for the service could not be run, or died without a word: that says something of this
// machine at this moment, and nothing of the service. True when it is to be tried again, after a
// while; false when that has happened too often in a row.
bool restart_policy_retry_run(struct restart_policy *policy, const char *sid,
                              int64_t now_ms) WARN_UNUSED;
// A worker for the service came to a result.
void restart_policy_note_result(struct restart_policy *policy, const char *sid);
// The trace, or NULL while nothing is known of the service.
const struct restart_trace *restart_policy_find(const struct restart_policy *policy,
                                                const char *sid) WARN_UNUSED;
// Forgets the services that are not in the map.
void restart_policy_prune(struct restart_policy *policy, const struct map *services);
