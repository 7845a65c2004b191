// SPDX-License-Identifier: Apache-2.0
// The last changes of a stream, kept after they were committed, so that a member that missed only
// those gets them and not the whole history. After each one stands the sum over all that the stream
// had then: a member whose last version and sum are found here has what this history had at that
// point, and nothing else.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/replica/leases.h"
#include "cluster/replica/message.h"
#include "cluster/replica/table.h"
#include "common/base/macros.h"

struct arena;
struct log_entry;
struct strbuf;

enum {
    RECENT_CHANGES_MAX = 4096,
    RECENT_BYTES_MAX = 8 * 1024 * 1024,
};

struct recent_change {
    char *key;
    struct table_row *row; // NULL: deleted
};

struct recent_entry {
    struct message_position position; // after it
    struct recent_change *changes;
    size_t changes_count;
    char *lease; // or what it made of a lease
    struct lease_record record;
    size_t size_bytes;
};

struct recent {
    struct message_position base; // before the first entry; version 0: nothing was ever here
    struct recent_entry *entries; // ascending by version
    size_t first, count, capacity;
    size_t changes_count, size_bytes;
};

void recent_done(struct recent *recent);
// Nothing is known but where the stream stands now.
void recent_reset(struct recent *recent, const struct message_position *position);
// A change was made, which brought the stream to `position`; NULL: only the version has moved.
// Copied. The oldest ones are forgotten to keep the limits.
void recent_add(struct recent *recent, const struct log_entry *entry,
                const struct message_position *position);
// Whether all that came after the position is known.
bool recent_covers(const struct recent *recent,
                   const struct message_position *position) WARN_UNUSED;
// All changes after that version, as bytes.
void recent_format(const struct recent *recent, uint64_t version, struct strbuf *out);
// Carries out those changes that are younger than `version`. -EBADMSG: malformed; table and leases
// are of no use then.
int recent_apply(const void *bytes, size_t size_bytes, uint64_t version, struct arena *arena,
                 struct table *table, struct leases *leases) WARN_UNUSED;
