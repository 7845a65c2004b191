// SPDX-License-Identifier: Apache-2.0
// Runs one verb of an OCF resource agent: environment, time limit, control group, output. What a
// code means for the service is decided in ocf.c.
// Source: "Open Cluster Framework Resource Agent API" 1.1, ClusterLabs/OCF-spec.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "lrm/agents/ocf_definition.h"

struct arena;
struct error;

// Exit codes of the standard.
enum ocf_code {
    OCF_CODE_SUCCESS = 0,
    OCF_CODE_GENERIC = 1,
    OCF_CODE_ARGS = 2,
    OCF_CODE_UNIMPLEMENTED = 3,
    OCF_CODE_PERM = 4,
    OCF_CODE_INSTALLED = 5,
    OCF_CODE_CONFIGURED = 6,
    OCF_CODE_NOT_RUNNING = 7,
    OCF_CODE_PROMOTED = 8,
    OCF_CODE_FAILED_PROMOTED = 9,
    // Ours: there is none, since it was killed by the time limit, or died by a signal.
    OCF_CODE_TIMEOUT = 256,
    OCF_CODE_SIGNAL = 257,
};

struct ocf_run_spec {
    const struct ocf_definition *definition;
    const char *program;
    const char *node;
    enum ocf_verb verb;
    int64_t interval_ms; // of a regular monitor; 0: a single one
    int64_t timeout_ms;
    const char *cgroup; // folder of the control group it runs in; NULL: that of the caller
};

struct ocf_run_result {
    int code;           // enum ocf_code, or another code that the agent ended with
    const char *reason; // what the agent gives as reason ("ocf-exit-reason:"), or NULL
    const char *output; // the last lines of what it printed, without the reason; may be ""
    const char *text;   // all that it printed, of very much the end
};

enum { OCF_RUN_TAIL_MAX = 2048 };

// Runs it and waits for its end; after the time limit it is killed with all that is in its session.
// What it detached stays, the caller knows the control group. -errno only when it could not be run.
int ocf_run(struct arena *arena, const struct ocf_run_spec *spec, struct ocf_run_result *ret,
            struct error *err) WARN_UNUSED;

// "not running (7)" and so on, in the arena.
const char *ocf_code_words(struct arena *arena, int code) WARN_UNUSED;
// -errno for a verb that ended with this code, which is not success.
int ocf_code_errno(int code) WARN_UNUSED;
