// SPDX-License-Identifier: Apache-2.0
// What a scenario folder expects: its events.jsonl, compared with the events of a run. Only the
// kinds of event that scenarios are compared by count (docs/scenarios.md), fields that are not
// expected are ignored, and the order counts within one time and daemon only.
#pragma once

#include "common/base/macros.h"
#include "common/model/timing.h"

struct error;

enum expectation_outcome {
    EXPECTATION_OUTCOME_MATCH = 1,
    EXPECTATION_OUTCOME_DIFFERS,  // err says where first
    EXPECTATION_OUTCOME_INVARIANT // err says which
};

// Runs the folder and compares. Returns an enum expectation_outcome, or what failed: no such
// folder, a broken file.
int expectation_check(const char *folder, enum timing_profile profile,
                      struct error *err) WARN_UNUSED;
// Runs the folder and writes its events.jsonl anew.
int expectation_update(const char *folder, enum timing_profile profile,
                       struct error *err) WARN_UNUSED;
