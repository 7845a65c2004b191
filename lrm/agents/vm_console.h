// SPDX-License-Identifier: Apache-2.0
// The serial port of a machine that runs here, on the caller's terminal.
#pragma once

#include "common/base/macros.h"

struct error;

// What ends it: Ctrl and ].
enum { VM_CONSOLE_ESCAPE = 0x1d };

// Connects standard input and output with the machine's serial port until the escape key, the end
// of the input, the end of the machine, or a signal. A terminal is as before afterwards. -ENOENT:
// the machine has no serial port.
int vm_console_run(const char *sid, struct error *err) WARN_UNUSED;
