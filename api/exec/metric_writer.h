// SPDX-License-Identifier: Apache-2.0
// The text form of Prometheus: what is written here, any reader of that form (0.0.4) takes. Numbers
// are whole, times are milliseconds or microseconds here and seconds there.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct strbuf;

// Lists of labels end with a name of NULL.
struct metric_label {
    const char *name, *value;
};
#define METRIC_LABELS(...) ((const struct metric_label[]){__VA_ARGS__, {NULL, NULL}})

enum { METRIC_BUCKETS_MAX = 16 };

// How many values there were up to each bound. Grows only.
struct metric_histogram {
    const int64_t *bounds_us; // ascending; borrowed
    size_t bounds_count;
    int64_t counts[METRIC_BUCKETS_MAX + 1]; // the last: above all bounds
    int64_t sum_us, count;
};
void metric_histogram_add(struct metric_histogram *histogram, int64_t value_ms);

// `type`: "gauge", "counter" or "histogram". Before the samples of that name, once.
void metric_begin(struct strbuf *out, const char *name, const char *type, const char *help);
// `labels` may be NULL.
void metric_put(struct strbuf *out, const char *name, const struct metric_label *labels,
                int64_t value);
void metric_put_ms(struct strbuf *out, const char *name, const struct metric_label *labels,
                   int64_t value_ms);
// `label` may be NULL: one beside "le".
void metric_put_histogram(struct strbuf *out, const char *name, const struct metric_label *label,
                          const struct metric_histogram *histogram);
