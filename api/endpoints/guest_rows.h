// SPDX-License-Identifier: Apache-2.0
// Guests as lists and statuses show them: whether they run and what they use, as far as this node
// knows.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct call;
struct guest;
struct json;
struct map;

struct guest_shown {
    const char *type;   // "lxc", "qemu"
    const char *status; // "running", "stopped", "unknown"
    const char *name;
    int64_t vmid;
    int64_t cpus, mem_max_bytes;
    double cpu; // part of its processors
    int64_t mem_bytes, uptime_s, pid;
    int64_t read_bytes, write_bytes, in_bytes, out_bytes; // since its start there
};

// Whether it is a container or a machine; other services are no guests to clients.
bool guest_shown_is_one(const struct guest *guest) WARN_UNUSED;
// `figures`: endpoint_figures(). Of a guest on this node whether it runs is looked up now.
void guest_shown_read(const struct call *call, const struct map *figures, const struct guest *guest,
                      struct guest_shown *ret);
// Puts what all lists have of it; "cpus" or "maxcpu" is the caller's.
void guest_shown_put(const struct call *call, const struct guest *guest,
                     const struct guest_shown *shown, struct json *row);
// Its state under HA, or NULL.
const char *guest_shown_hastate(const struct call *call, const char *sid) WARN_UNUSED;
