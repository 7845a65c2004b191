// SPDX-License-Identifier: Apache-2.0
// Keeps a copy of this node's results as they are in the store and writes the differences. The copy
// follows the store's view, so that keys which an earlier process left are removed, and keys which
// got lost are written again.
#include "lrm/report.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/model/lrm_status.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

enum {
    REPORT_OPS_MAX = 10 * 1000,         // in one transaction
    REPORT_BYTES_MAX = 4 * 1024 * 1024, // likewise, keys and values, and one more
};

// What the store has under one key.
struct report_row {
    bool certain;             // false: a write to it may take effect yet
    struct lrm_result *value; // NULL: not known, or not readable
    uint64_t version;
};

struct lrm_report {
    char *status_key, *prefix;
    int64_t fresh_ms;
    char *status; // as last written, without its time; NULL: none, or not known
    int64_t status_ms;
    struct map rows; // sid → struct report_row *
    uint64_t since;
};

// The writes of one call. Those of results come first, ascending by sid.
struct report_write {
    struct lrm_report *report;
    struct store *store;
    struct arena *arena;
    struct store_op *ops;
    const struct lrm_result **values; // of each; NULL: deletion
    size_t results_count, count;
};

static void report_row_free(void *value)
{
    struct report_row *row = value;
    free(row->value);
    free(row);
}

struct lrm_report *lrm_report_new(const char *node, int64_t fresh_ms)
{
    struct lrm_report *report = alloc_zero(sizeof(*report));
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    report->fresh_ms = fresh_ms;
    report->status_key = alloc_strdup(arena_printf(arena, STORE_PREFIX_LRM "%s", node));
    report->prefix = alloc_strdup(arena_printf(arena, STORE_PREFIX_RESULT "%s/", node));
    map_init(&report->rows, report_row_free);
    return report;
}

void lrm_report_free(struct lrm_report *report)
{
    if (report == NULL) {
        return;
    }
    map_done(&report->rows);
    free(report->status);
    free(report->prefix);
    free(report->status_key);
    free(report);
}

void lrm_report_forget(struct lrm_report *report)
{
    alloc_freep(&report->status);
    report->since = 0;
}

static struct report_row *report_row_get(struct lrm_report *report, const char *sid)
{
    struct report_row *row = map_find(&report->rows, sid);
    if (row == NULL) {
        row = alloc_zero(sizeof(*row));
        row->certain = true;
        map_put(&report->rows, sid, row);
    }
    return row;
}

static void report_row_set(struct report_row *row, const struct lrm_result *value, uint64_t version)
{
    free(row->value);
    row->value = value != NULL ? lrm_result_clone(value) : NULL;
    row->version = version;
}

// ---- what the store has

static void report_look_at(struct lrm_report *report, const struct store_entry *entry,
                           struct arena *arena)
{
    const char *sid = entry->key + strlen(report->prefix);
    const struct report_row *known = map_find(&report->rows, sid);
    if (entry->value == NULL) {
        if (known != NULL && known->certain) {
            (void)map_remove(&report->rows, sid); // it is there
        }
        return;
    }
    if (known != NULL && known->version == entry->version) {
        return; // our own write
    }
    // Nobody else writes these keys: it is what an earlier process of this LRM left, or a write of
    // this one whose outcome was not known. One that cannot be read is replaced or removed.
    struct lrm_result *value = NULL;
    ignore_result(lrm_result_parse(arena, entry->value, entry->size_bytes, &value, NULL));
    report_row_set(report_row_get(report, sid), value, entry->version);
}

// What is uncertain stays so: a write that is under way may still take effect.
static void report_drop_certain(struct lrm_report *report)
{
    for (size_t i = report->rows.count; i > 0; i--) {
        const struct report_row *row = report->rows.entries[i - 1].value;
        if (row->certain) {
            (void)map_remove(&report->rows, report->rows.entries[i - 1].key); // it is there
        }
    }
}

static int report_look(struct lrm_report *report, struct store *store, struct arena *arena,
                       struct error *err)
{
    struct store_entries entries = {0};
    int r = store_read(store, report->prefix, report->since, arena, &entries, err);
    if (r < 0) {
        return r;
    }
    if (report->since == 0) {
        report_drop_certain(report); // these are all there are
    }
    for (size_t i = 0; i < entries.count; i++) {
        report_look_at(report, &entries.entries[i], arena);
    }
    report->since = entries.version;
    return 0;
}

// ---- what is to be written

static bool report_row_says(const struct report_row *row, const struct lrm_result *result)
{
    return row->certain && row->value != NULL && lrm_result_is_equal(row->value, result);
}

