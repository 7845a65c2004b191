// SPDX-License-Identifier: Apache-2.0
// From what the core wants written to the store's operations.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "crm/core/crm.h"

struct arena;
struct documents;
struct error;
struct store;
struct store_txn;

// Builds the round's durable transaction in the arena, guarded by the manager lease of this node
// with the write's term. Every key has the version it must have, and manager/status is always among
// them, so that the transactions of all masters form one chain: one that was decided on an older
// state, or that comes a second time, is refused. -EAGAIN when a document that is to be edited has
// changed since it was read.
int transaction_build(struct arena *arena, const char *node, const struct crm_write *write,
                      const struct documents *documents, struct store *store,
                      struct store_txn *ret_txn, struct error *err) WARN_UNUSED;
