// SPDX-License-Identifier: Apache-2.0
// What an OCF resource agent says of itself: the XML that its action "meta-data" prints. Read are
// its parameters, and of its actions the times; the rest is passed over. Also the check of a
// service's parameters against them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;

enum { OCF_METADATA_MAX = 512 * 1024 };

struct ocf_parameter {
    const char *name;
    const char *about; // short description, or ""
    bool required;
    bool has_default; // one that is not empty
};

struct ocf_metadata {
    const char *agent;     // its own name, or ""
    const char *about;     // or ""
    struct map parameters; // name → struct ocf_parameter *
    struct map timeouts;   // action → int64_t *, milliseconds; 0: none is given
    // Of the action "monitor" for a service that is simply started. 0: none is given.
    int64_t monitor_interval_ms;
};

// -EINVAL: not the metadata of a resource agent, or one without start, stop and monitor.
int ocf_metadata_parse(struct arena *arena, const char *text, struct ocf_metadata *ret,
                       struct error *err) WARN_UNUSED;

// -EINVAL, naming what is wrong: a parameter that the agent does not know, with those of similar
// names; required ones that are missing. `params`: name → const char *.
int ocf_metadata_check(const struct ocf_metadata *metadata, const struct map *params,
                       struct error *err) WARN_UNUSED;

// The action's timeout, or 0.
int64_t ocf_metadata_timeout_ms(const struct ocf_metadata *metadata,
                                const char *action) WARN_UNUSED;