static void report_add(struct report_write *write, const char *sid, const struct lrm_result *value)
{
    const char *text = value != NULL ? lrm_result_format(write->arena, value) : NULL;
    write->values[write->results_count] = value;
    write->ops[write->results_count++] =
        (struct store_op){.key = arena_printf(write->arena, "%s%s", write->report->prefix, sid),
                          .value = text,
                          .size_bytes = text != NULL ? strlen(text) : 0,
                          .expect = STORE_ANY};
}

// Both are sorted by sid: one walk finds what differs.
static void report_compare(struct report_write *write, const struct map *results)
{
    const struct map *rows = &write->report->rows;
    size_t most = results->count + rows->count;
    write->ops = arena_array_of(write->arena, struct store_op, most + 1); // and the status
    write->values = arena_array_of(write->arena, const struct lrm_result *, most + 1);
    size_t row = 0;
    size_t result = 0;
    while (row < rows->count || result < results->count) {
        int order = row == rows->count ? 1
                    : result == results->count
                        ? -1
                        : strcmp(rows->entries[row].key, results->entries[result].key);
        if (order < 0) {
            report_add(write, rows->entries[row].key, NULL);
        } else if (order > 0 ||
                   !report_row_says(rows->entries[row].value, results->entries[result].value)) {
            report_add(write, results->entries[result].key, results->entries[result].value);
        }
        row += order <= 0 ? 1 : 0;
        result += order >= 0 ? 1 : 0;
    }
    write->count = write->results_count;
}

// ---- writing

// The end of a transaction that begins with this write.
static size_t report_find_end(const struct report_write *write, size_t first)
{
    size_t size_bytes = 0;
    size_t end = first;
    while (end < write->count && end - first < REPORT_OPS_MAX && size_bytes < REPORT_BYTES_MAX) {
        size_bytes += strlen(write->ops[end].key) + write->ops[end].size_bytes;
        end++;
    }
    return end;
}

static void report_note(const struct report_write *write, size_t i, bool committed,
                        uint64_t version)
{
    struct lrm_report *report = write->report;
    const char *sid = write->ops[i].key + strlen(report->prefix);
    if (committed && write->values[i] == NULL) {
        (void)map_remove(&report->rows, sid); // it may be gone
        return;
    }
    struct report_row *row = report_row_get(report, sid);
    row->certain = committed;
    if (committed) {
        report_row_set(row, write->values[i], version);
    }
}

static int report_commit(const struct report_write *write, size_t first, size_t end,
                         struct error *err)
{
    const struct store_txn txn = {.ops = write->ops + first, .count = end - first};
    uint64_t version = 0;
    int r = store_commit(write->store, &txn, &version, err);
    for (size_t i = first; i < end && i < write->results_count; i++) {
        report_note(write, i, r == 0, version);
    }
    return r;
}

static int report_write_all(const struct report_write *write, struct error *err)
{
    for (size_t first = 0; first < write->count;) {
        size_t end = report_find_end(write, first);
        int r = report_commit(write, first, end, err);
        if (r < 0) {
            return r;
        }
        first = end;
    }
    return 0;
}

int lrm_report_write(struct lrm_report *report, struct store *store,
                     const struct lrm_status *status, const struct map *results,
                     struct arena *arena, int64_t now_ms, struct error *err)
{
    struct report_write write = {.report = report, .store = store, .arena = arena};
    // Who cannot read what it reported says nothing new, but still that it is there: who runs
    // services, and says nothing for long, is taken for one that does not (crm/core/presence.h).
    int looked = report_look(report, store, arena, err);
    if (looked == 0) {
        report_compare(&write, results);
    } else {
        write.ops = arena_new_of(arena, struct store_op);
    }
    struct lrm_status timeless = *status;
    timeless.timestamp_s = 0;
    const char *bare = lrm_status_format(arena, &timeless);
    bool same = report->status != NULL && strcmp(report->status, bare) == 0;
    bool fresh = same && now_ms - report->status_ms < report->fresh_ms;
    if ((write.count == 0 && fresh) || (looked < 0 && !same)) {
        return looked;
    }
    const char *text = lrm_status_format(arena, status);
    write.ops[write.count++] = (struct store_op){
        .key = report->status_key, .value = text, .size_bytes = strlen(text), .expect = STORE_ANY};
    alloc_freep(&report->status); // after a failure nobody knows which one is there
    int r = report_write_all(&write, looked == 0 ? err : NULL);
    if (r == 0) {
        report->status = alloc_strdup(bare);
        report->status_ms = now_ms;
    }
    return looked < 0 ? looked : r;
}
