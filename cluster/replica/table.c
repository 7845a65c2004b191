// SPDX-License-Identifier: Apache-2.0
// Tables of shared rows. The digest of a table is the sum of its rows' digests, so that it is kept
// up to date by each change in no time; it guards against divergence, not against forgery.
#include "cluster/replica/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/wire.h"
#include "common/base/alloc.h"
#include "common/base/strbuf.h"

static const uint64_t DIGEST_START = UINT64_C(0xcbf29ce484222325);

// FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ (public domain).
uint64_t table_digest_add(uint64_t digest, const void *data, size_t size_bytes)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size_bytes; i++) {
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return digest;
}

uint64_t table_digest_add_number(uint64_t digest, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(number >> (8 * i));
    }
    return table_digest_add(digest, bytes, sizeof(bytes));
}

// The finaliser of splitmix64 (public domain).
uint64_t table_digest_end(uint64_t digest)
{
    digest = (digest ^ (digest >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    digest = (digest ^ (digest >> 27)) * UINT64_C(0x94d049bb133111eb);
    return digest ^ (digest >> 31);
}

struct table_row *table_row_new(const char *key, const void *value, size_t size_bytes,
                                uint64_t version)
{
    struct table_row *row = alloc_zero(sizeof(*row) + size_bytes + 1);
    row->references = 1;
    row->version = version;
    row->size_bytes = size_bytes;
    if (size_bytes > 0) {
        memcpy(row->value, value, size_bytes);
    }
    uint64_t digest = table_digest_add(DIGEST_START, key, strlen(key) + 1);
    digest = table_digest_add_number(digest, version);
    row->digest = table_digest_end(table_digest_add(digest, row->value, size_bytes));
    return row;
}

struct table_row *table_row_share(struct table_row *row)
{
    row->references++;
    return row;
}

void table_row_free(void *row)
{
    struct table_row *self = row;
    if (self != NULL && --self->references == 0) {
        free(self);
    }
}

void table_init(struct table *table)
{
    *table = (struct table){0};
    map_init(&table->rows, table_row_free);
}

void table_done(struct table *table)
{
    map_done(&table->rows);
    table->digest = 0;
    table->size_bytes = 0;
}

struct table_row *table_find(const struct table *table, const char *key)
{
    return map_find(&table->rows, key);
}

static size_t table_weight(const char *key, const struct table_row *row)
{
    return strlen(key) + row->size_bytes + TABLE_ROW_BYTES;
}

// Takes a row out of the sums.
static void table_forget(struct table *table, const char *key, const struct table_row *row)
{
    if (row != NULL) {
        table->digest -= row->digest;
        table->size_bytes -= table_weight(key, row);
    }
}

void table_put(struct table *table, const char *key, struct table_row *row)
{
    table_forget(table, key, table_find(table, key));
    table->digest += row->digest;
    table->size_bytes += table_weight(key, row);
    map_put(&table->rows, key, row);
}

void table_remove(struct table *table, const char *key)
{
    table_forget(table, key, table_find(table, key));
    (void)map_remove(&table->rows, key); // absent is as good
}

void table_copy(struct table *table, const struct table *source)
{
    map_clear(&table->rows);
    map_each (entry, &source->rows) {
        map_put(&table->rows, entry->key, table_row_share(entry->value));
    }
    table->digest = source->digest;
    table->size_bytes = source->size_bytes;
}

void table_format_row(const char *key, const struct table_row *row, struct strbuf *out)
{
    wire_put_text(out, key);
    wire_put_u64(out, row->version);
    wire_put_bytes(out, row->value, row->size_bytes);
}

struct table_row *table_parse_row(struct wire_reader *reader, struct arena *arena,
                                  const char **ret_key)
{
    const char *key = wire_get_text(reader, arena);
    uint64_t version = wire_get_u64(reader);
    size_t size_bytes;
    const void *value = wire_get_bytes(reader, &size_bytes);
    if (reader->failed || key == NULL) {
        reader->failed = true;
        return NULL;
    }
    *ret_key = key;
    return table_row_new(key, value, size_bytes, version);
}

size_t table_format_size(const struct table *table)
{
    enum { COUNT_BYTES = 4, ROW_BYTES = 14 }; // beside key and value
    return COUNT_BYTES + table->size_bytes -
           table->rows.count * (size_t)(TABLE_ROW_BYTES - ROW_BYTES);
}

void table_format(const struct table *table, struct strbuf *out)
{
    wire_put_u32(out, (uint32_t)table->rows.count);
    map_each (entry, &table->rows) {
        table_format_row(entry->key, entry->value, out);
    }
}

int table_parse(struct wire_reader *reader, struct arena *arena, struct table *table)
{
    assert(table->rows.count == 0);
    size_t count = wire_get_u32(reader);
    const char *previous = "";
    for (size_t i = 0; i < count && !reader->failed; i++) {
        const char *key = NULL;
        struct table_row *row = table_parse_row(reader, arena, &key);
        if (row != NULL && strcmp(previous, key) >= 0) {
            table_row_free(row);
            reader->failed = true;
        } else if (row != NULL) {
            table_put(table, key, row);
            previous = key;
        }
    }
    return reader->failed ? -EBADMSG : 0;
}
