// SPDX-License-Identifier: Apache-2.0
// The words of a campaign's step: which verbs there are, and what each takes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct campaign_cluster;
struct campaign_step;
struct error;

// Nodes and services that a step may name: the cluster's, and those that a step before has added.
struct campaign_names {
    int64_t nodes, services;
    struct map added; // names of both kinds; values mean nothing
};

void campaign_names_init(struct campaign_names *names, struct arena *arena,
                         const struct campaign_cluster *cluster);
// -EINVAL names the word and what is allowed. Notes what the step adds.
int campaign_words_check(struct arena *arena, struct campaign_names *names,
                         const struct campaign_step *step, struct error *err) WARN_UNUSED;
