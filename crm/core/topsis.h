// SPDX-License-Identifier: Apache-2.0
// TOPSIS: ranking alternatives by several criteria at once, by their distance to the best and the
// worst value of each. Only + − × ÷ and sqrt in a fixed order, so that every compiler and machine
// gets the same figures. Internal to crm/core.
#pragma once

#include <stddef.h>

enum { TOPSIS_CRITERIA = 4 };

// An alternative: average and highest CPU load, average and highest memory load, each to be small.
struct topsis_row {
    double values[TOPSIS_CRITERIA];
};

// The criteria of nodes with these loads; count > 0.
struct topsis_row topsis_row_of(const double *cpu_loads, const double *mem_loads, size_t count);
// closeness[i] for each row: 1 is the best. The rows are normalised in place.
void topsis_rank(struct topsis_row *rows, size_t count, double *closeness);
