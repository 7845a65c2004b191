// SPDX-License-Identifier: Apache-2.0
// Draws the cluster and the rounds. What each kind of fault does is in campaign_faults.c.
#include "sim/swarm/campaign_draw.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "sim/swarm/campaign.h"
#include "sim/swarm/campaign_faults.h"

enum {
    DRAW_HOURS_MAX = 24,
    DRAW_ROUNDS_MIN = 2,
    DRAW_ROUNDS_MAX = 5,
    DRAW_HOURS_A_ROUND = 12, // beyond that: one more round for so many hours
    DRAW_SERVICES_A_NODE = 3,
};

void campaign_limits_init(struct campaign_limits *ret_limits)
{
    *ret_limits = (struct campaign_limits){.services = -1, .profile = TIMING_PROFILE_MAX};
}

static int64_t draw_nodes(struct prng *prng)
{
    static const uint8_t usual[] = {3, 3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 2, 2, 4, 4, 1, 6, 7};
    uint64_t at = prng_below(prng, ARRAY_SIZE(usual) + 2);
    return at < ARRAY_SIZE(usual) ? usual[at] : 8 + (int64_t)prng_below(prng, 9);
}

static void draw_cluster(struct draw *draw, uint64_t seed, const struct campaign_limits *limits)
{
    static const enum timing_profile profiles[] = {TIMING_PROFILE_FAST, TIMING_PROFILE_FAST,
                                                   TIMING_PROFILE_FAST, TIMING_PROFILE_BALANCED,
                                                   TIMING_PROFILE_PATIENT};
    static const uint16_t drifts[] = {0, 200, 1000};
    struct campaign_cluster *cluster = &draw->cluster;
    struct prng *prng = &draw->prng;
    // Everything is drawn whatever the limits say, so that the rest stays alike.
    int64_t nodes = draw_nodes(prng);
    enum timing_profile profile = profiles[prng_below(prng, ARRAY_SIZE(profiles))];
    cluster->seed = seed;
    cluster->nodes = limits->nodes > 0 ? limits->nodes : nodes;
    int64_t services =
        1 + (int64_t)prng_below(prng, (uint64_t)(DRAW_SERVICES_A_NODE * cluster->nodes));
    cluster->services = limits->services >= 0 ? limits->services : services;
    cluster->profile = limits->profile != TIMING_PROFILE_MAX ? limits->profile : profile;
    cluster->drift_ppm_max = drifts[prng_below(prng, ARRAY_SIZE(drifts))];
    cluster->has_fence_devices = prng_below(prng, 4) == 0;
    cluster->lease_loss_resets = prng_below(prng, 6) == 0;
    timing_get(cluster->profile, &draw->timing);
}

static int draw_compare(const void *a, const void *b)
{
    const struct draw_step *x = a;
    const struct draw_step *y = b;
    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order ? 1 : 0;
}

static void draw_write_step(struct strbuf *out, int64_t at_ms, const char *text)
{
    strbuf_appendf(out, "%" PRId64 ".%03d %s\n", at_ms / 1000, (int)(at_ms % 1000), text);
}

static void draw_round(struct draw *draw, int64_t quiet_ms, struct strbuf *out)
{
    static const uint8_t counts[] = {1, 1, 1, 2, 2, 3};
    size_t count = counts[prng_below(&draw->prng, ARRAY_SIZE(counts))];
    draw->steps_count = 0;
    draw->end_ms = 0;
    for (size_t i = 0; i < count; i++) {
        // Some at the same moment, some one after the other, some far apart.
        draw->begin_ms = draw_pick_ms(draw, 0, i == 0 ? 2000 : 2 * draw->timing.lease_ms);
        if (campaign_faults_add(draw, count)) {
            break; // one that has no right outcome beside another
        }
    }
    qsort(draw->steps, draw->steps_count, sizeof(draw->steps[0]), draw_compare);
    for (size_t i = 0; i < draw->steps_count; i++) {
        draw_write_step(out, quiet_ms + draw->steps[i].at_ms, draw->steps[i].text);
    }
    int64_t rest_ms = draw_pick_ms(draw, 0, draw->timing.lease_ms);
    draw_write_step(out, quiet_ms + draw->end_ms + rest_ms, "settle");
}

int campaign_draw(struct arena *arena, uint64_t seed, const struct campaign_limits *limits,
                  struct campaign **ret, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct draw draw = {.arena = arena};
    int r = campaign_faults_choose(&draw, limits->faults, err);
    if (r < 0) {
        return r;
    }
    prng_init(&draw.prng, seed);
    draw_cluster(&draw, seed, limits);
    const struct campaign head = {.cluster = draw.cluster};
    campaign_format(&head, &text);
    int64_t hours = 1 + (int64_t)prng_below(&draw.prng, DRAW_HOURS_MAX);
    int64_t rounds =
        DRAW_ROUNDS_MIN + (int64_t)prng_below(&draw.prng, DRAW_ROUNDS_MAX - DRAW_ROUNDS_MIN + 1);
    if (limits->hours > 0) {
        hours = limits->hours;
        rounds += hours / DRAW_HOURS_A_ROUND;
    }
    for (int64_t i = 0; i < rounds; i++) {
        // On the average the hours are spread over the rounds; some follow each other at once.
        int64_t mean_ms = hours * 3600 * 1000 / rounds;
        bool is_close = prng_below(&draw.prng, 4) == 0;
        draw_round(&draw, is_close ? 1000 : 1000 + draw_pick_ms(&draw, 0, 2 * mean_ms), &text);
    }
    r = campaign_parse(arena, strbuf_text(&text), ret, err);
    assert(r == 0); // what is drawn is valid
    return 0;
}
