// SPDX-License-Identifier: Apache-2.0
// A resource agent for tests, "test:daemon": starts one process, and misbehaves as its parameters
// say.
#pragma once

#include "common/base/macros.h"

struct error;

// Makes an agents' root in the folder, with the test's agent and the machine's own, and makes
// OCF_ROOT name it.
int ocf_test_agent_make(const char *folder, struct error *err) WARN_UNUSED;
