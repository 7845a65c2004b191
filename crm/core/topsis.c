// SPDX-License-Identifier: Apache-2.0
// Nothing here knows nodes or services; usage.c says what the alternatives are.
#include "crm/core/topsis.h"

#include <math.h>

static const double topsis_weights[TOPSIS_CRITERIA] = {1.0, 2.0, 5.0, 10.0};
static const double topsis_weights_sum = 18.0;

struct topsis_row topsis_row_of(const double *cpu_loads, const double *mem_loads, size_t count)
{
    double cpu_squares = 0.0;
    double cpu_highest = 0.0;
    double mem_squares = 0.0;
    double mem_highest = 0.0;
    for (size_t i = 0; i < count; i++) {
        cpu_squares += cpu_loads[i] * cpu_loads[i];
        mem_squares += mem_loads[i] * mem_loads[i];
        cpu_highest = cpu_loads[i] > cpu_highest ? cpu_loads[i] : cpu_highest;
        mem_highest = mem_loads[i] > mem_highest ? mem_loads[i] : mem_highest;
    }
    // 1 is added so that small absolute differences of small loads do not weigh much.
    struct topsis_row row = {{1.0 + sqrt(cpu_squares / (double)count), 1.0 + cpu_highest,
                              1.0 + sqrt(mem_squares / (double)count), 1.0 + mem_highest}};
    return row;
}

static void topsis_normalise(struct topsis_row *rows, size_t count, size_t column)
{
    double squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        squares += rows[i].values[column] * rows[i].values[column];
    }
    double norm = sqrt(squares);
    for (size_t i = 0; norm > 0.0 && i < count; i++) {
        rows[i].values[column] /= norm;
    }
}

static double topsis_distance(const struct topsis_row *row, const struct topsis_row *ideal)
{
    double squares = 0.0;
    for (size_t column = 0; column < TOPSIS_CRITERIA; column++) {
        double weight = topsis_weights[column] / topsis_weights_sum;
        double distance = weight * (row->values[column] - ideal->values[column]);
        squares += distance * distance;
    }
    return sqrt(squares);
}

void topsis_rank(struct topsis_row *rows, size_t count, double *closeness)
{
    if (count == 0) {
        return;
    }
    for (size_t column = 0; column < TOPSIS_CRITERIA; column++) {
        topsis_normalise(rows, count, column);
    }
    struct topsis_row best = rows[0];
    struct topsis_row worst = rows[0];
    for (size_t i = 1; i < count; i++) {
        for (size_t column = 0; column < TOPSIS_CRITERIA; column++) {
            double value = rows[i].values[column];
            best.values[column] = value < best.values[column] ? value : best.values[column];
            worst.values[column] = value > worst.values[column] ? value : worst.values[column];
        }
    }
    for (size_t i = 0; i < count; i++) {
        double to_best = topsis_distance(&rows[i], &best);
        double to_worst = topsis_distance(&rows[i], &worst);
        double both = to_best + to_worst;
        closeness[i] = both > 0.0 ? to_worst / both : 0.0;
    }
}
