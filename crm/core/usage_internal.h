// SPDX-License-Identifier: Apache-2.0
// What usage.c and usage_load.c share.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/model/options.h"

struct master_round;
struct stats_view;

struct usage_node {
    size_t count;        // of services
    int64_t cpu;         // billionths of a core that count for it
    int64_t mem;         // bytes
    double maxcpu;       // cores; whole numbers
    double maxmem;       // bytes
    double measured_cpu; // dynamic mode
    double measured_mem;
};

// What an item was counted with, so that exactly that is taken off again.
struct usage_share {
    int64_t cpu_node;
    int64_t cpu_target;
    int64_t mem;
};

struct usage {
    const struct master_round *round;
    enum scheduler_mode mode;
    struct usage_node *nodes;
    const struct stats_view *stats;
    struct usage_share *shares; // one an item; NULL in basic mode
};

struct usage_load {
    double cpu;
    double mem;
};

// Scores of the alternatives "what if it ran on this node" by TOPSIS. maxcpu 0: all the node's
// cores.
void usage_score_loads(const struct master_round *round, const struct usage_load *add,
                       double maxcpu, double *scores);
