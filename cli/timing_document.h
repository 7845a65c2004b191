// SPDX-License-Identifier: Apache-2.0
// The times a cluster works by as a document, and what a node's "status" document says of them.
#pragma once

#include "common/base/macros.h"
#include "common/model/timing.h"

struct arena;
struct json;
struct session;

// The profile of the cluster; of one that has not agreed on any yet, this node's.
enum timing_profile timing_document_profile(struct arena *arena,
                                            const struct session *session) WARN_UNUSED;

// The numbers, whether they keep the rules of docs/timing.md, and by how much.
struct json *timing_document(struct arena *arena, const struct timing *timing) WARN_UNUSED;
// What the node measured (cluster/node_facts.c); what it does not say is 0.
void timing_document_facts(const struct json *node, struct timing_facts *ret);
