// SPDX-License-Identifier: Apache-2.0
// The program that vm_accel.c runs in a machine to see whether KVM works.
#pragma once

#include "common/base/macros.h"

enum { VM_ACCEL_ROM_BYTES = 64 * 1024, VM_ACCEL_ROM_STATUS = 0x21 << 1 | 1 };

// NULL: there is none for this processor.
const unsigned char *vm_accel_rom_bytes(void) WARN_UNUSED;
