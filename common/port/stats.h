// SPDX-License-Identifier: Apache-2.0
// Port: sizes and loads of nodes and guests, for the schedulers.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct stats;

struct node_stats {
    double cpu, maxcpu; // cores
    double mem, maxmem; // bytes
    bool has_static;    // maxcpu and maxmem are known
};

struct guest_stats {
    const char *node;
    bool running;
    double cpu, maxcpu;
    double mem, maxmem;
};

struct stats_view {
    struct map nodes;  // node → struct node_stats *
    struct map guests; // sid → struct guest_stats *
};

struct stats_ops {
    int (*get_static)(struct stats *stats, struct arena *arena, struct stats_view *ret,
                      struct error *err);
    int (*get_dynamic)(struct stats *stats, struct arena *arena, struct stats_view *ret,
                       struct error *err);
};

struct stats {
    const struct stats_ops *ops;
};
