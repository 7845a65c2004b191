// SPDX-License-Identifier: Apache-2.0
// Samples, labels and histograms as text.
#include "api/exec/metric_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/strbuf.h"

void metric_histogram_add(struct metric_histogram *histogram, int64_t value_ms)
{
    size_t at = 0;
    int64_t value = value_ms > 0 ? value_ms : 0; // clocks of two nodes may differ
    assert(histogram->bounds_count <= METRIC_BUCKETS_MAX);
    while (at < histogram->bounds_count && value > histogram->bounds_ms[at]) {
        at++;
    }
    histogram->counts[at]++;
    histogram->sum_ms += value;
    histogram->count++;
}

void metric_begin(struct strbuf *out, const char *name, const char *type, const char *help)
{
    strbuf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void label_append(struct strbuf *out, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\n') {
            strbuf_append(out, "\\n");
            continue;
        }
        if (*c == '\\' || *c == '"') {
            strbuf_append_char(out, '\\');
        }
        strbuf_append_char(out, *c);
    }
}

static void name_append(struct strbuf *out, const char *name, const struct metric_label *labels)
{
    strbuf_append(out, name);
    if (labels == NULL || labels[0].name == NULL) {
        return;
    }
    for (size_t i = 0; labels[i].name != NULL; i++) {
        strbuf_appendf(out, "%c%s=\"", i == 0 ? '{' : ',', labels[i].name);
        label_append(out, labels[i].value != NULL ? labels[i].value : "");
        strbuf_append_char(out, '"');
    }
    strbuf_append_char(out, '}');
}

void metric_put(struct strbuf *out, const char *name, const struct metric_label *labels,
                int64_t value)
{
    name_append(out, name, labels);
    strbuf_appendf(out, " %" PRId64 "\n", value);
}

static void seconds_append(struct strbuf *out, int64_t value_ms)
{
    int64_t whole = value_ms < 0 ? -value_ms : value_ms;
    strbuf_appendf(out, "%s%" PRId64 ".%03" PRId64, value_ms < 0 ? "-" : "", whole / 1000,
                   whole % 1000);
}

void metric_put_ms(struct strbuf *out, const char *name, const struct metric_label *labels,
                   int64_t value_ms)
{
    name_append(out, name, labels);
    strbuf_append_char(out, ' ');
    seconds_append(out, value_ms);
    strbuf_append_char(out, '\n');
}

void metric_put_histogram(struct strbuf *out, const char *name,
                          const struct metric_histogram *histogram)
{
    int64_t below = 0;
    for (size_t i = 0; i < histogram->bounds_count; i++) {
        below += histogram->counts[i];
        strbuf_appendf(out, "%s_bucket{le=\"", name);
        seconds_append(out, histogram->bounds_ms[i]);
        strbuf_appendf(out, "\"} %" PRId64 "\n", below);
    }
    strbuf_appendf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n%s_sum ", name, histogram->count,
                   name);
    seconds_append(out, histogram->sum_ms);
    strbuf_appendf(out, "\n%s_count %" PRId64 "\n", name, histogram->count);
}
