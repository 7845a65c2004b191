// SPDX-License-Identifier: Apache-2.0
// Running a program inside a machine that runs here, by QEMU's guest agent.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct error;

struct vm_exec_result {
    int status;         // its exit status; of a program that a signal ended 128 and its number
    const char *output; // what it printed, as much as the guest agent keeps
    size_t output_bytes;
    const char *errors;
    size_t errors_bytes;
    bool cut; // there was more
};

// Runs the program and waits for its end, however long that takes; its standard input is empty. The
// guest agent's line is free for others meanwhile. -ETIMEDOUT: the guest agent does not answer;
// -EPROTO with its words: it could not start the program, say.
int vm_exec_run(struct arena *arena, const char *sid, const char *const *argv,
                struct vm_exec_result *ret, struct error *err) WARN_UNUSED;
