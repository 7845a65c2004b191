// SPDX-License-Identifier: Apache-2.0
// Lists of tasks: what is told of one, the lines of the index of those that have ended, and the
// filters of clients. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/call/upid.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct json;

enum { TASK_STATUS_MAX = 1024 };

struct task_entry {
    const char *name; // the UPID as text
    struct upid upid;
    const char *status; // "OK", "WARNINGS: n" or the words of its error; NULL: it runs
    int64_t end_s;
};

struct task_entries {
    struct task_entry *entries; // in no order that matters
    size_t count;
};

enum task_source { TASK_SOURCE_ARCHIVE, TASK_SOURCE_ACTIVE, TASK_SOURCE_ALL };

struct task_filter {
    enum task_source source;
    int64_t start, limit;        // of what is left after filtering
    int64_t vmid;                // 0: any
    const char *type;            // NULL: any
    const char *user;            // part of its user's name; NULL: any
    const char *only_user;       // who may see only what is his own; NULL: may see all
    bool errors;                 // only those that ended with one
    int64_t since_s, until_s;    // of the start; 0: any
    const struct json *statuses; // array of ok, error, warning, unknown; NULL: any
};

// What clients are shown: {upid, node, pid, pstart, starttime, type, id, user, tokenid?, endtime?,
// status?}.
struct json *task_entry_to_json(struct arena *arena, const struct task_entry *entry) WARN_UNUSED;
// Newest first; *ret_total is how many there are without start and limit.
struct json *task_list_filter(struct arena *arena, const struct task_entries *entries,
                              const struct task_filter *filter, int64_t *ret_total) WARN_UNUSED;

// One line of the index, with its end: "<UPID> <end, hex> <status>\n". What would break the line is
// replaced, and too long a status is cut.
char *task_index_line(struct arena *arena, const char *upid, int64_t end_s,
                      const char *status) WARN_UNUSED;
// All whole lines; one that is none (the last, after a crash) is left out.
void task_index_parse(struct arena *arena, const char *text, size_t size_bytes,
                      struct task_entries *ret);

// The value of live/task/<node>: the newest ones, at most `max`; and reading it.
char *task_live_format(struct arena *arena, const struct task_entries *entries,
                       size_t max) WARN_UNUSED;
int task_live_parse(struct arena *arena, const char *text, size_t size_bytes,
                    struct task_entries *ret, struct error *err) WARN_UNUSED;
