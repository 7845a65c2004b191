// SPDX-License-Identifier: Apache-2.0
// A request as bytes, and what is allowed in one. Refused here is what no state of the store could
// ever accept; whether a well-formed request is accepted is decided on delivery (log.h).
#pragma once

#include <stddef.h>

#include "cluster/replica/message.h"
#include "common/base/macros.h"

struct arena;
struct strbuf;

// 0; -EINVAL or -E2BIG with the reason, a literal.
int mutation_check(const struct replica_request *request, const char **ret_reason) WARN_UNUSED;
// The stream a well-formed request belongs to.
enum replica_stream mutation_stream(const struct replica_request *request) WARN_UNUSED;
void mutation_format(const struct replica_request *request, struct strbuf *out);
// 0; -EBADMSG: malformed, or not allowed. Values point into `bytes`, texts are in the arena.
int mutation_parse(const void *bytes, size_t size_bytes, struct arena *arena,
                   struct replica_request *ret) WARN_UNUSED;
