// SPDX-License-Identifier: Apache-2.0
// The command line that QEMU is started with; pure. The same definition always gives the same
// devices in the same order, as a live move needs it on both sides.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct arena;
struct vm_config;

// What the definition's names come to on this node.
struct vm_command_input {
    const char *program;
    const char *folder; // where its sockets are: "qmp", "agent", "serial0"
    bool kvm;
    // It waits for another machine's memory, and does not run when it has it until it is told to.
    bool incoming;
    const char *const *disk_paths; // of each disk of the definition; NULL for an empty drive
    const int *net_fds;            // of each net: an open tap, or -1
    const char *kernel, *initrd;   // paths, or NULL
};

// NULL after the last word; in the arena.
const char *const *vm_command_format(struct arena *arena, const struct vm_config *config,
                                     const struct vm_command_input *input) WARN_UNUSED;
