// SPDX-License-Identifier: Apache-2.0
// Leases: records and the rule.
#include "cluster/replica/leases.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/table.h"
#include "cluster/replica/wire.h"
#include "common/base/alloc.h"
#include "common/base/strbuf.h"

static void record_free(void *value)
{
    struct lease_record *record = value;
    if (record != NULL) {
        alloc_freep(&record->owner);
        free(record);
    }
}

static uint64_t record_digest(const char *name, const struct lease_record *record)
{
    uint64_t digest = table_digest_add(record->term, name, strlen(name) + 1);
    digest = table_digest_add_number(digest, record->version);
    if (record->owner != NULL) {
        digest = table_digest_add(digest, record->owner, strlen(record->owner) + 1);
    }
    return table_digest_end(digest);
}

void leases_init(struct leases *leases)
{
    *leases = (struct leases){0};
    map_init(&leases->records, record_free);
}

void leases_done(struct leases *leases)
{
    map_done(&leases->records);
    leases->digest = 0;
}

void leases_clear(struct leases *leases)
{
    map_clear(&leases->records);
    leases->digest = 0;
}

const struct lease_record *leases_find(const struct leases *leases, const char *name)
{
    return map_find(&leases->records, name);
}

void leases_put(struct leases *leases, const char *name, const struct lease_record *record)
{
    const struct lease_record *before = leases_find(leases, name);
    if (before != NULL) {
        leases->digest -= record_digest(name, before);
    }
    struct lease_record *after = alloc_zero(sizeof(*after));
    *after = *record;
    after->owner = record->owner != NULL ? alloc_strdup(record->owner) : NULL;
    leases->digest += record_digest(name, after);
    map_put(&leases->records, name, after);
}

void leases_copy(struct leases *leases, const struct leases *source)
{
    leases_clear(leases);
    map_each (entry, &source->records) {
        leases_put(leases, entry->key, entry->value);
    }
}

bool leases_allow(const struct leases *leases, const char *name, const char *owner, uint64_t term)
{
    const struct lease_record *record = leases_find(leases, name);
    return record != NULL && record->owner != NULL && strcmp(record->owner, owner) == 0 &&
           record->term == term;
}

static int acquire_decide(const struct lease_record *record, const struct replica_request *request,
                          struct lease_record *after, const char **ret_reason)
{
    if (record == NULL || record->owner == NULL) {
        return 0; // a new grant
    }
    if (strcmp(record->owner, request->owner) != 0) {
        *ret_reason = "the lease is held by another";
        return -EBUSY;
    }
    after->term = record->term;
    return 0;
}

static int break_decide(const struct lease_record *record, const struct replica_request *request,
                        const char **ret_reason)
{
    // Whatever was ordered before the break has changed the version: a renewal that came in time
    // wins.
    uint64_t version = record != NULL ? record->version : 0;
    if (version != request->version) {
        *ret_reason = "the lease has changed meanwhile";
        return -EAGAIN;
    }
    return 0;
}

int leases_decide(const struct leases *leases, const struct replica_request *request,
                  uint64_t version, struct lease_record *ret_record, const char **ret_reason)
{
    const struct lease_record *record = leases_find(leases, request->lease);
    bool is_held = leases_allow(leases, request->lease, request->owner, request->term);
    struct lease_record after = {.owner = request->owner, .term = version, .version = version};
    int rc = 0;
    if (record == NULL && leases->records.count >= LEASES_MAX) {
        *ret_reason = "there are too many leases";
        return -E2BIG;
    }
    switch (request->kind) {
    case REPLICA_REQUEST_LEASE_ACQUIRE:
        rc = acquire_decide(record, request, &after, ret_reason);
        break;
    case REPLICA_REQUEST_LEASE_RENEW:
    case REPLICA_REQUEST_LEASE_RELEASE:
        if (!is_held) {
            *ret_reason = "the lease is not held with this term";
            return -EPERM;
        }
        after.term = request->term;
        if (request->kind == REPLICA_REQUEST_LEASE_RELEASE) {
            after.owner = NULL;
        }
        break;
    case REPLICA_REQUEST_LEASE_BREAK:
        rc = break_decide(record, request, ret_reason);
        break;
    case REPLICA_REQUEST_TXN:
    case REPLICA_REQUEST_MAX:
        assert(request->kind != REPLICA_REQUEST_TXN);
        assert(request->kind != REPLICA_REQUEST_MAX);
        break;
    }
    if (rc == 0) {
        *ret_record = after;
    }
    return rc;
}

void leases_format(const struct leases *leases, struct strbuf *out)
{
    wire_put_u32(out, (uint32_t)leases->records.count);
    map_each (entry, &leases->records) {
        const struct lease_record *record = entry->value;
        wire_put_text(out, entry->key);
        wire_put_text(out, record->owner);
        wire_put_u64(out, record->term);
        wire_put_u64(out, record->version);
    }
}

int leases_parse(struct wire_reader *reader, struct arena *arena, struct leases *leases)
{
    assert(leases->records.count == 0);
    size_t count = wire_get_u32(reader);
    const char *previous = "";
    for (size_t i = 0; i < count && !reader->failed; i++) {
        const char *name = wire_get_text(reader, arena);
        struct lease_record record = {.owner = wire_get_text(reader, arena)};
        record.term = wire_get_u64(reader);
        record.version = wire_get_u64(reader);
        if (reader->failed || name == NULL || strcmp(previous, name) >= 0) {
            reader->failed = true;
            break;
        }
        leases_put(leases, name, &record);
        previous = name;
    }
    return reader->failed ? -EBADMSG : 0;
}
