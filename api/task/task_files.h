// SPDX-License-Identifier: Apache-2.0
// The files of this node's tasks: logs, the index of those that have ended, and the list of those
// that run, which tells after a crash what was under way. One process uses them.
//
//   <folder>/<last hex digit of the start>/<UPID>   the log, whose last line says how it ended
//   <folder>/index     a line for each that has ended, oldest first; at most TASK_FILES_KEPT_MAX
//   <folder>/active    a line for each that runs
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct json;
struct task_entries;

enum { TASK_FILES_KEPT_MAX = 2000, TASK_LOG_MAX_BYTES = 16 * 1024 * 1024 };

// Makes the folders, for root only.
int task_files_prepare(const char *folder, struct error *err) WARN_UNUSED;
char *task_files_log_path(struct arena *arena, const char *folder, const char *upid) WARN_UNUSED;

int task_files_read_index(struct arena *arena, const char *folder, struct task_entries *ret,
                          struct error *err) WARN_UNUSED;
// Appends the last line to the log and then the line to the index.
int task_files_end(const char *folder, const char *upid, int64_t end_s, const char *status,
                   struct error *err) WARN_UNUSED;
// Writes the index anew with the last `keep` of the entries, and removes the logs of the others.
int task_files_trim(const char *folder, const struct task_entries *entries, size_t keep,
                    struct error *err) WARN_UNUSED;

// The list of those that run. Replaced as a whole, so that a reader sees one or the other.
int task_files_write_active(const char *folder, const char *const *upids, size_t count,
                            struct error *err) WARN_UNUSED;
// Those of the list that are not in the index: they ran when the daemon died, and died with it.
// Ends them with words and empties the list.
int task_files_recover(const char *folder, int64_t now_s, struct error *err) WARN_UNUSED;

// Lines [start, start + limit) of the log: [{n, t}], n counted from 1; *ret_total is the number of
// all lines. A log that is not there, or empty, has the one line "no content".
int task_files_read_log(struct arena *arena, const char *folder, const char *upid, int64_t start,
                        int64_t limit, struct json **ret, int64_t *ret_total,
                        struct error *err) WARN_UNUSED;
// The last line that says something, in the arena; "" when there is none.
const char *task_files_last_line(struct arena *arena, const char *folder,
                                 const char *upid) WARN_UNUSED;
