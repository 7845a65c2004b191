// SPDX-License-Identifier: Apache-2.0
// ha-simulator swarm: many seeds, some at a time, each in a process of its own; what failed, and
// how to see it again.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "sim/simulator_tool.h"
#include "sim/swarm/campaign.h"
#include "sim/swarm/swarm_job.h"

enum { SWARM_TWICE_EVERY = 20, SWARM_OUTCOMES = SWARM_OUTCOME_CRASH + 1 };

struct tally {
    const struct tool_arguments *arguments;
    uint64_t done, total;
    uint64_t outcomes[SWARM_OUTCOMES];
    int64_t computed_us, skipped_us, cpu_ms, settles;
    uint64_t happenings, messages, message_bytes;
    bool on_terminal;
};

static void swarm_limits_format(const struct campaign_limits *limits, struct strbuf *out)
{
    if (limits->nodes > 0) {
        strbuf_appendf(out, " --nodes %" PRId64, limits->nodes);
    }
    if (limits->services >= 0) {
        strbuf_appendf(out, " --services %" PRId64, limits->services);
    }
    if (limits->hours > 0) {
        strbuf_appendf(out, " --hours %" PRId64, limits->hours);
    }
    if (limits->profile != TIMING_PROFILE_MAX) {
        strbuf_appendf(out, " --profile %s", timing_profile_to_string(limits->profile));
    }
    if (limits->faults != NULL) {
        strbuf_appendf(out, " --faults %s", limits->faults);
    }
}

static void swarm_show_progress(const struct tally *tally)
{
    if (tally->on_terminal) {
        (void)fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " failed\033[K",
                      tally->done, tally->total,
                      tally->done - tally->outcomes[SWARM_OUTCOME_CLEAN]);
        if (tally->done == tally->total) {
            (void)fputs("\r\033[K", stderr);
        }
        (void)fflush(stderr);
    }
}

static void swarm_take(struct tally *tally, const struct swarm_job *job)
{
    const struct swarm_verdict *verdict = &job->verdict;
    tally->done++;
    tally->outcomes[verdict->outcome]++;
    tally->computed_us += verdict->computed_us;
    tally->skipped_us += verdict->skipped_us;
    tally->settles += verdict->settles;
    tally->happenings += verdict->figures.happenings;
    tally->messages += verdict->figures.messages;
    tally->message_bytes += verdict->figures.message_bytes;
    tally->cpu_ms += job->cpu_ms;
    if (verdict->outcome != SWARM_OUTCOME_CLEAN) {
        struct strbuf limits CLEANUP(strbuf_done) = {0};
        swarm_limits_format(&tally->arguments->limits, &limits);
        (void)fprintf(tally->arguments->json ? stderr : stdout,
                      "%sseed %" PRIu64 ": %s: %s\n  ha-simulator explain %" PRIu64 "%s\n",
                      tally->on_terminal ? "\r\033[K" : "", job->seed,
                      swarm_outcome_to_text(verdict->outcome), verdict->words, job->seed,
                      strbuf_text(&limits));
        (void)fflush(stdout); // for who waits for the first one
    }
    swarm_show_progress(tally);
}

static int swarm_start(struct tally *tally, struct swarm_job *job, uint64_t seed, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct campaign *campaign = NULL;
    bool twice = tally->arguments->twice || seed % SWARM_TWICE_EVERY == 0;
    int r = campaign_draw(arena, seed, &tally->arguments->limits, &campaign, err);
    job->seed = seed;
    return r < 0 ? r : swarm_job_start(job, campaign, twice, tally->arguments->cpu_s, err);
}

static int swarm_all(struct tally *tally, struct error *err)
{
    const struct tool_arguments *arguments = tally->arguments;
    size_t jobs_count = (size_t)arguments->jobs;
    struct swarm_job *jobs = alloc_zero(jobs_count * sizeof(*jobs));
    uint64_t next = arguments->first_seed;
    bool is_last = false;
    size_t running = 0;
    int r = 0;
    while (r >= 0 && (!is_last || running > 0)) {
        size_t free_job = 0;
        while (free_job < jobs_count && jobs[free_job].pid != 0) {
            free_job++;
        }
        if (!is_last && free_job < jobs_count) {
            r = swarm_start(tally, &jobs[free_job], next, err);
            running += r == 0 ? 1 : 0;
            is_last = next++ == arguments->last_seed;
            continue;
        }
        r = swarm_job_wait(jobs, jobs_count);
        if (r >= 0) {
            running--;
            swarm_take(tally, &jobs[r]);
        } else {
            (void)error_set_errno(err, r, "wait");
        }
    }
    alloc_freep(&jobs);
    return r;
}

