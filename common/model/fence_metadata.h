// SPDX-License-Identifier: Apache-2.0
// What a fence agent says of itself: the XML that its action "metadata" prints. Read are its
// parameters and actions; the rest is passed over. Also the check of a device's settings against
// them, so that a misspelt parameter is found when the device is made and not in the night it is
// needed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct fence_device;

enum { FENCE_METADATA_MAX = 512 * 1024 };

struct fence_parameter {
    const char *name;
    const char *obsoletes; // the older name of the same parameter, or NULL
    const char *about;     // short description, or ""
    bool required;
    bool has_default; // then it need not be given
};

struct fence_metadata {
    const char *agent;     // its own name, or ""
    const char *about;     // or ""
    struct map parameters; // name → struct fence_parameter *
    struct map actions;    // name → anything
    bool on_is_automatic;  // the node must open its access again by itself: what the agent closes
                           // is an access (to disks, to a network), the node stays on
};

// -EINVAL: not the metadata of a fence agent.
int fence_metadata_parse(struct arena *arena, const char *text, struct fence_metadata *ret,
                         struct error *err) WARN_UNUSED;

// -EINVAL, naming what is wrong: an agent that cannot switch off or cannot tell whether it did;
// parameters it does not know, with those of similar names; required ones that are missing.
// `secrets`: key → value, looked at as if they were parameters.
int fence_metadata_check(struct arena *arena, const struct fence_metadata *metadata,
                         const struct fence_device *device, const struct map *secrets,
                         struct error *err) WARN_UNUSED;
