// SPDX-License-Identifier: Apache-2.0
// The dashboard's files, all in memory: a path that is not in the list is not served, whatever it
// looks like.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct error;
struct http_connection;
struct static_files;

enum { STATIC_FILE_MAX = 4 * 1024 * 1024, STATIC_FILES_MAX = 2000 };

// Reads a folder with all below it; names that begin with a dot are left out, links are not
// followed. -ENOENT: there is no such folder.
int static_files_load(const char *folder, struct static_files **ret, struct error *err) WARN_UNUSED;
// Those that are being sent stay until they are not. NULL is fine.
void static_files_free(struct static_files *files);
size_t static_files_count(const struct static_files *files) WARN_UNUSED; // 0 of NULL

// Answers a request for a file, or with 404. "/" is index.html. `match` is the request's
// If-None-Match, or NULL.
void static_files_answer(struct static_files *files, struct http_connection *connection,
                         const char *path, const char *match);
