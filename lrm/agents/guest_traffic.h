// SPDX-License-Identifier: Apache-2.0
// What a guest has read, written, received and sent since it started, for people to see: by the
// counters of its control groups, its processes and its network. Nothing is decided by it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;

// Of networks as the guest sees them. 0: nothing, or nobody counts it.
struct guest_traffic {
    int64_t read_bytes, write_bytes;
    int64_t in_bytes, out_bytes;
};

// Of a container by its groups, and the network it has for itself. What does not run here has none.
int guest_traffic_of_container(const char *sid, struct guest_traffic *ret,
                               struct error *err) WARN_UNUSED;
// Of a virtual machine by its process, and the taps that were made for it.
int guest_traffic_of_machine(const char *sid, struct guest_traffic *ret,
                             struct error *err) WARN_UNUSED;

// Parts of it; pure. Each adds what the text tells; what it does not understand counts nothing.
// The text of a process's net/dev. `prefix` NULL: all networks but the loopback; else those of that
// name and a number behind it, which are the other ends of the guest's: in is out there.
void guest_traffic_parse_networks(const char *text, const char *prefix,
                                  struct guest_traffic *traffic);
// The text of a process's io: what it and its ended children have read from disks and written.
void guest_traffic_parse_process(const char *text, struct guest_traffic *traffic);
// The text of a group's io.stat (v2) or of its counters of bytes (v1), each line of one device
// ("8:0"). `is_stacked`: whether what goes through it is counted once more at the device below.
void guest_traffic_parse_group(const char *text, bool (*is_stacked)(const char *device),
                               struct guest_traffic *traffic);
