// SPDX-License-Identifier: Apache-2.0
// Samples, labels and histograms as text.
#include "api/exec/metric_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/strbuf.h"

enum { METRIC_US_PER_MS = 1000 };

void metric_histogram_add(struct metric_histogram *histogram, int64_t value_ms)
{
    size_t at = 0;
    // Clocks of two nodes may differ.
    int64_t value_us = value_ms > 0 ? value_ms * METRIC_US_PER_MS : 0;
    assert(histogram->bounds_count <= METRIC_BUCKETS_MAX);
    while (at < histogram->bounds_count && value_us > histogram->bounds_us[at]) {
        at++;
    }
    histogram->counts[at]++;
    histogram->sum_us += value_us;
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

// As many digits as there are: what is whole milliseconds has three.
static void seconds_append(struct strbuf *out, int64_t value_us)
{
    int64_t whole = value_us < 0 ? -value_us : value_us;
    strbuf_appendf(out, "%s%" PRId64 ".%03" PRId64, value_us < 0 ? "-" : "", whole / 1000000,
                   whole / 1000 % 1000);
    if (whole % 1000 != 0) {
        strbuf_appendf(out, "%03" PRId64, whole % 1000);
    }
}

void metric_put_ms(struct strbuf *out, const char *name, const struct metric_label *labels,
                   int64_t value_ms)
{
    name_append(out, name, labels);
    strbuf_append_char(out, ' ');
    seconds_append(out, value_ms * METRIC_US_PER_MS);
    strbuf_append_char(out, '\n');
}

static void bucket_put(struct strbuf *out, const char *name, const struct metric_label *label,
                       const char *bound, int64_t count)
{
    struct metric_label labels[3] = {{0}};
    size_t used = 0;
    if (label != NULL) {
        labels[used++] = *label;
    }
    labels[used] = (struct metric_label){"le", bound};
    metric_put(out, name, labels, count);
}

void metric_put_histogram(struct strbuf *out, const char *name, const struct metric_label *label,
                          const struct metric_histogram *histogram)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct strbuf bound CLEANUP(strbuf_done) = {0};
    const struct metric_label labels[2] = {label != NULL ? *label : (struct metric_label){0}};
    int64_t below = 0;
    strbuf_appendf(&text, "%s_bucket", name);
    for (size_t i = 0; i < histogram->bounds_count; i++) {
        below += histogram->counts[i];
        strbuf_clear(&bound);
        seconds_append(&bound, histogram->bounds_us[i]);
        bucket_put(out, strbuf_text(&text), label, strbuf_text(&bound), below);
    }
    bucket_put(out, strbuf_text(&text), label, "+Inf", histogram->count);
    strbuf_clear(&text);
    strbuf_appendf(&text, "%s_sum", name);
    name_append(out, strbuf_text(&text), labels);
    strbuf_append_char(out, ' ');
    seconds_append(out, histogram->sum_us);
    strbuf_append_char(out, '\n');
    strbuf_clear(&text);
    strbuf_appendf(&text, "%s_count", name);
    metric_put(out, strbuf_text(&text), labels, histogram->count);
}
