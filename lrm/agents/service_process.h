// SPDX-License-Identifier: Apache-2.0
// Runs a program for a service and waits for its end: with an environment of its own, nothing of
// the daemon's descriptors, a time limit, in a control group when one is given, its output kept.
// For worker processes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;

struct service_process_spec {
    const char *const *argv;        // argv[0] is a path; ends with NULL
    const char *const *environment; // NAME=value; ends with NULL
    const char *cgroup;             // folder of the control group it runs in; NULL: the caller's
    int64_t timeout_ms;
};

struct service_process_end {
    bool timed_out;   // it was killed for that, with all that is in its session
    int exit_status;  // -1: it died by a signal
    const char *text; // all it printed, of very much the end; well-formed text
};

enum { SERVICE_PROCESS_OUTPUT_MAX = 512 * 1024 };

// -errno only when it could not be run.
int service_process_run(struct arena *arena, const struct service_process_spec *spec,
                        struct service_process_end *ret, struct error *err) WARN_UNUSED;
// The last lines of a text, at most size_max bytes of it, without empty lines and without lines
// that begin with the prefix (NULL: all). Pure.
const char *service_process_tail(struct arena *arena, const char *text, const char *prefix,
                                 size_t size_max) WARN_UNUSED;
