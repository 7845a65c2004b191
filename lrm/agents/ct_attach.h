// SPDX-License-Identifier: Apache-2.0
// Running a program inside a container that runs here, through liblxc.
#pragma once

#include "common/base/macros.h"

struct error;

// Runs the program, or its root's shell when argv is NULL, with the caller's standard descriptors;
// with a terminal of the container's own when these are one. What is started belongs to the
// container, ends with it and counts as part of it. `ret_wait_status` is as of waitpid(). -ESRCH:
// LXC does not know that the container runs.
int ct_attach_run(const char *sid, const char *const *argv, int *ret_wait_status,
                  struct error *err) WARN_UNUSED;
