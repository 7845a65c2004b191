// SPDX-License-Identifier: Apache-2.0
// A process of our own beside a daemon, for work that may block (a disk): a fork that runs one
// function and talks with its parent over a stream socket. It dies with the parent, and it ends
// when the parent closes its side.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct error;

// Runs in the child: `fd` is its side of the socket, all other descriptors but the standard ones
// are closed, no signal is blocked. What it returns is the exit status.
typedef int (*companion_main)(int fd, void *userdata);

struct companion {
    pid_t pid;
    int fd; // the parent's side, non-blocking; who takes it over sets it to -1
};

// `name` is the child's process name, at most 15 characters.
int companion_start(const char *name, companion_main main, void *userdata, struct companion *ret,
                    struct error *err) WARN_UNUSED;
// Closes the parent's side (if it is still there), waits up to timeout_ms for the child's end, then
// kills it. Returns the wait status.
int companion_stop(struct companion *companion, int64_t timeout_ms);
// For a process about to execute something else: waits up to timeout_ms for all its children to
// end, so that what comes after it inherits none.
void companion_reap_all(int64_t timeout_ms);
