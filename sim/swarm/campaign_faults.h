// SPDX-License-Identifier: Apache-2.0
// The kinds of faults and load that a round is drawn from, each some steps with their times.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/prng.h"
#include "common/model/timing.h"
#include "sim/swarm/campaign.h"

struct arena;
struct error;
struct strbuf;

enum { DRAW_STEPS_MAX = 512, DRAW_FAULTS_MAX = 64 };

struct draw_step {
    int64_t at_ms;
    size_t order;
    const char *text;
};

struct draw {
    struct arena *arena;
    struct prng prng;
    struct campaign_cluster cluster;
    struct timing timing;
    bool is_chosen[DRAW_FAULTS_MAX]; // of the kinds, by their place
    struct draw_step steps[DRAW_STEPS_MAX];
    size_t steps_count;
    int64_t begin_ms, end_ms; // of the fault that is drawn, and of the round
    int64_t rules, joined;
    bool in_maintenance;
};

// Uniform.
int64_t draw_pick_ms(struct draw *draw, int64_t min_ms, int64_t max_ms) WARN_UNUSED;
// Which kinds: names separated by commas, NULL for all.
int campaign_faults_choose(struct draw *draw, const char *names, struct error *err) WARN_UNUSED;
// Draws one and adds its steps. `count`: how many faults the round has; true: it must stay alone.
bool campaign_faults_add(struct draw *draw, size_t count);
void campaign_faults_list(struct strbuf *out);
