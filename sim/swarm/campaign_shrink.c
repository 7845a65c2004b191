// SPDX-License-Identifier: Apache-2.0
// Delta debugging over the steps, then over the numbers of the cluster's line, then over times,
// again and again until nothing more goes.
#include "sim/swarm/campaign_shrink.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "sim/swarm/campaign.h"

struct shrink {
    struct arena *arena;
    const struct campaign *best;
    campaign_fails fails;
    void *userdata;
    size_t tries_left;
};

// A copy whose steps can be changed.
static struct campaign *shrink_copy(const struct shrink *shrink)
{
    const struct campaign *best = shrink->best;
    struct campaign *copy = arena_new_of(shrink->arena, struct campaign);
    *copy = *best;
    copy->steps = arena_array_of(shrink->arena, struct campaign_step, best->count);
    memcpy(copy->steps, best->steps, best->count * sizeof(*best->steps));
    return copy;
}

// Takes the candidate when it is a campaign (a step may name a node that is there no more) and
// fails as the first one did.
static bool shrink_try(struct shrink *shrink, const struct campaign *candidate)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct campaign *read = NULL;
    if (shrink->tries_left == 0) {
        return false;
    }
    campaign_format(candidate, &text);
    if (campaign_parse(shrink->arena, strbuf_text(&text), &read, NULL) < 0) {
        return false;
    }
    shrink->tries_left--;
    if (!shrink->fails(shrink->userdata, read)) {
        return false;
    }
    shrink->best = read;
    return true;
}

// Without the steps from first on. A settle that goes makes two rounds one, so the times that
// follow are counted on from there.
static bool shrink_without(struct shrink *shrink, size_t first, size_t count)
{
    struct campaign *copy = shrink_copy(shrink);
    int64_t base_ms = 0;
    size_t kept = 0;
    for (size_t i = 0; i < shrink->best->count; i++) {
        struct campaign_step step = shrink->best->steps[i];
        bool is_settle = campaign_step_is(&step, "settle");
        int64_t at_ms = base_ms + step.at_ms;
        if (i >= first && i < first + count) {
            base_ms = is_settle ? at_ms : base_ms;
            continue;
        }
        step.at_ms = at_ms;
        copy->steps[kept++] = step;
        base_ms = is_settle ? 0 : base_ms;
    }
    copy->count = kept;
    return kept < shrink->best->count && shrink_try(shrink, copy);
}

// How many steps there are up to the end of that round, counted from 1.
static size_t shrink_round_end(const struct campaign *campaign, size_t round)
{
    size_t rounds = 0;
    for (size_t i = 0; i < campaign->count; i++) {
        rounds += campaign_step_is(&campaign->steps[i], "settle") ? 1 : 0;
        if (rounds == round) {
            return i + 1;
        }
    }
    return campaign->count;
}

