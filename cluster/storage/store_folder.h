// SPDX-License-Identifier: Apache-2.0
// The database as files of a folder: the file itself and what is kept beside it under names that
// begin alike. No SQLite here.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;

// What is appended to the path for the file that remembers what was confirmed (store_witness.h).
#define STORE_WITNESS_ENDING "-witness"

// 0: there is a file that begins as a database does. -ENOENT: there is none. -EUCLEAN: it is
// something else. Others as of open(2). With words, but for -ENOENT.
int store_folder_look(const char *path, struct error *err) WARN_UNUSED;
// Gives the finished file `fresh` its name, for good.
int store_folder_name(const char *fresh, const char *path, struct error *err) WARN_UNUSED;
// Makes sure that a new, renamed or removed name in the folder of `path` survives a power cut;
// -errno.
int store_folder_sync(const char *path) WARN_UNUSED;
