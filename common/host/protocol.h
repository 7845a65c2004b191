// SPDX-License-Identifier: Apache-2.0
// What both ends of ha-clusterd's socket must spell alike (docs/store.md, "IPC protocol").
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

enum {
    PROTOCOL_VERSION = 1,
    PROTOCOL_PAGE_BYTES =
        1024 * 1024, // an answer or notification with entries is cut after about this much
};

// A negative errno as the "code" of an error answer ("EAGAIN"); one that is not in the table
// becomes "EIO".
const char *protocol_code_to_string(int code) WARN_UNUSED;
// And back; an unknown or absent name (NULL) becomes -EIO.
int protocol_code_from_string(const char *name) WARN_UNUSED;
