// SPDX-License-Identifier: Apache-2.0
// Where a service cannot be for want of its storages: nodes that are not meant to have one of them,
// or that say they have lost it. A node that has said nothing counts as having it. Internal to
// crm/core.
#pragma once

#include "common/base/macros.h"

struct item;
struct master_round;

// Sets item->unreachable, and halted_by, of all services that lack a storage somewhere. Not in
// classic replay.
void storage_reach_bind(struct master_round *round);
// The first of its storages that the node has not; NULL: it has them all.
const char *storage_reach_lacking(const struct master_round *round, const struct item *item,
                                  int node) WARN_UNUSED;
