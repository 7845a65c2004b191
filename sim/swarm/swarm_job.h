// SPDX-License-Identifier: Apache-2.0
// A campaign in a process of its own, so that one that crashes or never ends is told as such and
// takes nobody with it.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"
#include "sim/swarm/swarm_run.h"

struct campaign;
struct error;

struct swarm_job {
    uint64_t seed; // the caller's
    pid_t pid;     // 0: none
    int verdict_fd, words_fd;
    struct swarm_verdict verdict; // once it has ended
    int64_t cpu_ms;
};

enum { SWARM_JOB_CPU_S = 60 };

// `twice`: it runs two times, and the bytes are compared.
int swarm_job_start(struct swarm_job *job, const struct campaign *campaign, bool twice,
                    int64_t cpu_max_s, struct error *err) WARN_UNUSED;
// Waits until one of the jobs has ended and has its verdict; its place, or −ECHILD: none runs.
int swarm_job_wait(struct swarm_job *jobs, size_t count) WARN_UNUSED;
// Start, and wait for it.
int swarm_job_run(const struct campaign *campaign, bool twice, int64_t cpu_max_s,
                  struct swarm_verdict *ret, struct error *err) WARN_UNUSED;
