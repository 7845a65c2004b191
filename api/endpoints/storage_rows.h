// SPDX-License-Identifier: Apache-2.0
// Storages as lists show them.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct call;
struct json;
struct storage;
struct storage_book;

// Whether the caller may see the storage.
bool storage_row_may(const struct call *call, const char *id) WARN_UNUSED;
// For /cluster/resources.
struct json *storage_row_of_cluster(const struct call *call, const struct storage_book *book,
                                    const struct storage *storage, const char *node) WARN_UNUSED;
