// SPDX-License-Identifier: Apache-2.0
// The guest that a path names.
#pragma once

#include "common/base/macros.h"

struct call;
struct guest;

// "ct" below /lxc, "vm" below /qemu.
const char *endpoint_guest_type(const struct call *call) WARN_UNUSED;
// NULL, and the call is refused, when there is none or it is on another node.
const struct guest *endpoint_guest(struct call *call) WARN_UNUSED;
