// SPDX-License-Identifier: Apache-2.0
// Files that machines have for disks.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct error;

// A new image ("raw" or "qcow2") that takes room as it is filled. -EEXIST: there is a file already.
int vm_image_create(const char *path, const char *format, int64_t size_bytes,
                    struct error *err) WARN_UNUSED;
