// SPDX-License-Identifier: Apache-2.0
// A cluster that exists only as documents, for tests of answers/: nodes, services and rules in a
// line each.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answers/what_if.h"
#include "tests/lib/fake_store.h"

struct arena;

enum { ANSWER_NODES_MAX = 8, ANSWER_WALL_S = 1760000000 };

struct answer_documents {
    struct arena *arena;
    struct fake_store *store;
    struct what_if_source source;
    struct member members[ANSWER_NODES_MAX];
};

// node1, node2, …: online, with a working LRM each; node1's CRM is the master.
void answer_documents_init(struct answer_documents *documents, struct arena *arena,
                           enum timing_profile profile, size_t nodes);
void answer_documents_done(struct answer_documents *documents);
void answer_documents_leave(struct answer_documents *documents, const char *node);
// A guest under HA that runs on the node; `config` is the inside of its definition's config.
void answer_documents_add(struct answer_documents *documents, const char *sid, const char *node,
                          const char *config);
// The same, stopped as was asked for.
void answer_documents_add_stopped(struct answer_documents *documents, const char *sid,
                                  const char *node);
void answer_documents_put(struct answer_documents *documents, const char *key, const char *value);
// "name":… for an entry of the history, so many seconds ago.
void answer_documents_tell(struct answer_documents *documents, int64_t ago_s, const char *event,
                           const char *fields);
