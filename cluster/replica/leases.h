// SPDX-License-Identifier: Apache-2.0
// The leases of the volatile stream: who holds what, and the rule by which that changes. The rule
// knows no time; when this replica heard of a lease last is kept beside it and is nobody else's
// business.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/replica.h"
#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct strbuf;
struct wire_reader;

enum { LEASES_MAX = 4096 }; // released ones are remembered too

struct lease_record {
    const char *owner; // NULL: released. Owned by the leases it stands in
    uint64_t term;     // version of the grant
    uint64_t version;  // of the last grant, renewal or release
    int64_t heard_ms;  // this replica's clock when it delivered that
};

struct leases {
    struct map records; // struct lease_record
    uint64_t digest;    // over all of them, but for heard_ms
};

void leases_init(struct leases *leases);
void leases_done(struct leases *leases);
void leases_clear(struct leases *leases);
const struct lease_record *leases_find(const struct leases *leases, const char *name) WARN_UNUSED;
// Copies the record and its owner.
void leases_put(struct leases *leases, const char *name, const struct lease_record *record);
void leases_copy(struct leases *leases, const struct leases *source);

// What a lease request makes of the lease: 0 and the record that is to be put, whose owner is
// borrowed from the request; or -EBUSY, -EPERM, -EAGAIN, -E2BIG with the reason, a literal.
// `version` is the one the request gets when accepted.
int leases_decide(const struct leases *leases, const struct replica_request *request,
                  uint64_t version, struct lease_record *ret_record,
                  const char **ret_reason) WARN_UNUSED;
// Whether the guard of a transaction holds.
bool leases_allow(const struct leases *leases, const char *name, const char *owner,
                  uint64_t term) WARN_UNUSED;

void leases_format(const struct leases *leases, struct strbuf *out);
// Into empty leases, with heard_ms 0. -EBADMSG.
int leases_parse(struct wire_reader *reader, struct arena *arena,
                 struct leases *leases) WARN_UNUSED;
