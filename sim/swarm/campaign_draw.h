// SPDX-License-Identifier: Apache-2.0
// From a seed to a campaign: a cluster, and rounds of faults and load with quiet hours between
// them. The same seed and limits give the same text on every machine.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/timing.h"

struct arena;
struct campaign;
struct error;
struct strbuf;

struct campaign_limits {
    int64_t nodes;               // 0: the seed says
    int64_t services;            // −1: the seed says
    int64_t hours;               // 0: the seed says; about
    enum timing_profile profile; // TIMING_PROFILE_MAX: the seed says
    const char *faults;          // names, separated by commas; NULL: all
};

void campaign_limits_init(struct campaign_limits *ret_limits);
// -EINVAL names a kind of fault that does not exist, and those that do.
int campaign_draw(struct arena *arena, uint64_t seed, const struct campaign_limits *limits,
                  struct campaign **ret, struct error *err) WARN_UNUSED;
// The names of all kinds of faults, separated by commas.
void campaign_draw_list(struct strbuf *out);
