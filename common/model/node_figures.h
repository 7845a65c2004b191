// SPDX-License-Identifier: Apache-2.0
// What a node and its guests use now, for people to see: the JSON value under "live/node/<node>".
// Nothing is decided by it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;

struct guest_figures {
    double cpu; // cores in use
    int64_t mem_bytes;
    int64_t start_s; // wall clock; 0: not known
    int64_t pid;     // of its first process, on its node; 0: not known
    // Since its start there; of networks as the guest sees them.
    int64_t read_bytes, write_bytes, in_bytes, out_bytes;
};

struct node_figures {
    int64_t at_s;     // wall clock, when it was read
    int64_t boot_s;   // wall clock, when the node began
    double cpu, wait; // parts of all processors' time, 0 … 1; wait: for disks
    int64_t cpus;
    int64_t mem_bytes, mem_max_bytes;
    int64_t swap_bytes, swap_max_bytes;
    int64_t disk_bytes, disk_max_bytes;   // of the root file system
    int64_t local_bytes, local_max_bytes; // of that which the storage "local" is on; 0: not known
    struct map guests;                    // sid → struct guest_figures *: those that run here
};

struct node_figures *node_figures_new(struct arena *arena) WARN_UNUSED;
// {"at":…,"boot":…,"cpu":…,"wait":…,"cpus":…,"mem":…,"maxmem":…,"swap":…,"maxswap":…,"disk":…,"maxdisk":…,"local":…,"maxlocal":…,
// "guests":{"<sid>":{"cpu":…,"mem":…,"start":…,"pid":…,"read":…,"write":…,"in":…,"out":…}}};
// -EINVAL names the key.
int node_figures_parse(struct arena *arena, const char *text, size_t size_bytes,
                       struct node_figures **ret, struct error *err) WARN_UNUSED;
char *node_figures_format(struct arena *arena, const struct node_figures *figures) WARN_UNUSED;
// Whether they differ so little that nobody needs to be told: the same guests, and all within some
// percent, and little that was read, written, received or sent meanwhile.
bool node_figures_is_near(const struct node_figures *a, const struct node_figures *b) WARN_UNUSED;
