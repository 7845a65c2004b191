// SPDX-License-Identifier: Apache-2.0
// The store port in memory, for tests: versions, conditions, lease guard, and failures on order.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct fake_store;
struct store;

struct fake_store *fake_store_new(void) WARN_UNUSED;
void fake_store_free(struct fake_store *fake);
struct store *fake_store_port(struct fake_store *fake) WARN_UNUSED;

// Writes without condition; NULL deletes.
void fake_store_put(struct fake_store *fake, const char *key, const char *value);
// The value, or NULL.
const char *fake_store_get(const struct fake_store *fake, const char *key) WARN_UNUSED;
uint64_t fake_store_version(const struct fake_store *fake, const char *key) WARN_UNUSED;
// Who holds the one lease that guards are checked against.
void fake_store_hold(struct fake_store *fake, const char *lease, const char *owner, uint64_t term);
// From now on refresh, read and commit answer this (0: they work).
void fake_store_fail(struct fake_store *fake, int refresh, int read, int commit);
// How many transactions were committed.
uint64_t fake_store_commits(const struct fake_store *fake) WARN_UNUSED;
