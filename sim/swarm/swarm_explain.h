// SPDX-License-Identifier: Apache-2.0
// What led to a violation, as a bug report: the round that failed with its steps, leases, masters,
// fences with their proofs, and the true runs of the services that matter.
#pragma once

#include "common/base/macros.h"

struct campaign;
struct strbuf;
struct swarm_verdict;

// Runs the campaign and writes the report; of a clean one that it was clean.
void swarm_explain(const struct campaign *campaign, struct strbuf *out, struct swarm_verdict *ret);
