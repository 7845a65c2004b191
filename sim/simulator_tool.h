// SPDX-License-Identifier: Apache-2.0
// What the commands of ha-simulator share.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/timing.h"
#include "sim/swarm/campaign_draw.h"

struct arena;
struct campaign;
struct error;
struct swarm_verdict;

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_CRASH = 10,
    EXIT_INVARIANT = 11,
    EXIT_LIVENESS = 12,
    EXIT_NONDETERMINISM = 13,
};

struct tool_arguments {
    enum timing_profile profile; // of scenarios; TIMING_PROFILE_MAX: the folder says
    bool events, update, text, twice, json;
    uint64_t first_seed, last_seed;
    int64_t jobs, cpu_s;
    const char *output;
    struct campaign_limits limits;
    char **words; // what is left: folders, seeds
    size_t count;
};

// One line on standard error; EXIT_USAGE.
int tool_usage_fail(const char *format, ...) PRINTF_LIKE(1, 2);
// What was printed must have arrived, or the run counts as failed.
int tool_finish(int status) WARN_UNUSED;

int tool_run(const struct tool_arguments *arguments) WARN_UNUSED;
int tool_check(const struct tool_arguments *arguments) WARN_UNUSED;
int tool_swarm(const struct tool_arguments *arguments) WARN_UNUSED;
int tool_replay(const struct tool_arguments *arguments) WARN_UNUSED;
int tool_explain(const struct tool_arguments *arguments) WARN_UNUSED;
int tool_shrink(const struct tool_arguments *arguments) WARN_UNUSED;

// Folders that hold a campaign instead of a scenario.
bool campaign_folder_is(const char *folder) WARN_UNUSED;
int campaign_folder_read(struct arena *arena, const char *folder, struct campaign **ret,
                         struct error *err) WARN_UNUSED;
// What its file `expect` says must come of it: "clean" without one, or as swarm_verdict_kind().
int campaign_folder_expect(struct arena *arena, const char *folder, const char **ret,
                           struct error *err) WARN_UNUSED;
// Runs it and prints all that happens.
int campaign_folder_run(const char *folder, bool events) WARN_UNUSED;
// 0 as expected, else an exit status and why.
int campaign_folder_check(const char *folder, bool update, struct error *err) WARN_UNUSED;
int tool_exit_status(const struct swarm_verdict *verdict) WARN_UNUSED;
// Prints all that happens; the exit status.
int tool_print_campaign(const struct campaign *campaign, bool events) WARN_UNUSED;
