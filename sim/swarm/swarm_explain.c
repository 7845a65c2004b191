// SPDX-License-Identifier: Apache-2.0
// Notes everything of the present round, forgets it when the round ends well, and at the end keeps
// of it what concerns the services that the violation names.
#include "sim/swarm/swarm_explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "sim/swarm/campaign.h"
#include "sim/swarm/swarm_run.h"

struct note {
    int64_t true_us;
    const char *at, *text;
    const char *sid; // NULL: of the cluster
};

struct explain {
    struct arena *arena; // of the round
    struct note *notes;
    size_t count, capacity;
    struct map grants;     // lease and node → term as text, told once
    int64_t began_us;      // the round
    int64_t rounds_before; // that were well
};

static void explain_note(struct explain *explain, int64_t true_us, const char *at, const char *text,
                         const char *sid)
{
    if (explain->count == explain->capacity) {
        size_t capacity = explain->capacity > 0 ? 2 * explain->capacity : 256;
        struct note *notes = arena_array_of(explain->arena, struct note, capacity);
        if (explain->count > 0) {
            memcpy(notes, explain->notes, explain->count * sizeof(*notes));
        }
        explain->notes = notes;
        explain->capacity = capacity;
    }
    explain->notes[explain->count++] = (struct note){
        .true_us = true_us,
        .at = arena_strdup(explain->arena, at),
        .text = arena_strdup(explain->arena, text),
        .sid = arena_strdup(explain->arena, sid),
    };
}

static void explain_forget(struct explain *explain, int64_t true_us)
{
    arena_clear(explain->arena);
    explain->notes = NULL;
    explain->count = explain->capacity = 0;
    explain->began_us = true_us;
    map_init_arena(&explain->grants, explain->arena);
}

static void on_event(void *userdata, int64_t true_us, const char *at, const struct event *event)
{
    struct explain *explain = userdata;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    if (event->level == EVENT_LEVEL_INFO && event_find(event, "sid") == NULL) {
        return;
    }
    event_format_text(event, &text);
    explain_note(explain, true_us, at, strbuf_text(&text), event_find(event, "sid"));
}

static void on_guest(void *userdata, int64_t true_us, size_t node, const char *sid, bool runs)
{
    struct explain *explain = userdata;
    char text[128];
    (void)snprintf(text, sizeof(text), "%s %s on node%zu", sid, runs ? "RUNS" : "is gone",
                   node + 1);
    explain_note(explain, true_us, "truth", text, sid);
}

static void on_power(void *userdata, int64_t true_us, size_t node, bool is_on, const char *why)
{
    struct explain *explain = userdata;
    char text[128];
    (void)snprintf(text, sizeof(text), "node%zu %s%s%s", node + 1,
                   is_on ? "has power" : "has lost power", why != NULL ? " by " : "",
                   why != NULL ? why : "");
    explain_note(explain, true_us, "truth", text, NULL);
}

// A renewal is told only when it is the first of its term.
static void on_authority(void *userdata, int64_t true_us, size_t node, const char *lease,
                         uint64_t term, int64_t until_us)
{
    struct explain *explain = userdata;
    char key[128];
    char text[192];
    (void)snprintf(key, sizeof(key), "%s %zu %" PRIu64 " %d", lease, node, term,
                   until_us > true_us ? 1 : 0);
    if (map_has(&explain->grants, key)) {
        return;
    }
    map_put(&explain->grants, key, explain);
    (void)snprintf(text, sizeof(text),
                   term != 0 ? "node%zu has %s in term %" PRIu64 : "node%zu has given %s back",
                   node + 1, lease, term);
    explain_note(explain, true_us, "truth", text, NULL);
}

static void on_step(void *userdata, int64_t true_us, const struct campaign_step *step)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    campaign_step_format(step, &text);
    explain_note(userdata, true_us, "STEP", strbuf_text(&text), NULL);
}

static void on_settled(void *userdata, int64_t true_us)
{
    struct explain *explain = userdata;
    explain->rounds_before++;
    explain_forget(explain, true_us);
}

// Whether the words name the service as a whole word.
static bool explain_names(const char *words, const char *sid)
{
    size_t length = strlen(sid);
    for (const char *at = strstr(words, sid); at != NULL; at = strstr(at + length, sid)) {
        if (at[length] < '0' || at[length] > '9') {
            return true;
        }
    }
    return false;
}

static void explain_write(const struct explain *explain, const struct campaign *campaign,
                          const struct swarm_verdict *verdict, struct strbuf *out)
{
    const struct campaign_cluster *cluster = &campaign->cluster;
    strbuf_appendf(out, "%s: %s\n\n", swarm_outcome_to_text(verdict->outcome), verdict->words);
    strbuf_appendf(out,
                   "%" PRId64 " nodes, %" PRId64 " services, profile %s; %" PRId64
                   " rounds before went well\n",
                   cluster->nodes, cluster->services, timing_profile_to_string(cluster->profile),
                   explain->rounds_before);
    strbuf_append(out, "Seconds count from the end of the round before. STEP is what the campaign "
                       "did, truth what really\nhappened; all else is what the daemons said.\n\n");
    for (size_t i = 0; i < explain->count; i++) {
        const struct note *note = &explain->notes[i];
        if (note->sid == NULL || explain_names(verdict->words, note->sid)) {
            int64_t us = note->true_us - explain->began_us;
            strbuf_appendf(out, "%6" PRId64 ".%03d  %-16s %s\n", us / 1000000,
                           (int)(us / 1000 % 1000), note->at, note->text);
        }
    }
    int64_t us = verdict->computed_us - explain->began_us;
    strbuf_appendf(out, "%6" PRId64 ".%03d  VIOLATION        %s\n", us / 1000000,
                   (int)(us / 1000 % 1000), verdict->words);
}

void swarm_explain(const struct campaign *campaign, struct strbuf *out, struct swarm_verdict *ret)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct explain explain = {.arena = arena};
    explain_forget(&explain, 0);
    const struct swarm_listener listener = {
        .observer = {.event = on_event,
                     .guest = on_guest,
                     .power = on_power,
                     .authority = on_authority,
                     .userdata = &explain},
        .step = on_step,
        .settled = on_settled,
        .userdata = &explain,
    };
    swarm_run(campaign, &listener, ret);
    if (ret->outcome == SWARM_OUTCOME_CLEAN) {
        strbuf_appendf(out, "clean: %" PRId64 " rounds, nothing to explain\n", ret->settles);
        return;
    }
    explain_write(&explain, campaign, ret, out);
}
