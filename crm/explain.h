// SPDX-License-Identifier: Apache-2.0
// Asks the CRM's core why a service is, or would be, placed where, from what the store has. For
// tools: nothing is written. The daemon does not need this.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "crm/core/explanation.h"

struct arena;
struct crm_explain;
struct member_list;
struct store;
struct timing;

// Reads the documents. All is borrowed and must outlive the object; nodes without quorum have no
// members online.
struct crm_explain *crm_explain_new(struct store *store, const struct member_list *members,
                                    const struct timing *timing, int64_t wall_s) WARN_UNUSED;
void crm_explain_free(struct crm_explain *explain);
void crm_explain_freep(struct crm_explain **explain);
// False when the manager does not know the service, or what it needs cannot be read. The result is
// in the arena, names in it live as long as the object.
bool crm_explain_service(struct crm_explain *explain, struct arena *arena, const char *sid,
                         struct explanation *ret) WARN_UNUSED;
