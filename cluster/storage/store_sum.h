// SPDX-License-Identifier: Apache-2.0
// Check numbers over rows and the label, by which a changed, missing or foreign row is found. They
// guard against damage, not against somebody who wants to deceive.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct replica_row;

// A start value for the two that add.
uint64_t store_sum_start(void) WARN_UNUSED;
// Each step can be undone, so a change of any one byte changes the result.
uint64_t store_sum_add(uint64_t sum, const void *data, size_t size_bytes) WARN_UNUSED;
uint64_t store_sum_add_number(uint64_t sum, uint64_t number) WARN_UNUSED;
// Over key, version, and value or its absence.
uint64_t store_sum_row(const struct replica_row *row) WARN_UNUSED;
