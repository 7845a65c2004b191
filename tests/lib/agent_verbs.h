// SPDX-License-Identifier: Apache-2.0
// Verbs of the agent port, for tests in which they must not fail.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct agent;
struct guest;

void agent_verbs_start(struct agent *agent, const struct guest *guest);
bool agent_verbs_is_running(struct agent *agent, const struct guest *guest) WARN_UNUSED;
