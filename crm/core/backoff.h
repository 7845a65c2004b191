// SPDX-License-Identifier: Apache-2.0
// Moves that a placement wanted and that failed are not tried again at once: the wait doubles with
// each failure. Commands of operators are not held up. Not in classic replay. Internal to crm/core.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct item;
struct master_round;

// Notes that the item's move failed.
void backoff_note(struct master_round *round, const struct item *item);
void backoff_clear(struct master_round *round, const struct item *item);
bool backoff_is_waiting(struct master_round *round, const struct item *item) WARN_UNUSED;
