// SPDX-License-Identifier: Apache-2.0
// What an LRM tells the cluster: its status, and how the last task of each of its services ended.
// Written is what differs from what the store has. What is told is decided in lrm/core.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct lrm_report;
struct lrm_status;
struct map;
struct store;

// `fresh_ms`: a status that is so old is written again unchanged.
struct lrm_report *lrm_report_new(const char *node, int64_t fresh_ms) WARN_UNUSED;
void lrm_report_free(struct lrm_report *report);
// The store may have lost what was written.
void lrm_report_forget(struct lrm_report *report);
// Status and results (sid → struct lrm_result *) that changed take effect together, in one
// transaction. What is too much for one goes in several, the status with the last of them: whoever
// reads a status finds all results that came before it. After a failure the next call writes again
// what may or may not be there. When what is there cannot be read, a status that is as before is
// renewed all the same; the answer is the failure.
int lrm_report_write(struct lrm_report *report, struct store *store,
                     const struct lrm_status *status, const struct map *results,
                     struct arena *arena, int64_t now_ms, struct error *err) WARN_UNUSED;
