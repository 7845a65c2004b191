// SPDX-License-Identifier: Apache-2.0
// The one place that calls liblxc.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct error;

// Starts the container from <lxc_path>/<id>/config and returns when its init was started. -EIO with
// the first error LXC wrote to the log file.
int ct_lxc_start(const char *lxc_path, const char *id, const char *log_file,
                 struct error *err) WARN_UNUSED;
// What LXC believes; true also for a container that it started without control groups.
bool ct_lxc_is_running(const char *lxc_path, const char *id) WARN_UNUSED;
// Waits until LXC does not believe any more that it runs, or the time is over. A monitor leaves its
// control group before it ends, so that nothing may be left by what is proved while LXC would still
// refuse a start.
void ct_lxc_await_end(const char *lxc_path, const char *id, int64_t timeout_ms);
// Kills what LXC believes to run. The caller proves that it worked.
void ct_lxc_kill(const char *lxc_path, const char *id);
