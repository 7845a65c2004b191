// SPDX-License-Identifier: Apache-2.0
// Bytes for secrets, from the kernel.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct error;

int random_bytes(void *buffer, size_t size_bytes, struct error *err) WARN_UNUSED;
