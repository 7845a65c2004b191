// SPDX-License-Identifier: Apache-2.0
// Folders with a campaign: the file `campaign`, `expect` (what comes of it, clean without the file)
// and `about`.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/model/event.h"
#include "sim/simulation.h"
#include "sim/simulator_tool.h"
#include "sim/swarm/campaign.h"
#include "sim/swarm/swarm_job.h"
#include "sim/swarm/swarm_run.h"

enum { CAMPAIGN_FILE_MAX = 8 * 1024 * 1024 };

struct printer {
    bool events;
    struct strbuf line;
};

bool campaign_folder_is(const char *folder)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct stat info;
    return stat(arena_printf(arena, "%s/campaign", folder), &info) == 0 && S_ISREG(info.st_mode);
}

int campaign_folder_read(struct arena *arena, const char *folder, struct campaign **ret,
                         struct error *err)
{
    char *text = NULL;
    size_t size_bytes = 0;
    const char *path = arena_printf(arena, "%s/campaign", folder);
    int r = file_read(arena, path, CAMPAIGN_FILE_MAX, &text, &size_bytes, err);
    if (r < 0) {
        return r;
    }
    if (strlen(text) != size_bytes) {
        return error_set(err, -EINVAL, "%s: a NUL byte", path);
    }
    return campaign_parse(arena, text, ret, err) < 0 ? error_prefix(err, "%s", path) : 0;
}

int campaign_folder_expect(struct arena *arena, const char *folder, const char **ret,
                           struct error *err)
{
    char *text = NULL;
    size_t size_bytes = 0;
    struct error missing = {0};
    const char *path = arena_printf(arena, "%s/expect", folder);
    int r = file_read(arena, path, SWARM_WORDS_MAX, &text, &size_bytes, &missing);
    if (r == -ENOENT) {
        *ret = "clean";
        return 0;
    }
    if (r < 0) {
        return error_set(err, r, "%s", missing.text);
    }
    text[strcspn(text, "\n")] = '\0';
    *ret = text;
    return 0;
}

// --- printing ------------------------------------------------------------------------------------

static void print_line(struct printer *printer, int64_t true_us, const char *at, const char *text)
{
    if (!printer->events) {
        (void)printf("%8" PRId64 ".%06d %-16s %s\n", true_us / 1000000, (int)(true_us % 1000000),
                     at, text);
    }
}

static void on_event(void *userdata, int64_t true_us, const char *at, const struct event *event)
{
    struct printer *printer = userdata;
    strbuf_clear(&printer->line);
    if (printer->events) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        json_format(simulation_event_json(arena, true_us / 1000, at, event), JSON_STYLE_COMPACT,
                    &printer->line);
        (void)puts(strbuf_text(&printer->line)); // checked as a whole at the end
    } else {
        event_format_text(event, &printer->line);
        print_line(printer, true_us, at, strbuf_text(&printer->line));
    }
}

static void on_guest(void *userdata, int64_t true_us, size_t node, const char *sid, bool runs)
{
    char text[320];
    (void)snprintf(text, sizeof(text), "%s %s on node%zu", sid, runs ? "runs" : "is gone",
                   node + 1);
    print_line(userdata, true_us, "truth", text);
}

static void on_power(void *userdata, int64_t true_us, size_t node, bool is_on, const char *why)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "node%zu %s%s%s", node + 1,
                   is_on ? "has power" : "has lost power", why != NULL ? " by " : "",
                   why != NULL ? why : "");
    print_line(userdata, true_us, "truth", text);
}

static void on_step(void *userdata, int64_t true_us, const struct campaign_step *step)
{
    struct printer *printer = userdata;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    campaign_step_format(step, &text);
    if (printer->events) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct event *event = event_new(arena, EVENT_LEVEL_INFO, "hardware-command");
        (void)event_text(arena, event, "text", strbuf_text(&text));
        (void)event_text(arena, event, "actor", "campaign");
        on_event(printer, true_us, "hardware", event);
    }
    print_line(printer, true_us, "STEP", strbuf_text(&text));
}

static void on_skipped(void *userdata, int64_t true_us, int64_t skipped_us)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "nothing happens for %" PRId64 " s: skipped",
                   skipped_us / 1000000);
    print_line(userdata, true_us, "truth", text);
}

static void on_settled(void *userdata, int64_t true_us)
{
    print_line(userdata, true_us, "truth", "all is well");
}

int tool_exit_status(const struct swarm_verdict *verdict)
{
    switch (verdict->outcome) {
    case SWARM_OUTCOME_CLEAN:
        return EXIT_DONE;
    case SWARM_OUTCOME_INVARIANT:
        return EXIT_INVARIANT;
    case SWARM_OUTCOME_LIVENESS:
        return EXIT_LIVENESS;
    case SWARM_OUTCOME_NONDETERMINISM:
        return EXIT_NONDETERMINISM;
    case SWARM_OUTCOME_CRASH:
        break;
    }
    return EXIT_CRASH;
}

int tool_print_campaign(const struct campaign *campaign, bool events)
{
    struct printer printer = {.events = events};
    struct swarm_verdict verdict;
    const struct swarm_listener listener = {
        .observer = {.event = on_event, .guest = on_guest, .power = on_power, .userdata = &printer},
        .step = on_step,
        .skipped = on_skipped,
        .settled = on_settled,
        .userdata = &printer,
    };
    swarm_run(campaign, &listener, &verdict);
    strbuf_done(&printer.line);
    int status = tool_finish(tool_exit_status(&verdict));
    if (verdict.outcome != SWARM_OUTCOME_CLEAN) {
        (void)fprintf(stderr, "ha-simulator: %s: %s\n", swarm_outcome_to_text(verdict.outcome),
                      verdict.words);
    }
    return status;
}

int campaign_folder_run(const char *folder, bool events)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct campaign *campaign = NULL;
    struct error err = {0};
    if (campaign_folder_read(arena, folder, &campaign, &err) < 0) {
        (void)fprintf(stderr, "ha-simulator: %s\n", err.text);
        return EXIT_FAILED;
    }
    return tool_print_campaign(campaign, events);
}

int campaign_folder_check(const char *folder, bool update, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct campaign *campaign = NULL;
    struct swarm_verdict verdict;
    const char *expected = NULL;
    char kind[32];
    (void)update; // what must come of a campaign is written by hand
    int r = campaign_folder_read(arena, folder, &campaign, err);
    if (r == 0) {
        r = campaign_folder_expect(arena, folder, &expected, err);
    }
    if (r == 0) {
        r = swarm_job_run(campaign, true, SWARM_JOB_CPU_S, &verdict, err);
    }
    if (r < 0) {
        return EXIT_FAILED;
    }
    swarm_verdict_kind(&verdict, kind, sizeof(kind));
    if (strcmp(kind, expected) == 0) {
        return EXIT_DONE;
    }
    (void)error_set(err, -EBADMSG, "expected '%s', and it came to '%s' %s", expected, kind,
                    verdict.words);
    int status = tool_exit_status(&verdict);
    return status == EXIT_DONE ? EXIT_FAILED : status;
}
