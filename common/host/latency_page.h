// SPDX-License-Identifier: Apache-2.0
// How long a daemon's work takes, counted in a page of memory that others read:
// <run>/PROGRAM.times. Counting is an addition: no call of the kernel, no message, no disk; and
// nobody who reads it can make the daemon wait. The page begins anew with the daemon.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/latency.h"

struct latency_page;

// Of this program ("ha-crm"). Where the folder is not on a file system in memory the page is the
// process's own: a daemon must never wait for a disk on its behalf. Nothing else can fail.
struct latency_page *latency_page_new(const char *program) WARN_UNUSED;
// The file goes, too. NULL is fine.
void latency_page_free(struct latency_page *page);
// NULL is fine.
void latency_page_add(struct latency_page *page, enum latency_kind kind, int64_t took_us,
                      size_t size_bytes);

// What another program has counted; *ret as of about now. -ENOENT: it does not run, or counts
// nothing others can see; -EBADMSG: it is of another version.
int latency_page_read(const char *program, struct latency_figures *ret) WARN_UNUSED;
