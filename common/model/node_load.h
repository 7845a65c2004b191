// SPDX-License-Identifier: Apache-2.0
// What a node can carry and what it carries now, for the schedulers: the JSON value under
// "live/load/<node>". The size is always there; load only while somebody schedules by it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;

struct guest_load {
    double cpu; // cores in use
    double mem; // bytes in use
};

struct node_load {
    double maxcpu; // cores
    double maxmem; // bytes
    bool measured; // the following are known
    double cpu, mem;
    struct map guests; // sid → struct guest_load *: those that run here
};

struct node_load *node_load_new(struct arena *arena) WARN_UNUSED;
// {"maxcpu":…,"maxmem":…,"cpu":…,"mem":…,"guests":{"<sid>":{"cpu":…,"mem":…}}}; without "cpu" there
// is no load. -EINVAL names the key.
int node_load_parse(struct arena *arena, const char *text, size_t size_bytes,
                    struct node_load **ret, struct error *err) WARN_UNUSED;
char *node_load_format(struct arena *arena, const struct node_load *load) WARN_UNUSED;