// What comes after the round that fails is of no importance, and a run that fails stops there: so
// the first round at whose end it has failed is found by halving.
static void shrink_tail(struct shrink *shrink)
{
    const struct campaign *whole = shrink->best;
    size_t low = 1;
    size_t high = 0;
    for (size_t i = 0; i < whole->count; i++) {
        high += campaign_step_is(&whole->steps[i], "settle") ? 1 : 0;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct campaign *copy = arena_new_of(shrink->arena, struct campaign);
        *copy = *whole;
        copy->count = shrink_round_end(whole, middle);
        if (shrink_try(shrink, copy)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
}

static bool shrink_steps(struct shrink *shrink)
{
    bool is_smaller = false;
    for (size_t size = shrink->best->count / 2; size > 0; size /= 2) {
        for (size_t first = 0; first + 1 < shrink->best->count;) {
            size_t left = shrink->best->count - 1 - first; // the last settle stays
            if (shrink_without(shrink, first, size < left ? size : left)) {
                is_smaller = true;
            } else {
                first += size;
            }
        }
    }
    return is_smaller;
}

static bool shrink_number(struct shrink *shrink, int64_t *(*member)(struct campaign *), int64_t min)
{
    bool is_smaller = false;
    struct campaign *copy = shrink_copy(shrink);
    int64_t low = min;
    int64_t high = *member(copy);
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        copy = shrink_copy(shrink);
        *member(copy) = middle;
        if (shrink_try(shrink, copy)) {
            is_smaller = true;
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return is_smaller;
}

static int64_t *member_nodes(struct campaign *campaign)
{
    return &campaign->cluster.nodes;
}

static int64_t *member_services(struct campaign *campaign)
{
    return &campaign->cluster.services;
}

static int64_t *member_drift(struct campaign *campaign)
{
    return &campaign->cluster.drift_ppm_max;
}

static bool shrink_options(struct shrink *shrink)
{
    bool is_simpler = false;
    if (shrink->best->cluster.has_fence_devices) {
        struct campaign *copy = shrink_copy(shrink);
        copy->cluster.has_fence_devices = false;
        is_simpler = shrink_try(shrink, copy);
    }
    if (shrink->best->cluster.lease_loss_resets) {
        struct campaign *copy = shrink_copy(shrink);
        copy->cluster.lease_loss_resets = false;
        is_simpler = shrink_try(shrink, copy) || is_simpler;
    }
    return is_simpler;
}

// One gap between two steps becomes smaller, or the time a full second or a tenth of it; what comes
// after it in the round moves along.
static bool shrink_gap(struct shrink *shrink, size_t index)
{
    static const int64_t grids_ms[] = {1000, 100};
    const struct campaign_step *steps = shrink->best->steps;
    bool is_first = index == 0 || campaign_step_is(&steps[index - 1], "settle");
    int64_t before_ms = is_first ? 0 : steps[index - 1].at_ms;
    int64_t gap_ms = steps[index].at_ms - before_ms;
    int64_t wanted_ms[] = {0, gap_ms / 2, gap_ms, gap_ms};
    wanted_ms[2] = gap_ms / grids_ms[0] * grids_ms[0];
    wanted_ms[3] = gap_ms / grids_ms[1] * grids_ms[1];
    for (size_t k = 0; k < ARRAY_SIZE(wanted_ms); k++) {
        if (wanted_ms[k] == gap_ms) {
            continue;
        }
        struct campaign *copy = shrink_copy(shrink);
        for (size_t i = index; i < copy->count; i++) {
            copy->steps[i].at_ms -= gap_ms - wanted_ms[k];
            if (campaign_step_is(&copy->steps[i], "settle")) {
                break;
            }
        }
        if (shrink_try(shrink, copy)) {
            return true;
        }
    }
    return false;
}

static bool shrink_times(struct shrink *shrink)
{
    bool is_simpler = false;
    for (size_t i = 0; i < shrink->best->count; i++) {
        is_simpler = shrink_gap(shrink, i) || is_simpler;
    }
    return is_simpler;
}

const struct campaign *campaign_shrink(struct arena *arena, const struct campaign *campaign,
                                       size_t tries_max, campaign_fails fails, void *userdata)
{
    struct shrink shrink = {.arena = arena,
                            .best = campaign,
                            .fails = fails,
                            .userdata = userdata,
                            .tries_left = tries_max};
    bool is_smaller = true;
    shrink_tail(&shrink);
    while (is_smaller && shrink.tries_left > 0) {
        is_smaller = shrink_steps(&shrink);
        is_smaller = shrink_number(&shrink, member_services, 0) || is_smaller;
        is_smaller = shrink_number(&shrink, member_nodes, 1) || is_smaller;
        is_smaller = shrink_number(&shrink, member_drift, 0) || is_smaller;
        is_smaller = shrink_options(&shrink) || is_smaller;
        is_smaller = shrink_times(&shrink) || is_smaller;
    }
    return shrink.best;
}