static void swarm_print_duration(const char *what, int64_t us)
{
    double hours = (double)us / 3600e6;
    if (hours < 48) {
        (void)printf("%.1f h %s", hours, what);
    } else if (hours < 48 * 365) {
        (void)printf("%.1f days %s", hours / 24, what);
    } else {
        (void)printf("%.1f years %s", hours / (24 * 365.25), what);
    }
}

static void swarm_print_json(const struct tally *tally)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf line CLEANUP(strbuf_done) = {0};
    struct json *json = json_new_object(arena);
    json_put_int(json, "seeds", (int64_t)tally->done);
    json_put_int(json, "rounds", tally->settles);
    json_put_int(json, "failed", (int64_t)(tally->done - tally->outcomes[SWARM_OUTCOME_CLEAN]));
    json_put_int(json, "computed_s", tally->computed_us / 1000000);
    json_put_int(json, "skipped_s", tally->skipped_us / 1000000);
    json_put_int(json, "cpu_ms", tally->cpu_ms);
    json_put_int(json, "happenings", (int64_t)tally->happenings);
    json_put_int(json, "messages", (int64_t)tally->messages);
    json_put_int(json, "message_bytes", (int64_t)tally->message_bytes);
    json_format(json, JSON_STYLE_COMPACT, &line);
    (void)puts(strbuf_text(&line)); // checked as a whole at the end
}

static void swarm_print_totals(const struct tally *tally)
{
    (void)printf("%" PRIu64 " seeds, %" PRId64 " rounds:", tally->done, tally->settles);
    for (enum swarm_outcome outcome = SWARM_OUTCOME_CLEAN; outcome <= SWARM_OUTCOME_CRASH;
         outcome++) {
        if (tally->outcomes[outcome] > 0) {
            (void)printf(" %" PRIu64 " %s", tally->outcomes[outcome],
                         swarm_outcome_to_text(outcome));
        }
    }
    (void)printf("; ");
    swarm_print_duration("computed, ", tally->computed_us);
    swarm_print_duration("skipped since nothing happens", tally->skipped_us);
    (void)printf("; %.1f s of processor time, %.0f x\n", (double)tally->cpu_ms / 1000,
                 tally->cpu_ms > 0 ? (double)(tally->computed_us + tally->skipped_us) / 1000 /
                                         (double)tally->cpu_ms
                                   : 0.0);
}

static int swarm_finish(const struct tally *tally)
{
    static const struct {
        enum swarm_outcome outcome;
        int status;
    } worst[] = {
        {SWARM_OUTCOME_CRASH, EXIT_CRASH},
        {SWARM_OUTCOME_INVARIANT, EXIT_INVARIANT},
        {SWARM_OUTCOME_LIVENESS, EXIT_LIVENESS},
        {SWARM_OUTCOME_NONDETERMINISM, EXIT_NONDETERMINISM},
    };
    int status = EXIT_DONE;
    if (tally->arguments->json) {
        swarm_print_json(tally);
    } else {
        swarm_print_totals(tally);
    }
    for (size_t i = ARRAY_SIZE(worst); i > 0; i--) {
        status = tally->outcomes[worst[i - 1].outcome] > 0 ? worst[i - 1].status : status;
    }
    return tool_finish(status);
}

int tool_swarm(const struct tool_arguments *arguments)
{
    struct error err = {0};
    if (arguments->limits.faults != NULL && strcmp(arguments->limits.faults, "help") == 0) {
        struct strbuf list CLEANUP(strbuf_done) = {0};
        campaign_draw_list(&list);
        (void)puts(strbuf_text(&list));
        return tool_finish(EXIT_DONE);
    }
    if (arguments->last_seed == 0 || arguments->count > 0) {
        return tool_usage_fail("'swarm' takes --seeds A..B and no other words");
    }
    struct tally tally = {
        .arguments = arguments,
        .total = arguments->last_seed - arguments->first_seed + 1,
        .on_terminal = isatty(STDERR_FILENO) == 1,
    };
    if (swarm_all(&tally, &err) < 0) {
        (void)fprintf(stderr, "ha-simulator: %s\n", err.text);
        return EXIT_FAILED;
    }
    return swarm_finish(&tally);
}
