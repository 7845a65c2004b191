// SPDX-License-Identifier: Apache-2.0
// Full copies of volumes that nobody uses meanwhile: folders with all that is in them (owners,
// modes, attributes, links, devices, holes), and images.
#pragma once

#include "common/base/macros.h"

struct error;

struct volume_copy {
    const char *from;   // absolute
    const char *to;     // must not exist
    const char *format; // of an image, "raw" or "qcow2"; NULL: a folder
    // Called from time to time while it takes long.
    void (*progress)(void *userdata, int percent);
    void *userdata;
};

// Returns when the copy is complete and on the disk. What there is of it after a failure is the
// caller's to remove. -EINTR: a signal asked this process to end.
int volume_copy_run(const struct volume_copy *copy, struct error *err) WARN_UNUSED;
