// SPDX-License-Identifier: Apache-2.0
// ha-simulator replay, explain and shrink: one seed, or one folder with a campaign.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "sim/simulator_tool.h"
#include "sim/swarm/campaign.h"
#include "sim/swarm/campaign_shrink.h"
#include "sim/swarm/swarm_explain.h"
#include "sim/swarm/swarm_job.h"

enum { SEED_TRIES_MAX = 2000, SEED_FOLDER_MODE = 0755, SEED_FILE_MODE = 0644 };

struct shrinking {
    char kind[32]; // that must remain
    int64_t cpu_s;
    size_t tries, kept;
};

static int seed_load(struct arena *arena, const struct tool_arguments *arguments,
                     const char *command, struct campaign **ret)
{
    struct error err = {0};
    uint64_t seed = 0;
    if (arguments->count != 1) {
        return tool_usage_fail("'%s' takes one seed or folder", command);
    }
    const char *word = arguments->words[0];
    int r = parse_uint64(word, &seed) == 0
                ? campaign_draw(arena, seed, &arguments->limits, ret, &err)
                : campaign_folder_read(arena, word, ret, &err);
    if (r < 0) {
        (void)fprintf(stderr, "ha-simulator: %s\n", err.text);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

int tool_replay(const struct tool_arguments *arguments)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct campaign *campaign = NULL;
    int status = seed_load(arena, arguments, "replay", &campaign);
    if (status != EXIT_DONE) {
        return status;
    }
    if (arguments->text) {
        struct strbuf text CLEANUP(strbuf_done) = {0};
        campaign_format(campaign, &text);
        (void)fputs(strbuf_text(&text), stdout);
        return tool_finish(EXIT_DONE);
    }
    return tool_print_campaign(campaign, arguments->events);
}

int tool_explain(const struct tool_arguments *arguments)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct campaign *campaign = NULL;
    struct swarm_verdict verdict;
    int status = seed_load(arena, arguments, "explain", &campaign);
    if (status != EXIT_DONE) {
        return status;
    }
    swarm_explain(campaign, &text, &verdict);
    (void)fputs(strbuf_text(&text), stdout);
    return tool_finish(tool_exit_status(&verdict));
}

// --- shrink --------------------------------------------------------------------------------------

static bool shrink_fails(void *userdata, const struct campaign *campaign)
{
    struct shrinking *shrinking = userdata;
    struct swarm_verdict verdict;
    char kind[sizeof(shrinking->kind)];
    bool twice = strcmp(shrinking->kind, "nondeterminism") == 0;
    shrinking->tries++;
    if (swarm_job_run(campaign, twice, shrinking->cpu_s, &verdict, NULL) < 0) {
        return false;
    }
    swarm_verdict_kind(&verdict, kind, sizeof(kind));
    bool fails = strcmp(kind, shrinking->kind) == 0;
    shrinking->kept += fails ? 1 : 0;
    return fails;
}

static int shrink_write(struct arena *arena, const char *folder, const char *name, const char *text,
                        struct error *err)
{
    return file_replace(arena_printf(arena, "%s/%s", folder, name), text, strlen(text),
                        SEED_FILE_MODE, err);
}

static int shrink_write_folder(struct arena *arena, const char *folder,
                               const struct campaign *campaign, const struct swarm_verdict *verdict,
                               const char *from, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    campaign_format(campaign, &text);
    int r = file_make_directory(folder, SEED_FOLDER_MODE, err);
    if (r == 0) {
        r = shrink_write(arena, folder, "campaign", strbuf_text(&text), err);
    }
    if (r == 0) {
        r = shrink_write(arena, folder, "about",
                         arena_printf(arena, "Made smaller from %s, which came to: %s: %s\n", from,
                                      swarm_outcome_to_text(verdict->outcome), verdict->words),
                         err);
    }
    return r;
}

int tool_shrink(const struct tool_arguments *arguments)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct shrinking shrinking = {.cpu_s = arguments->cpu_s};
    struct campaign *campaign = NULL;
    struct swarm_verdict verdict;
    struct error err = {0};
    int status = seed_load(arena, arguments, "shrink", &campaign);
    if (status != EXIT_DONE) {
        return status;
    }
    if (swarm_job_run(campaign, true, arguments->cpu_s, &verdict, &err) < 0) {
        (void)fprintf(stderr, "ha-simulator: %s\n", err.text);
        return EXIT_FAILED;
    }
    swarm_verdict_kind(&verdict, shrinking.kind, sizeof(shrinking.kind));
    if (verdict.outcome == SWARM_OUTCOME_CLEAN) {
        (void)fprintf(stderr, "ha-simulator: it does not fail, so there is nothing to shrink\n");
        return EXIT_FAILED;
    }
    const struct campaign *small =
        campaign_shrink(arena, campaign, SEED_TRIES_MAX, shrink_fails, &shrinking);
    (void)fprintf(stderr, "ha-simulator: %s: %zu steps of %zu, after %zu tries\n", shrinking.kind,
                  small->count, campaign->count, shrinking.tries);
    if (arguments->output != NULL) {
        if (shrink_write_folder(arena, arguments->output, small, &verdict, arguments->words[0],
                                &err) < 0) {
            (void)fprintf(stderr, "ha-simulator: %s\n", err.text);
            return EXIT_FAILED;
        }
        return EXIT_DONE;
    }
    campaign_format(small, &text);
    (void)fputs(strbuf_text(&text), stdout);
    return tool_finish(EXIT_DONE);
}
